// Keeps the dashboard true: when the stream tells of events, and every so often, it is fetched anew.

import { draw } from "./chart.js";
import { EventStream, showState } from "./stream.js";

const SOON_MS = 1_500;
const REST_MS = 5_000;
const REGULAR_MS = 30_000;
let due = 0;
let timer = 0;
let last = performance.now();

function schedule(milliseconds) {
  const wanted = Math.max(performance.now() + milliseconds, last + REST_MS);
  if (timer && due <= wanted) return;
  clearTimeout(timer);
  due = wanted;
  timer = setTimeout(refresh, wanted - performance.now());
}

async function refresh() {
  timer = 0;
  if (document.hidden) return;
  last = performance.now();
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected) return location.reload(); // logged out
    if (response.ok) take(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    // The stream's state says that the server is away.
  }
  schedule(REGULAR_MS);
}

// Only what differs is replaced, and nothing under the pointer's drag or the keyboard's focus is lost.
function take(fresh) {
  if (document.querySelector(".u-select")?.offsetWidth) return;
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.getElementById(part.id);
    if (!other) continue;
    const focus = part.contains(document.activeElement) ? describe(document.activeElement) : null;
    const open = part.querySelector("details")?.open;
    part.replaceChildren(...other.childNodes);
    const details = part.querySelector("details");
    if (details && open) details.open = true;
    if (part.querySelector("#histogram")) draw();
    if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
  }
}

function describe(element) {
  if (element.href) return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
  if (element.matches(".legend")) return `.${[...element.classList].at(-1)}`;
  return element.matches("summary") ? "summary" : null;
}

const words = document.getElementById("stream-state");
const stream = new EventStream(words.dataset.stream);
showState(stream, words);
stream.addEventListener("event", () => schedule(SOON_MS));
stream.addEventListener("action", () => schedule(SOON_MS));
stream.addEventListener("reset", () => schedule(0));
document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(0); });
stream.open();
schedule(REGULAR_MS);
draw();
