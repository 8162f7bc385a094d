/**
 * Measurements of a few signals as they pass, for plots.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { pause } from "../transport/reconnect.ts";
import { endlessBody } from "./endless_body.ts";
import { Problem } from "./problems.ts";
import type { Query } from "./query.ts";
import type { SignalMeter, SignalWatcher } from "./signal_meter.ts";
import type { AdminHistory } from "./system.ts";
import { follows, type Point, TrendHistory, TrendMemory } from "./trend_past.ts";

/** Signals that one page of plots shows at most. */
export const MAX_TREND_SIGNALS = 16;
/** The query parameters of a trend; `signal` is repeated. */
export const TrendParameters: readonly string[] = ["system", "signal", "past"];
/** Seconds of the past that can be asked for. */
export const MAX_PAST = 900;

/** The signal IDs that a request is about. @throws {Problem} When there are none, or too many. */
export function trendSignals(query: Query): string[] {
  const signals = query.texts("signal");
  if (signals.length > 0 && signals.length <= MAX_TREND_SIGNALS) return signals;
  throw new Problem(
    400,
    "InvalidParameter",
    `signal is given 1 to ${MAX_TREND_SIGNALS} times, each with a signal ID`,
  );
}

/** Milliseconds between two events with points. */
const INTERVAL = 250;
/** Events without points after which something is sent, so that nobody takes the connection for dead: 15 s. */
const SILENT_EVENTS = 60;
/** Points that wait for a slow reader: ten seconds of all. */
const MOST_WAITING = 10 * 50 * MAX_TREND_SIGNALS;

/** Gathers points for one reader; one that is too slow loses the oldest. */
class PointGatherer implements SignalWatcher {
  readonly handles: readonly number[];
  readonly #latest: Float64Array;
  #points: Point[] = [];
  #missed = 0;

  constructor(handles: readonly number[]) {
    this.handles = handles;
    this.#latest = new Float64Array(handles.length).fill(-Infinity);
  }

  add(handle: number, time: number, value: number): void {
    const signal = this.handles.indexOf(handle);
    if (!follows(time, this.#latest[signal]!)) return;
    this.#latest[signal] = time;
    if (this.#points.length >= MOST_WAITING) {
      this.#missed += MOST_WAITING / 2;
      this.#points.splice(0, MOST_WAITING / 2);
    }
    this.#points.push([signal, time, Number.isFinite(value) ? value : null]);
  }

  /** What there is since the last time, as an event; empty when there is nothing. */
  take(): string {
    if (this.#points.length === 0) return "";
    const event = { points: this.#points, ...this.#missed > 0 && { missed: this.#missed } };
    this.#points = [];
    this.#missed = 0;
    return `data: ${JSON.stringify(event)}\n\n`;
  }

  /** The past and what has come since it was asked for, as an event: what is in both is there once. */
  takeAfter(past: readonly Point[]): string {
    const ends = new Float64Array(this.handles.length).fill(-Infinity);
    for (const [signal, time] of past) ends[signal] = Math.max(ends[signal]!, time);
    ends.forEach((end, signal) => this.#latest[signal] = Math.max(end, this.#latest[signal]!));
    this.#points = [...past, ...this.#points.filter(([signal, time]) => time > ends[signal]!)];
    return this.take();
  }
}

/** What there is to plot of a system's signals: their past, as far as it is known, and their present. */
export class Trends {
  readonly #meter: SignalMeter;
  readonly #clock: Clock;
  readonly #memory: TrendMemory;
  readonly #history: TrendHistory | undefined;

  constructor(meter: SignalMeter, history: AdminHistory | undefined, clock: Clock) {
    this.#meter = meter;
    this.#clock = clock;
    this.#memory = new TrendMemory(meter, clock);
    this.#history = history && new TrendHistory(history, clock);
  }

  /** Remembers nothing any more. */
  close(): void {
    this.#memory.close();
  }

  /**
   * Points of some signals as server-sent events, without end: `{ points: [[signal, time, value], ...] }`, where `signal`
   * counts the handles from 0, and `missed` tells a slow reader how many it did not get. First come those of the past, and
   * then what is measured from now on: between them nothing is missing, and nothing is there twice.
   *
   * @param seconds How much of the past.
   * @param closing Ends them.
   * @param onEnd Called when the reader has gone, or they have ended.
   */
  stream(
    handles: readonly number[],
    seconds: number,
    closing: AbortSignal,
    onEnd: () => void,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const remembered = seconds > 0 ? this.#memory.read(handles, seconds) : [];
    const gatherer = new PointGatherer(handles);
    const endWatch = this.#meter.watch(gatherer);
    const endAttention = this.#memory.attend(handles);
    const ended = new AbortController();
    const { signal } = ended;
    let isFirst = true;
    const begin = async (): Promise<string> => {
      isFirst = false;
      const past = seconds > 0 ? await this.#history?.read(handles, seconds, signal) : undefined;
      return gatherer.takeAfter(past ?? remembered);
    };
    return endlessBody(closing, {
      next: async (): Promise<string> => {
        let text = isFirst ? await begin() : "";
        for (let silent = 0; text === "" && !signal.aborted; silent++) {
          await pause(this.#clock, INTERVAL, signal);
          text = gatherer.take() || (silent === SILENT_EVENTS ? ": nothing new\n\n" : "");
        }
        return text;
      },
      onEnd(): void {
        ended.abort();
        endWatch();
        endAttention();
        onEnd();
      },
    });
  }
}
