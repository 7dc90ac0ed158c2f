// One press, one request: a form that is on its way can't be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if ("sending" in form.dataset) return event.preventDefault();
  form.dataset.sending = "";
  event.submitter?.setAttribute("aria-disabled", "true");
});

// Coming back by the browser's Back button: everything can be pressed again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sending]")) {
    delete form.dataset.sending;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});
