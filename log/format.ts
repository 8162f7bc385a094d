/**
 * Log lines, for programs and for people.
 *
 * @module
 */
import type { LogFields, LogValue } from "./fields.ts";
import type { LogLevel } from "./level.ts";

/** An event in a log. */
export interface LogRecord {
  /** When, in milliseconds since 1970. */
  readonly time: number;
  /** How much it matters. */
  readonly level: LogLevel;
  /** Which event: a stable name such as `publisher.connected`. */
  readonly event: string;
  /** Everything else. */
  readonly fields: LogFields;
}

/** How lines look: `ndjson`, one JSON object a line; `text`, for people. */
export type LogFormat = "ndjson" | "text";

/** Turns a record into a line without its line end. */
export function formatLogRecord(record: LogRecord, format: LogFormat): string {
  return format === "ndjson" ? toNdjson(record) : toText(record);
}

function toNdjson({ time, level, event, fields }: LogRecord): string {
  return printable(JSON.stringify({ time: isoTime(time), level, event, ...fieldsBeside(fields) }));
}

/** Fields never take the place of what every line has. */
function fieldsBeside(fields: LogFields): LogFields {
  const taken = ["time", "level", "event"].filter((name) => Object.hasOwn(fields, name));
  if (taken.length === 0) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [taken.includes(name) ? `${name}_` : name, value]),
  );
}

function toText({ time, level, event, fields }: LogRecord): string {
  const parts = [isoTime(time), level.toUpperCase().padEnd(7), event];
  addText(parts, "", fields);
  return printable(parts.join(" "));
}

function addText(parts: string[], prefix: string, fields: LogFields): void {
  for (const [name, value] of Object.entries(fields)) {
    const path = prefix + (/^[\w.-]+$/.test(name) ? name : JSON.stringify(name));
    if (isFields(value)) addText(parts, `${path}.`, value);
    else parts.push(`${path}=${textOf(value)}`);
  }
}

function isFields(value: LogValue): value is LogFields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: LogValue): string {
  if (typeof value === "string" && /^[\w.:/@+[\]-]+$/.test(value)) return value;
  return JSON.stringify(value);
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}

/** Characters that a terminal obeys, that end a line for some readers, or that turn the text around. */
const unprintable = /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Escapes what JSON.stringify leaves as it is and a log had better not contain. */
function printable(line: string): string {
  return line.replace(unprintable, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
