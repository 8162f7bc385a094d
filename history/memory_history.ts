import { type Clock, systemClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { describeTicks, timeOf } from "../transport/wire/ticks.ts";
import { MemoryBlock } from "./memory_block.ts";
import { Numbering } from "./numbering.ts";
import { ReadingTurns } from "./reading_turns.ts";
import type { HistoryRange, HistoryRequest, HistorySource, HistoryStats } from "./source.ts";
import { compareTimes, forWanted, widened } from "./time_order.ts";

/** Settings of a {@linkcode MemoryHistory}. */
export interface MemoryHistoryOptions {
  /** How many measurements are kept, the newest that were recorded, at 24 bytes each; default 1,048,576. */
  readonly capacity?: number;
  /** By which readers share time; default the machine's. */
  readonly clock?: Clock;
}

/** How many measurements a block has, of which the oldest is given up for what is new. */
const BLOCK_SIZE = 4096;
/** How many measurements are read at a time. */
const PIECE = 4096;

/** What somebody reads, and how far it is: past what is earlier, and what is as early and was not recorded later. */
interface Reader {
  /** The handle for each number. */
  readonly wanted: Int32Array;
  /** The position behind all that is read. */
  readonly end: number;
  /** The last time that is wanted, in ticks. */
  readonly stop: bigint;
  /** The numbers of the blocks that have something of it, maybe, by their earliest times. */
  readonly blocks: number[];
  /** Which of those is the first that may have something that is yet to be read. */
  from: number;
  /** Of what was read last. */
  time: bigint;
  /** Of what was read last, among all that was ever recorded. */
  position: number;
}

/**
 * A history in memory of what was recorded last: for tests, and for publishers that only help their subscribers over
 * short gaps.
 *
 * A reader holds a few thousand measurements at a time, whatever the capacity. One that is so slow that recordings take
 * the place of what it has yet to read goes on with what is there.
 *
 * @example
 * ```ts
 * import { MemoryHistory } from "@sttp/sttp/history";
 * import { MeasurementBatch, SignalTable } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const signals = new SignalTable();
 * const batch = new MeasurementBatch();
 * batch.add(signals.add("9ae6dd95-bddb-5dd8-8717-57da1268b9ca"), 638_500_000_000_000_000n, 59.98);
 *
 * const history = new MemoryHistory();
 * history.record(batch, signals);
 * assertEquals(history.range()?.last, 638_500_000_000_000_000n);
 * ```
 */
export class MemoryHistory implements HistorySource {
  readonly #capacity: number;
  readonly #blockSize: number;
  readonly #numbering = new Numbering();
  readonly #turns: ReadingTurns;
  /** What was recorded last, with the history's numbers for signals. */
  readonly #incoming = new MeasurementBatch();
  /** All full but the last. */
  readonly #blocks: MemoryBlock[] = [];
  /** How many were given up before those. */
  #dropped = 0;
  #recorded = 0;

  /**
   * An empty one.
   *
   * @throws {RangeError} When the capacity is not a positive whole number.
   */
  constructor({ capacity = 1_048_576, clock = systemClock }: MemoryHistoryOptions = {}) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`capacity is ${capacity}, a positive whole number of measurements expected`);
    }
    this.#capacity = capacity;
    // Of a small capacity a quarter is given up at a time.
    this.#blockSize = Math.max(1, Math.min(BLOCK_SIZE, Math.floor(capacity / 4)));
    this.#turns = new ReadingTurns(clock, () => this.#recorded);
  }

  /** From when to when there is history. */
  range(): HistoryRange | undefined {
    let range: HistoryRange | undefined;
    for (const block of this.#blocks) range = widened(range, block.range);
    return range;
  }

  /** Takes measurements in the place of the oldest. */
  record(batch: MeasurementBatch, signals: SignalTable): void {
    const incoming = this.#incoming;
    incoming.clear();
    this.#numbering.append(incoming, batch, signals);
    for (let from = 0; from < incoming.length;) {
      const block = this.#open();
      const to = Math.min(incoming.length, from + block.room);
      block.append(incoming, from, to);
      this.#recorded += to - from;
      from = to;
    }
  }

  /** A block that has room, although that may take the place of the oldest. */
  #open(): MemoryBlock {
    const blocks = this.#blocks;
    let block = blocks.at(-1);
    if (block !== undefined && block.room > 0) return block;
    if ((blocks.length + 1) * this.#blockSize > this.#capacity) {
      this.#dropped++;
      block = blocks.shift()!;
      block.clear();
    } else {
      block = new MemoryBlock(this.#blockSize);
    }
    blocks.push(block);
    return block;
  }

  /**
   * Measurements of the past, of those recorded so far; see {@linkcode HistorySource.read}. What is given up for newer
   * ones while they are read is left out.
   *
   * @throws {SttpError} `Aborted`.
   */
  async *read({ signals, handles, start, stop, signal }: HistoryRequest): AsyncIterable<MeasurementBatch> {
    const wanted = this.#numbering.wanted(signals, handles);
    const end = this.#recorded;
    using _reading = this.#turns.enter();
    const blocks = await this.#turns.run(() => this.#blocksFor(start, stop, end));
    const reader: Reader = { wanted, end, stop, blocks, from: 0, time: start, position: -1 };
    for (;;) {
      const batch = await this.#next(reader, signal);
      if (batch === undefined) return;
      if (batch.length > 0) yield batch;
    }
  }

  /** The earliest of what a reader has yet to read, some thousands; maybe none, when they were given up meanwhile. */
  async #next(reader: Reader, signal: AbortSignal | undefined): Promise<MeasurementBatch | undefined> {
    /** Positions among all that was ever recorded. */
    let found: number[] = [];
    /** What is later is not among the earliest. */
    let horizon: bigint | undefined;
    let at = reader.from;
    for (; at < reader.blocks.length; at++) {
      const number = reader.blocks[at]!;
      const isOver = await this.#turns.run(() => {
        if (signal?.aborted) throw new SttpError("Aborted", "reading history was aborted");
        const block = this.#blocks[number - this.#dropped];
        if (block === undefined || number < this.#dropped) return false;
        if (horizon !== undefined && block.range.first > horizon) return true;
        this.#search(number, block, reader, horizon ?? reader.stop, found);
        if (found.length < (horizon === undefined ? 1 : 2) * PIECE) return false;
        found = this.#earliest(found);
        if (found.length === PIECE) horizon = this.#timeAt(found[PIECE - 1]!);
        return false;
      });
      if (isOver) break;
    }
    if (found.length === 0) return undefined;
    return await this.#turns.run(() => {
      const batch = this.#take(this.#earliest(found), reader);
      this.#passOver(reader, at);
      return batch;
    });
  }

  /** The numbers of the blocks that have something of these times, maybe, by their earliest times. */
  #blocksFor(start: bigint, stop: bigint, end: number): number[] {
    return this.#blocks
      .map(({ range: { first, last } }, i) => ({ first, last, number: this.#dropped + i }))
      .filter(({ first, last, number }) => last >= start && first <= stop && number * this.#blockSize < end)
      .sort((a, b) => a.first < b.first ? -1 : a.first > b.first ? 1 : a.number - b.number)
      .map(({ number }) => number);
  }

  /** A reader need not look again at those of its blocks before `end` that have nothing more for it. */
  #passOver(reader: Reader, end: number): void {
    const { blocks, time } = reader;
    let from = end;
    for (let at = end - 1; at >= reader.from; at--) {
      const number = blocks[at]!;
      // The others move up, so that the next piece looks at these and no more.
      if (number >= this.#dropped && this.#blocks[number - this.#dropped]!.range.last >= time) {
        blocks[--from] = number;
      }
    }
    reader.from = from;
  }

  /** Finds what a block has for a reader, up to a time. */
  #search(number: number, { batch }: MemoryBlock, reader: Reader, until: bigint, found: number[]): void {
    const { wanted, time, position, end } = reader;
    const base = number * this.#blockSize;
    const length = Math.min(batch.length, end - base);
    forWanted(batch, 0, length, wanted, time, until, (i) => {
      if (base + i > position || timeOf(batch.ticks[i]!) !== time) found.push(base + i);
    });
  }

  /** The earliest of these positions, in order of time; without those that were given up. */
  #earliest(positions: number[]): number[] {
    const kept = this.#dropped * this.#blockSize;
    const left = positions.filter((position) => position >= kept);
    return left.sort((a, b) => this.#compare(a, b)).slice(0, PIECE);
  }

  #compare(a: number, b: number): number {
    const words = this.#blockOf(a).tickWords;
    const others = this.#blockOf(b).tickWords;
    return compareTimes(words, a % this.#blockSize, b % this.#blockSize, others) || a - b;
  }

  #blockOf(position: number): MeasurementBatch {
    return this.#blocks[Math.floor(position / this.#blockSize) - this.#dropped]!.batch;
  }

  #timeAt(position: number): bigint {
    return timeOf(this.#blockOf(position).ticks[position % this.#blockSize]!);
  }

  /** A copy of these, after which the reader goes on. */
  #take(positions: number[], reader: Reader): MeasurementBatch {
    const copy = new MeasurementBatch(positions.length);
    for (const position of positions) {
      const from = this.#blockOf(position);
      const i = position % this.#blockSize;
      const to = copy.length++;
      copy.signals[to] = reader.wanted[from.signals[i]!]!;
      copy.ticks[to] = from.ticks[i]!;
      copy.valueBits[to] = from.valueBits[i]!;
      copy.flags[to] = from.flags[i]!;
    }
    const last = positions.at(-1);
    if (last !== undefined) {
      reader.time = this.#timeAt(last);
      reader.position = last;
    }
    return copy;
  }

  /** For operators. */
  stats(): HistoryStats {
    const range = this.range();
    return {
      first: range === undefined ? null : describeTicks(range.first),
      last: range === undefined ? null : describeTicks(range.last),
      recorded: this.#recorded,
      lost: 0,
      blocks: 0,
      bytes: 24 * (this.#recorded - this.#dropped * this.#blockSize),
      damagedBlocks: 0,
      failing: false,
      problem: null,
    };
  }

  /** Does nothing: what there is stays readable. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
