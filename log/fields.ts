/**
 * What goes into a log line: plain values of bounded size, without secrets.
 *
 * @module
 */

/** What a field of a log line can be. */
export type LogValue =
  | string
  | number
  | boolean
  | null
  | readonly LogValue[]
  | { readonly [name: string]: LogValue };

/** Named values of a log line. */
export type LogFields = Readonly<Record<string, LogValue>>;

/** Characters that one text may have. */
const maxText = 2_000;
/** Characters that all fields of a line may have together, about. */
const maxFields = 8_000;
/** Elements of an array, and names of an object. */
const maxElements = 100;
/** Objects in objects. */
const maxDepth = 6;

/**
 * What is named so is a secret, whether it is a field or stands in a text: `pass` only as a word, such as in `db_pass` and
 * `userPass` and not in `compass`.
 */
const names = "(?:(?<![a-z])pass|(?-i:Pass|(?<=[a-z])PASS)|pass(?:word|phrase|wd)|pwd|psk|" +
  "secret|token|credential|authorization|cookie|" +
  "(?:private|secret|api|access|cipher|shared|encryption|signing)[_-]?key)s?";
/** Fields whose names end so are not shown, whatever they are. */
const secretName = new RegExp(`${names}$`, "i");
/** Texts in fields of this name are not shown, unless they look like a measurement's key (`PPA:4`). */
const keyName = /^keys?$/i;
const measurementKey = /^[\w.-]{1,200}:\d{1,20}$/;
/** A name in which no secret is to be looked for. */
const plainName = /^[\w.-]*$/;

/** What stands between a name and its value. Quotes of a text within a text have backslashes before. */
const is = String.raw`\\*["']?\s*(?:=>|:=|==|[=:])\s*`;
/**
 * Secrets in texts: a private key, a header that proves who asks, a pair such as in a connection string or in JSON, a
 * token, and the password in an address. What is opened and not closed goes to the end, so that each takes one pass.
 */
const privateKey =
  /-----BEGIN [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g;
const header = new RegExp(
  String
    .raw`\b((?:authorization|cookies?)\\*["']?\s*(?:=>|:=|==|=(?![=>])|:(?!=))(?!\s*(?:\\*["']|[[{]))\s*)[^\r\n]+`,
  "gi",
);
const secretPair = new RegExp(
  String.raw`\b(\w*${names}${is})(?:'[^']*(?:'|$)|\`[^\`]*(?:\`|$)|(\\*"|[[{])|([^\s;,}]*))`,
  "gi",
);
/** What begins or ends a text in double quotes, an array or an object. */
const bounds = /(?<!\\)\\*"|[[\]{}]/g;
/** How far a value without quotes is taken to go on to a character that ends it. */
const longestUnquoted = 256;
const bearer = /\b(bearer\s+)[\w+/=.~-]+/gi;
const addressPassword = /(:\/\/[^\s/:@]{0,256}:)[^\s/]{1,1024}(?=@)/g;

/** Stands for a secret. */
const redacted = "[redacted]";

/**
 * Makes values fit for a log: long texts are cut, bytes become their number, errors their code and message, and what
 * looks like a secret `[redacted]`: by its name (`password`, `psk`, `apiKey` and the like), that of a field or in a text
 * (`password=...`, `"apiKey": "..."`); a field `key`, unless it is a measurement's; in a text a private key in PEM form,
 * the line after `Authorization:` and `Cookie:`, `Bearer ...` and `https://user:...@host`. Any other secret is not known
 * for one. Names whose values are `undefined` are left out.
 */
export function toLogFields(values: Readonly<Record<string, unknown>>): LogFields {
  return new Cleaner().object(values, 0);
}

/** One line's worth of cleaning, with what room is left. */
class Cleaner {
  #room = maxFields;

  object(values: object, depth: number): LogFields {
    const result: Record<string, LogValue> = {};
    let elements = 0;
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || typeof value === "function") continue;
      if (++elements > maxElements || this.#room <= 0) {
        result["..."] = "cut";
        break;
      }
      const shownName = this.#text(plainName.test(name) ? name : withoutSecrets(name));
      result[shownName] = isSecret(name, value) ? redacted : this.#value(value, depth);
    }
    return result;
  }

  #value(value: unknown, depth: number): LogValue {
    switch (typeof value) {
      case "string":
        return this.#text(withoutSecrets(value));
      case "number":
        this.#room -= 8;
        return Number.isFinite(value) ? value : String(value);
      case "boolean":
        this.#room -= 4;
        return value;
      case "object":
        // Also for what is null or empty, which has no text to be charged for.
        this.#room -= 4;
        return value === null ? null : this.#object(value, depth + 1);
      default:
        return this.#text(String(value));
    }
  }

  #object(value: object, depth: number): LogValue {
    if (ArrayBuffer.isView(value)) return this.#text(`[${value.byteLength} bytes]`);
    if (value instanceof Date) return this.#text(String(value.getTime()));
    if (depth > maxDepth) return this.#text("...");
    if (value instanceof Error) return this.#error(value, depth);
    if (!Array.isArray(value)) return this.object(value, depth);
    const result: LogValue[] = [];
    for (const element of value) {
      if (result.length === maxElements || this.#room <= 0) {
        result.push("...");
        break;
      }
      result.push(this.#value(element, depth));
    }
    return result;
  }

  #error(error: Error, depth: number): LogValue {
    const { code } = error as { code?: unknown };
    return this.object({
      name: error.name,
      ...(typeof code === "string" || typeof code === "number") && { code },
      message: error.message,
      ...error.cause !== undefined && { cause: error.cause },
    }, depth);
  }

  #text(text: string): string {
    const room = Math.max(0, Math.min(maxText, this.#room));
    this.#room -= Math.min(text.length, room) + 4;
    return text.length <= room ? text : `${text.slice(0, room)}... (${text.length} characters)`;
  }
}

