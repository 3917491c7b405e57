// Tells of events that arrived since the list was shown, without moving what is being read, and
// shows on its rows what was resolved elsewhere.

import { parse } from "./json.js";
import { EventStream } from "./stream.js";

const COUNTED = 999;
const news = document.getElementById("list-news");
const title = document.title;
const shown = new Set();
for (const link of document.querySelectorAll("#result_list a[href*='/systemevent/']")) {
  shown.add(link.pathname.match(/\/(-?\d+)\/change\/$/)?.[1]);
}
const arrived = new Set();

function announce() {
  const count = arrived.size > COUNTED ? `${COUNTED}+` : String(arrived.size);
  document.title = `(${count}) ${title}`;
  offer(arrived.size === 1 ? news.dataset.one : news.dataset.many.replace("%(count)s", count));
}

function offer(text) {
  let link = news.querySelector("a");
  if (!link) {
    link = document.createElement("a");
    link.href = news.dataset.top;
    news.append(link);
  }
  if (link.textContent !== text) link.textContent = text;
}

function setResolved(id, resolved) {
  const link = document.querySelector(`#result_list a[href*="/systemevent/${id}/change/"]`);
  const cell = link?.closest("tr").querySelector(".field-state");
  const state = cell?.querySelector(".state");
  if (!state) return;
  state.className = `state state-${resolved ? "resolved" : "unresolved"}`;
  state.textContent = resolved ? news.dataset.resolved : news.dataset.unresolved;
  cell.querySelector(".by")?.remove();
}

// From where the page stood before its rows were read: some of what comes may be among them.
const stream = new EventStream(news.dataset.stream, { token: news.dataset.place });
stream.addEventListener("event", (event) => {
  if (arrived.size > COUNTED) return;
  const id = String(parse(event.detail).id);
  if (shown.has(id)) return;
  arrived.add(id);
  announce();
});
stream.addEventListener("action", ({ detail: { name, ids } }) => {
  for (const id of ids) setResolved(id, name === "resolved");
});
stream.addEventListener("reset", () => offer(news.dataset.reset));
stream.open();
