import type { Clock } from "../transport/clock.ts";

/** How many lines of one event there may be. */
export interface LogRateLimit {
  /** Lines in an interval; default 60. */
  readonly lines?: number;
  /** Milliseconds; default 60,000. */
  readonly interval?: number;
}

/** Names that are counted each for itself; those beyond share one count, so that made-up names gain nothing. */
const maxNames = 256;
const otherNames = "(other events)";

/** Counts lines by event and interval, and says at an interval's end which events had more than they may. */
export class RateLimiter {
  readonly #lines: number;
  readonly #interval: number;
  readonly #clock: Clock;
  readonly #onSuppressed: (event: string, count: number) => void;
  #counts = new Map<string, number>();
  #started = 0;
  #cancelTimer: (() => void) | undefined;

  /** @param onSuppressed Called at an interval's end for each event of which lines were left out. */
  constructor(
    limit: Required<LogRateLimit>,
    clock: Clock,
    onSuppressed: (event: string, count: number) => void,
  ) {
    this.#lines = limit.lines;
    this.#interval = limit.interval;
    this.#clock = clock;
    this.#onSuppressed = onSuppressed;
  }

  /** Counts a line. @returns Whether it may be written. */
  take(event: string): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#started >= this.#interval) {
      this.end();
      this.#started = now;
    }
    const name = this.#counts.has(event) || this.#counts.size < maxNames ? event : otherNames;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    if (count <= this.#lines) return true;
    // Told in time, even if nothing else happens.
    this.#cancelTimer ??= this.#clock.schedule(this.#started + this.#interval - now, () => this.end());
    return false;
  }

  /** Ends the interval early, and tells what was left out in it. */
  end(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const counts = this.#counts;
    this.#counts = new Map();
    for (const [event, count] of counts) {
      if (count > this.#lines) this.#onSuppressed(event, count - this.#lines);
    }
  }
}
