/**
 * Buffer blocks on their way to one subscriber (§13): numbered, sent, and sent again until they are confirmed.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { DefaultLimits } from "../transport/limits.ts";
import { BUFFER_BLOCK_HEAD_LENGTH, writeBufferBlockHead } from "../transport/wire/buffer_block.ts";
import { BufferBlockFlags, Command, Response } from "../transport/wire/codes.ts";
import { parseConnectionString } from "../transport/wire/connection_string.ts";
import { FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH, writeResponseHeader } from "../transport/wire/frame.ts";
import { gzip, isSuspicious } from "../transport/wire/gzip.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import type { CheckedBufferBlockOptions } from "./buffer_block_options.ts";
import type { PayloadCipher } from "./payload_cipher.ts";
import type { BufferBlockSnapshot } from "./snapshot.ts";

/** A payload for any number of subscribers, compressed once. */
export class BufferPayload {
  /** As the application gave it. */
  readonly plain: Uint8Array;
  #compressed: Uint8Array | undefined;

  /** @param plain Not to be changed any more. */
  constructor(plain: Uint8Array) {
    this.plain = plain;
  }

  /**
   * A copy of what an application gave.
   *
   * @throws {TypeError} When it is no array of bytes.
   * @throws {RangeError} When it is too long.
   */
  static copy(payload: Uint8Array): BufferPayload {
    if (!(payload instanceof Uint8Array)) {
      throw new TypeError("a buffer block's payload must be a Uint8Array");
    }
    const { bufferBlockLength: most } = DefaultLimits;
    if (payload.length > most) {
      throw new RangeError(`buffer block of ${payload.length} bytes, at most ${most} expected`);
    }
    return new BufferPayload(payload.slice());
  }

  /** Gzipped; the plain bytes themselves where that gains nothing, or so much that it would be taken for a bomb. */
  get compressed(): Uint8Array {
    if (this.#compressed === undefined) {
      const compressed = gzip(this.plain, 1);
      const { length } = this.plain;
      const isOfUse = compressed.length < length &&
        !isSuspicious(length, compressed.length, DefaultLimits.gzipRatio);
      this.#compressed = isOfUse ? compressed : this.plain;
    }
    return this.#compressed;
  }
}

/** Where a signal is in the subscriber's caches. */
export interface SignalPlace {
  /** Its index. */
  readonly signalIndex: number;
  /** The CacheIndex flag, or 0. */
  readonly cacheFlag: number;
}

/** What a {@linkcode BufferBlockSender} needs of its session. */
export interface BufferBlockTarget {
  /** For timers. */
  readonly clock: Clock;
  /** Layout and bounds. */
  readonly options: CheckedBufferBlockOptions;
  /** Milliseconds after which a block is sent again. */
  timeout(): number;
  /** Bytes that wait where blocks go, besides data that is not in datagrams. */
  waitingBytes(): number;
  /** What payloads are encrypted with, if they are. */
  cipher(): PayloadCipher | undefined;
  /** Whether payloads are to be compressed. */
  compresses(): boolean;
  /** Where a signal is by now; `undefined` when it is subscribed to no more. */
  placeOf(handle: number): SignalPlace | undefined;
  /** Sends a frame, in pieces. */
  send(frame: readonly Uint8Array[]): void;
}

interface Block {
  readonly sequence: number;
  /** -1 when it is withdrawn. */
  handle: number;
  payload: BufferPayload;
  place: SignalPlace;
  /** Counts transmissions of all blocks. */
  transmission: number;
  timesOutAt: number;
  /** Why it is to be sent again as soon as that can be: one that was sent later was confirmed first, or it timed out. */
  due: "hurry" | "timeout" | undefined;
  /** Whether it was hurried since it was last due for its time-out. */
  wasHurried: boolean;
}

/** What goes out in place of a block that is withdrawn: nothing, for a signal that no cache has. */
const NOTHING = new BufferPayload(new Uint8Array(0));
const NO_SIGNAL = 0xffffffff;

/** The range of the time-out that a subscriber asks for, in milliseconds. */
const LEAST_TIMEOUT = 100;
const MOST_TIMEOUT = 3_600_000;
/** While so many bytes wait, what is sent again would only wait behind itself. */
const BUSY = 65_536;
/**
 * How fast blocks are sent again, in bytes per millisecond, and for how many milliseconds at one go: whatever is
 * confirmed, or is not, that takes a small part of the publisher's time, and of the network's.
 */
