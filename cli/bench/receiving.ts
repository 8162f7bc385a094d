/**
 * The receiving side of a measurement.
 *
 * @module
 */
import process from "node:process";
import { type MeasurementBatch, SttpError, Subscriber, type SubscriberOptions } from "../../mod.ts";
import { preciseNow } from "../precise_now.ts";

/** What to receive. */
export interface ReceivingOptions {
  readonly address: string;
  readonly options: SubscriberOptions;
  /** Milliseconds that the first data may take. */
  readonly wait: number;
  /** Milliseconds that do not count, so that code is compiled by then; and those that do. */
  readonly warmUp: number;
  readonly duration: number;
  readonly signal: AbortSignal;
}

/** What came of it. */
export interface Received {
  readonly seconds: number;
  readonly measurements: number;
  /** Measurements a second. */
  readonly rate: number;
  /** Bytes of data packets for each. */
  readonly bytesPerMeasurement: number | null;
  /** Nanoseconds of this process's time on the processor for each. */
  readonly processorNanoseconds: number | null;
  /**
   * Milliseconds from a measurement's time to its arrival in this program: half of them, 99 and 99.9 of a hundred do
   * not exceed these; by the clocks of both sides.
   */
  readonly delay:
    | { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number }
    | null;
  /** What was dropped here, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Delays are kept to the hundredth of a millisecond for a second, and to the millisecond for a minute. */
const FINE = 100_000;
const COARSE = 59_000;

/** Where a delay in milliseconds is counted, and what a place stands for. */
function placeOf(delay: number): number {
  if (delay <= 1000) return Math.max(0, Math.ceil(delay * 100));
  return Math.min(FINE + COARSE, FINE + Math.ceil(delay - 1000));
}

function delayAt(place: number): number {
  return place <= FINE ? place / 100 : 1000 + place - FINE;
}

/** How often each delay occurred, in bounded memory. */
export class Delays {
  readonly #counts = new Float64Array(FINE + COARSE + 1);
  #total = 0;
  #max = 0;

  /** Notes a delay in milliseconds, and how many measurements had it. */
  add(delay: number, count: number): void {
    this.#counts[placeOf(delay)]! += count;
    this.#total += count;
    if (delay > this.#max) this.#max = delay;
  }

  /** Forgets all. */
  clear(): void {
    this.#counts.fill(0);
    this.#total = this.#max = 0;
  }

  /** What so many of all do not exceed. */
  share(share: number): number {
    let passed = 0;
    for (let place = 0; place < FINE + COARSE; place++) {
      passed += this.#counts[place]!;
      if (passed >= share * this.#total) return Math.min(delayAt(place), this.#max);
    }
    return this.#max;
  }

  /** A summary; `null` when there was none. */
  summary(): Received["delay"] {
    if (this.#total === 0) return null;
    return { p50: this.share(0.5), p99: this.share(0.99), p999: this.share(0.999), max: this.#max };
  }
}

/**
 * Receives, and measures how that goes.
 *
 * @throws {SttpError} When the connection fails or is lost, or `TimedOut` when no data comes.
 */
export async function receive(
  { address, options, wait, warmUp, duration, signal }: ReceivingOptions,
): Promise<Received> {
  const delays = new Delays();
  const first = Promise.withResolvers<void>();
  let measurements = 0;
  await using subscriber = new Subscriber({
    ...options,
    reconnect: false,
    onBatch: (batch) => {
      first.resolve();
      measurements += batch.length;
      note(batch, delays);
    },
  });
  await subscriber.connect(address, { signal });
  const during = async (milliseconds: number, event?: Promise<void>): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => resolve();
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    event?.then(end);
    const reason = await Promise.race([promise, subscriber.closed]);
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    if (reason && reason.kind !== "disconnected") throw reason.error;
  };
  await during(wait, first.promise);
  if (measurements === 0 && !signal.aborted) {
    throw new SttpError("TimedOut", `no data came within ${wait} ms`);
  }
  await during(warmUp);
  delays.clear();
  const before = {
    measurements,
    bytes: subscriber.stats().dataBytes,
    cpu: process.cpuUsage(),
    at: performance.now(),
  };
  await during(duration);
  const seconds = (performance.now() - before.at) / 1000;
  const { user, system } = process.cpuUsage(before.cpu);
  const { dataBytes, dropped } = subscriber.stats();
  const received = measurements - before.measurements;
  return {
    seconds,
    measurements: received,
    rate: received / seconds,
    bytesPerMeasurement: received === 0 ? null : (dataBytes - before.bytes) / received,
    processorNanoseconds: received === 0 ? null : (user + system) * 1000 / received,
    delay: delays.summary(),
    dropped: Object.fromEntries(Object.entries(dropped).filter(([, count]) => count > 0)),
  };
}

/** Notes how late each measurement is. Those of one time stand together. */
function note({ ticks, length }: MeasurementBatch, delays: Delays): void {
  const now = preciseNow();
  for (let i = 0; i < length;) {
    const published = ticks[i]!;
    const from = i;
    while (i < length && ticks[i] === published) i++;
    delays.add(Number(now - published) / 10_000, i - from);
  }
}
