/**
 * Exact decimal numbers that keep their scale: `2.50` is equal to `2.5` and still prints as `2.50`.
 *
 * The arithmetic is a library's; what is here bounds it, since the texts and factors come from remote peers: without
 * bounds `1e999999999` read as a decimal and added to 1 would take a gigabyte.
 *
 * @module
 */
import { Big, type BigDecimal, type MathContext, MC, RoundingMode } from "bigdecimal.js";

/** An exact decimal number, as the `bigdecimal.js` library has it. */
export type Decimal = BigDecimal;

/** The most significant digits that a result keeps; what is longer is rounded, half to even. */
const MAX_DIGITS = 100;

/** How many significant digits a quotient gets that can't be written exactly. */
const QUOTIENT_DIGITS = 28;

/** The longest text, digits and exponent that {@linkcode parseDecimal} takes. */
const MAX_TEXT_LENGTH = 1200;
const MAX_EXPONENT = 1000;

/** The greatest scale of a result, either way: the sum of those of two factors that were read from text. */
const MAX_SCALE = 2 * (MAX_TEXT_LENGTH + MAX_EXPONENT);

/**
 * Digits with an optional point. There is one way only to take a text apart by it: with several, refusing a long text
 * would take the square of its length.
 */
export const DIGITS: string = String.raw`(?:\d+(?:\.\d*)?|\.\d+)`;

/** A number as text. */
export const NUMBER: RegExp = new RegExp(String.raw`^[+-]?${DIGITS}(?:[eE][+-]?\d+)?$`);

const DECIMAL = new RegExp(String.raw`^[+-]?${DIGITS}(?:[eE]([+-]?\d{1,6}))?$`);

const KEPT: MathContext = MC(MAX_DIGITS, RoundingMode.HALF_EVEN);

/** From so many zeros or places on, texts are put together here. */
const MANY_ZEROS = 30;

/**
 * Reads a decimal number: digits with an optional sign, point and exponent, white space around it ignored.
 *
 * @returns The number with the scale it is written with, or `undefined` for any other text: also for one of more than
 * 1,200 characters or with an exponent beyond 1,000, which no meter needs and an attacker would.
 *
 * @example
 * ```ts
 * import { formatDecimal, parseDecimal } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatDecimal(parseDecimal("2.50")!), "2.50");
 * assertEquals(parseDecimal("two"), undefined);
 * ```
 */
export function parseDecimal(text: string): Decimal | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_TEXT_LENGTH) return undefined;
  const match = DECIMAL.exec(trimmed);
  if (match === null || Math.abs(Number(match[1] ?? 0)) > MAX_EXPONENT) return undefined;
  return trimmed.length > MAX_DIGITS ? parseLong(trimmed) : Big(trimmed);
}

/** Reads digits all at once, which the library does one by one. */
function parseLong(text: string): Decimal {
  const [digits, exponent = 0] = text.toLowerCase().split("e") as [string, string?];
  const [whole, fraction = ""] = digits.split(".") as [string, string?];
  return Big(BigInt(whole + fraction), fraction.length - Number(exponent));
}

