// Says of each time how long ago it is, and keeps that true while a page stands open.

const REFRESH_MS = 15_000;
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const texts = document.getElementById("relative-times").dataset;

const AHEAD_SECONDS = 60;

// In the largest unit that fits. Of clocks that disagree a little, what is to come is "now".
function ago(instant) {
  const seconds = Math.trunc((Date.now() - instant) / 1000);
  const away = Math.abs(seconds);
  const step = STEPS.find(([size]) => away >= size);
  if (!step || (seconds < 0 && away < AHEAD_SECONDS)) return texts.now;
  const [size, unit] = step;
  const text = texts[unit].replace("%(count)s", String(Math.floor(away / size)));
  return (seconds < 0 ? texts.ahead : texts.ago).replace("%(time)s", text);
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
