// Fills the set-up in while the settings are typed, as **Show set-up** does on a press. While they can't be used, the
// example stands there.
const PAUSE = 300;

const button = document.querySelector("[data-setup-button]");
const written = [...document.querySelectorAll("[data-setup]")];
let timer;
let asked;

async function fillIn() {
  asked?.abort();
  asked = new AbortController();
  try {
    const body = new URLSearchParams(new FormData(button.form));
    const response = await fetch(button.formAction, {
      method: "POST", headers: { "X-Trailpost-Live": "1" }, body, signal: asked.signal,
    });
    if (response.status !== 200 || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = [...page.querySelectorAll("[data-setup]")];
    if (fresh.length !== written.length) return;
    for (const [at, part] of written.entries()) {
      if (fresh[at].innerHTML !== part.innerHTML) {
        part.replaceChildren(...document.importNode(fresh[at], true).childNodes);
      }
    }
  } catch {
    // The button still works.
  }
}

if (button && written.length > 0) {
  // What is chosen for the set-up stands beside the form and belongs to it.
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.form !== button.form) return;
      clearTimeout(timer);
      timer = setTimeout(fillIn, PAUSE);
    });
  }
}
