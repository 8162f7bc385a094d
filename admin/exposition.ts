/**
 * The text formats that Prometheus reads.
 *
 * @module
 */

/** One number of a metric, with what tells it from the others of that metric. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric. */
export interface Metric {
  /** Without `_total`, which counters get when they are written. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** The media type of each format. */
export const ContentTypes = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

/** A text format of metrics. */
export type ExpositionFormat = keyof typeof ContentTypes;

/** The format that an `Accept` header asks for: OpenMetrics where it is named and not with `q=0`. */
export function negotiateFormat(accept: string | null): ExpositionFormat {
  for (const range of (accept ?? "").split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    if (type !== "application/openmetrics-text") continue;
    if (!parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))) return "openMetrics";
  }
  return "prometheus";
}

/** Writes metrics; one without samples is left out. */
export function expose(metrics: readonly Metric[], format: ExpositionFormat): string {
  let text = "";
  for (const { name, type, help, samples } of metrics) {
    if (samples.length === 0) continue;
    const sampleName = type === "counter" ? `${name}_total` : name;
    const family = format === "openMetrics" ? name : sampleName;
    text += `# HELP ${family} ${escape(help)}\n# TYPE ${family} ${type}\n`;
    for (const { labels, value } of samples) {
      text += `${sampleName}${writeLabels(labels)} ${writeNumber(value)}\n`;
    }
  }
  return format === "openMetrics" ? `${text}# EOF\n` : text;
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escape(value).replaceAll('"', '\\"')}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function writeNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}
