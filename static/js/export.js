// Exports: counts the records while they come, and saves the file once it is whole. Without this the browser's own
// download does the same, uncounted.
import { announce } from "./announce.js";

const QUOTE = 34;
const LINE_BREAK = 10;
// What has come is handed to the browser from time to time: it may keep large parts on the disk.
const PART = 16 * 1024 * 1024;

// Counts lines; in CSV, those that don't end within quotes. The header of a table is no record.
function counter(format) {
  let quoted = false;
  let lines = format === "csv" ? -1 : 0;
  return (bytes) => {
    for (const byte of bytes) {
      if (byte === QUOTE && format === "csv") quoted = !quoted;
      else if (byte === LINE_BREAK && !quoted) lines += 1;
    }
    return Math.max(lines, 0);
  };
}

function fileName(response) {
  return /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "activity";
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function receive(response, format, show) {
  const count = counter(format);
  const reader = response.body.getReader();
  const type = response.headers.get("Content-Type") ?? "";
  let [parts, waiting, records] = [[], [], 0];
  for (let size = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return [new Blob([...parts, ...waiting], { type }), records];
    records = count(value);
    show(records);
    waiting.push(value);
    size += value.length;
    if (size > PART) [parts, waiting, size] = [[...parts, new Blob(waiting)], [], 0];
  }
}

function words(records) {
  return `${records.toLocaleString("en-US")} ${records === 1 ? "record" : "records"}`;
}

function watch(form) {
  const progress = form.querySelector("[data-export-progress]");
  const text = form.querySelector("[data-export-text]");
  const cancel = form.querySelector("[data-export-cancel]");
  const buttons = form.querySelectorAll("[name=format]");

  form.addEventListener("submit", async (event) => {
    const format = event.submitter?.value;
    if (!format) return;
    event.preventDefault();
    if (!cancel.hidden && !progress.hidden) return;
    const stop = new AbortController();
    cancel.onclick = () => stop.abort();
    progress.hidden = cancel.hidden = false;
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    text.textContent = "Exporting…";
    const say = (sentence) => { text.textContent = sentence; announce(sentence); };
    try {
      const body = new URLSearchParams(new FormData(form, event.submitter));
      const response = await fetch(form.action, { method: "POST", body, signal: stop.signal });
      if (!response.ok || response.redirected) throw new Error(`status ${response.status}`);
      const [blob, records] = await receive(response, format, (so_far) => { text.textContent = `${words(so_far)} so far…`; });
      save(blob, fileName(response));
      say(`${words(records)} exported.`);
    } catch {
      say(stop.signal.aborted ? "The export was cancelled." : "The export broke off, and nothing was saved. Reload the page and try again.");
    }
    cancel.hidden = true;
    for (const button of buttons) button.removeAttribute("aria-disabled");
  });
}

document.querySelectorAll("form[data-export]").forEach(watch);
