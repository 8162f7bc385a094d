/**
 * What a long run of fuzzing came to.
 *
 * @module
 */

/** What one target came to. */
export interface TargetReport {
  readonly target: string;
  /** Inputs tried. */
  readonly inputs: number;
  /** How many of them were taken, not refused. */
  readonly accepted: number;
  /** For how long it ran, in seconds; 0 when it was not begun. */
  readonly wallSeconds: number;
  /** Seconds of the processor. */
  readonly processorSeconds: number;
  /** What the longest input took, in milliseconds of the processor. */
  readonly longestInput: number;
  /** The most memory that its process held, in MiB. */
  readonly peakMemory: number;
  readonly findings: readonly string[];
  /** Whether it ran for as long as it should. */
  readonly complete: boolean;
}

/** What all of them came to. */
export interface FuzzReport {
  readonly seed: number;
  /** The time of each target. */
  readonly minutes: number;
  /** How many were tried at a time. */
  readonly jobs: number;
  /** When it began, ISO 8601. */
  readonly started: string;
  readonly interrupted: boolean;
  readonly targets: readonly TargetReport[];
}

/** A table for people. */
export function tableOf(reports: readonly TargetReport[]): string {
  const headings = [
    "target",
    "inputs",
    "taken",
    "wall, s",
    "processor, s",
    "longest, ms",
    "peak, MiB",
    "findings",
  ];
  const rows = [headings, ...reports.map(rowOf)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))
      .join("  ")
  ).join("\n");
}

function rowOf(report: TargetReport): string[] {
  const { target, inputs, accepted, wallSeconds, processorSeconds, findings, complete } = report;
  return [
    target,
    inputs.toLocaleString("en"),
    inputs === 0 ? "" : `${Math.round(100 * accepted / inputs)} %`,
    wallSeconds.toFixed(0),
    processorSeconds.toFixed(0),
    String(report.longestInput),
    String(report.peakMemory),
    `${findings.length}${complete ? "" : ", cut short"}`,
  ];
}
