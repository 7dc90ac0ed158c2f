// A <details data-menu>: Esc, a click outside or leaving by Tab closes it; arrow keys move inside.
for (const menu of document.querySelectorAll("details[data-menu]")) {
  const summary = menu.querySelector("summary");
  const items = () => [...menu.querySelectorAll(".menu__item")];
  const tell = () => summary.setAttribute("aria-expanded", String(menu.open));
  const close = (back) => {
    if (!menu.open) return;
    menu.open = false;
    if (back) summary.focus();
  };

  summary.setAttribute("role", "button");
  tell();
  menu.addEventListener("toggle", tell);
  document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target)) close(false); });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) close(false);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      event.preventDefault();
      event.stopPropagation();
      return close(true);
    }
    const list = items();
    const at = list.indexOf(document.activeElement);
    const goal = { ArrowDown: at + 1, ArrowUp: at < 0 ? list.length - 1 : at - 1, Home: 0, End: list.length - 1 }[event.key];
    if (goal === undefined || (!menu.open && !event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    menu.open = true;
    list[(goal + list.length) % list.length]?.focus();
  });
}
