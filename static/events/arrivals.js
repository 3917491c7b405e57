// Tells of events that arrived since the list was shown, without moving what is being read, and
// shows on its rows what was resolved elsewhere.

import { EventStream } from "./stream.js";

const COUNTED = 999;
const BACKLOG_ROWS = 20; // those between the page's making and the stream's beginning
const news = document.getElementById("list-news");
const title = document.title;
const newest = Number(news.dataset.newest);
const arrived = new Set();

function tell() {
  const count = arrived.size > COUNTED ? `${COUNTED}+` : String(arrived.size);
  const text = arrived.size === 1 ? news.dataset.one : news.dataset.many.replace("%(count)s", count);
  document.title = `(${count}) ${title}`;
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

const address = new URL(news.dataset.stream, location.href);
address.searchParams.set("backlog", BACKLOG_ROWS);
const stream = new EventStream(address);
stream.addEventListener("event", (event) => {
  if (arrived.size > COUNTED) return;
  const { id } = JSON.parse(event.detail);
  if (id <= newest || arrived.has(id)) return;
  arrived.add(id);
  tell();
});
stream.addEventListener("action", ({ detail: { name, ids } }) => {
  for (const id of ids) setResolved(id, name === "resolved");
});
stream.open();
