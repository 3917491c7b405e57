// A text as a screen can draw it: `sovi_events/readable.py` says the same to the server's pages.

const TERMINAL = new RegExp([
  "(?:\\x1b[PX\\]^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x90\\x98\\x9c-\\x9f\\n]*(?:\\x07|\\x1b\\\\|\\x9c)",
  "(?:\\x1b\\[|\\x9b)[0-?]*[ -\\/]*(?:[@-~]|$)",
  "\\x1b[ -\\/]*(?:[0-Z\\\\^-~]|$)",
].join("|"), "g");
const LINE_END = /\r\n|[\r\v\f\x85\u2028\u2029]/g;
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const SEEN = /[^\p{Z}\p{Cc}\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0000}-\u{e0fff}]/u;

function picture(control) {
  const code = control.charCodeAt(0);
  if (code === 0x7f) return "\u2421";
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
}

// What of a text can be drawn, in lines; "" where nothing of it would be seen.
export function readable(text) {
  const shown = text.replace(TERMINAL, "").replace(LINE_END, "\n").replace(DIRECTION, "")
    .replace(CONTROL, picture);
  return SEEN.test(shown) ? shown : "";
}
