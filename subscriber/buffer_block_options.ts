import { checkKinds, inRange } from "../transport/option_checks.ts";
import type { BufferBlockLayout } from "../transport/wire/buffer_block.ts";

/** How a subscriber takes buffer blocks (§13). */
export interface BufferBlockOptions {
  /** `older` for publishers from 2021 to 2025; default `standard`. */
  readonly layout?: BufferBlockLayout;
  /**
   * Blocks that may wait, for the consumer or for one that is missing in front of them; more are left to the publisher
   * to send again. Default 1,024.
   */
  readonly maxBlocks?: number;
  /** Bytes of those; one block alone may be longer. Default 64 MiB. */
  readonly maxBytes?: number;
}

/** {@linkcode BufferBlockOptions} checked and complete. */
export type CheckedBufferBlockOptions = Required<BufferBlockOptions>;

/** Checks them. @throws {TypeError | RangeError} When a value is not of its kind or out of its range. */
export function checkBufferBlockOptions(options: BufferBlockOptions = {}): CheckedBufferBlockOptions {
  checkKinds(options, { layout: "string", maxBlocks: "number", maxBytes: "number" }, "bufferBlocks");
  const { layout = "standard" } = options;
  if (layout !== "standard" && layout !== "older") {
    throw new RangeError(`bufferBlocks.layout must be "standard" or "older", not "${layout}"`);
  }
  return {
    layout,
    maxBlocks: inRange(options.maxBlocks ?? 1024, "bufferBlocks.maxBlocks", 1, 65_536, true),
    maxBytes: inRange(options.maxBytes ?? 64 * 1024 ** 2, "bufferBlocks.maxBytes", 1024, 1024 ** 3, true),
  };
}
