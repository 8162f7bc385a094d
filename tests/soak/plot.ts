/** A soak as a picture. */
import type { Sample } from "./report.ts";

const WIDTH = 760;
const HEIGHT = 130;
const LEFT = 70;
const GAP = 46;
// Readable on white and on black alike.
const COLOURS = ["#2f81f7", "#d29922", "#3fb950", "#db61a2", "#a371f7", "#f0883e"] as const;
const TEXT = "#7d8590";

interface Line {
  readonly name: string;
  readonly of: (sample: Sample) => number;
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

const MIB = 1024 ** 2;

/** Both sides' memory of a kind. */
function memory(title: string, kind: "heap" | "resident"): Panel {
  return {
    title,
    lines: [
      { name: "publisher", of: ({ publisher }): number => publisher[kind] / MIB },
      { name: "20 subscribers", of: ({ subscribers }): number => subscribers[kind] / MIB },
    ],
  };
}

const panels: readonly Panel[] = [
  memory("Heap, MiB", "heap"),
  memory("Resident memory, MiB", "resident"),
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
    title: "20 subscribers",
    lines: [
      { name: "open files", of: ({ theirFiles }): number => theirFiles },
      { name: "timers", of: ({ subscribers }): number => subscribers.timers },
    ],
  },
];

/** What was lost, a line for each reason that there was. */
function losses(samples: readonly Sample[]): Panel {
  const reasons = new Set(samples.flatMap(({ subscribers }) => Object.keys(subscribers.losses)));
  return {
    title: "Measurements missing so far, by the reason counted, millions",
    lines: [
      ...Array.from(reasons, (name): Line => ({
        name,
        of: ({ subscribers }): number => (subscribers.losses[name] ?? 0) / 1e6,
      })),
      { name: "without a reason", of: ({ subscribers }): number => subscribers.unexplained / 1e6 },
    ],
  };
}

/** The samples as an SVG. */
export function plotSoak(samples: readonly Sample[]): string {
  const lines: string[] = [];
  const last = samples.at(-1)?.at ?? 1;
  let y = 20;
  for (const panel of [...panels, losses(samples)]) {
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
  const legend = lines.map(({ name }, i) => `<tspan dx="14" fill="${colourOf(i)}">${name}</tspan>`).join("");
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
      return `<polyline points="${points}" fill="none" stroke="${colourOf(i)}" stroke-width="1.5"/>`;
    }),
  ];
}

function rounded(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function colourOf(line: number): string {
  return COLOURS[line % COLOURS.length]!;
}
