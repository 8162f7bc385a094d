/** What draws plots in the browser: one for each unit, all over the same time. */
export const TrendScript: string = `
"use strict";
(() => {
const holder = document.querySelector("#plots[data-stream]");
if (holder === null) return;
const signals = [...document.querySelectorAll("tr[data-signal]")].map((row, number) => ({
  row, number, name: row.dataset.name, unit: row.dataset.unit, times: [], values: [],
}));
const longest = 900;
const choice = document.querySelector("select[name=window]");
const windowOf = () => Number(choice.value);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = (value) => {
  const size = Math.abs(value);
  return size === 0 || (size >= 0.001 && size < 1e9) ? String(Number(value.toPrecision(6))) : value.toExponential(4);
};

const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);
const label = (value) => Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2)
  : value.toLocaleString("en", { maximumFractionDigits: 5 });

let latest = 0;
const height = () => Math.max(200, Math.min(340, Math.round(innerHeight * 0.34)));
const plots = [...Map.groupBy(signals, ({ unit }) => unit)].map(([unit, members]) => {
  const box = document.createElement("section");
  box.className = "plot";
  const head = document.createElement("h2");
  head.textContent = unit === "" ? "Values" : unit;
  for (const { number, name } of members) {
    const key = document.createElement("span");
    key.className = "key";
    const swatch = document.createElement("span");
    swatch.className = "swatch s" + number % 8;
    key.append(swatch, name);
    head.append(key);
  }
  const chart = document.createElement("div");
  chart.className = "chart";
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", "Plot of " + members.map(({ name }) => name).join(", "));
  box.append(head, chart);
  holder.append(box);
  return { members, chart, plot: undefined };
});

function make(one) {
  one.plot?.destroy();
  const text = css("--dim");
  const font = "12px " + getComputedStyle(document.body).fontFamily;
  const grid = { stroke: css("--line"), width: 1 };
  one.plot = new uPlot({
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    width: one.chart.clientWidth,
    height: height(),
    padding: [10, 28, 0, 4],
    cursor: { sync: { key: "trends" }, y: false, points: { size: 6 } },
    legend: { show: false },
    scales: {
      x: { time: true, range: () => [latest / 1000 - windowOf(), latest / 1000] },
      // A steady signal is a line in the middle, not its noise all over the plot.
      y: { range: (_, low, high) => {
        if (low === null) return [0, 1];
        const least = Math.max(Math.abs(high), Math.abs(low)) * 1e-4 || 1;
        const extra = Math.max(0, least - (high - low)) / 2 + (high - low) * 0.08;
        return [low - extra, high + extra];
      } },
    },
    axes: [
      { stroke: text, font, grid, ticks: grid, size: 32, space: 80, values: (_, splits) => splits.map(clock) },
      { stroke: text, font, grid, ticks: grid, size: 70, values: (_, splits) => splits.map(label) },
    ],
    series: [{}, ...one.members.map(({ name, number }) => ({
      label: name, stroke: css("--s" + number % 8), width: 1.25, points: { show: false }, spanGaps: true,
    }))],
  }, [[], ...one.members.map(() => [])], one.chart);
}

function makeAll() {
  for (const one of plots) make(one);
  draw();
}

function draw() {
  for (const { members, plot } of plots) {
    plot.setData(uPlot.join(members.map(({ times, values }) => [times, values])));
  }
  const from = latest / 1000 - windowOf();
  for (const { row, times, values } of signals) {
    const last = values.at(-1);
    if (last === undefined) continue;
    const unit = row.querySelector("[data-latest] .empty")?.cloneNode(true);
    const cell = row.querySelector("[data-latest]");
    cell.replaceChildren((last === null ? "NaN" : still(last)) + " ", ...unit === undefined ? [] : [unit]);
    let least = Infinity;
    let most = -Infinity;
    for (let i = times.length - 1; i >= 0 && times[i] >= from; i--) {
      if (values[i] === null) continue;
      least = Math.min(least, values[i]);
      most = Math.max(most, values[i]);
    }
    row.querySelector("[data-least]").textContent = Number.isFinite(least) ? still(least) : "";
    row.querySelector("[data-most]").textContent = Number.isFinite(most) ? still(most) : "";
    row.querySelector("[data-time]").textContent = new Date(times.at(-1) * 1000).toISOString().slice(11);
  }
}

function take(points) {
  for (const [number, time, value] of points) {
    const { times, values } = signals[number];
    const seconds = time / 1000;
    // A plot goes from left to right: what comes late or again is left out. What goes far back begins anew: a signal that
    // is replayed, or the past once more after the stream was lost.
    if (times.length > 0 && seconds <= times.at(-1)) {
      if (seconds > times.at(-1) - 60) continue;
      times.length = values.length = 0;
    }
    times.push(seconds);
    values.push(value);
  }
  latest = 1000 * Math.max(0, ...signals.map(({ times }) => times.at(-1) ?? 0));
  const end = latest / 1000 - longest;
  for (const { times, values } of signals) {
    // Now and then, and not one by one: moving what stays takes time.
    const old = times.findIndex((time) => time >= end);
    if (old > 1000) { times.splice(0, old); values.splice(0, old); }
  }
}

makeAll();
dark.addEventListener("change", makeAll);
choice.addEventListener("change", () => { draw(); });
new ResizeObserver(() => {
  for (const { plot, chart } of plots) {
    if (chart.clientWidth !== plot.width) plot.setSize({ width: chart.clientWidth, height: height() });
  }
}).observe(holder);
new EventSource(holder.dataset.stream).addEventListener("message", ({ data }) => {
  take(JSON.parse(data).points);
  if (!document.hidden) draw();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
})();
`;
