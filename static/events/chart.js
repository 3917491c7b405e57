// Draws a histogram's table as stacked bars; the table stays the source of every figure.

// What a custom property is in the colour scheme in force: only a colour that is used is resolved.
function colour(element, name) {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = "";
  return color;
}

const hidden = new Set();
let chart = null;

function read(table) {
  const severities = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.dataset.severity);
  const rows = [...table.tBodies[0].rows];
  return {
    severities,
    seconds: Number(table.dataset.seconds),
    starts: rows.map((row) => Number(row.dataset.start)),
    links: rows.map((row) => row.querySelector("a").href),
    times: rows.map((row) => row.querySelector("time").textContent),
    counts: severities.map((_, column) =>
      rows.map((row) => Number(row.cells[column + 1].dataset.count ?? 0))),
  };
}

// uPlot draws no stacks: each series is the sum of itself and those below it, the tallest first.
function stacked(figures) {
  const sums = figures.starts.map(() => 0);
  const series = figures.severities.map((severity, column) => {
    if (hidden.has(severity)) return sums.slice();
    figures.counts[column].forEach((count, row) => { sums[row] += count; });
    return sums.slice();
  });
  return [figures.starts.map((start) => start + figures.seconds / 2), ...series.reverse()];
}

function caption(figures, element, row) {
  if (row === null || row === undefined || !figures.times[row]) {
    element.textContent = element.dataset.hint;
    return;
  }
  const parts = figures.severities
    .map((severity, column) => `${severity} ${figures.counts[column][row].toLocaleString()}`);
  element.textContent = `${figures.times[row]}: ${parts.join(", ")}`;
}

function legend(figures) {
  const list = document.getElementById("chart-legend");
  list.replaceChildren(...figures.severities.map((severity, column) => {
    const total = figures.counts[column].reduce((sum, count) => sum + count, 0);
    const button = document.createElement("button");
    button.type = "button";
    button.className = `legend legend-${severity}`;
    button.textContent = `${severity} ${total.toLocaleString()}`;
    button.setAttribute("aria-pressed", String(!hidden.has(severity)));
    button.addEventListener("click", () => {
      if (!hidden.delete(severity)) hidden.add(severity);
      draw();
      list.querySelectorAll("button")[column].focus();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

function openRange(table, from, to) {
  const address = new URL(table.dataset.list, location.href);
  address.searchParams.set("since", new Date(from * 1000).toISOString());
  address.searchParams.set("until", new Date(to * 1000).toISOString());
  location.assign(address);
}

export function draw() {
  const table = document.getElementById("histogram");
  const place = document.getElementById("chart-bars");
  const words = document.getElementById("chart-caption");
  chart?.destroy();
  chart = null;
  if (!table) return;
  const figures = read(table);
  const colours = figures.severities.map((name) => colour(place, `--chart-${name}`)).reverse();
  const hair = { stroke: colour(place, "--hairline-color"), width: 1 };
  const axis = { stroke: colour(place, "--body-quiet-color"), grid: hair, ticks: hair };
  document.getElementById("chart").hidden = false;
  place.replaceChildren();
  caption(figures, words, null);
  chart = new uPlot({
    width: place.clientWidth,
    height: 190,
    padding: [8, 20, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), table.dataset.zone),
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { range: () => [figures.starts[0], figures.starts.at(-1) + figures.seconds] },
      y: { range: (_, low, high) => [0, Math.max(high, 1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: [
        [86400, "{MM}-{DD}", null, null, null, null, null, null, 1],
        [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
        [1, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
      ] },
      { ...axis, size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6] },
    ],
    series: [
      {},
      ...colours.map((colour) => ({
        fill: colour, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 40] }),
      })),
    ],
    hooks: {
      setCursor: [(self) => caption(figures, words, self.cursor.left < 0 ? null : self.cursor.idx)],
      setSelect: [(self) => {
        const { left, width } = self.select;
        if (width > 3) openRange(table, self.posToVal(left, "x"), self.posToVal(left + width, "x"));
      }],
    },
  }, stacked(figures), place);
  chart.over.addEventListener("click", () => {
    const row = chart.cursor.idx;
    if (chart.select.width <= 3 && row !== null) location.assign(figures.links[row]);
  });
  legend(figures);
}

addEventListener("resize", () => {
  const place = document.getElementById("chart-bars");
  if (chart && place) chart.setSize({ width: place.clientWidth, height: chart.height });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
