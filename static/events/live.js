// The live tail. What arrives waits in one bounded queue and is shown batch by batch while the page
// follows; when the queue is full the connection is given back, and its token brings the rest later.

import { indent, parse } from "./json.js";
import { EventStream, showState } from "./stream.js";
import { readable } from "./text.js";

const ROWS_SHOWN = 1000;
const ROWS_WAITING = 2000;
const ROWS_A_FLUSH = 250;
const FLUSH_MS = 100; // each lays the list out anew: more often is not read, only paid for
const NEAR_PX = 24;
const ROW_PX = 31; // about
const RUSH_ROWS = 10; // in a flush
const CALM_MS = 1000;

const words = document.getElementById("stream-state");
const tail = document.getElementById("tail");
const empty = document.getElementById("tail-empty");
const fresh = document.getElementById("tail-new");
const pause = document.getElementById("pause");
const highlight = document.getElementById("highlight");
const clock = new Intl.DateTimeFormat("sv", {
  timeZone: tail.dataset.zone, dateStyle: "short", timeStyle: "medium",
});
const known = new Set(["critical", "error", "warning", "info"]);

const stream = new EventStream(words.dataset.stream, { place: tail.dataset.place });
const shown = new Map();
let queue = [];
let paused = false;
let full = false;
let following = true;
let lastTop = 0;
let frame = 0;
let flushed = 0;
let calm = 0;

const atTheEnd = () => tail.scrollHeight - tail.scrollTop - tail.clientHeight < NEAR_PX;
const text = (className, content) => {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = content;
  return element;
};

function mark(element) {
  const [content, wanted] = [element.textContent, highlight.value.trim().toLowerCase()];
  element.replaceChildren();
  let from = 0;
  // Lower case may be longer than what it was made of: then nothing is marked rather than wrongly.
  const lower = content.toLowerCase();
  if (wanted && lower.length === content.length) {
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
      const found = document.createElement("mark");
      found.textContent = content.slice(at, at + wanted.length);
      element.append(content.slice(from, at), found);
      from = at + wanted.length;
    }
  }
  element.append(content.slice(from));
}

function row(json) {
  const event = parse(json);
  const id = String(event.id);
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const time = document.createElement("time");
  const instant = new Date(event.timestamp);
  time.dateTime = event.timestamp;
  time.title = `${event.timestamp.replace("T", " ").slice(0, 19)} UTC`;
  time.textContent = clock.format(instant);
  const kind = known.has(event.severity) ? event.severity : "other";
  const message = text("tail-message", readable(event.message).trim() || tail.dataset.noMessage);
  message.dir = "auto";
  const type = text("tail-type", readable(event.event_type) || "–");
  mark(message);
  mark(type);
  const badge = text(`severity severity-${kind}`, readable(event.severity) || "–");
  summary.append(time, badge, type, message, text("state", ""));
  details.append(summary);
  details.dataset.id = id;
  shown.set(id, details);
  if (event.resolved) setResolved(id, true);
  details.addEventListener("toggle", () => { if (details.children.length === 1) fill(details, json); });
  return details;
}

function setResolved(id, resolved) {
  const state = shown.get(id)?.querySelector(".state");
  if (!state) return;
  state.classList.toggle("state-resolved", resolved);
  state.textContent = resolved ? tail.dataset.resolved : "";
}

function fill(details, json) {
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  pre.textContent = indent(json);
  const link = document.createElement("a");
  link.href = `${tail.dataset.event}${details.dataset.id}/change/`;
  link.textContent = `${tail.dataset.open} #${details.dataset.id}`;
  details.append(pre, link);
}

function show() {
  frame = 0;
  const showing = following && !paused;
  const now = performance.now();
  if (showing && queue.length && now - flushed >= FLUSH_MS) {
    flushed = now;
    const items = queue.splice(0, ROWS_A_FLUSH);
    const near = 2 * Math.ceil(tail.clientHeight / ROW_PX);
    for (const item of items) {
      if (typeof item === "function") item();
      else tail.append(row(item));
    }
    while (tail.children.length > ROWS_SHOWN) {
      shown.delete(tail.firstElementChild.dataset.id);
      tail.firstElementChild.remove();
    }
    if (items.length >= RUSH_ROWS) hideAbove(near);
    toTheEnd();
    empty.hidden = true;
  }
  if (full && queue.length < ROWS_WAITING / 2) {
    full = false;
    stream.open();
  }
  fresh.hidden = showing || !queue.length;
  const rows = queue.filter((item) => typeof item === "string").length;
  const count = rows.toLocaleString() + (full ? "+" : "");
  fresh.textContent = fresh.dataset.text.replace("%(count)s", count);
  if (showing && queue.length) schedule();
}

// While rows rush by, those far above the end are not seen but cost every frame: they are back once
// it is calm, or somebody wants to read.
function hideAbove(near) {
  let row = tail.children[tail.children.length - 1 - near];
  for (; row && !row.hidden; row = row.previousElementSibling) row.hidden = true;
  clearTimeout(calm);
  calm = setTimeout(showAll, CALM_MS);
}

function showAll() {
  clearTimeout(calm);
  const toEnd = tail.scrollHeight - tail.scrollTop;
  for (const row of tail.querySelectorAll(":scope > :is(details, .tail-note)[hidden]")) row.hidden = false;
  tail.scrollTop = tail.scrollHeight - toEnd;
  lastTop = tail.scrollTop;
}

function schedule() {
  frame ||= requestAnimationFrame(show);
}

function enqueue(item) {
  queue.push(item);
  if (queue.length >= ROWS_WAITING && !full) {
    full = true;
    stream.suspend();
  }
  schedule();
}

function setPaused(value) {
  paused = value;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? pause.dataset.resume : pause.dataset.pause;
  showWords();
  if (paused) showAll();
  else follow();
}

function follow() {
  following = true;
  toTheEnd();
  schedule();
}

function toTheEnd() {
  tail.scrollTop = tail.scrollHeight;
  lastTop = tail.scrollTop;
}

// Only going up stops following: rows that grow below are no wish to stay.
function scrolled() {
  if (atTheEnd()) following = true;
  else if (tail.scrollTop < lastTop && following) {
    following = false;
    showAll();
  }
  lastTop = tail.scrollTop;
  schedule();
}

pause.addEventListener("click", () => setPaused(!paused));
fresh.addEventListener("click", () => { if (paused) setPaused(false); else follow(); tail.focus(); });
tail.addEventListener("scroll", scrolled, { passive: true });
addEventListener("resize", () => { if (following) follow(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, button, a, summary, select, textarea")) return;
  event.preventDefault();
  setPaused(!paused);
});
highlight.addEventListener("input", () => {
  const address = new URL(location.href);
  if (highlight.value) address.searchParams.set("highlight", highlight.value);
  else address.searchParams.delete("highlight");
  history.replaceState(null, "", address);
  tail.querySelectorAll(".tail-message, .tail-type").forEach(mark);
});

stream.addEventListener("event", (event) => enqueue(event.detail));
stream.addEventListener("action", ({ detail: { name, ids } }) => {
  const act = () => ids.forEach((id) => setResolved(id, name === "resolved"));
  act();
  if (queue.length) enqueue(act); // for the rows that wait
});
stream.addEventListener("reset", () => enqueue(() => {
  const note = document.createElement("p");
  note.className = "tail-note";
  note.textContent = tail.dataset.reset;
  tail.append(note);
}));
const showWords = showState(stream, words, () => paused);
stream.open();
