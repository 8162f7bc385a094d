import type { Clock } from "../transport/clock.ts";
import { higher, type LogLevel } from "./level.ts";

/** How much a log may hold of what happens in a time. */
export interface LogRateLimit {
  /** Lines of one event in an interval; default 60. */
  readonly lines?: number;
  /**
   * Bytes of all lines in an interval, in UTF-8 and with their ends; default 1 MiB, at least 64 KiB. One event has a
   * sixteenth of them, and the line with which it goes beyond that. The log's own lines about what was left out come on
   * top.
   */
  readonly bytes?: number;
  /** Milliseconds; default 60,000. */
  readonly interval?: number;
}

/** Names that are counted each for itself; those beyond share one count, so that made-up names gain nothing. */
const maxNames = 256;
const otherNames = "(other events)";
/** One event's part of the bytes. */
const share = 1 / 16;

/** What there was of an event in an interval. */
interface Count {
  lines: number;
  bytes: number;
  /** Lines that were left out and have not been told of, and the highest of their levels. */
  left: number;
  level: LogLevel;
  /** How often lines that were left out have been told of before the interval's end. */
  told: number;
}

/** Counts lines by event and interval, and says at an interval's end which events had more than they may. */
export class RateLimiter {
  readonly #limit: Required<LogRateLimit>;
  readonly #clock: Clock;
  readonly #onSuppressed: (event: string, count: number, level: LogLevel) => void;
  #counts = new Map<string, Count>();
  #bytes = 0;
  #started = 0;
  #cancelTimer: (() => void) | undefined;

  /** @param onSuppressed Called for each event of which lines were left out, with the highest level of these. */
  constructor(
    limit: Required<LogRateLimit>,
    clock: Clock,
    onSuppressed: (event: string, count: number, level: LogLevel) => void,
  ) {
    this.#limit = limit;
    this.#clock = clock;
    this.#onSuppressed = onSuppressed;
  }

  /** Counts a line. @returns Whether it may be written, if it {@linkcode fits}. */
  take(event: string, level: LogLevel = "info"): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#started >= this.#limit.interval) {
      this.#end();
      this.#started = now;
    }
    const count = this.#countOf(event);
    if (count.lines >= this.#limit.lines || count.bytes >= this.#limit.bytes * share) {
      this.#leaveOut(count, level);
      return false;
    }
    count.lines++;
    return true;
  }

  /** Counts the bytes of a line that was taken. @returns Whether there is room for it. */
  fits(event: string, level: LogLevel, bytes: number): boolean {
    const count = this.#countOf(event);
    if (this.#bytes + bytes > this.#limit.bytes) {
      this.#leaveOut(count, level);
      return false;
    }
    count.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  #leaveOut(count: Count, level: LogLevel): void {
    count.level = count.left === 0 ? level : higher(count.level, level);
    count.left++;
    // Told in time, even if nothing else happens.
    const left = this.#started + this.#limit.interval - this.#clock.monotonic();
    this.#cancelTimer ??= this.#clock.schedule(Math.max(0, left), () => this.#end());
  }

  #countOf(event: string): Count {
    const name = this.#counts.has(event) || this.#counts.size < maxNames ? event : otherNames;
    let count = this.#counts.get(name);
    if (count === undefined) {
      count = { lines: 0, bytes: 0, left: 0, level: "debug", told: 0 };
      this.#counts.set(name, count);
    }
    return count;
  }

  /** Tells what was left out so far, of each event as often in an interval as it may have lines. */
  tell(): void {
    for (const [event, count] of this.#counts) {
      if (count.left === 0 || count.told >= this.#limit.lines) continue;
      count.told++;
      const { left, level } = count;
      count.left = 0;
      this.#onSuppressed(event, left, level);
    }
    if ([...this.#counts.values()].every(({ left }) => left === 0)) this.#stopTimer();
  }

  /** Ends the interval, and tells what was left out in it. */
  #end(): void {
    this.#stopTimer();
    const counts = this.#counts;
    this.#counts = new Map();
    this.#bytes = 0;
    for (const [event, { left, level }] of counts) {
      if (left > 0) this.#onSuppressed(event, left, level);
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
