// Copy buttons: copy the nearest [data-copy-text], say "Copied" for two seconds.
import { announce } from "./announce.js";

async function write(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copying was refused");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = button.closest("[data-copyable]")?.querySelector("[data-copy-text]");
  const label = button.querySelector("[data-copy-label]");
  if (!source || !label) return;
  const before = label.dataset.before ?? label.textContent;
  label.dataset.before = before;
  try {
    await write(source.textContent);
    button.focus();
    button.dataset.copied = "";
    label.textContent = "Copied";
    announce("Copied");
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Press Ctrl+C";
    announce("Selected. Press Control C to copy.");
  }
  setTimeout(() => {
    delete button.dataset.copied;
    label.textContent = before;
  }, 2000);
});
