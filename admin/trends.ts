/**
 * Measurements of a few signals as they pass, for plots.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { Problem } from "./problems.ts";
import { Query } from "./query.ts";
import type { SignalMeter, SignalWatcher } from "./signal_meter.ts";

/** Signals that one page of plots shows at most. */
export const MAX_TREND_SIGNALS = 16;
/** The query parameters of a trend; `signal` is repeated. */
export const TrendParameters: readonly string[] = ["system", "signal"];

/** The signal IDs that a request is about. @throws {Problem} When there are none, or too many. */
export function trendSignals(url: string): string[] {
  const signals = new Query(url, TrendParameters, "signal").texts("signal");
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
/** Milliseconds between two points of a signal at least: more than 50 a second are no use to the eye. */
const SPACING = 19;
/** Points that wait for a slow reader: ten seconds of all. */
const MOST_WAITING = 10 * 50 * MAX_TREND_SIGNALS;

/** A point: which of the signals, milliseconds since 1970, and the value; `null` for NaN and infinities. */
type Point = readonly [signal: number, time: number, value: number | null];

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
    if (Math.abs(time - this.#latest[signal]!) < SPACING) return;
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
}

/**
 * Points of some signals as server-sent events, from now on and without end: `{ points: [[signal, time, value], ...] }`,
 * where `signal` counts the handles from 0, and `missed` tells a slow reader how many it did not get.
 *
 * @param onEnd Called when the reader has gone.
 */
export function streamTrend(
  meter: SignalMeter,
  handles: readonly number[],
  clock: Clock,
  onEnd: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const gatherer = new PointGatherer(handles);
  const endWatch = meter.watch(gatherer);
  let stopWaiting = (): void => {};
  let ended = false;
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.schedule(INTERVAL, resolve);
      stopWaiting = () => {
        cancel();
        resolve();
      };
    });
  return new ReadableStream({
    start(controller): void {
      // Something at once: a proxy may hold back the head of an answer until there is a body.
      controller.enqueue(encoder.encode("retry: 2000\n\n"));
    },
    async pull(controller): Promise<void> {
      for (let silent = 0; !ended; silent++) {
        await pause();
        const text = gatherer.take() || (silent === SILENT_EVENTS ? ": nothing new\n\n" : "");
        if (text === "" || ended) continue;
        controller.enqueue(encoder.encode(text));
        return;
      }
    },
    cancel(): void {
      ended = true;
      endWatch();
      stopWaiting();
      onEnd();
    },
  });
}
