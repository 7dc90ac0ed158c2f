// What the last action did: read out once, dismissed by hand; good news leaves by itself.
import { announce } from "./announce.js";

for (const toast of document.querySelectorAll("[data-toast]")) {
  announce(toast.querySelector(".toast__text").textContent.trim());
  toast.querySelector("[data-toast-dismiss]").addEventListener("click", () => {
    toast.remove();
    document.getElementById("content")?.focus({ preventScroll: true });
  });
  if (!toast.classList.contains("toast--success")) continue;
  const leave = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(leave, 2000);
    else toast.remove();
  };
  setTimeout(leave, 10000);
}
