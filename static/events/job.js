// Keeps the page of a job true while it runs.

import { autoRefresh, replaceParts } from "./refresh.js";

autoRefresh((fresh) => {
  replaceParts(fresh);
  return document.querySelector("progress[data-open]") !== null;
}, { everyMs: 1_000 });
