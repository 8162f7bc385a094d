/**
 * History on its way to one subscriber (§11).
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { describeTicks, timeOf } from "../transport/wire/ticks.ts";
import { Member, type MemberSink } from "./group.ts";
import type { Placement, Router } from "./router.ts";
import type { SignalSet } from "./signal_set.ts";
import type { ReplaySnapshot } from "./snapshot.ts";
import type { Subscription } from "./subscription.ts";
import type { Temporal } from "./temporal.ts";

/** What a {@linkcode Replay} needs. */
export interface ReplayOptions {
  /** For its pace. */
  readonly clock: Clock;
  /** What handles mean. */
  readonly signals: SignalTable;
  /** Where groups come from. */
  readonly router: Router;
  /** What was granted. */
  readonly subscription: Subscription;
  /** Which part of history that is. */
  readonly temporal: Temporal;
  /** Where packets go. */
  readonly sink: MemberSink;
  /** To which of the signal index caches they refer. */
  readonly cacheIndex: 0 | 1;
  /** Bytes of data that wait to be written. */
  readonly waiting: () => number;
  /** Told at the end, however it came: the text is for the subscriber. Not told after {@linkcode Replay.cancel}. */
  readonly onComplete: (text: string) => void;
  /** Told when the history fails. */
  readonly onFailed: (error: unknown) => void;
}

/** So many measurements go into the encoder at a time. */
const CHUNK = 2048;
/** With more bytes than this waiting, replay waits, too. What an encoder has gathered by then fits any queue, still. */
const AHEAD = 65_536;
/** The longest sleep, in milliseconds. */
const MAX_SLEEP = 60_000;
/** A replay that is behind by more milliseconds than this does not make up for it. */
const MAX_LAG = 1000;

/**
 * Reads history and encodes it for one subscriber, in packets as live data has them and with an encoder of its own.
 * It goes no faster than the subscriber reads, so that nothing of it is dropped.
 */
export class Replay {
  #placement: Placement;
  readonly #options: ReplayOptions;
  readonly #chunk = new MeasurementBatch(CHUNK);
  readonly #abort = new AbortController();
  #wake: (() => void) | undefined;
  #measurements = 0;
  /** When the frame before was due, and its time. */
  #due: number | undefined;
  #frameTime = 0n;
  #state: "running" | "complete" | "cancelled" = "running";

  /** Begins at once. */
  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#placement = this.#place(options.subscription.set, false);
    this.#run();
  }

  #place(set: SignalSet, isAnnounced: boolean): Placement {
    const { router, subscription: { delivery }, temporal, sink, cacheIndex } = this.#options;
    // The latest values of the past are no less past.
    const group = router.privateGroup(set, { ...delivery, throttle: undefined }, () => temporal.start);
    const member = new Member(sink, cacheIndex, isAnnounced);
    group.join(member);
    return { group, member };
  }

  /** Its place in a group of its own; to be left as any other. */
  get placement(): Placement {
    return this.#placement;
  }

  /** Goes on with fewer signals. @param set The subscription's, without some. */
  narrow(set: SignalSet): void {
    if (this.#isOver()) return;
    const { member } = this.#placement;
    this.#options.router.leave(this.#placement);
    this.#placement = this.#place(set, member.isAnnounced);
  }

  /** Goes on if it can: something was written, or the interval has changed. */
  wake(): void {
    this.#wake?.();
  }

  /** Ends it before its time. @returns Whether it was running. */
  cancel(): boolean {
    if (this.#state !== "running") return false;
    this.#state = "cancelled";
    this.#abort.abort();
    this.wake();
    return true;
  }

  async #run(): Promise<void> {
    const { signals, subscription: { set }, temporal, onComplete, onFailed } = this.#options;
    const { history, start, stop, parameters } = temporal;
    const { signal } = this.#abort;
    let text = "";
    try {
      const handles = set.handles.filter((handle) => handle >= 0);
      const request = { signals, handles, start, stop, parameters, signal };
      for await (const batch of set.count === 0 ? [] : history.read(request)) {
        await this.#send(batch);
        if (this.#state !== "running") return;
      }
      text = `Replay is complete: ${this.#measurements} measurements.`;
    } catch (error) {
      if (this.#state !== "running") return;
      onFailed(error);
      text = `Replay ended early, after ${this.#measurements} measurements: the history failed.`;
    }
    this.placement.group.flush();
    await this.#room(0);
    if (this.#isOver()) return;
    this.#state = "complete";
    onComplete(text);
  }

  #isOver(): boolean {
    return this.#state !== "running";
  }

  async #send(batch: MeasurementBatch): Promise<void> {
    const { temporal } = this.#options;
    for (let from = 0; from < batch.length;) {
      let to = Math.min(from + CHUNK, batch.length);
      if (temporal.interval !== 0) {
        const time = timeOf(batch.ticks[from]!);
        const end = to;
        for (to = from + 1; to < end && timeOf(batch.ticks[to]!) === time;) to++;
        await this.#pace(time);
      }
      await this.#room(AHEAD);
      if (this.#isOver()) return;
      this.#chunk.clear();
      this.#chunk.append(batch, from, to);
      const { group } = this.#placement;
      group.publish(this.#chunk);
      group.flushWhenDue();
      this.#measurements += to - from;
      from = to;
    }
  }

  /** Waits until the frame of this time is due. */
  async #pace(time: bigint): Promise<void> {
    const { clock, temporal } = this.#options;
    const before = this.#due;
    if (before !== undefined && time === this.#frameTime) return;
    const inItsTime = before === undefined ? 0 : Number(time - this.#frameTime) / 10_000;
    this.#frameTime = time;
    for (;;) {
      const now = clock.monotonic();
      const step = temporal.interval < 0 ? inItsTime : temporal.interval;
      const due = before === undefined ? now : before + step;
      if (due <= now || this.#isOver()) {
        this.#due = Math.max(due, now - MAX_LAG);
        return;
      }
      await this.#sleep(due - now);
    }
  }

  /** Waits until no more bytes than this wait to be written. */
  async #room(bytes: number): Promise<void> {
    const { waiting, sink } = this.#options;
    while (!this.#isOver() && (bytes === 0 ? !sink.idle : waiting() > bytes)) await this.#sleep();
  }

  /** Until it is woken, or for so many milliseconds. */
  async #sleep(milliseconds?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = milliseconds === undefined
      ? undefined
      : this.#options.clock.schedule(Math.min(milliseconds, MAX_SLEEP), resolve);
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    cancel?.();
  }

  /** What operators see. */
  snapshot(): ReplaySnapshot {
    const { temporal } = this.#options;
    return {
      state: this.#state,
      processingInterval: temporal.interval,
      measurements: this.#measurements,
      at: this.#chunk.length === 0 ? null : describeTicks(this.#chunk.ticks[this.#chunk.length - 1]!),
    };
  }
}
