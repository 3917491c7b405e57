// The list by keyboard, and its rows as JSON. The keys can be turned off, as they must be for those
// who dictate; the row with the focus is the current one.

import { indent } from "./json.js";

const said = document.getElementById("list-said");
const help = document.getElementById("keys");
const on = document.getElementById("keys-on");
const search = document.getElementById("searchbar");
const REMEMBERED = "events-keys";

const rows = () => [...document.querySelectorAll("#result_list tbody tr")];
const link = (row) => row.querySelector(".field-message_text a");
const box = (row) => row?.querySelector(".action-select");
const current = () => document.activeElement?.closest("#result_list tbody tr");

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (!next) return;
  link(next).focus();
  next.scrollIntoView({ block: "nearest" });
}

// Django's own script counts the boxes by their clicks.
function toggle() {
  const row = current();
  box(row)?.click();
  if (row) link(row).focus();
}

function resolve() {
  const action = document.querySelector("select[name=action]");
  if (!action) return;
  if (!document.querySelector(".action-select:checked")) toggle();
  if (!document.querySelector(".action-select:checked")) return;
  action.value = "resolve_selected";
  document.querySelector("input[name=reason]").focus();
}

async function copy(row) {
  if (!row || !navigator.clipboard) return;
  const id = link(row).getAttribute("href").match(/(-?\d+)\/change/)[1];
  try {
    const response = await fetch(`${said.dataset.api}/${id}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(response.statusText);
    await navigator.clipboard.writeText(indent(await response.text()));
    say(row, said.dataset.copied);
  } catch {
    say(row, said.dataset.failed);
  }
}

function say(row, text) {
  said.textContent = text;
  const button = row.querySelector(".copy-row");
  button.classList.add("copy-row-done");
  setTimeout(() => { said.textContent = ""; button.classList.remove("copy-row-done"); }, 2000);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  x: toggle,
  r: resolve,
  c: () => copy(current()),
  "/": () => search?.focus(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || help.open || !on.checked) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

on.checked = localStorage.getItem(REMEMBERED) !== "off";
on.addEventListener("change", () => localStorage.setItem(REMEMBERED, on.checked ? "on" : "off"));
const opener = document.getElementById("keys-open");
opener.hidden = false;
opener.addEventListener("click", () => help.showModal());

if (navigator.clipboard) {
  for (const row of rows()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-row";
    button.textContent = "{ }";
    button.title = said.dataset.copy;
    button.setAttribute("aria-label", `${said.dataset.copy}: ${link(row).textContent}`);
    button.addEventListener("click", () => copy(row));
    row.querySelector(".field-state").append(button);
  }
}
