import { CPPAPI } from "./goals.ts";
import { fixed } from "./harness/format.ts";
import type { Figures } from "./harness/report.ts";

/** One bar. */
interface Bar {
  readonly label: string;
  readonly value: number;
  readonly kind: "ours" | "other";
}

/** Bars on one scale. */
interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABELS = 270;
const ROW = 20;
const GAP = 44;
// Readable on white and on black alike.
const COLOURS = { ours: "#2f81f7", other: "#8b949e", text: "#7d8590" } as const;

function panels(figures: Figures, hasPeers: boolean): Panel[] {
  const ours = (label: string, name: string, scale = 1): Bar => ({
    label,
    value: figures[name]! / scale,
    kind: "ours",
  });
  const other = (label: string, value: number): Bar => ({ label, value, kind: "other" });
  return [
    {
      title: "Codecs, millions of measurements a second on one core",
      unit: "M/s",
      digits: 1,
      bars: [
        ours("TSSC encode", "tsscEncode", 1e6),
        other("cppapi *", CPPAPI.tsscEncode / 1e6),
        ours("TSSC decode", "tsscDecode", 1e6),
        other("cppapi *", CPPAPI.tsscDecode / 1e6),
        ours("compact encode", "compactEncode", 1e6),
        other("cppapi *", CPPAPI.compactEncode / 1e6),
        ours("compact decode", "compactDecode", 1e6),
        other("cppapi *", CPPAPI.compactDecode / 1e6),
      ],
    },
    {
      title: "One publisher to one subscriber, loopback TCP, TSSC, 1,000 a publish",
      unit: "M/s",
      digits: 2,
      bars: [
        ours("columns", "streamTssc1000", 1e6),
        ours("objects, batch by batch", "streamObjects", 1e6),
        ours("objects, for await", "streamEach", 1e6),
        other("cppapi *", CPPAPI.stream1000 / 1e6),
        ...(hasPeers ? [other("sttpapi, same run", figures.streamSttpapi! / 1e6)] : []),
      ],
    },
    {
      title: "Publisher's processor time for each delivered measurement, 30 x 20,000 a second",
      unit: "ns",
      digits: 1,
      bars: [1, 10, 100].map((count) =>
        ours(`${count} subscriber${count === 1 ? "" : "s"}`, `fanOutFrames${count}Net`)
      ),
    },
    {
      title: "From publish() to the subscriber's loop at 600,000 a second (600 x 1,000)",
      unit: "ms",
      digits: 2,
      bars: [
        ours("p50", "latencySpreadP50"),
        ours("p99", "latencySpreadP99"),
        ours("p99.9", "latencySpreadP999"),
      ],
    },
  ];
}

function draw(parts: readonly Panel[]): string {
  const lines: string[] = [];
  let y = 24;
  for (const { title, unit, digits, bars } of parts) {
    lines.push(`<text class="title" x="0" y="${y}">${title}</text>`);
    y += 12;
    const most = Math.max(...bars.map(({ value }) => value));
    for (const { label, value, kind } of bars) {
      const length = Math.max(2, value / most * (WIDTH - LABELS - 90));
      lines.push(
        `<text x="${LABELS - 8}" y="${y + 14}" text-anchor="end">${label}</text>`,
        `<rect x="${LABELS}" y="${y + 3}" width="${length.toFixed(1)}" height="${ROW - 6}" rx="2" ` +
          `fill="${COLOURS[kind]}"/>`,
        `<text x="${(LABELS + length + 6).toFixed(1)}" y="${y + 14}">${fixed(value, digits)} ${unit}</text>`,
      );
      y += ROW;
    }
    y += GAP - 12;
  }
  lines.push(
    `<text x="0" y="${y}">* recorded elsewhere on a comparable two-core machine</text>`,
  );
  const style =
    `text{font:13px system-ui,sans-serif;fill:${COLOURS.text}}.title{font-weight:600;font-size:14px}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${
    y + 10
  }" width="${WIDTH}" role="img" ` +
    `aria-label="Benchmark results">\n<style>${style}</style>\n${lines.join("\n")}\n</svg>\n`;
}

/** The headline figures of a run as an SVG. */
export function plot(figures: Figures): string {
  return draw(panels(figures, "streamSttpapi" in figures));
}
