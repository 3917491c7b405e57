// Says of each time how long ago it is, and keeps that true while a page stands open.

const REFRESH_MS = 15_000;
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const texts = document.getElementById("relative-times").dataset;

// In the largest unit that fits; what is to come, by clocks that disagree, is "now".
function ago(instant) {
  const seconds = Math.trunc((Date.now() - instant) / 1000);
  const step = STEPS.find(([size]) => seconds >= size);
  if (!step) return texts.now;
  const [size, unit] = step;
  return texts[unit].replace("%(count)s", String(Math.floor(seconds / size)));
}

export function showAgo() {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time + .ago")) {
    const text = ago(Date.parse(element.previousElementSibling.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

showAgo();
setInterval(showAgo, REFRESH_MS);
document.addEventListener("visibilitychange", showAgo);
