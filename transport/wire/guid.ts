/**
 * GUIDs: text at the edge, 16 bytes in RFC 4122 order on the wire (§5).
 *
 * @module
 */

// Where the digits of each byte stand in the text.
const POSITIONS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const HYPHEN = 0x2d;
/** Character codes of the digits 0 to 15. */
const DIGITS: Uint8Array = new TextEncoder().encode("0123456789abcdef");
/** The text being made: one flat string a GUID costs half of joining its parts, or of a TextDecoder. */
const scratch: number[] = [...new TextEncoder().encode("00000000-0000-0000-0000-000000000000")];
/** The value of each digit by its character code, in either case; `NO_DIGIT` for all else. */
const VALUES: Uint8Array = new Uint8Array(128);
const NO_DIGIT = 0x10;
VALUES.fill(NO_DIGIT);
for (let i = 0; i < 16; i++) {
  VALUES[DIGITS[i]!] = i;
  VALUES[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ANY = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})$/i;

/** How many bytes a GUID takes on the wire. */
export const GUID_LENGTH = 16;

/** The GUID of all zeros. */
export const EMPTY_GUID = "00000000-0000-0000-0000-000000000000";

/** The 32 or 36 characters inside `{}` or `()`, or the text itself. */
function unwrapped(text: string): string {
  const trimmed = text.trim();
  const first = trimmed[0];
  const last = trimmed[trimmed.length - 1];
  return (first === "{" && last === "}") || (first === "(" && last === ")") ? trimmed.slice(1, -1) : trimmed;
}

/**
 * A GUID in the spelling that this library uses everywhere: lower case, hyphens, no braces.
 *
 * @param text Any case; with or without hyphens, `{}` or `()`; any version, the nil GUID too.
 * @throws {TypeError} When it is not a GUID.
 *
 * @example
 * ```ts
 * import { normalizeGuid } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeGuid("{9AE6DD95-BDDB-5DD8-8717-57DA1268B9CA}"), "9ae6dd95-bddb-5dd8-8717-57da1268b9ca");
 * ```
 */
export function normalizeGuid(text: string): string {
  if (CANONICAL.test(text)) return text;
  const bare = unwrapped(text);
  if (!ANY.test(bare)) {
    throw new TypeError(`"${text.slice(0, 50)}" is not a GUID such as ${EMPTY_GUID}`);
  }
  const lower = bare.toLowerCase();
  if (lower.length === 36) return lower;
  return `${lower.slice(0, 8)}-${lower.slice(8, 12)}-${lower.slice(12, 16)}-${lower.slice(16, 20)}-${
    lower.slice(20)
  }`;
}

/** Whether {@linkcode normalizeGuid} accepts a text. */
export function isGuid(text: string): boolean {
  return ANY.test(unwrapped(text));
}

/**
 * Reads 16 bytes as a GUID, first byte first.
 *
 * @returns Lower case with hyphens.
 * @throws {RangeError} When fewer than 16 bytes follow `offset`.
 */
export function readGuid(bytes: Uint8Array, offset: number = 0): string {
  if (offset < 0 || offset + GUID_LENGTH > bytes.length) {
    throw new RangeError(`no 16 bytes of a GUID at offset ${offset} of ${bytes.length}`);
  }
  for (let i = 0; i < GUID_LENGTH; i++) {
    const byte = bytes[offset + i]!;
    const position = POSITIONS[i]!;
    scratch[position] = DIGITS[byte >> 4]!;
    scratch[position + 1] = DIGITS[byte & 0xf]!;
  }
  return String.fromCharCode(...scratch);
}

/**
 * Writes a GUID as 16 bytes, first byte first.
 *
 * @throws {TypeError} When `text` is not a GUID; what the 16 bytes are then is not specified.
 * @throws {RangeError} When fewer than 16 bytes follow `offset`.
 */
export function writeGuid(text: string, bytes: Uint8Array, offset: number = 0): void {
  if (offset < 0 || offset + GUID_LENGTH > bytes.length) {
    throw new RangeError(`no room for 16 bytes of a GUID at offset ${offset} of ${bytes.length}`);
  }
  if (!parse(text, bytes, offset)) parse(normalizeGuid(text), bytes, offset);
}

/** Writes the usual spelling, in either case, as bytes. @returns Whether the text is spelt so. */
function parse(text: string, bytes: Uint8Array, offset: number): boolean {
  if (text.length !== 36) return false;
  let wrong = (text.charCodeAt(8) ^ HYPHEN) | (text.charCodeAt(13) ^ HYPHEN) |
    (text.charCodeAt(18) ^ HYPHEN) | (text.charCodeAt(23) ^ HYPHEN);
  for (let i = 0; i < GUID_LENGTH; i++) {
    const position = POSITIONS[i]!;
    const high = VALUES[text.charCodeAt(position)] ?? NO_DIGIT;
    const low = VALUES[text.charCodeAt(position + 1)] ?? NO_DIGIT;
    wrong |= (high | low) & NO_DIGIT;
    bytes[offset + i] = high << 4 | low;
  }
  return wrong === 0;
}
