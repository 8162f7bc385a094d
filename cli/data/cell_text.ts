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
  const isDecimal = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(text);
  if (isDecimal) return checkedValue(Number(text), text, true);
  const number = words.get(text.trim().toLowerCase());
  if (number === undefined) throw new SttpError("MalformedText", `"${text.slice(0, 50)}" is not a number`);
  return number;
}

/**
 * Checks that a number which is finite is so as a float32, too.
 *
 * @param text As it was written, for the message.
 * @param isFinite Whether it was written as a finite number.
 * @throws {SttpError} `MalformedText`.
 */
export function checkedValue(
  value: number,
  text: string = String(value),
  isFinite: boolean = Number.isFinite(value),
): number {
  if (!isFinite || Number.isFinite(Math.fround(value))) return value;
  throw new SttpError("MalformedText", `the value ${text.slice(0, 50)} is beyond what a float32 holds`);
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
  return WHOLE.test(text) ? checkedTime(BigInt(text)) : Ticks.parse(text);
}

/** Reads ticks, also those of times that are long ago. @throws {SttpError} `MalformedText`. */
export function parseTicks(text: string): bigint {
  return WHOLE.test(text) ? checkedTicks(BigInt(text)) : Ticks.parse(text);
}

const WHOLE = /^\s*-?\d{1,100}\s*$/;
/** Years before this have to be written as such: a number of ticks would more likely be something else. */
const FIRST_TIME: bigint = Ticks.parse("1900-01-01T00:00:00Z");

/**
 * Ticks as 64 bits with a sign have them.
 *
 * @throws {SttpError} `MalformedText` when 64 bits can't have them.
 */
export function checkedTicks(ticks: bigint): bigint {
  if (ticks >= -(2n ** 63n) && ticks < 2n ** 64n) return BigInt.asIntN(64, ticks);
  throw new SttpError("MalformedText", `${String(ticks).slice(0, 50)} is more than 64 bits of ticks`);
}

/**
 * Ticks that stand for a time.
 *
 * @throws {SttpError} `MalformedText` also when they are so few that another unit must be meant.
 */
export function checkedTime(ticks: bigint): bigint {
  if (ticks < 0n || ticks >= FIRST_TIME) return checkedTicks(ticks);
  throw new SttpError(
    "MalformedText",
    `the time ${ticks} is before 1900: ticks count 100 ns from the year 1; write ISO 8601 such as 2024-03-01T12:30:00Z`,
  );
}
