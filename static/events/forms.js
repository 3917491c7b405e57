// A form is sent once the server would take it: a page that can't be left for an answer stays, with
// all that was typed; and what was sent in vain stands in the form again.

import { ask, notice } from "./server.js";

const KEEPS = new Set(["away", "failing", "ended"]);
const SENT = "sent-form";
let passed = null;

const addressOf = (form) => form.getAttribute("action") ?? "";
const typed = (form) => [...form.elements].filter((field) => field.matches("input[type=text], textarea"));

function refill({ address, values }) {
  if (!document.querySelector(".messagelist :is(.error, .warning)")) return;
  for (const form of document.querySelectorAll("form[method=post]")) {
    if (addressOf(form) !== address) continue;
    for (const field of typed(form)) field.value ||= values[field.name] ?? "";
  }
}

const sent = sessionStorage.getItem(SENT);
sessionStorage.removeItem(SENT);
if (sent) refill(JSON.parse(sent));

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (form.getAttribute("method") !== "post" || event.defaultPrevented) return;
  if (passed === form) {
    passed = null;
    return;
  }
  event.preventDefault();
  if (form.ariaBusy) return; // pressed twice
  form.ariaBusy = "true";
  const answer = await ask();
  form.ariaBusy = null;
  form.querySelector(".server-said")?.remove();
  if (KEEPS.has(answer)) {
    (submitter?.closest(".actions") ?? form).append(notice(answer, { kept: true }));
    return;
  }
  // A login in another tab has made another token.
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  const field = form.querySelector("input[name=csrfmiddlewaretoken]");
  if (token && field) field.value = token;
  const values = Object.fromEntries(typed(form).map((it) => [it.name, it.value]));
  sessionStorage.setItem(SENT, JSON.stringify({ address: addressOf(form), values }));
  passed = form;
  form.requestSubmit(submitter);
});
