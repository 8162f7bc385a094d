/**
 * How a subscription goes: rate, lag, loss.
 *
 * @module
 */
import { type Clock, type MeasurementBatch, type SubscriberStats, systemClock, Ticks } from "../mod.ts";
import type { Reported } from "./reporter.ts";
import { count, many } from "./text.ts";

/** How it stands. */
export interface Progress {
  /** Measurements so far. */
  readonly measurements: number;
  /** Different signals among them. */
  readonly signals: number;
  /** Measurements a second, since the last report; in the last one over all the time. */
  readonly rate: number;
  /** Milliseconds by which the newest measurement is behind the clock; `null` before the first. */
  readonly lag: number | null;
  /** Measurements that are known to be lost, on the way or here. */
  readonly lost: number;
  /** Seconds since the first measurement. */
  readonly seconds: number;
  /** Bytes of data packets for a measurement; `null` before the first. */
  readonly bytesPerMeasurement: number | null;
}

/** Follows what a subscriber receives. */
export class Meter implements Reported {
  readonly #stats: () => SubscriberStats;
  readonly #clock: Clock;
  readonly #seen: boolean[] = [];
  #signals = 0;
  #measurements = 0;
  #newest = 0n;
  #firstAt: number | undefined;
  #last = { at: 0, measurements: 0 };

  /** @param stats Gives the subscriber's counters. */
  constructor(stats: () => SubscriberStats, clock: Clock = systemClock) {
    this.#stats = stats;
    this.#clock = clock;
  }

  /** Measurements so far. */
  get measurements(): number {
    return this.#measurements;
  }

  /** Notes what came. */
  add({ signals, ticks, length }: MeasurementBatch): void {
    if (length === 0) return;
    if (this.#firstAt === undefined) {
      this.#firstAt = this.#clock.monotonic();
      this.#last.at = this.#firstAt;
    }
    this.#measurements += length;
    for (let i = 0; i < length; i++) {
      const handle = signals[i]!;
      if (this.#seen[handle]) continue;
      this.#seen[handle] = true;
      this.#signals++;
    }
    const newest = Ticks.timeOf(ticks[length - 1]!);
    if (newest > this.#newest) this.#newest = newest;
  }

  /** How it stands since the last call. */
  progress(): { value: Progress; text: string } {
    const value = this.#since(this.#last.at, this.#last.measurements);
    this.#last = { at: this.#clock.monotonic(), measurements: this.#measurements };
    return { value, text: describeProgress(value) };
  }

  /** How it was over all the time. */
  total(): { value: Progress; text: string } {
    const value = this.#since(this.#firstAt ?? 0, 0);
    return { value, text: describeTotal(value) };
  }

  #since(since: number, before: number): Progress {
    const now = this.#clock.monotonic();
    const seconds = this.#firstAt === undefined ? 0 : (now - this.#firstAt) / 1000;
    const { dropped, udp, dataBytes, measurements } = this.#stats();
    const elapsed = (now - since) / 1000;
    return {
      measurements: this.#measurements,
      signals: this.#signals,
      rate: elapsed > 0 && this.#firstAt !== undefined ? (this.#measurements - before) / elapsed : 0,
      lag: this.#newest === 0n ? null : Number(Ticks.now(this.#clock) - this.#newest) / 10_000,
      lost: udp.lost + dropped.overflow + dropped.unknownSignal,
      seconds,
      bytesPerMeasurement: measurements === 0 ? null : dataBytes / measurements,
    };
  }
}

/** Progress in a line. */
function describeProgress({ measurements, signals, rate, lag, lost }: Progress): string {
  return [
    many(measurements, "measurement"),
    many(signals, "signal"),
    `${count(Math.round(rate))}/s`,
    lag === null ? "nothing yet" : `lag ${describeLag(lag)}`,
    `lost ${count(lost)}`,
  ].join("  ");
}

/** The result in a line. */
function describeTotal(total: Progress): string {
  const { measurements, signals, seconds, rate, lost, bytesPerMeasurement } = total;
  if (measurements === 0) return "no measurements";
  return `${many(measurements, "measurement")} of ${many(signals, "signal")} in ${seconds.toFixed(1)} s ` +
    `(${count(Math.round(rate))}/s), ${(bytesPerMeasurement ?? 0).toFixed(2)} bytes each, lost ${
      count(lost)
    }`;
}

/** A lag in milliseconds, for people: of history it is long. */
function describeLag(lag: number): string {
  if (Math.abs(lag) < 10_000) return `${Math.round(lag)} ms`;
  if (Math.abs(lag) < 3_600_000) return `${(lag / 1000).toFixed(0)} s`;
  return `${(lag / 3_600_000).toFixed(1)} h`;
}
