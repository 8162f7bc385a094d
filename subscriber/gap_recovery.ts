/**
 * Asking for what was missed while there was no live data.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds, inRange, longestDelay } from "../transport/option_checks.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { MaxTicks, timeOf } from "../transport/wire/ticks.ts";
import { GapStore } from "./gap_store.ts";
import { type Gap, GapFilling, GapTracker, startOf } from "./gap_tracker.ts";
import { type HistoryConnection, temporalSubscription, UnansweredError } from "./history.ts";
import type { Wanted } from "./run.ts";
import type { Counters } from "./stats.ts";
import type { SubscriberStatus } from "./status.ts";

/** How a subscriber gets what it missed while there was no connection. */
export interface GapRecoveryOptions {
  /**
   * Receives what was missed, beside the live data: the oldest gap first, each in order of time, each measurement once.
   * The batch is lent until the function returns, or until the promise that it returns settles. It must not wait for
   * `disconnect()`, which waits for it, nor for another connection: after a loss the next is made when it has settled. A
   * recovery that is interrupted goes on where it was. Only when the process ends otherwise than by `disconnect()`, something may come
   * twice: what it received since it last noted how far it was, and what was recovered of the gap in hand.
   */
  readonly onRecovered: (batch: MeasurementBatch) => void | Promise<void>;
  /** A file to keep gaps in, so that a restart does not forget them. Default: none. */
  readonly path?: string;
  /**
   * Milliseconds after which it is noted in the file how far live data has come, so that what a killed process missed is
   * known; less often where that would take more than a hundredth of the time. Default 10,000.
   */
  readonly noteInterval?: number;
  /**
   * Milliseconds after the first data of a new connection in which every signal should have come once, and after which
   * a recovery that failed is tried again, the next time after twice as long, up to 64 times. Default 5,000.
   */
  readonly settleTime?: number;
  /** Gaps that are kept at most, 1 to 10,000; for one more the oldest is given up. Default 100. */
  readonly maxGaps?: number;
  /**
   * Times of signals that all gaps hold at most, one before a gap and one after it for each signal, at 12 bytes each, or
   * some 100 where they come from a file; for one more the oldest gap is given up, but for the last one. It stops a
   * publisher of very many signals whose connections are lost again and again. 1 to 2^30; default 4,194,304, of which one
   * gap of 2,097,152 signals takes all.
   */
  readonly maxTimes?: number;
}

/** {@linkcode GapRecoveryOptions}, checked, with every default filled in. */
export type CheckedGapRecoveryOptions =
  & Required<Omit<GapRecoveryOptions, "path">>
  & Pick<GapRecoveryOptions, "path">;

const kinds: Readonly<Record<keyof GapRecoveryOptions, string>> = {
  onRecovered: "function",
  path: "string",
  noteInterval: "number",
  settleTime: "number",
  maxGaps: "number",
  maxTimes: "number",
};

/** Checks the options. @throws {TypeError} or RangeError. */
export function checkGapRecovery(
  options: GapRecoveryOptions | undefined,
): CheckedGapRecoveryOptions | undefined {
  if (options === undefined) return undefined;
  checkKinds(options, kinds, "gapRecovery");
  const { onRecovered, path, settleTime = 5000, noteInterval = 10_000, maxGaps = 100, maxTimes = 2 ** 22 } =
    options;
  if (onRecovered === undefined) throw new TypeError("gapRecovery needs a function onRecovered");
  return {
    onRecovered,
    ...path !== undefined && { path },
    settleTime: inRange(settleTime, "gapRecovery.settleTime", 1, longestDelay, false),
    noteInterval: inRange(noteInterval, "gapRecovery.noteInterval", 1, longestDelay, false),
    maxGaps: inRange(maxGaps, "gapRecovery.maxGaps", 1, 10_000, true),
    maxTimes: inRange(maxTimes, "gapRecovery.maxTimes", 1, 2 ** 30, true),
  };
}

/** What a {@linkcode GapRecovery} needs of its subscriber. */
export interface GapRecoveryHost {
  /** For waiting. */
  readonly clock: Clock;
  /** What handles mean. */
  readonly signals: SignalTable;
  /** What is counted. */
  readonly counters: Pick<Counters, "gaps">;
  /** Milliseconds that a publisher may take for the next of its history. */
  readonly timeout: number;
  /** What is subscribed to: in all but filter and time as what is asked for. */
  readonly wanted: Readonly<Wanted>;
  /** Where history can be read, by one reader after the other. */
  openHistory(signal: AbortSignal): Promise<HistoryConnection>;
  /** Reports an event. */
  emit(event: SubscriberStatus): void;
}

/** A history may go so many ticks beyond its end, for those that count in seconds. */
const slack = 10_000_000n;
/** Noting how far live data has come takes at most one part in so many of the time. */
const noteShare = 100;
/** A recovery that fails again and again is tried after at most so many times the settle time. */
const longestRetry = 64;

