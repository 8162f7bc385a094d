import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";

/** What is wanted of a {@linkcode HistorySource}. */
export interface HistoryRequest {
  /** What handles mean, in the request as in the answer. */
  readonly signals: SignalTable;
  /** Handles of the signals wanted. */
  readonly handles: Int32Array;
  /** The first time wanted, in ticks. */
  readonly start: bigint;
  /** The last time wanted, in ticks. */
  readonly stop: bigint;
  /** The subscription's `timeConstraintParameters` (§11), for sources that know what to do with them; mostly empty. */
  readonly parameters: string;
  /** Ends the reading early. */
  readonly signal?: AbortSignal;
}

/** The times that there is history of, in ticks. */
export interface HistoryRange {
  /** The earliest measurement's. */
  readonly first: bigint;
  /** The latest measurement's. */
  readonly last: bigint;
}

/** What a history holds and what became of what it was given: a plain object that turns into JSON. */
export interface HistoryStats {
  /** The earliest measurement's time, ISO 8601; after the year 9999 its number of ticks; `null` when there is none. */
  readonly first: string | null;
  /** The latest measurement's time, likewise. */
  readonly last: string | null;
  /** Measurements recorded since it was opened; in a file, once they are committed. */
  readonly recorded: number;
  /** Measurements that it was given and could not record. */
  readonly lost: number;
  /** Blocks kept; 0 where there are none. */
  readonly blocks: number;
  /** Bytes kept. */
  readonly bytes: number;
  /** Blocks that could not be read and were passed over. */
  readonly damagedBlocks: number;
  /** Whether recording fails at present: what it was given last could not be recorded. */
  readonly failing: boolean;
  /** Why recording failed last; `null` when it did not. */
  readonly problem: string | null;
}

/**
 * Where a publisher gets measurements of the past from, for temporal subscriptions (§11). There is one in memory
 * and one in a SQLite file (`@sttp/sttp/history`); an application may bring its own archive.
 */
export interface HistorySource {
  /** From when to when there is history; `undefined` when there is none. */
  range(): HistoryRange | undefined;
  /**
   * Measurements of the past, in order of their times; of equal times, in the order in which they were recorded. Each
   * batch is lent until the next one is asked for. Reading must give way to other work now and then.
   */
  read(request: HistoryRequest): AsyncIterable<MeasurementBatch>;
  /**
   * Takes what is published. Must not wait, keep the batch, or throw. A source that is filled in another way leaves
   * this out.
   *
   * @param batch Measurements; those whose handle is not in `signals` are to be ignored.
   * @param signals What the batch's handles mean.
   */
  record?(batch: MeasurementBatch, signals: SignalTable): void;
  /** For operators. */
  stats?(): HistoryStats;
  /** Keeps what was recorded and lets go of resources. For whoever made it: a publisher does not close it. */
  close(): Promise<void>;
}
