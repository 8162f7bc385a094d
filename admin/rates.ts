import type { Clock } from "../transport/clock.ts";

/** What is counted a second. */
export interface Rates {
  /** Measurements a second. */
  readonly measurementsPerSecond: number;
  /** Bytes a second. */
  readonly bytesPerSecond: number;
  /** Over how many seconds these are means. */
  readonly seconds: number;
}

/** Totals at a moment, in milliseconds of the clock's `monotonic()`. */
interface Sample {
  readonly at: number;
  readonly measurements: number;
  readonly bytes: number;
}

/** Milliseconds between two samples at least; a shorter time makes a noisy rate. */
const INTERVAL = 1_000;

/**
 * Rates from totals that somebody looks at now and then: over the time since an earlier look, at least 1 s ago. Who looks
 * first gets the mean since the beginning.
 */
export class RateMeter {
  readonly #clock: Clock;
  #last: Sample | undefined;
  #reference: Sample | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The rates now.
   *
   * @param total What has been counted so far.
   * @param since When counting began, in milliseconds since 1970; `null` when that is not known.
   * @param at When the total was so, in milliseconds of the clock's `monotonic()`; default now.
   */
  read(
    { measurements, bytes }: { measurements: number; bytes: number },
    since: number | null,
    at: number = this.#clock.monotonic(),
  ): Rates {
    if (this.#last === undefined || at - this.#last.at >= INTERVAL) {
      this.#reference = this.#last;
      this.#last = { at, measurements, bytes };
    }
    let reference = this.#reference;
    if (reference === undefined) {
      const then = this.#clock.now() - (this.#clock.monotonic() - at);
      const age = since === null ? 0 : Math.max(0, then - since);
      reference = { at: at - age, measurements: 0, bytes: 0 };
    }
    const seconds = (at - reference.at) / 1000;
    if (seconds <= 0) return { measurementsPerSecond: 0, bytesPerSecond: 0, seconds: 0 };
    return {
      measurementsPerSecond: (measurements - reference.measurements) / seconds,
      bytesPerSecond: (bytes - reference.bytes) / seconds,
      seconds,
    };
  }
}

/** A {@linkcode RateMeter} for each of many things, as long as they are there. */
export class RateMeters<Key> {
  readonly #clock: Clock;
  readonly #meters = new Map<Key, RateMeter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The meter of a thing, made when first asked for. */
  of(key: Key): RateMeter {
    let meter = this.#meters.get(key);
    if (meter === undefined) {
      meter = new RateMeter(this.#clock);
      this.#meters.set(key, meter);
    }
    return meter;
  }

  /** Forgets things that are there no more. */
  keep(keys: ReadonlySet<Key>): void {
    for (const key of this.#meters.keys()) {
      if (!keys.has(key)) this.#meters.delete(key);
    }
  }
}
