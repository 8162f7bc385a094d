/**
 * What goes into a log line: plain values of bounded size, without (?:private|secret|api|access|cipher)[_-]?keys?)$/is.
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

/** Fields whose names end so are not shown, whatever they are. */
const secretName =
  /(?:^pass|pass(?:word|phrase|wd)|pwd|secrets?|tokens?|credentials?|authorization|cookies?|(?:private|secret|api|access|cipher)[_-]?keys?)$/i;
/** Secrets in texts: a private key, a pair such as in a connection string or in JSON, and a header's token. */
const privateKey = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;
const secretPair =
  /\b(\w*(?:pass(?:word|phrase|wd)|pwd|secret|token))(["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|\{[^}]*\}|[^\s;,}]+)/gi;
const bearer = /\b(bearer\s+)[\w+/=.~-]{16,}/gi;

/** Stands for a secret. */
const redacted = "[redacted]";

/**
 * Makes values fit for a log: long texts are cut, bytes become their number, errors their code and message, and
 * secrets `[redacted]`. Names whose values are `undefined` are left out.
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
      const shownName = this.#text(name);
      result[shownName] = secretName.test(name) ? redacted : this.#value(value, depth);
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

function withoutSecrets(text: string): string {
  return text.replace(privateKey, redacted)
    .replace(secretPair, `$1$2${redacted}`)
    .replace(bearer, `$1${redacted}`);
}