const PACE = 8_192;
const SLICE = 8;
/** What sending a block costs besides its bytes, in bytes that take as long. */
const BLOCK_COST = 1_024;
/** Who confirms nothing is sent to ever more slowly, down to an eighth of the rate. */
const MOST_DOUBLINGS = 3;

/** Whether buffer blocks are compressed: when payload data is, unless the algorithms that are named say otherwise (§2). */
export function compressesBlocks({ compressPayloadData }: OperationalModes, algorithms: string): boolean {
  if (!compressPayloadData) return false;
  let named: string | undefined;
  try {
    named = parseConnectionString(algorithms).get("bufferblockpayloadcompressionalgorithms");
  } catch {
    // What can't be read names nothing, and is no reason to fail (§2).
  }
  return named === undefined || /\bgzip\b/i.test(named);
}

/** One session's buffer blocks. */
export class BufferBlockSender {
  readonly #target: BufferBlockTarget;
  /** Those that are not confirmed, by sequence, the oldest first. */
  readonly #blocks = new Map<number, Block>();
  #bytes = 0;
  #sequence = 0;
  #transmissions = 0;
  /** Time-outs in a row without a confirmation. */
  #silence = 0;
  /** When what was sent again will have taken its time. */
  #pacedUntil = 0;
  /** Whether there was no room for what is due. */
  #isHeldUp = false;
  #wakeAt = Infinity;
  #cancelTimer: (() => void) | undefined;
  #sent = 0;
  #confirmed = 0;
  #retransmitted = 0;
  #dropped = 0;

  /** See {@linkcode BufferBlockTarget}. */
  constructor(target: BufferBlockTarget) {
    this.#target = target;
  }

