/** A soak as a picture. */
import type { Sample } from "./report.ts";

const WIDTH = 760;
const HEIGHT = 130;
const LEFT = 70;
const GAP = 46;
// Readable on white and on black alike.
const COLOURS = ["#2f81f7", "#d29922", "#3fb950"] as const;
const TEXT = "#7d8590";

interface Panel {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly of: (sample: Sample) => number }[];
}

const MIB = 1024 ** 2;

const panels: readonly Panel[] = [
  {
    title: "Publisher's heap, MiB",
    lines: [{ name: "", of: ({ publisher }): number => publisher.heap / MIB }],
  },
  {
    title: "Publisher's resident memory, MiB",
    lines: [{ name: "", of: ({ publisher }): number => publisher.resident / MIB }],
  },
  {
    title: "Measurements received a second, all subscribers, thousands",
    lines: [{ name: "", of: ({ subscribers, seconds }): number => subscribers.received / seconds / 1000 }],
  },
  {
    title: "Delay from publication to the subscriber's loop, ms",
    lines: [
      { name: "p50", of: ({ subscribers }): number => subscribers.latency.p50 },
      { name: "p99", of: ({ subscribers }): number => subscribers.latency.p99 },
    ],
  },
  {
    title: "Publisher",
    lines: [
      { name: "connections", of: ({ publisher }): number => publisher.open },
      { name: "open files", of: ({ files }): number => files },
      { name: "timers", of: ({ publisher }): number => publisher.timers },
    ],
  },
  {
    title: "Measurements missing so far, thousands",
    lines: [
      {
        name: "with a reason",
        of: ({ subscribers }): number =>
          Object.values(subscribers.explained).reduce((a, b) => a + b, 0) / 1000,
      },
      { name: "without", of: ({ subscribers }): number => subscribers.unexplained / 1000 },
    ],
  },
];

/** The samples as an SVG. */
export function plotSoak(samples: readonly Sample[]): string {
  const lines: string[] = [];
  const last = samples.at(-1)?.at ?? 1;
  let y = 20;
  for (const panel of panels) {
    lines.push(...drawPanel(panel, samples, last, y));
    y += HEIGHT + GAP;
  }
  const style = `text{font:13px system-ui,sans-serif;fill:${TEXT}}.title{font-weight:600;font-size:14px}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" role="img" ` +
    `aria-label="A soak">\n<style>${style}</style>\n${lines.join("\n")}\n</svg>\n`;
}

function drawPanel(panel: Panel, samples: readonly Sample[], last: number, top: number): string[] {
  const { title, lines } = panel;
  const most = Math.max(1e-9, ...lines.flatMap(({ of }) => samples.map(of)));
  const x = (at: number): string => (LEFT + at / last * (WIDTH - LEFT - 10)).toFixed(1);
  const y = (value: number): string => (top + 12 + (1 - value / most) * (HEIGHT - 12)).toFixed(1);
  const legend = lines.map(({ name }, i) => `<tspan dx="14" fill="${COLOURS[i]}">${name}</tspan>`).join("");
  return [
    `<text class="title" x="0" y="${top}">${title}${legend}</text>`,
    `<text x="${LEFT - 8}" y="${top + 22}" text-anchor="end">${rounded(most)}</text>`,
    `<text x="${LEFT - 8}" y="${top + HEIGHT}" text-anchor="end">0</text>`,
    `<text x="${WIDTH - 10}" y="${top + HEIGHT + 16}" text-anchor="end">${rounded(last)} min</text>`,
    `<path d="M${LEFT} ${top + 12}V${top + HEIGHT}H${
      WIDTH - 10
    }" fill="none" stroke="${TEXT}" stroke-opacity="0.5"/>`,
    ...lines.map(({ of }, i) => {
      const points = samples.map((sample) => `${x(sample.at)},${y(of(sample))}`).join(" ");
      return `<polyline points="${points}" fill="none" stroke="${COLOURS[i]}" stroke-width="1.5"/>`;
    }),
  ];
}

function rounded(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
