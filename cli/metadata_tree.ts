/**
 * Metadata as a tree: devices, their phasors, their signals.
 *
 * @module
 */
import { type DataSet, type MeasurementRecord, Metadata } from "../mod.ts";
import { plain } from "./text.ts";

interface Node {
  readonly text: string;
  readonly children: readonly Node[];
}

/** The lines of the tree. Signals without a device come last. */
export function metadataTree(dataSet: DataSet): string[] {
  const metadata = new Metadata(dataSet);
  const nodes: Node[] = metadata.devices.map((device) => ({
    text: join(device.acronym, device.name, device.companyAcronym),
    children: [
      ...device.phasors.map(({ label, type, phase, magnitude, angle }) => ({
        text: join(label, `${type}${phase}`),
        children: [magnitude, angle].filter((signal) => signal !== undefined).map(signalNode),
      })),
      ...device.measurements.filter(({ phasor }) => phasor === undefined).map(signalNode),
    ],
  }));
  const orphans = metadata.measurements.filter(({ device }) => device === undefined);
  if (orphans.length > 0) nodes.push({ text: "(no device)", children: orphans.map(signalNode) });
  const lines: string[] = [];
  for (const { text, children } of nodes) {
    lines.push(text);
    addChildren(lines, children, "");
  }
  return lines;
}

/** The tree for programs: devices with their phasors and signals, and the signals without a device. */
export function treeValue(dataSet: DataSet): Record<string, unknown> {
  const metadata = new Metadata(dataSet);
  return {
    devices: metadata.devices.map(({ acronym, name, companyAcronym, phasors, measurements }) => ({
      acronym,
      name,
      companyAcronym,
      phasors: phasors.map(({ label, type, phase, magnitude, angle }) => ({
        label,
        type,
        phase,
        signals: [magnitude, angle].filter((signal) => signal !== undefined).map(signalValue),
      })),
      signals: measurements.filter(({ phasor }) => phasor === undefined).map(signalValue),
    })),
    signals: metadata.measurements.filter(({ device }) => device === undefined).map(signalValue),
  };
}

function signalValue(
  { signalId, key, pointTag, signalType, units, enabled }: MeasurementRecord,
): Record<string, unknown> {
  return { signalId, key, pointTag, signalType, unit: units, enabled };
}

function signalNode({ pointTag, key, signalType, units, signalId, enabled }: MeasurementRecord): Node {
  const unit = units === "" ? "" : `(${units})`;
  return { text: join(pointTag || key, signalType, unit, signalId, enabled ? "" : "disabled"), children: [] };
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").map((part) => plain(part, 80)).join("  ");
}

function addChildren(lines: string[], children: readonly Node[], indent: string): void {
  children.forEach(({ text, children: below }, i) => {
    const last = i === children.length - 1;
    // Branch, or corner for the last one.
    lines.push(`${indent}${last ? "\u2514" : "\u251c"}\u2500 ${text}`);
    addChildren(lines, below, `${indent}${last ? " " : "\u2502"}  `);
  });
}
