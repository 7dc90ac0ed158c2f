// Keeps [data-live-url] parts fresh: asks once a second while the page is seen, replaces what changed.
// `X-Trailpost-Reload: 1`, or a fragment with data-live-done, means that the page has a new situation.
import { announce } from "./announce.js";

const PERIOD = 1000;
const SLOWEST = 30000;

// Typed values are worth more than a fresh page.
let typed = document.querySelector("form[data-typed]") !== null;
for (const kind of ["input", "change"]) {
  addEventListener(kind, (event) => { typed ||= !event.target.closest("[data-tabs]"); });
}

const notice = document.getElementById("live-notice");

// Says once, for eyes and ears, what the page can't do by itself.
function tell(what) {
  const sentence = notice?.querySelector(`[data-notice="${what}"]`);
  if (!sentence?.hidden) return;
  for (const other of notice.children) other.hidden = other !== sentence;
  notice.hidden = false;
  announce(sentence.textContent.trim());
}

// True once the page is on its way. One that answers a press can't be asked for again at its own address.
function reload() {
  if (typed) tell("typed");
  else if (notice?.dataset.reload) location.replace(notice.dataset.reload);
  else location.reload();
  return !typed;
}

function busyHere(part) {
  const selection = getSelection();
  return !selection.isCollapsed && part.contains(selection.anchorNode);
}

const PRESSABLE = "a[href], button, summary, input";

// What a button is about: its words, or the value that it copies.
function about(element) {
  return (element.closest("[data-copyable]") ?? element).textContent;
}

function replace(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const place = [...part.querySelectorAll(PRESSABLE)].indexOf(focused);
  const topic = focused && about(focused);
  const opened = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
  const said = part.querySelector("[data-live-announce]")?.textContent;

  part.className = fresh.className;
  part.replaceChildren(...document.importNode(fresh, true).childNodes);

  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) {
    const now = [...part.querySelectorAll(PRESSABLE)];
    const same = now.find((element) => (focused.id ? element.id === focused.id : about(element) === topic));
    (same ?? now[place])?.focus({ preventScroll: true });
  }
  const says = part.querySelector("[data-live-announce]")?.textContent;
  if (says && says !== said) announce(says);
}

function watch(part) {
  const url = part.dataset.liveUrl;
  let last = null;
  let wait = PERIOD;

  async function ask() {
    if (!part.isConnected) return;
    if (document.hidden || document.querySelector("dialog[open]")) return again();
    try {
      const response = await fetch(url, { headers: { Accept: "text/html", "X-Trailpost-Live": "1" }, cache: "no-store" });
      // Where the session has ended, the way leads to Sign in.
      if (response.headers.get("X-Trailpost-Reload") === "1" || response.redirected) return reload() || again();
      if ([401, 403, 404, 410].includes(response.status)) return tell("outdated");
      if (!response.ok) throw new Error(`status ${response.status}`);
      const text = await response.text();
      wait = PERIOD;
      if (text === last || busyHere(part)) return again();
      const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
      if (!fresh) return again();
      if (fresh.hasAttribute("data-live-done")) return reload() || again();
      last = text;
      if (fresh.innerHTML !== part.innerHTML) replace(part, fresh);
    } catch {
      wait = Math.min(wait * 2, SLOWEST);
    }
    again();
  }

  function again() { setTimeout(ask, wait); }
  again();
}

document.querySelectorAll("[data-live-url]").forEach(watch);
