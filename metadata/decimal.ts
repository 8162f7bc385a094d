/**
 * Exact decimals, which keep the scale that they were written with: `2.50` stays `2.50`.
 *
 * @module
 */
import { Big, type BigDecimal } from "bigdecimal.js";

/** An exact decimal number. */
export type Decimal = BigDecimal;

// Longer ones, or such as 1E999999999, would cost more to work with than any metadata is worth.
const MAX_DIGITS = 256;
const PATTERN = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** Reads a decimal, with or without an exponent; `undefined` when the text is none or is too long. */
export function parseDecimal(text: string): Decimal | undefined {
  return text.length <= MAX_DIGITS && PATTERN.test(text) ? Big(text) : undefined;
}

/** A decimal as text, with its scale and without an exponent. */
export function formatDecimal(decimal: Decimal): string {
  return decimal.toPlainString();
}

/** The nearest double. */
export function decimalToNumber(decimal: Decimal): number {
  return decimal.numberValue();
}
