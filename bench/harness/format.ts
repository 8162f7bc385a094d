/** Numbers for tables. */

/** A number with so many digits after the point. */
export function fixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}

/** Millions. */
export function millions(value: number, digits: number = 2): string {
  return fixed(value / 1e6, digits);
}

/** A whole number with commas. */
export function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "-";
}
