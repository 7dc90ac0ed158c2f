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
    if (fresh) update(document.importNode(fresh, true));
  } catch {
    // The next change asks again.
  }
}

// While something is wrong the last sample stays, dimmed: the page must not jump under whoever types.
function update(fresh) {
  const sample = preview.querySelector(".preview__sample");
  const freshSample = fresh.querySelector(".preview__sample");
  preview.toggleAttribute("data-outdated", !freshSample);
  preview.querySelector(".preview__note").replaceWith(fresh.querySelector(".preview__note"));
  if (!freshSample || freshSample.isEqualNode(sample)) return;
  for (const open of preview.querySelectorAll("details[open]")) {
    freshSample.querySelector(`#${open.id}`).open = true;
  }
  if (sample) sample.replaceWith(freshSample);
  else preview.append(freshSample);
}

// What fills forms in for people may send only the second one.
for (const kind of ["input", "change"]) {
  form?.addEventListener(kind, () => {
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE);
  });
}
