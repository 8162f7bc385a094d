/**
 * The double-buffered signal index caches of a connection (§5): what a signal index stands for.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import type { CompactDecoder } from "../transport/wire/compact.ts";
import { GUID_LENGTH } from "../transport/wire/guid.ts";
import { IndexTable } from "../transport/wire/index_table.ts";
import type { SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { TsscDecoder } from "../transport/wire/tssc/mod.ts";
import type { ReceivedBaseTimes } from "./received_base_times.ts";

/** So many signals are a step: less than a millisecond. */
const STEP = 512;

/** Turns the signal indexes of one cache into the subscriber's stable signal handles. */
export class SignalMap {
  /** By index: a handle and one, 0 where there is none. Megabytes of 0 are there at once, of anything else they are not. */
  readonly #handles: Int32Array;
  /** Handles of the indexes beyond those, of which such a table would be empty for the most part. */
  readonly #far: IndexTable | undefined;
  /** How many signals there are. */
  readonly size: number;

  private constructor(handles: Int32Array, far: IndexTable | undefined, size: number) {
    this.#handles = handles;
    this.#far = far;
    this.size = size;
  }

  /**
   * Adds the cache's signals to the table of handles, in steps.
   *
   * @param maxSignals How many signals that table may have.
   * @throws {SttpError} `LimitExceeded`; then none is added, but for what fits where another connection of the table adds
   * signals at the same time.
   */
  static *of(
    cache: SignalIndexCache,
    signals: SignalTable,
    maxSignals: number,
  ): Generator<void, SignalMap, unknown> {
    const { indexes, guids, size } = cache;
    if (signals.size + size > maxSignals) {
      const added = yield* countNew(cache, signals);
      if (signals.size + added > maxSignals) {
        throw new SttpError(
          "LimitExceeded",
          `${added} new signals besides ${signals.size}, at most ${maxSignals} expected`,
        );
      }
    }
    let highest = -1;
    for (let i = 0; i < size; i++) highest = Math.max(highest, indexes[i]!);
    const handles = new Int32Array(Math.min(highest + 1, 8 * size + 1024));
    const far = highest < handles.length ? undefined : new IndexTable(size);
    for (let i = 0; i < size; i++) {
      const index = indexes[i]!;
      // Between two steps others may have taken the room that there was.
      if (signals.size >= maxSignals && signals.handleOfBytes(guids, i * GUID_LENGTH) === undefined) {
        throw new SttpError(
          "LimitExceeded",
          `more new signals besides ${signals.size}, which are the most expected`,
        );
      }
      const handle = signals.addBytes(guids, i * GUID_LENGTH);
      if (index < handles.length) handles[index] = handle + 1;
      else far?.set(index, handle);
      if (i % STEP === STEP - 1) yield;
    }
    return new SignalMap(handles, far, size);
  }

  /** The handle of a signal index; `undefined` when it is not in the cache. */
  handleOf(index: number): number | undefined {
    const handle = this.#find(index);
    return handle < 0 ? undefined : handle;
  }

  /** The handle of a signal index, -1 when it is not in the cache. */
  #find(index: number): number {
    // The comparison is unsigned, so it also holds off indexes beyond int32.
    return index >>> 0 < this.#handles.length ? this.#handles[index]! - 1 : this.#far?.get(index) ?? -1;
  }

  /**
   * Replaces the signal indexes of a batch by handles, from measurement `from` on, and takes out the measurements
   * whose index is not in the cache.
   *
   * @returns How many were taken out.
   */
  apply(batch: MeasurementBatch, from: number): number {
    const { signals, length } = batch;
    const handles = this.#handles;
    const end = handles.length;
    for (let i = from; i < length; i++) {
      const index = signals[i]!;
      const known = index >>> 0 < end ? handles[index]! : 0;
      if (known === 0) return this.#squeeze(batch, i);
      signals[i] = known - 1;
    }
    return 0;
  }

  /** Does what is left of `apply` once a measurement may have to go: then those behind it move up. */
  #squeeze(batch: MeasurementBatch, from: number): number {
    const { signals, ticks, valueBits, flags, length } = batch;
    let kept = from;
    for (let i = from; i < length; i++) {
      const handle = this.#find(signals[i]!);
      if (handle < 0) continue;
      signals[kept] = handle;
      ticks[kept] = ticks[i]!;
      valueBits[kept] = valueBits[i]!;
      flags[kept] = flags[i]!;
      kept++;
    }
    batch.length = kept;
    return length - kept;
  }
}

