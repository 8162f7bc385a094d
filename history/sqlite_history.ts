/**
 * History in a SQLite file.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Clock, systemClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds } from "../transport/option_checks.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { describeTicks, timeOf } from "../transport/wire/ticks.ts";
import { BlockReader, BlockWriter } from "./block.ts";
import { Numbering } from "./numbering.ts";
import { ReadingTurns } from "./reading_turns.ts";
import type { HistoryRange, HistoryRequest, HistorySource, HistoryStats } from "./source.ts";
import { keepWanted, secondAt, secondOf, sortByTime, timesOf, widened } from "./time_order.ts";
import { TimeWindow } from "./time_window.ts";

/** Settings of a {@linkcode SqliteHistory}. */
export interface SqliteHistoryOptions {
  /** Milliseconds after which a recorded measurement may be forgotten; default 7 days. */
  readonly maxAge?: number;
  /** Bytes of the file, of which the oldest recordings are given up for new ones; default 1 GiB, at least 1 MiB. */
  readonly maxBytes?: number;
  /** Milliseconds after which what was recorded is safe from a crash, 1 to 1,000; default 500. */
  readonly commitInterval?: number;
  /** Time and timers; default the machine's. */
  readonly clock?: Clock;
  /**
   * Told why, when recording begins to fail, for instance because the disk is full; and `null` when it works again.
   * Default nobody; `stats()` tells what was lost. What it throws is reported as an event listener's fault is: that ends
   * a program which has no listener for the global `error` event; in one that has, recording goes on.
   */
  readonly onProblem?: (problem: string | null) => void;
}

const kinds: Readonly<Record<keyof SqliteHistoryOptions, string>> = {
  maxAge: "number",
  maxBytes: "number",
  commitInterval: "number",
  clock: "object",
  onProblem: "function",
};

