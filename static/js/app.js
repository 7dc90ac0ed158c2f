// Everything works without these modules; they make it smoother.
import "./copy.js";
import "./dialog.js";
import "./export.js";
import "./live.js";
import "./menu.js";
import "./preview.js";
import "./setup.js";
import "./submit.js";
import "./toast.js";

document.documentElement.dataset.script = "";
// `autofocus` does this already where the browser supports it on any element.
document.querySelector("[data-autofocus]")?.focus();
