// A form is sent once the server would take it: a page that can't be left for an answer stays, with
// all that was typed.

import { ask, notice } from "./server.js";

const KEEPS = new Set(["away", "failing", "ended"]);
let passed = null;

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
  passed = form;
  form.requestSubmit(submitter);
});
