/** The most that a uint64 holds, and one more. */
const END = 1n << 64n;

/** A measurement key, such as `PPA:12`, taken apart. */
export interface MeasurementKey {
  /** The part before the colon. */
  readonly source: string;
  /** The number after it, a uint64. */
  readonly id: bigint;
}

/** Takes a measurement key apart; `undefined` when a text is none. */
export function parseMeasurementKey(text: string): MeasurementKey | undefined {
  const key = text.trim();
  const colon = key.lastIndexOf(":");
  const digits = key.slice(colon + 1);
  if (colon <= 0 || !/^[0-9]{1,20}$/.test(digits)) return undefined;
  const id = BigInt(digits);
  return id < END ? { source: key.slice(0, colon), id } : undefined;
}