function isSecret(name: string, value: unknown): boolean {
  if (secretName.test(name)) return true;
  if (!keyName.test(name)) return false;
  const shown = Array.isArray(value) ? value.slice(0, maxElements) : [value];
  return shown.some((text) => typeof text === "string" && !measurementKey.test(text));
}

function withoutSecrets(text: string): string {
  return withoutPairs(text.replace(privateKey, redacted).replace(header, `$1${redacted}`))
    .replace(bearer, `$1${redacted}`)
    .replace(addressPassword, `$1${redacted}`);
}

/**
 * Leaves out the values of pairs. One without quotes may have spaces, as those of connection strings do: where a semicolon
 * follows on its line, or else an ampersand, it ends there.
 */
function withoutPairs(text: string): string {
  const semicolons = new Ends(text, /[;\r\n]/g);
  const ampersands = new Ends(text, /[&\r\n]/g);
  let shown = "";
  let from = 0;
  secretPair.lastIndex = 0;
  for (let pair = secretPair.exec(text); pair !== null; pair = secretPair.exec(text)) {
    const [, name, opening, unquoted] = pair;
    const start = pair.index + name!.length;
    let end = secretPair.lastIndex;
    if (opening !== undefined) end = endOf(text, start);
    // After a name in quotes there is a number or the like, as in JSON.
    else if (unquoted !== undefined && !/["']/.test(name!)) {
      end = semicolons.near(end) ?? ampersands.near(end) ?? end;
    }
    if (end === start) continue;
    shown += text.slice(from, start) + redacted;
    from = secretPair.lastIndex = end;
  }
  return shown + text.slice(from);
}

/** Where a text in double quotes, an array or an object ends, with all that is in it. @param start Where it begins. */
function endOf(text: string, start: number): number {
  let depth = 0;
  // How many backslashes the quotes have that a text is in; each step into a text within a text doubles them, and one.
  let backslashes: number | undefined;
  bounds.lastIndex = start;
  for (let found = bounds.exec(text); found !== null; found = bounds.exec(text)) {
    const [bound] = found;
    if (bound.endsWith('"')) {
      const before = bound.length - 1;
      if (backslashes === undefined) backslashes = before;
      else if (before % (2 * backslashes + 2) === backslashes) backslashes = undefined;
    } else if (backslashes === undefined) {
      depth += bound === "[" || bound === "{" ? 1 : -1;
    }
    if (depth === 0 && backslashes === undefined) return bounds.lastIndex;
  }
  return text.length;
}

/** Finds what ends values on their lines; looks at each character of a text once. */
class Ends {
  readonly #text: string;
  readonly #pattern: RegExp;
  #found = -1;

  /** @param pattern Finds all such characters, and ends of lines. */
  constructor(text: string, pattern: RegExp) {
    this.#text = text;
    this.#pattern = pattern;
  }

  /** The first place from another on that is near and on the same line. @param from No less than the last time. */
  near(from: number): number | undefined {
    if (this.#found < from) {
      this.#pattern.lastIndex = from;
      this.#found = this.#pattern.exec(this.#text)?.index ?? Infinity;
    }
    const isNear = this.#found - from <= longestUnquoted && !/[\r\n]/.test(this.#text[this.#found]!);
    return isNear ? this.#found : undefined;
  }
}
