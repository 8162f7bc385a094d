/** How much an event matters. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** What a log takes: everything from this level up, or nothing. */
export type LogThreshold = LogLevel | "off";

const ranks: Readonly<Record<LogThreshold, number>> = { debug: 0, info: 1, warning: 2, error: 3, off: 4 };

/** Every threshold, the most talkative first. */
export const logThresholds: readonly LogThreshold[] = Object.freeze(Object.keys(ranks) as LogThreshold[]);

/** Whether a log with this threshold takes an event of this level. */
export function passes(level: LogLevel, threshold: LogThreshold): boolean {
  return ranks[level] >= ranks[threshold];
}

/** The higher of two levels. */
export function higher(one: LogLevel, other: LogLevel): LogLevel {
  return ranks[one] >= ranks[other] ? one : other;
}

/**
 * Reads a threshold, such as one from a command line.
 *
 * @throws {TypeError} When it is none.
 */
export function parseLogThreshold(text: string): LogThreshold {
  if (Object.hasOwn(ranks, text)) return text as LogThreshold;
  throw new TypeError(`"${text}" is no log level, one of ${logThresholds.join(", ")} expected`);
}