  /** Sends a block. @returns Whether there was room for it. */
  send(handle: number, place: SignalPlace, payload: BufferPayload): boolean {
    const { options: { maxBlocks, maxBytes, confirmation } } = this.#target;
    const { length } = payload.plain;
    const held = confirmation ? this.#bytes : this.#target.waitingBytes();
    // One alone may be longer than the limit.
    if (this.#blocks.size >= maxBlocks || (held > 0 && held + length > maxBytes)) {
      this.#dropped++;
      return false;
    }
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) >>> 0;
    this.#sent++;
    const block: Block = {
      sequence,
      handle,
      payload,
      place,
      transmission: 0,
      timesOutAt: 0,
      due: undefined,
      wasHurried: false,
    };
    if (confirmation) {
      this.#blocks.set(sequence, block);
      this.#bytes += length;
    }
    this.#transmit(block);
    if (confirmation) this.#wakeBy(block.timesOutAt);
    return true;
  }

  /**
   * The subscriber has a block. Those sent before it that it does not have are sent again, without waiting for their
   * time-out: once, for who confirms the latest first could have them all again with every confirmation.
   *
   * @returns False when it had it.
   */
  confirm(sequence: number): boolean {
    const confirmed = this.#blocks.get(sequence);
    if (confirmed === undefined) return false;
    this.#blocks.delete(sequence);
    this.#bytes -= confirmed.payload.plain.length;
    this.#confirmed++;
    this.#silence = 0;
    let isHurried = false;
    for (const block of this.#blocks.values()) {
      if (block.transmission > confirmed.transmission || block.due !== undefined || block.wasHurried) {
        continue;
      }
      block.due = "hurry";
      isHurried = true;
    }
    if (isHurried) this.#sendAgain();
    else if (this.#blocks.size === 0) this.#stopTimer();
    return true;
  }

  /** To be told when nothing waits to be written any more. */
  resume(): void {
    if (this.#isHeldUp) this.#sendAgain();
  }

  /** Sends again what is due, as far as there is room. */
  #sendAgain(): void {
    const { clock } = this.#target;
    const now = clock.monotonic();
    this.#expire(now);
    this.#isHeldUp = false;
    let wakeAt = Infinity;
    for (const block of this.#blocks.values()) {
      if (block.due !== undefined) {
        if (this.#pacedUntil - now >= SLICE) {
          wakeAt = Math.min(wakeAt, this.#pacedUntil);
        } else if (this.#target.waitingBytes() >= BUSY) {
          this.#isHeldUp = true;
          // There may never be a moment when nothing waits.
          wakeAt = Math.min(wakeAt, now + this.#timeout);
        } else {
          this.#retransmit(block, now);
        }
      }
      if (block.due === undefined) wakeAt = Math.min(wakeAt, block.timesOutAt);
    }
    this.#stopTimer();
    this.#wakeBy(wakeAt);
  }

  /** Finds out what has timed out. */
  #expire(now: number): void {
    let isSilent = false;
    for (const block of this.#blocks.values()) {
      if (block.timesOutAt > now || block.due === "timeout") continue;
      block.due = "timeout";
      isSilent = true;
    }
    if (isSilent) this.#silence++;
  }

  #retransmit(block: Block, now: number): void {
    this.#retransmitted++;
    block.wasHurried = block.due === "hurry";
    const place = this.#target.placeOf(block.handle);
    if (place === undefined) this.#withdraw(block);
    else block.place = place;
    this.#pacedUntil = Math.max(this.#pacedUntil, now) + (BLOCK_COST + block.payload.plain.length) / PACE;
    this.#transmit(block);
  }

  /**
   * The subscriber has its signal no more: its index may be another's by now, or it may not be seen. The sequence still
   * has to be filled.
   */
  #withdraw(block: Block): void {
    if (block.handle < 0) return;
    this.#dropped++;
    this.#bytes -= block.payload.plain.length;
    block.handle = -1;
    block.payload = NOTHING;
    block.place = { ...block.place, signalIndex: NO_SIGNAL };
  }

  #transmit(block: Block): void {
    block.transmission = ++this.#transmissions;
    block.due = undefined;
    block.timesOutAt = this.#target.clock.monotonic() +
      this.#timeout * 2 ** Math.min(this.#silence, MOST_DOUBLINGS);
    this.#target.send(this.#frameOf(block));
  }

  #frameOf({ sequence, payload, place: { signalIndex, cacheFlag } }: Block): Uint8Array[] {
    const { options: { layout, confirmation } } = this.#target;
    const cipher = this.#target.cipher();
    const bytes = this.#target.compresses() && layout === "standard" ? payload.compressed : payload.plain;
    const flags = cacheFlag | (confirmation ? BufferBlockFlags.ConfirmationRequired : 0) |
      (bytes === payload.plain ? 0 : BufferBlockFlags.Compressed) | (cipher?.flag ?? 0);
    const headEnd = FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH + BUFFER_BLOCK_HEAD_LENGTH;
    if (cipher === undefined) {
      const head = new Uint8Array(headEnd + 4);
      writeHead(head, BUFFER_BLOCK_HEAD_LENGTH + 4 + bytes.length, sequence, flags, layout);
      new DataView(head.buffer).setUint32(headEnd, signalIndex);
      return [head, bytes];
    }
    const content = new Uint8Array(4 + bytes.length);
    new DataView(content.buffer).setUint32(0, signalIndex);
    content.set(bytes, 4);
    const frame = cipher.encrypt(content, headEnd);
    writeHead(frame, frame.length - headEnd + BUFFER_BLOCK_HEAD_LENGTH, sequence, flags, layout);
    return [frame];
  }

  get #timeout(): number {
    return Math.min(Math.max(this.#target.timeout(), LEAST_TIMEOUT), MOST_TIMEOUT);
  }

  /** Sends again at this time at the latest. */
  #wakeBy(time: number): void {
    if (time >= this.#wakeAt) return;
    const { clock } = this.#target;
    this.#stopTimer();
    this.#wakeAt = time;
    this.#cancelTimer = clock.schedule(Math.max(time - clock.monotonic(), 0), () => {
      this.#stopTimer();
      this.#sendAgain();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#wakeAt = Infinity;
  }

  /** The subscription is over, and with it what is not confirmed, but for the sequences. */
  withdraw(): void {
    for (const block of this.#blocks.values()) this.#withdraw(block);
  }

  /** The connection is over: forgets what is not confirmed, and ends timers. */
  close(): void {
    this.withdraw();
    this.#blocks.clear();
    this.#isHeldUp = false;
    this.#stopTimer();
  }

  /** What operators see. */
  snapshot(): BufferBlockSnapshot {
    return {
      sent: this.#sent,
      confirmed: this.#confirmed,
      retransmitted: this.#retransmitted,
      dropped: this.#dropped,
      waiting: this.#blocks.size,
      waitingBytes: this.#bytes,
    };
  }
}

function writeHead(
  out: Uint8Array,
  bodyLength: number,
  sequence: number,
  flags: number,
  layout: CheckedBufferBlockOptions["layout"],
): void {
  const offset = writeResponseHeader(Response.BufferBlock, Command.Subscribe, bodyLength, out, 0);
  writeBufferBlockHead(sequence, flags, layout, out, offset);
}