/** Watches live data, and gets what was missed, one gap after the other. */
export class GapRecovery {
  readonly #options: CheckedGapRecoveryOptions;
  readonly #host: GapRecoveryHost;
  readonly #tracker: GapTracker;
  readonly #store: GapStore;
  #cancelTimer: (() => void) | undefined;
  #cancelNote: (() => void) | undefined;
  #stop = new AbortController();
  #recovering: Promise<void> | undefined;
  /** Whether live data flows, since when it does not, and for how long it did not the last time. */
  #isFlowing = false;
  #stoppedAt = -Infinity;
  #pause = Infinity;
  /** Whether it stopped for what we ask for ourselves. */
  #isOwnTurn = false;
  /** Whether there is something to ask for once things have settled. */
  #isDue = true;
  #failures = 0;
  /** Gaps that the publisher refused to fill, over this connection. */
  readonly #refused = new Set<Gap>();
  /** Whether it was found not to know of history at all. */
  #isHopeless = false;

  /** @throws {SttpError} `MalformedText` when the file of gaps is something else. */
  constructor(options: CheckedGapRecoveryOptions, host: GapRecoveryHost) {
    this.#options = options;
    this.#host = host;
    this.#tracker = new GapTracker(host.signals, host.clock);
    this.#store = new GapStore(options.path, (error) => this.#failed(error, true));
    host.counters.gaps.open = this.#store.gaps.length;
    const open = this.#store.gaps.find(({ stop }) => stop === undefined);
    if (open !== undefined) this.#tracker.resume(open);
  }

  /**
   * Live data came: measurements `from` on.
   *
   * @param isLate Whether it came while the only connection is history's, so that no more may follow.
   */
  observe(batch: MeasurementBatch, from: number, isLate: boolean = false): void {
    if (batch.length === from) return;
    this.#tracker.observe(batch, from);
    if (this.#isFlowing || isLate) return;
    this.#isFlowing = true;
    const pause = this.#host.clock.monotonic() - this.#stoppedAt;
    // What was missed only because history took its turn is worth another turn if that is much shorter, and not for
    // nothing: so the turns become as short as they can be, and come to an end.
    if (!this.#isOwnTurn || (this.#refused.size === 0 && pause < this.#pause / 2)) this.#isDue = true;
    this.#pause = pause;
    this.#schedule();
    if (this.#options.path === undefined) return;
    this.#note();
    this.#noteIn(this.#options.noteInterval);
  }

  #noteIn(delay: number): void {
    const { clock } = this.#host;
    this.#cancelNote?.();
    this.#cancelNote = clock.schedule(Math.min(delay, longestDelay), () => {
      const begin = clock.monotonic();
      this.#note();
      const goOn = (): void => {
        this.#noteIn(Math.max(this.#options.noteInterval, noteShare * (clock.monotonic() - begin)));
      };
      if (!this.#store.isSaving) return goOn();
      this.#store.saved.then(() => {
        if (this.#isFlowing) goOn();
      });
    });
  }

  /**
   * The subscriber asked for something else, or for nothing any more.
   *
   * @param goesOn Whether it asked for all live data of something, so that a gap shows.
   */
  forget(goesOn: boolean = false): void {
    this.#tracker.forget(goesOn);
    if (goesOn) this.#note();
    else this.#store.mark(undefined);
  }

  /** Notes how far live data has come. While a gap goes on, it is noted already. */
  #note(): void {
    if (this.#options.path === undefined || this.#tracker.open !== undefined) return;
    this.#store.mark(this.#tracker.next(this.#host.wanted.subscription.filter ?? ""));
  }

