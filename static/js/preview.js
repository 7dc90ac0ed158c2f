// Follows the settings while they are typed: what a file would be called, and what stands in it. Without this module
// **Show set-up** shows the same.
const PAUSE = 300;

const preview = document.querySelector("[data-preview]");
const form = preview?.closest("form");
let timer;
let asked;

async function show() {
  asked?.abort();
  asked = new AbortController();
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(preview.dataset.preview, {
      method: "POST", headers: { "X-Trailpost-Live": "1" }, body, signal: asked.signal,
    });
    if (response.status !== 200 || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-preview]");
    if (fresh && fresh.innerHTML !== preview.innerHTML) {
      preview.replaceChildren(...document.importNode(fresh, true).childNodes);
    }
  } catch {
    // The next change asks again.
  }
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE);
});