/** Of the file; another number is another layout. */
const LAYOUT = 1;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS signals (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY,
    second INTEGER NOT NULL, -- all its measurements lie in this one
    first INTEGER NOT NULL,  -- ticks
    last INTEGER NOT NULL,   -- ticks
    recorded INTEGER NOT NULL, -- milliseconds since 1970
    data BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS blocks_by_second ON blocks (second);
  CREATE INDEX IF NOT EXISTS blocks_by_recorded ON blocks (recorded);
  PRAGMA user_version = ${LAYOUT};
`;

/** So many measurements are not kept waiting for the next commit. */
const PENDING = 65_536;
/** How often the oldest is looked for, in milliseconds. */
const RETENTION_INTERVAL = 10_000;
/** How many measurements a batch of what is read has at most. */
const PIECE = 4096;
/** How many blocks are listed at a time. */
const PAGE = 256;
/** Before the id of every block. */
const BEFORE_ALL = -(2n ** 63n);

/** What somebody reads. */
interface Wanted {
  /** The handle for each number. */
  readonly handles: Int32Array;
  readonly start: bigint;
  readonly stop: bigint;
  /** What was found and is yet to be handed over. */
  readonly window: TimeWindow;
}

/** Does a piece of reading when it is time. */
type InTurn = <Piece>(read: () => Piece) => Promise<Piece>;

/** Which block, and from when to when it is, unless that is damaged. */
interface ListedBlock {
  readonly id: bigint;
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
}

/**
 * Records what a publisher publishes in a SQLite file, in compressed blocks, and reads it again. The file is safe
 * from a crash of the process at any moment: at most what was recorded in the last `commitInterval` is missing then.
 * It belongs to one process at a time.
 *
 * It needs the permissions to read and write the file.
 *
 * @example A publisher with history
 * ```ts
 * import { SqliteHistory } from "@sttp/sttp/history";
 * import { Publisher } from "@sttp/sttp/publisher";
 *
 * await using history = SqliteHistory.open(":memory:"); // or the path of a file
 * await using publisher = new Publisher({ port: 0, history });
 * await publisher.start();
 * ```
 */
export class SqliteHistory implements HistorySource, AsyncDisposable {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #maxAge: number;
  readonly #maxBytes: number;
  readonly #commitInterval: number;
  readonly #numbering = new Numbering();
  readonly #turns: ReadingTurns;
  /** What the next commit writes. */
  readonly #pending = new MeasurementBatch();
  #pendingRange: HistoryRange | undefined;
  /** What is read from the file goes through this. */
  readonly #read = new MeasurementBatch();
  readonly #writer = new BlockWriter();
  readonly #reader = new BlockReader();
  readonly #insertSignal: StatementSync;
  readonly #insertBlock: StatementSync;
  readonly #nextSecond: StatementSync;
  readonly #blocksOf: StatementSync;
  readonly #blockAt: StatementSync;
  readonly #range: StatementSync;
  readonly #countBlocks: StatementSync;
  /** From when to when the file has something; `undefined` until it has been asked, and when something was given up. */
  #saved: { readonly range: HistoryRange | undefined } | undefined;
  /** How many blocks there are; `undefined` until they have been counted. */
  #blocks: number | undefined;
  /** How many signals are in the file. */
  #signalsSaved: number;
  #pendingSince = 0;
  #cancelCommit: (() => void) | undefined;
  #retainedAt = -Infinity;
  #closed = false;
  /** Counts what came, for the turns of those who read. */
  #came = 0;
  #recorded = 0;
  #lost = 0;
  #damagedBlocks = 0;
  #problem: string | null = null;
  readonly #onProblem: (problem: string | null) => void;
  #isFailing = false;

  private constructor(database: DatabaseSync, options: Required<SqliteHistoryOptions>) {
    this.#database = database;
    this.#clock = options.clock;
    this.#maxAge = options.maxAge;
    this.#maxBytes = options.maxBytes;
    this.#commitInterval = options.commitInterval;
    this.#onProblem = options.onProblem;
    this.#turns = new ReadingTurns(this.#clock, () => this.#came);
    this.#insertSignal = database.prepare("INSERT INTO signals (number, id) VALUES (?, ?)");
    this.#insertBlock = database.prepare(
      "INSERT INTO blocks (second, first, last, recorded, data) VALUES (?, ?, ?, ?, ?)",
    );
    this.#nextSecond = database.prepare("SELECT min(second) AS second FROM blocks WHERE second > ?");
    this.#blocksOf = database.prepare(
      `SELECT id, first, last FROM blocks WHERE second = ? AND id > ? ORDER BY id LIMIT ${PAGE}`,
    );
    this.#blocksOf.setReadBigInts(true);
    this.#blockAt = database.prepare("SELECT data FROM blocks WHERE id = ?");
    this.#range = database.prepare(
      `SELECT (SELECT min(first) FROM blocks WHERE second = (SELECT min(second) FROM blocks)) AS first,
              (SELECT max(last) FROM blocks WHERE second = (SELECT max(second) FROM blocks)) AS last`,
    );
    this.#range.setReadBigInts(true);
    this.#countBlocks = database.prepare("SELECT count(*) AS count FROM blocks");
    for (const { id } of database.prepare("SELECT id FROM signals ORDER BY number").all()) {
      this.#numbering.table.add(id as string);
    }
    this.#signalsSaved = this.#numbering.table.size;
  }

  /**
   * Opens a file, or makes it.
   *
   * @param path Where it is; `:memory:` for none.
   * @throws {SttpError} `InvalidState` when it can't be opened: it is something else, or another process has it.
   * @throws {TypeError} When an option does not exist or is of a wrong type.
   * @throws {RangeError} When an option is out of its range.
   */
  static open(path: string, options: SqliteHistoryOptions = {}): SqliteHistory {
    checkKinds(options, kinds, "the history");
    const checked = {
      maxAge: inRange("maxAge", options.maxAge ?? 7 * 86_400_000, 1, Number.MAX_SAFE_INTEGER),
      maxBytes: inRange("maxBytes", options.maxBytes ?? 1024 ** 3, 1024 ** 2, Number.MAX_SAFE_INTEGER),
      commitInterval: inRange("commitInterval", options.commitInterval ?? 500, 1, 1000),
      clock: options.clock ?? systemClock,
      onProblem: options.onProblem ?? (() => {}),
    };
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path);
      // One process alone: two would give the same number to different signals.
      database.exec(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
      );
      const version = database.prepare("PRAGMA user_version").get()!.user_version;
      if (version !== 0 && version !== LAYOUT) {
        throw new Error(`its layout is number ${version}, not ${LAYOUT}`);
      }
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
      return new SqliteHistory(database, checked);
    } catch (error) {
      database?.close();
      throw new SttpError("InvalidState", `history can't be opened at ${path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** From when to when there is history. @throws {SttpError} `Closed`; `InvalidState` when the file is damaged. */
  range(): HistoryRange | undefined {
    this.#checkOpen();
    this.#saved ??= { range: this.#rangeOfFile() };
    return widened(this.#saved.range, this.#pendingRange);
  }

  #rangeOfFile(): HistoryRange | undefined {
    const { first, last } = this.#ask(() => this.#range.get()!);
    return typeof first === "bigint" && typeof last === "bigint" ? { first, last } : undefined;
  }

  /** Takes measurements; they are in the file within the `commitInterval`. Those that come after the end are lost. */
  record(batch: MeasurementBatch, signals: SignalTable): void {
    if (this.#closed) {
      this.#lose(batch.length, "the history is closed");
      return;
    }
    const now = this.#clock.monotonic();
    const before = this.#pending.length;
    if (before === 0) this.#pendingSince = now;
    this.#numbering.append(this.#pending, batch, signals);
    this.#pendingRange = widened(this.#pendingRange, timesOf(this.#pending, before));
    this.#came++;
    // A timer is late when there is much to do.
    if (this.#pending.length >= PENDING || now - this.#pendingSince >= this.#commitInterval) this.flush();
    else this.#cancelCommit ??= this.#clock.schedule(this.#commitInterval, () => this.flush());
  }

  /** Writes what was recorded to the file at once. What can't be written is lost, and counted. */
  flush(): void {
    this.#cancelCommit?.();
    this.#cancelCommit = undefined;
    if (this.#closed || this.#pending.length === 0) return;
    const count = this.#pending.length;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#saveSignals();
      const blocks = this.#saveBlocks();
      this.#database.exec("COMMIT");
      if (this.#blocks !== undefined) this.#blocks += blocks;
      if (this.#saved !== undefined) this.#saved = { range: widened(this.#saved.range, this.#pendingRange) };
      this.#signalsSaved = this.#numbering.table.size;
      this.#recorded += count;
      this.#tell(null);
    } catch (error) {
      try {
        this.#database.exec("ROLLBACK");
      } catch {
        // It had not begun.
      }
      this.#lose(count, messageOf(error));
    }
    this.#pending.clear();
    this.#pendingRange = undefined;
    this.#retain();
  }

  #lose(count: number, problem: string): void {
    this.#lost += count;
    this.#problem = problem;
    this.#tell(problem);
  }

  /** Tells once that recording fails, and once that it works again. */
  #tell(problem: string | null): void {
    if (this.#isFailing === (problem !== null)) return;
    this.#isFailing = problem !== null;
    // Later: what it does, and throws, is not to be in the way of who publishes.
    queueMicrotask(() => this.#onProblem(problem));
  }

  #saveSignals(): void {
    const { table } = this.#numbering;
    for (let number = this.#signalsSaved; number < table.size; number++) {
      this.#insertSignal.run(number, table.idOf(number));
    }
  }

  /** @returns How many there are. */
  #saveBlocks(): number {
    const batch = this.#pending;
    let blocks = 0;
    sortByTime(batch);
    const recorded = Math.round(this.#clock.now());
    for (let from = 0; from < batch.length;) {
      const second = secondAt(batch, from);
      let to = from + 1;
      while (to < batch.length && secondAt(batch, to) === second) to++;
      const { bytes, next } = this.#writer.write(batch, from, to);
      const first = timeOf(batch.ticks[from]!);
      const last = timeOf(batch.ticks[next - 1]!);
      this.#insertBlock.run(second, first, last, recorded, bytes);
      blocks++;
      from = next;
    }
    return blocks;
  }

  /** Gives up what is too old or too much. */
  #retain(): void {
    const now = this.#clock.monotonic();
    if (now - this.#retainedAt < RETENTION_INTERVAL) return;
    this.#retainedAt = now;
    try {
      const oldest = Math.round(this.#clock.now()) - this.#maxAge;
      this.#drop(this.#database.prepare("DELETE FROM blocks WHERE recorded < ?"), oldest);
      const first = this.#database.prepare("DELETE FROM blocks WHERE id = (SELECT min(id) FROM blocks)");
      while (this.#bytes() > this.#maxBytes && this.#drop(first) > 0);
    } catch (error) {
      this.#problem = messageOf(error);
    }
  }

  /** @returns How many blocks went. */
  #drop(deletion: StatementSync, ...parameters: number[]): number {
    const dropped = Number(deletion.run(...parameters).changes);
    if (this.#blocks !== undefined) this.#blocks -= dropped;
    if (dropped > 0) this.#saved = undefined;
    return dropped;
  }

  /** Bytes in use; the file is longer by what can be used again. */
  #bytes(): number {
    const pragma = (name: string): number => Number(this.#database.prepare(`PRAGMA ${name}`).get()![name]);
    return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
  }

  /**
   * Measurements of the past, those just recorded included; see {@linkcode HistorySource.read}.
   *
   * @throws {SttpError} `Aborted`; `Closed`, also when that happens meanwhile; `InvalidState` when the file is damaged
   * in such a way that nothing more can be read. Single blocks that are damaged are passed over, and counted.
   */
  async *read(request: HistoryRequest): AsyncIterable<MeasurementBatch> {
    const { signals, handles, start, stop, signal } = request;
    this.#checkOpen();
    const window = new TimeWindow(start, stop);
    const wanted = { handles: this.#numbering.wanted(signals, handles), start, stop, window };
    const lastSecond = secondOf(stop);
    using _reading = this.#turns.enter();
    const inTurn: InTurn = (read) =>
      this.#turns.run(() => {
        if (signal?.aborted) throw new SttpError("Aborted", "reading history was aborted");
        this.#checkOpen();
        return read();
      });
    for (let second = secondOf(start) - 1;;) {
      second = await inTurn(() => this.#secondAfter(second));
      if (second > lastSecond) return;
      window.open();
      do {
        for (let last: bigint | undefined = BEFORE_ALL; last !== undefined;) {
          last = await this.#gather(second, last, wanted, inTurn);
          for (let piece; (piece = await inTurn(() => window.take(PIECE))) !== undefined;) yield piece;
        }
      } while (window.next());
    }
  }

  /** The next second that there is something of; `Infinity` without any. */
  #secondAfter(second: number): number {
    const saved = this.#ask(() => this.#nextSecond.get(second)!.second);
    let next = Infinity;
    // In a damaged file it may be a text: that comes after all numbers, and is greater than each.
    if (typeof saved === "number" && saved > second) next = saved;
    else if (saved !== null) this.#damagedBlocks++;
    const pending = this.#pendingRange;
    if (pending === undefined || next <= secondOf(pending.first)) return next;
    for (let i = 0; i < this.#pending.length; i++) {
      const other = secondAt(this.#pending, i);
      if (other > second && other < next) next = other;
    }
    return next;
  }

  /**
   * Offers the window the blocks of a second behind that of the id `last`, and then what is not in the file yet.
   *
   * @returns The id of the last that was offered, if there may be more; that is so when the window is full.
   */
  async #gather(
    second: number,
    last: bigint,
    wanted: Wanted,
    inTurn: InTurn,
  ): Promise<bigint | undefined> {
    const { window } = wanted;
    for (;;) {
      const blocks = await inTurn(() => this.#blocksAfter(last, second, wanted));
      if (blocks.length === 0) return undefined;
      for (const block of blocks) {
        last = block.id;
        if (!window.overlaps(block.first, block.last)) continue;
        await inTurn(() => this.#readBlock(last, wanted));
        if (window.isFull) return last;
      }
    }
  }

  /** The next blocks of a second. Without any, the window gets what is not in the file yet: nothing comes between. */
  #blocksAfter(last: bigint, second: number, wanted: Wanted): ListedBlock[] {
    const blocks: ListedBlock[] = [];
    for (const { id, first, last: latest } of this.#ask(() => this.#blocksOf.all(second, last))) {
      // A damaged file may list them in another order, again and again.
      if (typeof id !== "bigint" || id <= last) {
        this.#damagedBlocks++;
        continue;
      }
      last = id;
      blocks.push({
        id,
        first: typeof first === "bigint" ? first : undefined,
        last: typeof latest === "bigint" ? latest : undefined,
      });
    }
    if (blocks.length > 0) return blocks;
    const read = this.#read;
    read.clear();
    this.#copyPending(second, read);
    keepOrdered(read, wanted);
    wanted.window.addLast(read);
    return [];
  }

  /** Offers the window a block; nothing of one that was given up meanwhile. */
  #readBlock(id: bigint, wanted: Wanted): void {
    if (wanted.window.addRest(id)) return;
    const block = this.#ask(() => this.#blockAt.get(id));
    if (block === undefined) return;
    const read = this.#read;
    read.clear();
    this.#decode(block.data, read);
    keepOrdered(read, wanted);
    wanted.window.add(id, read);
  }

  /** Appends what there is of a second that is not in the file yet. */
  #copyPending(second: number, into: MeasurementBatch): void {
    const pending = this.#pending;
    const range = this.#pendingRange;
    if (range === undefined || second < secondOf(range.first) || second > secondOf(range.last)) return;
    for (let from = 0; from < pending.length;) {
      const isWanted = secondAt(pending, from) === second;
      let to = from + 1;
      while (to < pending.length && (secondAt(pending, to) === second) === isWanted) to++;
      if (isWanted) into.append(pending, from, to);
      from = to;
    }
  }

  #decode(data: unknown, into: MeasurementBatch): void {
    try {
      if (!(data instanceof Uint8Array)) {
        throw new SttpError("MalformedPacket", "a block that is not of bytes");
      }
      this.#reader.read(data, into);
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      this.#damagedBlocks++;
    }
  }

  /** For operators; of a closed or damaged history only what was counted. */
  stats(): HistoryStats {
    const { range, blocks, bytes } = this.#look();
    return {
      first: range === undefined ? null : describeTicks(range.first),
      last: range === undefined ? null : describeTicks(range.last),
      recorded: this.#recorded,
      lost: this.#lost,
      blocks,
      bytes,
      damagedBlocks: this.#damagedBlocks,
      failing: this.#isFailing,
      problem: this.#problem,
    };
  }

  /** What the file says of itself, if it can. */
  #look(): { range: HistoryRange | undefined; blocks: number; bytes: number } {
    const nothing = { range: undefined, blocks: 0, bytes: 0 };
    if (this.#closed) return nothing;
    try {
      const range = this.range();
      return this.#ask(() => ({
        range,
        blocks: this.#blocks ??= Number(this.#countBlocks.get()!.count),
        bytes: this.#bytes(),
      }));
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      return nothing;
    }
  }

  /** Asks the file something. What it can't answer is a problem for operators, too. */
  #ask<Answer>(query: () => Answer): Answer {
    try {
      return query();
    } catch (cause) {
      this.#problem = messageOf(cause);
      throw new SttpError("InvalidState", `history can't be read: ${this.#problem}`, { cause });
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new SttpError("Closed", "the history is closed");
  }

  /** Writes what was recorded and closes the file. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.flush();
    this.#closed = true;
    this.#database.close();
    return Promise.resolve();
  }

  /** As {@linkcode SqliteHistory.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Keeps what is wanted of a batch, in order of time. */
function keepOrdered(batch: MeasurementBatch, { handles, start, stop }: Wanted): void {
  keepWanted(batch, 0, handles, start, stop);
  sortByTime(batch);
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new RangeError(`${name} is ${value}, a number from ${least} to ${most} expected`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
