/**
 * The log: levels, rate limits, and where lines go.
 *
 * @module
 */
import { type Clock, systemClock } from "../transport/clock.ts";
import { checkKinds, inRange, longestDelay } from "../transport/option_checks.ts";
import { toLogFields } from "./fields.ts";
import { formatLogRecord, type LogFormat, type LogRecord } from "./format.ts";
import { higher, type LogLevel, type LogThreshold, parseLogThreshold, passes } from "./level.ts";
import { LineWriter, type LogOutput } from "./line_writer.ts";
import { type LogRateLimit, RateLimiter } from "./rate_limit.ts";

/** Settings of a {@linkcode Logger}. */
export interface LoggerOptions {
  /** The least level that is logged; may change while running. Default `info`. */
  readonly level?: LogThreshold;
  /** How lines look; default `ndjson`. */
  readonly format?: LogFormat;
  /** Where lines go; default standard error, in the background. */
  readonly output?: LogOutput | ((line: string) => void);
  /**
   * How many lines of one event, and bytes of all, there may be in a time; `false`: any number. Default 60 lines and
   * 1 MiB a minute.
   */
  readonly rateLimit?: LogRateLimit | false;
  /** Fields that every line has, such as the name of the program. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Time and timers; default the machine's. */
  readonly clock?: Clock;
}

/** Event names are stable: what filters and alerts are written for. */
const eventName = /^[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)*$/;

/**
 * Writes events as lines. Of each event only so many lines are written in a time, and of all only so many bytes; how
 * many were left out is told by an event `log.suppressed`, and how many the output did not take by `log.lost`. Both are
 * warnings, the first an error when errors were left out, and are logged as far as the level lets them.
 *
 * @example
 * ```ts
 * import { Logger } from "@sttp/sttp/log";
 * import { assertEquals } from "@std/assert";
 *
 * const lines: string[] = [];
 * const log = new Logger({ format: "text", output: (line) => lines.push(line.slice(25)) });
 * log.warning("grid.frequencyLow", { device: "SHELBY", hertz: 59.91 });
 * log.debug("grid.frame", { number: 1 }); // below the level
 * log.level = "debug";
 * log.debug("grid.frame", { number: 2 });
 * assertEquals(lines, [
 *   "WARNING grid.frequencyLow device=SHELBY hertz=59.91",
 *   "DEBUG   grid.frame number=2",
 * ]);
 * ```
 */
export class Logger implements AsyncDisposable {
  readonly #format: LogFormat;
  readonly #output: LogOutput;
  readonly #limiter: RateLimiter | undefined;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #clock: Clock;
  #level: LogThreshold;
  /** Lines at which the output threw. */
  #thrown = 0;
  #lostTold = 0;

  /**
   * Checks the options.
   *
   * @throws {TypeError} When an option does not exist or is of a wrong kind.
   * @throws {RangeError} When a number is out of its range.
   */
  constructor(options: LoggerOptions = {}) {
    checkKinds(options, {
      level: "string",
      format: "string",
      output: "any",
      rateLimit: "any",
      fields: "object",
      clock: "object",
    }, "the log");
    const { level = "info", format = "ndjson", output = new LineWriter(Deno.stderr) } = options;
    if (format !== "ndjson" && format !== "text") {
      throw new TypeError(`the log's format is "${format}", ndjson or text expected`);
    }
    this.#level = parseLogThreshold(level);
    this.#format = format;
    this.#output = typeof output === "function" ? { write: output } : output;
    this.#fields = options.fields ?? {};
    this.#clock = options.clock ?? systemClock;
    this.#limiter = this.#createLimiter(options.rateLimit ?? {});
  }

  #createLimiter(limit: LogRateLimit | false): RateLimiter | undefined {
    if (limit === false) return undefined;
    checkKinds(limit, { lines: "number", bytes: "number", interval: "number" }, "the log's rateLimit");
    const lines = inRange(limit.lines ?? 60, "rateLimit.lines", 1, 1_000_000, true);
    const bytes = inRange(
      limit.bytes ?? 1024 ** 2,
      "rateLimit.bytes",
      64 * 1024,
      Number.MAX_SAFE_INTEGER,
      true,
    );
    const interval = inRange(limit.interval ?? 60_000, "rateLimit.interval", 1, longestDelay, false);
    return new RateLimiter(
      { lines, bytes, interval },
      this.#clock,
      (suppressed, count, level) => {
        const own = higher("warning", level);
        if (passes(own, this.#level)) this.#write(this.#lineOf(own, "log.suppressed", { suppressed, count }));
      },
    );
  }

  /** The least level that is logged. @throws {TypeError} When it is set to what is none. */
  get level(): LogThreshold {
    return this.#level;
  }

  set level(level: LogThreshold) {
    this.#level = parseLogThreshold(level);
  }

  /** Logs what only matters when looking for something. */
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log("debug", event, fields);
  }

  /** Logs what happens when all is well. */
  info(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log("info", event, fields);
  }

  /** Logs what somebody may want to look at. */
  warning(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log("warning", event, fields);
  }

  /** Logs what does not work. */
  error(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.log("error", event, fields);
  }

  /**
   * Logs an event.
   *
   * @param event Its name: words of letters and digits with dots between them, each with a small letter first.
   * @param fields What else there is to say. Secrets, by their names or looks, are left out, and what is long is cut.
   * @throws {TypeError} When the name is none.
   */
  log(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (!eventName.test(event)) {
      throw new TypeError(`"${event}" is no event name such as publisher.connected`);
    }
    if (!this.#log(level, event, fields)) return;
    const lost = this.#thrown + (this.#output.lost ?? 0);
    if (lost === this.#lostTold) return;
    if (this.#log("warning", "log.lost", { count: lost - this.#lostTold, total: lost })) {
      this.#lostTold = lost;
    }
  }

  /** @returns Whether the line was written, or would have been by an output that works. */
  #log(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): boolean {
    if (!passes(level, this.#level) || this.#limiter?.take(event, level) === false) return false;
    const line = this.#lineOf(level, event, fields);
    if (this.#limiter?.fits(event, level, bytesOf(line)) === false) return false;
    this.#write(line);
    return true;
  }

  #lineOf(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): string {
    const record: LogRecord = {
      time: this.#clock.now(),
      level,
      event,
      fields: toLogFields({ ...this.#fields, ...fields }),
    };
    return formatLogRecord(record, this.#format);
  }

  async #write(line: string): Promise<void> {
    try {
      // Functions that are asynchronous are taken for an output, too.
      await this.#output.write(line);
    } catch {
      // Whoever logs has other things to do than to care for its log.
      this.#thrown++;
    }
  }

  /** Tells what was left out so far, and resolves when all lines are written. The log may be used further. */
  async flush(): Promise<void> {
    this.#limiter?.tell();
    await this.#output.flush?.();
  }

  /** As `flush()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}

/** The length of a line with its end, in UTF-8. */
function bytesOf(line: string): number {
  return new TextEncoder().encode(line).length + 1;
}
