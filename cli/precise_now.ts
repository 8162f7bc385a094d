/**
 * The time, finer than a millisecond.
 *
 * @module
 */
import { UnixEpochTicks } from "../mod.ts";

/** The time in ticks, to the microsecond: by the machine's clock at the start of the process, and evenly from there. */
export function preciseNow(): bigint {
  return UnixEpochTicks + BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 10n;
}
