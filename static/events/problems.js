// Keeps the problems true. Figures change where they stand; no row moves under the pointer: that the
// order is another one, or that there are new ones, is said, and a click shows them.

import { autoRefresh, replaceParts } from "./refresh.js";

const news = document.getElementById("problem-news");
const place = document.getElementById("problems");

const keyed = (root) => new Map([...root.querySelectorAll("tr[data-key]")].map((row) => [row.dataset.key, row]));
const isBusy = (row) => row.contains(document.activeElement) || row.querySelector("details[open]");

function setGone(row, text) {
  row.classList.add("gone");
  const word = document.createElement("span");
  word.className = "gone-word";
  word.textContent = text;
  const cell = row.querySelector(".field-resolve") ?? row.querySelector(".field-last");
  cell.replaceChildren(word);
}

function announce(changed) {
  if (!changed) return news.replaceChildren();
  if (news.querySelector("a")) return undefined;
  const link = document.createElement("a");
  link.href = location.search || "?";
  link.textContent = news.dataset.changed;
  return news.append(link);
}

function applyUpdate(fresh) {
  replaceParts(fresh);
  const [shown, now] = [keyed(document), keyed(fresh)];
  if (!shown.size || !now.size) {
    if ([...shown.values()].some(isBusy)) return;
    place.replaceChildren(...fresh.getElementById("problems").childNodes);
    return;
  }
  // Where not all of them are shown, a missing one may stand further down.
  const all = fresh.querySelector(".problems").hasAttribute("data-all");
  const text = all ? news.dataset.gone : news.dataset.overtaken;
  for (const [key, row] of shown) {
    const other = now.get(key);
    // A row in use keeps its figures, and with them the newest event its form acts on.
    if (isBusy(row)) continue;
    if (other) row.replaceWith(other);
    else setGone(row, text);
  }
  const left = [...shown.keys()].filter((key) => now.has(key));
  const order = [...now.keys()];
  announce(order.length !== left.length || order.some((key, place) => key !== left[place]));
}

// One form at a time; Escape and a click elsewhere close it. What is typed next goes into it: the
// element's own toggling comes too late for that.
document.addEventListener("click", (event) => {
  const details = event.target.closest(".resolve");
  for (const open of document.querySelectorAll(".resolve[open]")) {
    if (open !== details) open.open = false;
  }
  if (!event.target.closest(".resolve > summary")) return;
  event.preventDefault();
  details.open = !details.open;
  if (details.open) details.querySelector("input[name=reason]").focus();
});
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(".resolve[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

autoRefresh(applyUpdate);
