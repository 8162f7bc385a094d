/**
 * Times and values as text, such that reading them again gives the same bits.
 *
 * @module
 */
import { SttpError, Ticks } from "../../mod.ts";

/**
 * The shortest decimal number that is this float32, and `NaN`, `Infinity` or `-Infinity`. What else a NaN carries is
 * lost.
 *
 * @param value A number that a float32 holds.
 */
export function valueText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  // Most values of instruments have few digits: their float64 text, which is long, is tried last.
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return Number.isFinite(value) ? String(Number(value.toPrecision(9))) : String(value);
}

/**
 * Reads a value.
 *
 * @throws {SttpError} `MalformedText`.
 */
export function parseValue(text: string): number {
  const number = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(text)
    ? Number(text)
    : words.get(text.trim().toLowerCase());
  if (number === undefined) throw new SttpError("MalformedText", `"${text.slice(0, 50)}" is not a number`);
  return number;
}

// As other programs write them, too.
const words: ReadonlyMap<string, number> = new Map([
  ["nan", NaN],
  ["infinity", Infinity],
  ["inf", Infinity],
  ["+infinity", Infinity],
  ["-infinity", -Infinity],
  ["-inf", -Infinity],
  // Databases have no NaN.
  ["null", NaN],
  ["", NaN],
]);

/** A time as ISO 8601 in UTC; the few ticks that have no such text, as a whole number. */
export function timeText(ticks: bigint): string {
  if (ticks >= 0n && ticks <= Ticks.Max) return Ticks.format(ticks);
  if (Ticks.timeOf(ticks) > Ticks.Max) return String(ticks);
  const text = Ticks.format(ticks);
  return Ticks.parse(text) === ticks ? text : String(ticks);
}

/**
 * Reads a time: as {@linkcode timeText} writes it, or in other forms that `Ticks.parse()` knows.
 *
 * @throws {SttpError} `MalformedText`.
 */
export function parseTime(text: string): bigint {
  return /^\s*-?\d{1,20}\s*$/.test(text) ? BigInt.asIntN(64, BigInt(text)) : Ticks.parse(text);
}
