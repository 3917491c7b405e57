// Keeps the page of a job true while it runs: fetched anew every second, and what differs replaced.

const EVERY_MS = 1_000;
const parts = ["job-progress", "job-buttons"];

async function refresh() {
  if (!document.hidden) {
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (response.redirected) return location.reload(); // logged out
      if (response.ok) take(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // The server is away; the next turn may find it.
    }
  }
  if (document.getElementById("job-progress").dataset.open === "true") setTimeout(refresh, EVERY_MS);
}

// Node by node, so that a button keeps the focus and the state is spoken when it changes only.
function take(fresh) {
  for (const id of parts) {
    const part = document.getElementById(id);
    const other = fresh.getElementById(id);
    if (!other) continue;
    part.dataset.open = other.dataset.open ?? "";
    if (part.children.length !== other.children.length) {
      part.replaceChildren(...other.childNodes);
      continue;
    }
    [...part.children].forEach((element, index) => {
      const its = other.children[index];
      if (element.matches("h2")) say(element.firstElementChild, its.textContent);
      else if (element.matches("progress")) element.value = its.value;
      else if (element.matches("form") && element.action === its.action) return;
      else if (element.tagName !== its.tagName || element.matches("form")) element.replaceWith(its);
      else if (element.innerHTML !== its.innerHTML) element.replaceChildren(...its.childNodes);
    });
  }
}

// A status is spoken when its text changes, not when it is another element.
function say(status, text) {
  if (status.textContent !== text) status.textContent = text;
}

setTimeout(refresh, EVERY_MS);
