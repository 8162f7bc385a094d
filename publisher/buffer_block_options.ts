import { checkKinds, inRange } from "../transport/option_checks.ts";
import type { BufferBlockLayout } from "../transport/wire/buffer_block.ts";

/** How a publisher sends buffer blocks (§13). */
export interface PublisherBufferBlockOptions {
  /** `older` for subscribers from 2021 to 2025; default `standard`. */
  readonly layout?: BufferBlockLayout;
  /** Whether subscribers have to confirm; those that do not get lost blocks once more. Default true. */
  readonly confirmation?: boolean;
  /** Blocks that may wait for one subscriber's confirmation; more are dropped for it. Default 1,024. */
  readonly maxBlocks?: number;
  /** Bytes of those; default 16 MiB. */
  readonly maxBytes?: number;
}

/** {@linkcode PublisherBufferBlockOptions} checked and complete. */
export type CheckedBufferBlockOptions = Required<PublisherBufferBlockOptions>;

/** Checks them. @throws {TypeError | RangeError} When a value is not of its kind or out of its range. */
export function checkBufferBlockOptions(
  options: PublisherBufferBlockOptions = {},
): CheckedBufferBlockOptions {
  const kinds = { layout: "string", confirmation: "boolean", maxBlocks: "number", maxBytes: "number" };
  checkKinds(options, kinds, "bufferBlocks");
  const { layout = "standard", confirmation = true } = options;
  if (layout !== "standard" && layout !== "older") {
    throw new TypeError(`bufferBlocks.layout is "${layout}", "standard" or "older" expected`);
  }
  if (layout === "older" && !confirmation) {
    throw new TypeError("bufferBlocks.confirmation: in the older layout confirmations are always expected");
  }
  return {
    layout,
    confirmation,
    maxBlocks: inRange(options.maxBlocks ?? 1024, "bufferBlocks.maxBlocks", 1, 65_536, true),
    maxBytes: inRange(options.maxBytes ?? 16 * 1024 ** 2, "bufferBlocks.maxBytes", 1024, 1024 ** 3, true),
  };
}
