// Whether the server would answer this page, and what is said where it doesn't.

const words = document.getElementById("server-words").dataset;
const PATIENCE_MS = 10_000;

// Ask for something small: "ok", "away" (no answer), "failing" (it can't for now), "ended" (the session
// is over) or "forbidden".
export async function ask() {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const { status } = await fetch(words.probe, { method: "HEAD", cache: "no-store", signal });
    if (status === 401) return "ended";
    if (status === 403) return "forbidden";
    return status < 500 ? "ok" : "failing";
  } catch {
    return "away";
  }
}

// Words for an answer that is not "ok"; after a login the link comes back here.
export function notice(answer, { kept = false } = {}) {
  const said = document.createElement("p");
  said.className = "server-said";
  said.setAttribute("role", "alert");
  said.append(words[answer]);
  if (answer === "ended") {
    const link = document.createElement("a");
    link.href = `${words.login}?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = words.again;
    if (kept) link.target = "_blank"; // this tab keeps what was typed
    said.append(" ", link);
  }
  if (kept) said.append(` ${words.kept}`);
  return said;
}

let shown = "ok";

// Say it at the head of the page, until it is "ok" again.
export function tell(answer) {
  if (answer === shown) return;
  shown = answer;
  document.querySelector("#content > .server-said")?.remove();
  if (answer !== "ok") document.getElementById("content").prepend(notice(answer));
}