  #schedule(): void {
    this.#cancelTimer?.();
    const times = Math.min(2 ** Math.max(0, this.#failures - 1), longestRetry);
    const delay = Math.min(times * this.#options.settleTime, longestDelay);
    this.#cancelTimer = this.#host.clock.schedule(delay, () => this.#settle());
  }

  #settle(): void {
    if (this.#endGap()) this.#note();
    if (!this.#isDue) return;
    if (this.#recovering !== undefined) return this.#schedule();
    this.#isDue = false;
    this.#recovering = this.#recover().finally(() => this.#recovering = undefined);
  }

  /** @returns Whether there was one. */
  #endGap(): boolean {
    const open = this.#tracker.open;
    const gap = this.#tracker.end();
    if (gap !== undefined) this.#replace(open, gap);
    return gap !== undefined;
  }

  /**
   * No live data from here on, because history takes its turn on the only connection: something is missed.
   *
   * @param filter What was subscribed to.
   */
  interrupted(filter: string): void {
    this.#cancelTimer?.();
    this.#cancelNote?.();
    this.#isFlowing = false;
    this.#stoppedAt = this.#host.clock.monotonic();
    this.#isOwnTurn = this.#recovering !== undefined;
    this.beginGap(filter);
  }

  /**
   * Something is missed from here on, if not already: live data that came late, after it was interrupted, is not.
   *
   * @param filter What was subscribed to.
   */
  beginGap(filter: string): void {
    // Interrupted again before it was known where the gap before ends: what came in between is known.
    this.#endGap();
    const isOpen = this.#tracker.open !== undefined;
    const gap = this.#tracker.begin(filter);
    if (gap !== undefined && !isOpen) this.#replace(undefined, gap);
  }

  /** The connection is gone. @param filter What was subscribed to. */
  async lost(filter: string): Promise<void> {
    this.interrupted(filter);
    this.#stop.abort();
    const wasRecovering = this.#recovering !== undefined;
    await this.#recovering;
    this.#stop = new AbortController();
    this.#isDue = true;
    this.#isOwnTurn = false;
    this.#failures = 0;
    this.#refused.clear();
    // Where the want of an answer cost the connection, the next one is not put at stake.
    this.#isHopeless &&= wasRecovering;
    const { maxGaps, maxTimes } = this.#options;
    for (;;) {
      const { length } = this.#store.gaps;
      if (length <= maxGaps && (length <= 1 || this.#store.times <= maxTimes)) break;
      this.#giveUp(this.#store.gaps[0]!);
    }
    await this.#store.saved;
  }

  #replace(old: Gap | undefined, gap: Gap | undefined): void {
    this.#store.replace(old, gap);
    this.#host.counters.gaps.open = this.#store.gaps.length;
  }

  #giveUp(gap: Gap): void {
    this.#host.counters.gaps.givenUp++;
    this.#replace(gap, undefined);
    // The one that goes on is the newest, and at least one is kept.
    this.#host.emit({ kind: "gapGivenUp", start: startOf(gap), stop: gap.stop! });
  }

  /** Gets what is missing by now. */
  async #recover(): Promise<void> {
    const { signal } = this.#stop;
    const gaps = this.#store.gaps.filter((gap) => gap.stop !== undefined && !this.#refused.has(gap));
    if (gaps.length === 0 || this.#isHopeless) return;
    let history: HistoryConnection | undefined;
    try {
      history = await this.#host.openHistory(signal);
      for (const gap of gaps) {
        await this.#fill(gap, history, signal);
        if (this.#isHopeless) break;
      }
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.#failed(asSttpError(error), true);
      this.#isDue = true;
      this.#failures++;
      this.#schedule();
    } finally {
      await history?.close();
    }
  }

  async #fill(gap: Gap, history: HistoryConnection, signal: AbortSignal): Promise<void> {
    const start = startOf(gap);
    // Later ones can't be asked for.
    const stop = gap.stop! < MaxTicks ? gap.stop! : MaxTicks;
    const { signals, counters, emit } = this.#host;
    const filling = new GapFilling(gap, signals);
    let measurements = 0;
    try {
      if (start <= stop) {
        for await (const batch of this.#read(history, { start, stop, filter: gap.filter }, signal)) {
          filling.keep(batch);
          if (batch.length === 0) continue;
          await this.#options.onRecovered(batch);
          filling.handedOver(batch);
          measurements += batch.length;
          counters.gaps.measurements += batch.length;
        }
      }
    } catch (error) {
      const { rest } = filling;
      if (rest !== gap) this.#replace(gap, rest);
      // One that sent something new before may well send the rest.
      const isUnanswered = error instanceof UnansweredError && measurements === 0;
      const isRefused = error instanceof SttpError && error.code === "Refused";
      // Whether there was an answer is known, even if the connection was lost for the want of it.
      if (!isUnanswered && (signal.aborted || !isRefused)) throw error;
      if (isUnanswered) this.#isHopeless = true;
      // Each of them is likely to be refused for the same reason.
      const isTold = this.#refused.size > 0;
      this.#refused.add(rest);
      return this.#failed(asSttpError(error), false, isTold);
    }
    this.#replace(gap, undefined);
    counters.gaps.filled++;
    emit({ kind: "recovered", start, stop, measurements });
  }

  /**
   * Reads history from a publisher that may not know what that is: one that sends live data instead, or nothing, is as
   * good as one that refuses. On a connection that is shared with live data it would keep it for ever.
   */
  async *#read(
    history: HistoryConnection,
    range: { start: bigint; stop: bigint; filter: string },
    signal: AbortSignal,
  ): AsyncGenerator<MeasurementBatch, void> {
    const { timeout, wanted } = this.#host;
    const subscription = temporalSubscription(range, wanted.subscription);
    for await (const batch of history.read(subscription, { signal, silenceTimeout: timeout })) {
      if (batch.length > 0 && timeOf(batch.ticks[batch.length - 1]!) > range.stop + slack) {
        this.#isHopeless = true;
        throw new SttpError("Refused", "the publisher sent something else than history");
      }
      yield batch;
    }
  }

  #failed(error: SttpError, isTriedAgain: boolean, isTold: boolean = false): void {
    this.#host.counters.gaps.failures++;
    if (!isTold) this.#host.emit({ kind: "recoveryFailed", error, isTriedAgain });
  }
}

function asSttpError(error: unknown): SttpError {
  if (error instanceof SttpError) return error;
  return new SttpError("InvalidState", "what was missed could not be handed over", { cause: error });
}
