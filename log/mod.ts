/**
 * Structured logs: what happens to publishers and subscribers, as lines of JSON or text with levels and stable event
 * names, bounded in length and number.
 *
 * @module
 */
export { eventNames, type LoggedStatus } from "./events.ts";
export { type LogFields, type LogValue, toLogFields } from "./fields.ts";
export { type FollowOptions, logListener, logPublisher, logSubscriber } from "./follow.ts";
export type { StatusSource } from "../transport/follow_status.ts";
export { formatLogRecord, type LogFormat, type LogRecord } from "./format.ts";
export { type LogLevel, type LogThreshold, logThresholds, parseLogThreshold } from "./level.ts";
export { type ByteSink, LineWriter, type LogOutput } from "./line_writer.ts";
export { Logger, type LoggerOptions } from "./logger.ts";
export type { LogRateLimit } from "./rate_limit.ts";
