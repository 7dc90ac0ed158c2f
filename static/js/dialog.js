// Opens a confirmation page as a native dialog: <a data-dialog href> and <form data-dialog method=get>.
// Without this module, or when the page doesn't answer as expected, the browser simply goes there.
let busy = false;

async function open(url, opener) {
  if (busy) return;
  busy = true;
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const content = page.querySelector("[data-dialog-content]");
    if (!response.ok || response.redirected || !content) return location.assign(url);
    show(document.importNode(content, true), opener);
  } catch {
    location.assign(url);
  } finally {
    busy = false;
  }
}

function show(content, opener) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  const title = content.querySelector("h1");
  if (title) {
    // The page below has the h1.
    const heading = document.createElement("h2");
    heading.className = title.className;
    heading.id = "dialog-heading";
    heading.append(...title.childNodes);
    title.replaceWith(heading);
    dialog.setAttribute("aria-labelledby", heading.id);
  }
  dialog.append(content);
  dialog.addEventListener("close", () => {
    dialog.remove();
    const menu = opener?.closest("details[data-menu]");
    (menu ? menu.querySelector("summary") : opener)?.focus();
  });
  dialog.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-dialog-close]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  opener?.closest("details[data-menu]")?.removeAttribute("open");
  dialog.showModal();
  dialog.querySelector("[data-dialog-close] button")?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open(link.href, link);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-dialog]")) return;
  event.preventDefault();
  open(event.target.action, event.submitter);
});