/** A decimal as text without an exponent and with all of its scale, such as `2.50`. */
export function formatDecimal(value: Decimal): string {
  const scale = value.scale();
  // The library adds zeros one by one.
  if (scale > -MANY_ZEROS && scale < MANY_ZEROS) return value.toPlainString();
  const unscaled = value.unscaledValue();
  const digits = String(unscaled < 0n ? -unscaled : unscaled);
  const sign = unscaled < 0n ? "-" : "";
  if (scale < 0) return unscaled === 0n ? "0" : sign + digits + "0".repeat(-scale);
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

/** The double nearest to a decimal. */
export function decimalToNumber(value: Decimal): number {
  return Number(value.toString());
}

/** An integer as a decimal, exactly. */
export function decimalFromInteger(value: number | bigint): Decimal {
  return Big(value);
}

/**
 * A double as a decimal with every binary digit of it: 0.1 has 55 decimals.
 *
 * @throws {RangeError} For NaN and the infinities.
 */
export function decimalFromNumber(value: number): Decimal {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a decimal number`);
  if (Number.isInteger(value)) return Big(BigInt(value));
  let exponent = 0;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    exponent++;
  }
  // n / 2^k = n * 5^k / 10^k
  return Big(BigInt(scaled) * 5n ** BigInt(exponent), exponent);
}

/** The whole part of a decimal, towards zero. */
export function truncateDecimal(value: Decimal): bigint {
  const unscaled = value.unscaledValue();
  const scale = value.scale();
  return scale > 0 ? unscaled / 10n ** BigInt(scale) : unscaled * 10n ** BigInt(-scale);
}

/** How {@linkcode roundDecimal} goes to an integer. */
export type DecimalRounding = "floor" | "ceiling" | "half-even";

/** The integer near a decimal, of scale 0. */
export function roundDecimal(value: Decimal, rounding: DecimalRounding): Decimal {
  const mode = rounding === "floor"
    ? RoundingMode.FLOOR
    : rounding === "ceiling"
    ? RoundingMode.CEILING
    : RoundingMode.HALF_EVEN;
  return value.setScale(0, mode);
}

/** The least that has more digits than a result keeps. */
const TOO_LONG = 10n ** BigInt(MAX_DIGITS);

function isLong(unscaled: bigint): boolean {
  return unscaled >= TOO_LONG || unscaled <= -TOO_LONG;
}

/**
 * Rounds to {@linkcode MAX_DIGITS}. The library counts digits by writing them, which takes the square of their number:
 * first all is left out but a few more than are kept, and one that tells a half from more.
 */
function rounded(value: Decimal, unscaled: bigint): Decimal {
  const bits = 4 * (unscaled.toString(16).length - 2);
  const drop = Math.floor(bits * Math.log10(2)) - MAX_DIGITS - 2;
  if (drop <= 1) return value.round(KEPT);
  const power = 10n ** BigInt(drop);
  const quotient = unscaled / power;
  const rest = quotient * power === unscaled ? 0n : unscaled < 0n ? -1n : 1n;
  return Big(10n * quotient + rest, value.scale() - drop + 1).round(KEPT);
}

/** Keeps a result within the digits and the scale that the next operation may be given. */
function bounded(value: Decimal): Decimal {
  const unscaled = value.unscaledValue();
  const kept = isLong(unscaled) ? rounded(value, unscaled) : value;
  if (Math.abs(kept.scale()) > MAX_SCALE) {
    throw new RangeError(
      `a decimal with an exponent of ${-kept.scale()}, at most ${MAX_SCALE} either way expected`,
    );
  }
  return kept;
}

/**
 * Whether two numbers of few digits are so far apart that they are not brought to one scale, which may take thousands of
 * digits: of the smaller one it only counts that there is something.
 */
function isFar(left: Decimal, right: Decimal): boolean {
  return Math.abs(left.scale() - right.scale()) > MAX_DIGITS && !isLong(left.unscaledValue()) &&
    !isLong(right.unscaledValue());
}

/** The sum. @throws {RangeError} When its exponent is out of bounds. */
export function addDecimals(left: Decimal, right: Decimal): Decimal {
  return bounded(isFar(left, right) ? left.add(right, KEPT) : left.add(right));
}

/** The difference. @throws {RangeError} When its exponent is out of bounds. */
export function subtractDecimals(left: Decimal, right: Decimal): Decimal {
  return bounded(isFar(left, right) ? left.subtract(right, KEPT) : left.subtract(right));
}

/** The product. @throws {RangeError} When its exponent is out of bounds. */
export function multiplyDecimals(left: Decimal, right: Decimal): Decimal {
  return bounded(left.multiply(right));
}

/**
 * The quotient: exact if it has an end within 100 digits, else rounded, half to even, to 28 digits or as many as the
 * dividend has.
 *
 * @throws {RangeError} When its exponent is out of bounds. The divisor must not be zero.
 */
export function divideDecimals(left: Decimal, right: Decimal): Decimal {
  const isExact = (quotient: Decimal) => quotient.multiply(right).compareTo(left) === 0;
  const digits = Math.max(QUOTIENT_DIGITS, Math.min(left.precision(), MAX_DIGITS));
  // The library takes zeros off an exact quotient one by one, so it is made no longer than it mostly must be.
  const quotient = left.divideWithMathContext(right, MC(digits, RoundingMode.HALF_EVEN));
  if (digits === MAX_DIGITS || (quotient.scale() >= left.scale() - right.scale() && isExact(quotient))) {
    return bounded(quotient);
  }
  const longer = left.divideWithMathContext(right, KEPT);
  return bounded(isExact(longer) ? longer : quotient);
}

/**
 * A whole power, by repeated squaring; a negative exponent divides.
 *
 * @throws {RangeError} When its exponent is out of bounds. Zero must not be raised to a negative exponent.
 */
export function raiseDecimal(base: Decimal, exponent: number): Decimal {
  let result: Decimal = Big(1);
  let square = base;
  for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = bounded(result.multiply(square));
    if (rest > 1) square = bounded(square.multiply(square));
  }
  return exponent < 0 ? divideDecimals(Big(1), result) : result;
}
