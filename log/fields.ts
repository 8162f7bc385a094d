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

/** Fields whose names end so are not shown, whatever they are. */
const secretName =
  /(?:^pass|pass(?:word|phrase|wd)|pwd|psk|secrets?|tokens?|credentials?|authorization|cookies?|(?:private|secret|api|access|cipher|shared|encryption|signing)[_-]?keys?)$/i;
/** Texts in fields of this name are not shown, unless they look like a measurement's key (`PPA:4`). */
const keyName = /^keys?$/i;
const measurementKey = /^[\w.-]{1,200}:\d{1,20}$/;
/**
 * Secrets in texts: a private key, a header that proves who asks, a pair such as in a connection string or in JSON, a
 * token, and the password in an address. What is opened and not closed goes to the end, so that each takes one pass.
 */
const privateKey = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;
const authorization = /\b(authorization["']?\s*[=:]\s*)(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^"'\r\n]+)/gi;
const secretPair =
  /\b(\w*(?:pass(?:word|phrase|wd)|pwd|psk|secret|token))(["']?\s*[=:]\s*)(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|\{[^}]*(?:\}|$)|[^\s;,}]+)/gi;
const bearer = /\b(bearer\s+)[\w+/=.~-]{16,}/gi;
const addressPassword = /(:\/\/[^\s/:@]{0,256}:)[^\s/]{1,1024}(?=@)/g;

/** Stands for a secret. */
const redacted = "[redacted]";

/**
 * Makes values fit for a log: long texts are cut, bytes become their number, errors their code and message, and what
 * looks like a secret `[redacted]`: by the name of its field (`password`, `psk`, `apiKey` and the like; `key`, unless it
 * is a measurement's), or in a text a private key in PEM form, `Authorization: ...`, `password=...`, `Bearer ...` and
 * `https://user:...@host`. Any other secret is not known for one. Names whose values are `undefined` are left out.
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
  return keyName.test(name) && typeof value === "string" && !measurementKey.test(value);
}

function withoutSecrets(text: string): string {
  return text.replace(privateKey, redacted)
    .replace(authorization, `$1${redacted}`)
    .replace(secretPair, `$1$2${redacted}`)
    .replace(bearer, `$1${redacted}`)
    .replace(addressPassword, `$1${redacted}`);
}
