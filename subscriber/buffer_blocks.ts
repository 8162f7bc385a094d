/**
 * The subscriber's end of buffer blocks (§13): put in order, each once, and handed over.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { longestDelay } from "../transport/option_checks.ts";
import {
  type BufferBlockHead,
  decodeBufferBlockContent,
  decodeBufferBlockHead,
} from "../transport/wire/buffer_block.ts";
import { BufferBlockFlags } from "../transport/wire/codes.ts";
import { gunzipSteps } from "../transport/wire/gzip.ts";
import type { BufferBlock, BufferBlockInbox } from "./buffer_block_inbox.ts";
import type { CheckedBufferBlockOptions } from "./buffer_block_options.ts";
import type { CheckedLimits } from "./options.ts";
import type { PacketReader } from "./packets.ts";
import type { Counters, DropReason } from "./stats.ts";

/** What a {@linkcode BufferBlockReceiver} needs from its session. */
export interface BufferBlockReceiverOptions {
  /** For the time that missing blocks are given. */
  readonly clock: Clock;
  /** Layout and bounds. */
  readonly options: CheckedBufferBlockOptions;
  /** `bufferBlockLength` and `gzipRatio` are applied. */
  readonly limits: CheckedLimits;
  /** Knows the signals, and the keys. */
  readonly packets: PacketReader;
  /** Where blocks go. */
  readonly inbox: BufferBlockInbox;
  /** The signal ID of a handle. */
  readonly idOf: (handle: number) => string;
  /** What is counted. */
  readonly counters: Counters;
  /** Counts and reports what is dropped. */
  readonly drop: (reason: DropReason, message: string, count?: number) => void;
  /** Confirms a block. */
  readonly confirm: (sequence: number) => void;
  /** Milliseconds after which the publisher sends again what is not confirmed. */
  readonly timeout: () => number;
}

/** So many bytes are copied at a time. */
const PIECE = 262_144;
/** How many time-outs a missing block is given: four tries of a publisher that waits twice as long each time. */
const PATIENCE = 16;

/** One connection's buffer blocks. A block that can't be taken is not confirmed, so that the publisher sends it again. */
export class BufferBlockReceiver {
  readonly #options: BufferBlockReceiverOptions;
  #expected: number;
  /** Blocks that came early, by sequence; `undefined` for one that can't be used. */
  readonly #held = new Map<number, BufferBlock | undefined>();
  #cancelTimer: (() => void) | undefined;
  #isReading = false;

  /** @param first The sequence of the first block, which publishers count from 0. */
  constructor(options: BufferBlockReceiverOptions, first: number = 0) {
    this.#options = options;
    this.#expected = first;
  }

