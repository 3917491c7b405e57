// Keeps a page true: when the stream tells of events, and every so often, it is fetched anew.

import { EventStream, showState } from "./stream.js";

const SOON_MS = 1_500;
const REST_MS = 5_000;
const REGULAR_MS = 30_000;

// `take` gets the fresh document, and decides what of it the page shows.
export function keepTrue(take) {
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

  const words = document.getElementById("stream-state");
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
  document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(0); });
  stream.open();
  schedule(REGULAR_MS);
}
