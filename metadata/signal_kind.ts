/**
 * What signals are: types, kinds, units and references (§10).
 *
 * @module
 */

/** The nature of a signal, whatever quantity it is of. A voltage's angle and a current's are both `Angle`. */
export const SignalKind = {
  Angle: "Angle",
  Magnitude: "Magnitude",
  Frequency: "Frequency",
  DfDt: "DfDt",
  Status: "Status",
  Digital: "Digital",
  Analog: "Analog",
  Calculation: "Calculation",
  Statistic: "Statistic",
  Alarm: "Alarm",
  Quality: "Quality",
  PointOnWaveCurrent: "PointOnWaveCurrent",
  PointOnWaveVoltage: "PointOnWaveVoltage",
  Unknown: "Unknown",
} as const;
/** One of {@linkcode SignalKind}'s names. */
export type SignalKind = (typeof SignalKind)[keyof typeof SignalKind];

const SUFFIXES: Readonly<Record<string, SignalKind>> = {
  PA: "Angle",
  PM: "Magnitude",
  FQ: "Frequency",
  DF: "DfDt",
  SF: "Status",
  DV: "Digital",
  AV: "Analog",
  CV: "Calculation",
  ST: "Statistic",
  AL: "Alarm",
  QF: "Quality",
  IW: "PointOnWaveCurrent",
  VW: "PointOnWaveVoltage",
};

const KINDS: Readonly<Record<string, SignalKind>> = {
  IPHM: "Magnitude",
  IPHA: "Angle",
  VPHM: "Magnitude",
  VPHA: "Angle",
  FREQ: "Frequency",
  DFDT: "DfDt",
  ALOG: "Analog",
  FLAG: "Status",
  DIGI: "Digital",
  CALC: "Calculation",
  STAT: "Statistic",
  ALRM: "Alarm",
  QUAL: "Quality",
  IPOW: "PointOnWaveCurrent",
  VPOW: "PointOnWaveVoltage",
};

/** The kind of a signal type such as `FREQ` or `vphm`; `Unknown` for one that is not of the protocol. */
export function signalKindOf(signalType: string): SignalKind {
  const key = signalType.toUpperCase();
  return Object.hasOwn(KINDS, key) ? KINDS[key]! : "Unknown";
}

/**
 * The unit in which values of a signal type come: `Amps`, `Volts`, `Hz`, `Degrees`, or an empty text where the protocol
 * names none.
 */
export function engineeringUnits(signalType: string): string {
  switch (signalType.toUpperCase()) {
    case "IPHM":
      return "Amps";
    case "VPHM":
      return "Volts";
    case "FREQ":
      return "Hz";
  }
  return signalType.toUpperCase().endsWith("PHA") ? "Degrees" : "";
}

/** A signal reference taken apart; see {@linkcode parseSignalReference}. */
export interface SignalReference {
  /** The device, or what else stands before the last hyphen. */
  acronym: string;
  /** What the letters after the hyphen say. */
  kind: SignalKind;
  /** The number after the letters, from 1; 0 where there is none. */
  index: number;
}

/**
 * Takes a signal reference apart: `SHELBY-PA2` is the second phase angle of `SHELBY`. What has no known ending is all
 * acronym, of kind `Unknown`.
 *
 * @example
 * ```ts
 * import { formatSignalReference, parseSignalReference } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const reference = parseSignalReference("TVA-SHELBY-PA2");
 * assertEquals(reference, { acronym: "TVA-SHELBY", kind: "Angle", index: 2 });
 * assertEquals(formatSignalReference(reference), "TVA-SHELBY-PA2");
 * assertEquals(parseSignalReference("SHELBY-FQ").kind, "Frequency");
 * ```
 */
export function parseSignalReference(text: string): SignalReference {
  const trimmed = text.trim();
  const hyphen = trimmed.lastIndexOf("-");
  const match = /^([A-Za-z]{2})([0-9]{0,9})$/.exec(trimmed.slice(hyphen + 1));
  const suffix = match?.[1]?.toUpperCase();
  if (hyphen < 0 || suffix === undefined || !Object.hasOwn(SUFFIXES, suffix)) {
    return { acronym: trimmed, kind: "Unknown", index: 0 };
  }
  return { acronym: trimmed.slice(0, hyphen).trim(), kind: SUFFIXES[suffix]!, index: Number(match![2]) };
}

/** Puts a signal reference together again; one of kind `Unknown` is its acronym alone. */
export function formatSignalReference({ acronym, kind, index }: SignalReference): string {
  const suffix = Object.keys(SUFFIXES).find((key) => SUFFIXES[key] === kind);
  return suffix === undefined ? acronym : `${acronym}-${suffix}${index > 0 ? index : ""}`;
}
