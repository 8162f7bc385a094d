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
  /** The most pairs, those that are ignored or repeated included; default `DefaultLimits.connectionStringPairs`. */
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
 * @throws {SttpError} `MalformedText` when braces do not pair, `LimitExceeded` when the text is too long, has too many
 * pairs or a key of more than 1,024 characters, or nests braces more than 32 deep.
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
  let count = 0;
  for (let start = 0; start < text.length;) {
    if (++count > maxPairs) {
      throw new SttpError("LimitExceeded", `connection string of more than ${maxPairs} pairs`);
    }
    const pair = pairAt(text, start);
    const key = keyOf(text, start, pair);
    if (key !== "") settings.set(key, valueOf(text, pair));
    start = pair.end + 1;
  }
  return settings;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;
const EQUALS = 0x3d;
const SEMICOLON = 0x3b;
/** How deep braces may nest. */
const MAX_DEPTH = 32;
/** How many characters a key may have. */
const MAX_KEY_LENGTH = 1024;

/** Where the parts of a pair are; -1 for a part that it lacks. */
interface Pair {
  /** Its first `=` that counts. */
  readonly equals: number;
  /** The first brace of its value, and the one that closes it. */
  readonly open: number;
  readonly close: number;
  /** Behind its last character. */
  readonly end: number;
}

/** Looks at each character of a pair once, however many of them are signs. */
function pairAt(text: string, start: number): Pair {
  let equals = -1;
  let open = -1;
  let close = -1;
  let depth = 0;
  let outermost = -1;
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === OPEN) {
      if (depth === 0) {
        outermost = end;
        if (equals >= 0 && open < 0) open = end;
      }
      if (++depth > MAX_DEPTH) {
        throw new SttpError(
          "LimitExceeded",
          `connection string nests braces more than ${MAX_DEPTH} deep at character ${end}`,
        );
      }
    } else if (code === CLOSE) {
      if (--depth < 0) {
        throw new SttpError(
          "MalformedText",
          `connection string closes a brace at character ${end} that is not open`,
        );
      }
      if (depth === 0 && open >= 0 && close < 0) close = end;
    } else if (depth === 0) {
      if (code === SEMICOLON) break;
      if (code === EQUALS && equals < 0) equals = end;
    }
  }
  if (depth > 0) {
    throw new SttpError(
      "MalformedText",
      `connection string does not close its brace at character ${outermost}`,
    );
  }
  return { equals, open, close, end };
}

/** A pair's key in lower case; empty when the pair does not count. */
function keyOf(text: string, start: number, { equals }: Pair): string {
  if (equals < 0) return "";
  const key = text.slice(start, equals).trim();
  if (key.length > MAX_KEY_LENGTH) {
    throw new SttpError(
      "LimitExceeded",
      `connection string has a key of ${key.length} characters, at most ${MAX_KEY_LENGTH} expected`,
    );
  }
  return key.toLowerCase();
}

/** A pair's value, without the pair of braces around all of it. */
function valueOf(text: string, { equals, open, close, end }: Pair): string {
  const isWrapped = open >= 0 && isBlank(text, equals + 1, open) && isBlank(text, close + 1, end);
  return isWrapped ? text.slice(open + 1, close) : text.slice(equals + 1, end).trim();
}

function isBlank(text: string, start: number, end: number): boolean {
  return text.slice(start, end).trim() === "";
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
