/**
 * Arithmetic on exact numbers. An int32 is a number, an int64 a bigint, a decimal an object: a value tells its own type,
 * so that an integer result which does not fit can become the next wider type.
 *
 * @module
 */
import {
  addDecimals,
  type Decimal,
  decimalFromInteger,
  divideDecimals,
  multiplyDecimals,
  raiseDecimal,
  subtractDecimals,
  truncateDecimal,
} from "../decimal.ts";

/** An int32, int64 or decimal. */
export type ExactNumber = number | bigint | Decimal;

const MIN_INT64 = -(1n << 63n);
const MAX_INT64 = (1n << 63n) - 1n;

/** An integer as an int64, or as a decimal when it does not fit. */
export function widenInt64(value: bigint): bigint | Decimal {
  return value >= MIN_INT64 && value <= MAX_INT64 ? value : decimalFromInteger(value);
}

/** An integer below 2^53 as an int32, or as an int64 when it does not fit. */
function widenInt32(value: number): number | bigint {
  return value === (value | 0) ? value | 0 : BigInt(value);
}

/** An integer as the narrowest type that holds it. */
export function widenInteger(value: bigint): ExactNumber {
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn ? Number(value) : widenInt64(value);
}

/** An integer as this type, or `undefined` when it does not fit. */
export function fitInteger(value: bigint, type: "int32" | "int64"): number | bigint | undefined {
  if (type === "int64") return value >= MIN_INT64 && value <= MAX_INT64 ? value : undefined;
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn ? Number(value) : undefined;
}

function asDecimal(value: ExactNumber): Decimal {
  return typeof value === "object" ? value : decimalFromInteger(value);
}

/** The sum, in the wider of the two types or the next that holds it. */
export function addExact(left: ExactNumber, right: ExactNumber): ExactNumber {
  if (typeof left === "number" && typeof right === "number") return widenInt32(left + right);
  if (typeof left === "object" || typeof right === "object") {
    return addDecimals(asDecimal(left), asDecimal(right));
  }
  return widenInt64(BigInt(left) + BigInt(right));
}

/** The difference, as {@linkcode addExact}. */
export function subtractExact(left: ExactNumber, right: ExactNumber): ExactNumber {
  if (typeof left === "number" && typeof right === "number") return widenInt32(left - right);
  if (typeof left === "object" || typeof right === "object") {
    return subtractDecimals(asDecimal(left), asDecimal(right));
  }
  return widenInt64(BigInt(left) - BigInt(right));
}

/** The product, as {@linkcode addExact}. */
export function multiplyExact(left: ExactNumber, right: ExactNumber): ExactNumber {
  if (typeof left === "number" && typeof right === "number") {
    const product = left * right;
    return Math.abs(product) <= Number.MAX_SAFE_INTEGER ? widenInt32(product) : BigInt(left) * BigInt(right);
  }
  if (typeof left === "object" || typeof right === "object") {
    return multiplyDecimals(asDecimal(left), asDecimal(right));
  }
  return widenInt64(BigInt(left) * BigInt(right));
}

/** Whether a number is zero. */
export function isZero(value: ExactNumber): boolean {
  return typeof value === "object" ? value.signum() === 0 : !value;
}

/** The quotient, truncated for two integers; the divisor must not be zero. */
export function divideExact(left: ExactNumber, right: ExactNumber): ExactNumber {
  if (typeof left === "number" && typeof right === "number") return widenInt32(Math.trunc(left / right));
  if (typeof left === "object" || typeof right === "object") {
    return divideDecimals(asDecimal(left), asDecimal(right));
  }
  return widenInt64(BigInt(left) / BigInt(right));
}

/** What remains of dividing two integers, with the dividend's sign; the divisor must not be zero. */
export function remainderExact(left: number | bigint, right: number | bigint): number | bigint {
  if (typeof left === "number" && typeof right === "number") return (left % right) | 0;
  return BigInt(left) % BigInt(right);
}

/** The number with its sign turned. */
export function negateExact(value: ExactNumber): ExactNumber {
  if (typeof value === "number") return widenInt32(-value);
  return typeof value === "bigint" ? widenInt64(-value) : value.negate();
}

/** The number without its sign. */
export function absoluteExact(value: ExactNumber): ExactNumber {
  const negative = typeof value === "object" ? value.signum() < 0 : value < 0;
  return negative ? negateExact(value) : value;
}

/** Below zero, zero or above as the first number is smaller, equal or greater. */
export function compareExact(left: ExactNumber, right: ExactNumber): number {
  if (typeof left === "object" || typeof right === "object") {
    return asDecimal(left).compareTo(asDecimal(right));
  }
  return left < right ? -1 : left > right ? 1 : 0;
}

/** An int64 has no more digits than this. */
const MAX_INT64_DIGITS = 19;

/** The largest exponent of a whole power; beyond it only powers of 0 and 1 would have a result. */
const MAX_WHOLE_EXPONENT = 100_000;

/**
 * A power of two integers, truncated.
 *
 * @throws {RangeError} When the result is too large, or zero is raised to a negative exponent.
 */
export function raiseInteger(base: number | bigint, exponent: number | bigint): ExactNumber {
  const number = BigInt(base);
  const int64 = typeof base === "bigint" || typeof exponent === "bigint";
  const fit = (value: bigint): ExactNumber => int64 ? widenInt64(value) : widenInteger(value);
  if (number === 0n && exponent < 0) throw new RangeError("zero to a negative power");
  if (number === 0n || number === 1n) return fit(BigInt(exponent) === 0n ? 1n : number);
  if (number === -1n) return fit(BigInt(exponent) % 2n === 0n ? 1n : -1n);
  if (exponent < 0) return fit(0n);
  if (exponent > MAX_WHOLE_EXPONENT) throw new RangeError("a power beyond the range of decimal");
  // As a decimal, which refuses results that are far too big before they are made.
  const power = raiseDecimal(decimalFromInteger(number), Number(exponent));
  return power.precision() - power.scale() > MAX_INT64_DIGITS ? power : fit(truncateDecimal(power));
}
