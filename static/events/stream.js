// One connection to the event stream, whatever happens to it: states in words, given back while the
// tab is hidden, resumed by its token, opened again after the server refused it.

import { parse } from "./json.js";
import { ask, tell } from "./server.js";

const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;

export class EventStream extends EventTarget {
  #source = null;
  #timer = 0;
  #retryMs = FIRST_RETRY_MS;
  #address;
  #token;
  #place;
  #wanted = false;
  state = "connecting";

  // Dispatches "event" (detail: the JSON text), "action" (detail: `name`, "resolved" or "reopened",
  // and the events' `ids` as texts), "state", and "reset" when events may be missing. A token is a position
  // from an earlier stream, or an event's id. With a backlog in the address there is none at first:
  // `place`, where the page stood, is gone on from when the stream was live and brought nothing.
  constructor(address, { token = "", place = "" } = {}) {
    super();
    this.#address = new URL(address, location.href);
    this.#token = token;
    this.#place = place;
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => { if (event.persisted && this.#wanted) this.open(); });
  }

  open() {
    this.#wanted = true;
    clearTimeout(this.#timer);
    this.#close();
    if (document.hidden) {
      // A browser opens few connections to one server: a tab nobody sees must not hold one.
      this.#become("paused");
      return;
    }
    // A new EventSource sends no Last-Event-ID of its own.
    if (this.#token) this.#address.searchParams.set("last_event_id", this.#token);
    const source = new EventSource(this.#address);
    this.#source = source;
    source.onopen = () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#token ||= this.#place;
      this.#become("live");
      tell("ok");
    };
    source.onmessage = (message) => {
      this.#token = message.lastEventId;
      this.dispatchEvent(new CustomEvent("event", { detail: message.data }));
    };
    for (const name of ["resolved", "reopened"]) {
      source.addEventListener(name, (message) => {
        this.#token = message.lastEventId;
        const ids = parse(message.data).ids.map(String);
        this.dispatchEvent(new CustomEvent("action", { detail: { name, ids } }));
      });
    }
    source.addEventListener("reset", (message) => {
      this.#token = message.lastEventId;
      this.dispatchEvent(new Event("reset"));
    });
    source.onerror = () => this.#lost(source);
  }

  // Gives the connection back; open() goes on after the last event received.
  suspend() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#close();
  }

  // Where the server answered with an error (429 or 503, say) the browser gives up, and we come back.
  async #lost(source) {
    const isRefused = source.readyState === EventSource.CLOSED;
    this.#become(isRefused ? "disconnected" : "reconnecting");
    const answer = await ask();
    if (source !== this.#source || this.state === "live") return; // it is back, or not wanted
    tell(answer);
    if (!isRefused) return;
    this.#timer = setTimeout(() => this.open(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #visibilityChanged() {
    if (!this.#wanted) return;
    if (!document.hidden) this.#become("connecting");
    this.open();
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

// Keep an element's text at the stream's state, in the words its data attributes hold; while
// `paused()` the page itself is paused, whatever its connection does.
export function showState(stream, element, paused = () => false) {
  const show = () => {
    element.dataset.state = paused() ? "paused" : stream.state;
    element.textContent = element.dataset[element.dataset.state];
  };
  stream.addEventListener("state", show);
  show();
  return show;
}
