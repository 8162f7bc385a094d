/**
 * Numbers and times as people read them.
 *
 * @module
 */

/** Made once: `toLocaleString()` would take longer than all the rest of a page. */
const separated = new Intl.NumberFormat("en");

/** A whole number with separators, such as 12,345. */
export function count(value: number): string {
  return separated.format(Math.round(value));
}

/** Bytes in a unit that suits them, such as 1.5 MB. */
export function bytes(value: number): string {
  if (value < 1000) return `${Math.round(value)} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toPrecision(3)} ${units[power - 1]}`;
}

/** A rate: one decimal below ten, else whole. */
export function rate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

/** Milliseconds in the two greatest units that suit them, such as 3 min 5 s. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  let seconds = Math.floor(milliseconds / 1000);
  const parts: string[] = [];
  for (const [unit, size] of [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]] as const) {
    const whole = Math.floor(seconds / size);
    seconds -= whole * size;
    if (whole > 0 && parts.length < 2) parts.push(`${whole} ${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.join(" ");
}

/** A moment in UTC to the second, such as 2024-01-01 00:00:00Z. */
export function moment(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? "-" : date.toISOString().replace("T", " ").replace(/\.\d+/, "");
}

/** `1 signal`, `2 signals`. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A measured value: six significant digits, as many as a float32 has. */
export function reading(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 1e9)) {
    return String(Number(value.toPrecision(6)));
  }
  return value.toExponential(4);
}

/** The time of day in UTC to the millisecond, such as 12:30:05.033Z. */
export function timeOfDay(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? "-" : date.toISOString().slice(11);
}
