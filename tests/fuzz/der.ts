/**
 * Changes to what stands in DER, such as that of certificates, that leave its structure whole.
 *
 * @module
 */
import { joined } from "./mutate.ts";

/** Set in tags of elements that hold others. */
const CONSTRUCTED = 0x20;

/**
 * A copy with other values, and the lengths around them made to fit.
 *
 * @param der Good, and no length in it over 65,535.
 * @param of Gives the value in place of one, of those that hold no others, counted from 0.
 */
export function withValues(
  der: Uint8Array,
  of: (value: Uint8Array, n: number) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  let n = 0;
  const rebuilt = (elements: Uint8Array): Uint8Array<ArrayBuffer> => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < elements.length;) {
      const [from, to] = contentsAt(elements, at);
      const contents = elements.subarray(from, to);
      const value = elements[at]! & CONSTRUCTED ? rebuilt(contents) : of(contents, n++);
      parts.push(elements.subarray(at, at + 1), encodedLength(value.length), value);
      at = to;
    }
    return joined(...parts);
  };
  return rebuilt(der);
}

/** Where the contents of the element there begin and end. */
function contentsAt(bytes: Uint8Array, at: number): [from: number, to: number] {
  const first = bytes[at + 1]!;
  if (first < 0x80) return [at + 2, at + 2 + first];
  const from = at + 2 + first - 0x80;
  return [from, bytes.subarray(at + 2, from).reduce((length, byte) => length * 256 + byte, 0) + from];
}

function encodedLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  return length < 0x100 ? Uint8Array.of(0x81, length) : Uint8Array.of(0x82, length >> 8, length & 0xff);
}
