/**
 * Asking for what was missed while there was no connection.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { GapStore } from "./gap_store.ts";
import { type Gap, GapTracker, keepMissed, startOf } from "./gap_tracker.ts";
import type { HistoryOptions } from "./history.ts";
import type { SubscriberStatus } from "./status.ts";

/** How a subscriber gets what it missed while there was no connection. */
export interface GapRecoveryOptions {
  /**
   * Receives what was missed, beside the live data, in order of time, each measurement once. The batch is lent until
   * the function returns, or until the promise that it returns settles. After a restart in the middle of a gap, that
   * gap comes again from its beginning.
   */
  readonly onRecovered: (batch: MeasurementBatch) => void | Promise<void>;
  /** A file to keep gaps in, so that a restart does not forget them. Default: none. */
  readonly path?: string;
  /**
   * Milliseconds after the first data of a new connection in which every signal should have come once, and after which
   * a recovery that failed is tried again. Default 5,000.
   */
  readonly settleTime?: number;
}

/** Checks the options. @throws {TypeError} or RangeError. */
export function checkGapRecovery(options: GapRecoveryOptions | undefined): GapRecoveryOptions | undefined {
  if (options === undefined) return undefined;
  if (typeof options.onRecovered !== "function") {
    throw new TypeError("gapRecovery needs a function onRecovered");
  }
  const { path, settleTime = 5000 } = options;
  if (path !== undefined && typeof path !== "string") throw new TypeError("gapRecovery.path must be a text");
  if (!(settleTime >= 1 && settleTime < 2 ** 31)) {
    throw new RangeError(`gapRecovery.settleTime is ${settleTime}, a number of milliseconds expected`);
  }
  return options;
}

/** What a {@linkcode GapRecovery} needs of its subscriber. */
export interface GapRecoveryHost {
  /** For waiting. */
  readonly clock: Clock;
  /** What handles mean. */
  readonly signals: SignalTable;
  /** Reads history. */
  history(options: HistoryOptions): AsyncIterable<MeasurementBatch>;
  /** Reports an event. */
  emit(event: SubscriberStatus): void;
}

/** Watches live data, and gets what was missed, one gap after the other, over a connection of its own. */
export class GapRecovery {
  readonly #options: GapRecoveryOptions;
  readonly #host: GapRecoveryHost;
  readonly #tracker: GapTracker;
  readonly #store: GapStore;
  #cancelTimer: (() => void) | undefined;
  #stop = new AbortController();
  #recovering: Promise<void> | undefined;
  #isConnected = false;

  /** @throws {SttpError} `MalformedText` when the file of gaps is something else. */
  constructor(options: GapRecoveryOptions, host: GapRecoveryHost) {
    this.#options = options;
    this.#host = host;
    this.#tracker = new GapTracker(host.signals);
    this.#store = new GapStore(options.path);
    const open = this.#store.gaps.find(({ stop }) => stop === undefined);
    if (open !== undefined) this.#tracker.resume(open);
  }

  /** Live data came: measurements `from` on. */
  observe(batch: MeasurementBatch, from: number): void {
    if (batch.length === from) return;
    this.#tracker.observe(batch, from);
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#stop = new AbortController();
    this.#schedule();
  }

  /** The subscriber asked for something else, or for nothing any more. */
  forget(): void {
    this.#tracker.forget();
  }

  #schedule(): void {
    const { settleTime = 5000 } = this.#options;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#host.clock.schedule(settleTime, () => this.#settle());
  }

  #settle(): void {
    const open = this.#tracker.open;
    const gap = this.#tracker.end();
    if (gap !== undefined) this.#store.replace(open, gap);
    this.#recovering ??= this.#recover().finally(() => this.#recovering = undefined);
  }

  /** The connection is gone: from here on something is missed. @param filter What was subscribed to. */
  async lost(filter: string): Promise<void> {
    this.#cancelTimer?.();
    // Lost again before it was known where the gap before ends: what came in between is known.
    const before = this.#tracker.open;
    const ended = this.#tracker.end();
    if (ended !== undefined) this.#store.replace(before, ended);
    this.#isConnected = false;
    this.#stop.abort();
    const isOpen = this.#tracker.open !== undefined;
    const gap = this.#tracker.begin(filter);
    if (gap !== undefined && !isOpen) this.#store.replace(undefined, gap);
    await this.#recovering;
  }

  async #recover(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      const gap = this.#store.gaps.find(({ stop }) => stop !== undefined);
      if (gap === undefined || signal.aborted) return;
      try {
        await this.#fill(gap, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#host.emit({ kind: "recoveryFailed", error: asSttpError(error) });
        return this.#schedule();
      }
      this.#store.replace(gap, undefined);
    }
  }

  async #fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const { signals, emit } = this.#host;
    const start = startOf(gap);
    const stop = gap.stop!;
    let measurements = 0;
    if (start <= stop) {
      for await (const batch of this.#host.history({ start, stop, filter: gap.filter, signal })) {
        keepMissed(batch, gap, signals);
        measurements += batch.length;
        if (batch.length > 0) await this.#options.onRecovered(batch);
      }
    }
    emit({ kind: "recovered", start, stop, measurements });
  }
}

function asSttpError(error: unknown): SttpError {
  if (error instanceof SttpError) return error;
  return new SttpError("InvalidState", "what was missed could not be handed over", { cause: error });
}