/** How many signals of a cache are not in the table of handles. */
function* countNew(
  { guids, size }: SignalIndexCache,
  signals: SignalTable,
): Generator<void, number, unknown> {
  let added = 0;
  for (let i = 0; i < size; i++) {
    if (signals.handleOfBytes(guids, i * GUID_LENGTH) === undefined) added++;
    if (i % STEP === STEP - 1) yield;
  }
  return added;
}

/** One of the two caches, with what its packets are read by. */
export interface CacheSlot {
  /** What its indexes stand for. */
  readonly map: SignalMap;
  /** For its compact packets: their format is that of the subscription that the cache came with. */
  readonly compact: CompactDecoder;
  /** What timestamps of its packets count from that come over UDP. */
  readonly baseTimes: ReceivedBaseTimes;
  /** Its TSSC stream, which outlives a new cache under the same index (§8). */
  readonly tssc: TsscDecoder;
}

/**
 * The caches by index, and the answer to "which one does this packet mean".
 *
 * A publisher marks packets of cache 1 with the CacheIndex flag. One peer never does (§15), although it switches
 * between the caches: there a packet means the newest cache that we confirmed, from the moment on at which the
 * publisher has read the confirmation. Its TSSC stream shows that moment by starting over at sequence 0. Compact
 * packets do not show it, so behind the confirmation goes a command that changes nothing: its answer does.
 */
export class CacheSlots {
  readonly #slots: [CacheSlot | undefined, CacheSlot | undefined] = [undefined, undefined];
  readonly #double: boolean;
  readonly #newTsscDecoder: () => TsscDecoder;
  #flagless = false;
  /** The slot that a packet without the flag means. */
  #plain: 0 | 1 = 0;
  /** The slot that it will mean once the publisher has switched; only where that can't be told by flags. */
  #next: 0 | 1 | undefined;
  #answered = false;

  /**
   * @param version The protocol version: above 1 there are two caches.
   * @param newTsscDecoder Makes a decoder with the limits in force.
   */
  constructor(version: number, newTsscDecoder: () => TsscDecoder) {
    this.#double = version > 1;
    this.#newTsscDecoder = newTsscDecoder;
  }

  /** The publisher is the kind that never sets the flag; that it is not shows as soon as it sets one. */
  expectNoFlags(): void {
    this.#flagless = this.#double;
  }

  /** Puts a cache in its place. */
  install(at: 0 | 1, map: SignalMap, compact: CompactDecoder, baseTimes: ReceivedBaseTimes): void {
    if (this.#flagless && this.plain === undefined) this.#plain = at;
    this.#slots[at] = { map, compact, baseTimes, tssc: this.#slots[at]?.tssc ?? this.#newTsscDecoder() };
    this.#answered = false;
    this.#next = this.#flagless && at !== this.#plain ? at : undefined;
  }

  /** Whether the publisher's answer to a command behind the confirmation is needed. */
  get undecided(): boolean {
    return this.#next !== undefined;
  }

  /** That answer came: the publisher has read the confirmation of the newest cache. */
  answered(): void {
    this.#answered = true;
  }

  /**
   * The cache that a packet means, or `undefined` when there is none.
   *
   * @param flagged Whether the packet has the CacheIndex flag.
   * @param tsscStart For a TSSC packet, whether it has sequence 0; `undefined` for a compact one.
   */
  choose(flagged: boolean, tsscStart: boolean | undefined): CacheSlot | undefined {
    if (flagged && this.#double) {
      this.#flagless = false;
      this.#plain = 0;
      this.#next = undefined;
      return this.#slots[1] ?? this.#slots[0];
    }
    if (this.#next !== undefined && (tsscStart ?? this.#answered)) {
      this.#plain = this.#next;
      this.#next = undefined;
    }
    return this.plain;
  }

  /** The cache that packets without the flag mean. */
  get plain(): CacheSlot | undefined {
    return this.#slots[this.#plain] ?? this.#slots[0] ?? this.#slots[1];
  }

  /** All there are. */
  all(): CacheSlot[] {
    return this.#slots.filter((slot) => slot !== undefined);
  }
}
