// Keeps a page true: it is fetched anew every so often, and where it has a stream, when that tells
// of events.

import { tell } from "./server.js";
import { EventStream, showState } from "./stream.js";
import { showAgo } from "./times.js";

const SOON_MS = 1_500;
const REST_MS = 5_000;
const REGULAR_MS = 30_000;

// `applyUpdate` gets the fresh document, and decides what of it the page shows; false ends it.
export function autoRefresh(applyUpdate, { everyMs = REGULAR_MS } = {}) {
  let due = 0;
  let timer = 0;
  let last = performance.now();

  function schedule(milliseconds) {
    const wanted = Math.max(performance.now() + milliseconds, last + Math.min(REST_MS, everyMs));
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
      if (response.redirected) tell("ended");
      else if (!response.ok) tell("failing");
      else {
        tell("ok");
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
        if (applyUpdate(fresh) === false) return;
        showAgo();
      }
    } catch {
      tell("away");
    }
    schedule(everyMs);
  }

  const words = document.getElementById("stream-state");
  if (words) followStream(words, schedule);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(0); });
  schedule(everyMs);
}

function followStream(words, schedule) {
  const stream = new EventStream(words.dataset.stream);
  showState(stream, words);
  // What happened between the page's making and the stream's beginning, no stream tells.
  stream.addEventListener("state", function begun() {
    if (stream.state !== "live") return;
    stream.removeEventListener("state", begun);
    schedule(SOON_MS);
  });
  for (const name of ["event", "action"]) stream.addEventListener(name, () => schedule(SOON_MS));
  stream.addEventListener("reset", () => schedule(0));
  stream.open();
}

const shown = new WeakMap();

// Replaces the parts of the page that are marked `data-part`, by their ids. Only what differs is
// replaced, and what is open, selected or in the keyboard's focus stays so. `replaced` is called
// with each.
export function replaceParts(fresh, replaced = () => {}) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.getElementById(part.id);
    const html = other?.innerHTML;
    if (!other || html === (shown.get(part) ?? part.innerHTML) || isSelected(part)) continue;
    const focus = part.contains(document.activeElement) ? describe(document.activeElement) : null;
    const open = part.querySelector("details")?.open;
    shown.set(part, html);
    part.replaceChildren(...other.childNodes);
    const details = part.querySelector("details");
    if (details && open) details.open = true;
    replaced(part);
    if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
  }
}

function isSelected(part) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

function describe(element) {
  if (element.rel) return `a[rel="${element.rel}"]`;
  if (element.href) return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
  if (element.matches(".legend")) return `.${[...element.classList].at(-1)}`;
  return element.matches("summary") ? "summary" : null;
}