  /** Takes the body of a BufferBlock, in steps. */
  *receive(body: Uint8Array): Generator<void, void, unknown> {
    const { counters, drop } = this.#options;
    let head: BufferBlockHead;
    try {
      head = decodeBufferBlockHead(body, this.#options.options.layout);
    } catch (error) {
      return drop("malformedResponse", `BufferBlock: ${(error as Error).message}`);
    }
    counters.bufferBlocks++;
    // A datagram does not wait until another one has been read.
    if (this.#isReading) return drop("refusedBufferBlock", "the one before takes long to decompress");
    this.#isReading = true;
    yield* this.#take(head);
    this.#isReading = false;
  }

  *#take(head: BufferBlockHead): Generator<void, void, unknown> {
    const { options: { maxBlocks }, inbox, drop, confirm } = this.#options;
    const { sequence, flags } = head;
    const mustConfirm = (flags & BufferBlockFlags.ConfirmationRequired) !== 0;
    const ahead = (sequence - this.#expected) | 0;
    if (ahead < 0 || this.#held.has(sequence)) {
      if (mustConfirm) confirm(sequence);
      return drop("repeatedBufferBlock", `buffer block ${sequence} came before`);
    }
    if (ahead >= maxBlocks) {
      return drop("refusedBufferBlock", `buffer block ${sequence} came, ${this.#expected} expected`);
    }
    const content = yield* this.#decrypt(head);
    if (content === undefined) {
      return drop("undecipherable", "a buffer block is encrypted with no key that the publisher has sent");
    }
    const block = yield* this.#decode(content, flags);
    const length = block?.payload.length ?? 0;
    // What is missing must get in, however much waits for it.
    if (!inbox.makeRoom(length, ahead === 0)) {
      return drop("refusedBufferBlock", "the consumer of buffer blocks is too slow");
    }
    if (mustConfirm) confirm(sequence);
    if (ahead > 0) {
      this.#held.set(sequence, block);
      inbox.hold(length);
      this.#startTimer();
    } else {
      this.#advance(block);
      this.#release();
    }
  }

  *#decrypt({ flags, rest }: BufferBlockHead): Generator<void, Uint8Array | undefined, unknown> {
    const { packets } = this.#options;
    const { decryption } = packets;
    if (decryption === undefined) return rest;
    const hasIndex = (content: Uint8Array): boolean => content.length >= 4;
    const hasKnownIndex = (content: Uint8Array): boolean =>
      hasIndex(content) &&
      packets.signalOf(
          decodeBufferBlockContent(content).signalIndex,
          (flags & BufferBlockFlags.CacheIndex) !== 0,
        ) !==
        undefined;
    const isOdd = (flags & BufferBlockFlags.CipherIndex) !== 0;
    // The older layout does not tell which key it is.
    const keys = this.#options.options.layout === "standard" ? [isOdd] : [isOdd, !isOdd];
    // One wrong key in 256 gives something; hardly any gives a signal that there is.
    for (const isPlausible of [hasKnownIndex, hasIndex]) {
      for (const key of keys) {
        const content = yield* decryption.decryptSteps(rest, key, isPlausible);
        if (content !== undefined) return content;
      }
    }
    return undefined;
  }

  /** @returns `undefined` for a block that can't be used; it would not be better if it came again. */
  *#decode(content: Uint8Array, flags: number): Generator<void, BufferBlock | undefined, unknown> {
    const { packets, limits: { bufferBlockLength: maxLength, gzipRatio: maxRatio }, idOf, drop } =
      this.#options;
    try {
      const { signalIndex, payload } = decodeBufferBlockContent(content);
      const signal = packets.signalOf(signalIndex, (flags & BufferBlockFlags.CacheIndex) !== 0);
      if (signal === undefined) {
        drop("unknownSignal", "the signal index of a buffer block is not in the signal index cache");
        return undefined;
      }
      if (payload.length > maxLength) {
        throw new SttpError("LimitExceeded", `${payload.length} bytes, at most ${maxLength} expected`);
      }
      const isCompressed = (flags & BufferBlockFlags.Compressed) !== 0;
      const bytes = yield* isCompressed ? gunzipSteps(payload, { maxLength, maxRatio }) : copySteps(payload);
      return { signal, signalId: idOf(signal), payload: bytes };
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      drop("malformedBufferBlock", error.message);
      return undefined;
    }
  }

  #advance(block: BufferBlock | undefined): void {
    this.#expected = (this.#expected + 1) >>> 0;
    if (block !== undefined) this.#options.inbox.push(block);
  }

  /** Hands over what was held back and is held back no longer. */
  #release(): void {
    while (this.#held.has(this.#expected)) {
      const block = this.#held.get(this.#expected);
      this.#held.delete(this.#expected);
      this.#options.inbox.unhold(block?.payload.length ?? 0);
      this.#advance(block);
    }
    if (this.#held.size === 0) this.#stopTimer();
  }

  #startTimer(): void {
    if (this.#cancelTimer !== undefined) return;
    const { clock, timeout, inbox } = this.#options;
    const missing = this.#expected;
    this.#cancelTimer = clock.schedule(Math.min(PATIENCE * timeout(), longestDelay), () => {
      this.#cancelTimer = undefined;
      // While there is no room, it is not the publisher who is late; and what is being read may be what is missing.
      if (missing === this.#expected && inbox.hasRoom && !this.#isReading) this.#skip();
      if (this.#held.size > 0) this.#startTimer();
    });
  }

  /** Gives up what is missing in front of the first block that is held. */
  #skip(): void {
    let nearest = Infinity;
    for (const sequence of this.#held.keys()) {
      nearest = Math.min(nearest, (sequence - this.#expected) >>> 0);
    }
    this.#expected = (this.#expected + nearest) >>> 0;
    this.#options.drop("lostBufferBlock", "buffer blocks did not come in time", nearest);
    this.#release();
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** The connection has ended: what was held back will not be complete. */
  close(): void {
    this.#stopTimer();
    for (const block of this.#held.values()) this.#options.inbox.unhold(block?.payload.length ?? 0);
    if (this.#held.size > 0) {
      this.#options.drop(
        "lostBufferBlock",
        "the connection ended before a missing block came",
        this.#held.size,
      );
    }
    this.#held.clear();
  }
}

/** A copy, in steps. */
function* copySteps(bytes: Uint8Array): Generator<void, Uint8Array<ArrayBuffer>, unknown> {
  const copy = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (at > 0) yield;
    copy.set(bytes.subarray(at, at + PIECE), at);
  }
  return copy;
}
