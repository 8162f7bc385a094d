/**
 * Connection strings: `key=value;key={value; with=delimiters}` (§4).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { DefaultLimits } from "../limits.ts";

/** Settings of {@linkcode parseConnectionString}. */
export interface ConnectionStringOptions {
  /** The longest text to take apart, in characters; default `DefaultLimits.connectionStringLength`. */
  readonly maxLength?: number;
  /** The most pairs; default `DefaultLimits.connectionStringPairs`. */
  readonly maxPairs?: number;
}

/**
 * Takes a connection string apart.
 *
 * Pairs are separated by `;` and split at their first `=`, neither counting inside braces. Space around keys and
 * values is dropped. A value wrapped in `{}` loses that pair of braces and keeps the rest as it is. A pair without
 * `=` or without a key is ignored; of several pairs with the same key the last wins.
 *
 * @returns Values by lower-case key, in the order in which the keys first came.
 * @throws {SttpError} `MalformedText` when braces do not pair, `LimitExceeded` when the text is too long or
 * has too many pairs.
 *
 * @example
 * ```ts
 * import { parseConnectionString } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const settings = parseConnectionString("includeTime=true;dataChannel={localPort=9191; interface=0.0.0.0}");
 * assertEquals(settings.get("includetime"), "true");
 * assertEquals(parseConnectionString(settings.get("datachannel")!).get("localport"), "9191");
 * ```
 */
export function parseConnectionString(
  text: string,
  options: ConnectionStringOptions = {},
): Map<string, string> {
  const { maxLength = DefaultLimits.connectionStringLength, maxPairs = DefaultLimits.connectionStringPairs } =
    options;
  if (text.length > maxLength) {
    throw new SttpError(
      "LimitExceeded",
      `connection string of ${text.length} characters, at most ${maxLength} expected`,
    );
  }
  const settings = new Map<string, string>();
  let start = 0;
  let equals = -1;
  let depth = 0;
  let opened = 0;
  for (let i = -1; i < text.length;) {
    i = nextOf(depth > 0 ? BRACES : SIGNS, text, i + 1);
    const code = i < text.length ? text.charCodeAt(i) : SEMICOLON;
    if (code === OPEN) {
      if (depth++ === 0) opened = i;
    } else if (code === CLOSE) {
      if (depth-- === 0) {
        throw new SttpError(
          "MalformedText",
          `connection string closes a brace at character ${i} that is not open`,
        );
      }
    } else if (depth === 0 && code === EQUALS && equals < 0) {
      equals = i;
    } else if (code === SEMICOLON && (depth === 0 || i === text.length)) {
      if (depth > 0) {
        throw new SttpError(
          "MalformedText",
          `connection string does not close its brace at character ${opened}`,
        );
      }
      if (equals >= 0) {
        const key = text.slice(start, equals).trim().toLowerCase();
        if (key !== "") settings.set(key, unwrapped(text.slice(equals + 1, i).trim()));
        if (settings.size > maxPairs) {
          throw new SttpError("LimitExceeded", `connection string of more than ${maxPairs} pairs`);
        }
      }
      start = i + 1;
      equals = -1;
    }
  }
  return settings;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;
const EQUALS = 0x3d;
const SEMICOLON = 0x3b;

// Texts are long and signs are few: a regular expression finds them many times as fast as a look at each character.
const SIGNS = /[{}=;]/g;
const BRACES = /[{}]/g;

/** Where the next of some signs is; the text's end when there is none. */
function nextOf(signs: RegExp, text: string, from: number): number {
  signs.lastIndex = from;
  return signs.test(text) ? signs.lastIndex - 1 : text.length;
}

/** A value without the pair of braces around all of it. */
function unwrapped(value: string): string {
  if (!value.startsWith("{") || !value.endsWith("}")) return value;
  let depth = 0;
  const last = value.length - 1;
  for (let i = 0; i < last; i = nextOf(BRACES, value, i + 1)) {
    depth += value.charCodeAt(i) === OPEN ? 1 : -1;
    if (depth === 0) return value;
  }
  return value.slice(1, -1);
}

/** What {@linkcode formatConnectionString} writes as a value; `undefined` leaves the key out. */
export type ConnectionStringValue = string | number | boolean | undefined;

/**
 * Puts a connection string together, wrapping in braces the values that need it.
 *
 * @param settings Values by key, written in their order. A nested connection string is a value like any other.
 * @throws {TypeError} For a key with delimiters or space around it, and for a value whose braces do not pair:
 * the format has no way to write those.
 *
 * @example
 * ```ts
 * import { formatConnectionString } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const text = formatConnectionString({
 *   throttled: false,
 *   filterExpression: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'",
 * });
 * assertEquals(text, "throttled=false;filterExpression={FILTER ActiveMeasurements WHERE SignalType = 'FREQ'}");
 * ```
 */
export function formatConnectionString(settings: Readonly<Record<string, ConnectionStringValue>>): string {
  const pairs: string[] = [];
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    if (key === "" || /[=;{}]|^\s|\s$/.test(key)) {
      throw new TypeError(`"${key}" can't be a connection string's key`);
    }
    const text = String(value);
    if (!balanced(text)) {
      throw new TypeError(`braces in the value of "${key}" do not pair; a connection string can't hold it`);
    }
    pairs.push(`${key}=${/[=;{}]|^\s|\s$/.test(text) ? `{${text}}` : text}`);
  }
  return pairs.join(";");
}

function balanced(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === OPEN) depth++;
    else if (code === CLOSE && --depth < 0) return false;
  }
  return depth === 0;
}

/** Reads true, 1, yes, on, false, 0, no or off in any case; `undefined` for any other text. */
export function parseBoolean(text: string): boolean | undefined {
  switch (text.trim().toLowerCase()) {
    case "true":
    case "1":
    case "yes":
    case "on":
      return true;
    case "false":
    case "0":
    case "no":
    case "off":
      return false;
    default:
      return undefined;
  }
}

/** Reads a decimal number such as `5`, `-1`, `1.000000` or `1e3`; `undefined` for any other text. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : undefined;
}
