import { SttpError } from "../errors.ts";
import { MaxTicks, tryParseTicks } from "./ticks.ts";

/** Ticks of each unit. */
const UNITS: Readonly<Record<string, number>> = { s: 1e7, m: 6e8, h: 3.6e10, d: 8.64e11 };
/** No text is longer that means a time. */
const MAX_LENGTH = 64;

/**
 * Reads a time constraint (§11): UTC text such as `2024-03-01T12:30:00Z`, or a time relative to now: `*`, `*-20s`,
 * `*-5m`, `*-1.5h`, `*+1d`.
 *
 * @param text What came; space around it is ignored.
 * @param now The present time, in ticks.
 * @returns Ticks.
 * @throws {SttpError} `MalformedText` when it is neither.
 *
 * @example
 * ```ts
 * import { parseTicks, parseTimeConstraint } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const now = parseTicks("2024-03-01T12:00:00Z");
 * assertEquals(parseTimeConstraint("*-5m", now), parseTicks("2024-03-01T11:55:00Z"));
 * ```
 */
export function parseTimeConstraint(text: string, now: bigint): bigint {
  const ticks = relative(text, now) ?? tryParseTicks(text);
  if (ticks !== undefined) return ticks;
  throw new SttpError(
    "MalformedText",
    `"${text.slice(0, MAX_LENGTH)}" is no time: one such as 2024-03-01T12:30:00Z, or *-5m, expected`,
  );
}

function relative(text: string, now: bigint): bigint | undefined {
  const trimmed = text.length > MAX_LENGTH ? "" : text.trim();
  if (trimmed === "*") return now;
  const match = /^\*\s*([+-])\s*(\d{1,9}(?:\.\d{1,9})?)\s*([smhd])$/i.exec(trimmed);
  if (match === null) return undefined;
  const [, sign, amount, unit] = match;
  const offset = BigInt(Math.round(Number(amount) * UNITS[unit!.toLowerCase()]!));
  const ticks = sign === "-" ? now - offset : now + offset;
  return ticks < 0n ? 0n : ticks > MaxTicks ? MaxTicks : ticks;
}
