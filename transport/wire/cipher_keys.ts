/**
 * UpdateCipherKeys: the keys that payloads are encrypted with (§12).
 *
 * @module
 */
import { SttpError } from "../errors.ts";

/** Bytes of an AES-256 key. */
export const CIPHER_KEY_LENGTH = 32;
/** Bytes of an initialization vector. */
export const CIPHER_IV_LENGTH = 16;

/** A key with its initialization vector. */
export interface CipherKey {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 16 bytes. */
  readonly iv: Uint8Array;
}

/** Both keys of a session, and which of them the publisher encrypts with from here on. */
export interface CipherKeys {
  /** 0, the even key; 1, the odd one. */
  readonly cipherIndex: 0 | 1;
  /** The key of packets without the CipherIndex flag. */
  readonly even: CipherKey;
  /** The key of packets with it. */
  readonly odd: CipherKey;
}

/**
 * The body of UpdateCipherKeys: `cipherIndex[1]`, then even key, even IV, odd key and odd IV, each behind its
 * `length[4]`.
 *
 * @throws {RangeError} When a key or an initialization vector is not of its length.
 *
 * @example
 * ```ts
 * import { decodeCipherKeys, encodeCipherKeys, generateCipherKey } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const keys = { cipherIndex: 0, even: generateCipherKey(), odd: generateCipherKey() } as const;
 * assertEquals(decodeCipherKeys(encodeCipherKeys(keys)), keys);
 * ```
 */
export function encodeCipherKeys({ cipherIndex, even, odd }: CipherKeys): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(1 + 2 * (4 + CIPHER_KEY_LENGTH + 4 + CIPHER_IV_LENGTH));
  const view = new DataView(body.buffer);
  body[0] = cipherIndex;
  let offset = 1;
  for (const [field, length] of fieldsOf(even, odd)) {
    if (field.length !== length) {
      throw new RangeError(`key or initialization vector of ${field.length} bytes, ${length} expected`);
    }
    view.setUint32(offset, length);
    body.set(field, offset + 4);
    offset += 4 + length;
  }
  return body;
}

function fieldsOf(even: CipherKey, odd: CipherKey): [field: Uint8Array, length: number][] {
  return [
    [even.key, CIPHER_KEY_LENGTH],
    [even.iv, CIPHER_IV_LENGTH],
    [odd.key, CIPHER_KEY_LENGTH],
    [odd.iv, CIPHER_IV_LENGTH],
  ];
}

/**
 * Reads the body of UpdateCipherKeys; what it gives is a copy.
 *
 * @throws {SttpError} `MalformedFrame` when the cipher index is neither 0 nor 1, when a field is not of the length
 * that AES-256-CBC needs, or when the body ends before its fields do.
 */
export function decodeCipherKeys(body: Uint8Array): CipherKeys {
  const cipherIndex = body[0];
  if (cipherIndex !== 0 && cipherIndex !== 1) {
    throw new SttpError(
      "MalformedFrame",
      `UpdateCipherKeys with cipher index ${cipherIndex}, 0 or 1 expected`,
    );
  }
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let offset = 1;
  const take = (name: string, expected: number): Uint8Array => {
    const left = body.length - offset;
    if (left < 4 + expected) {
      throw new SttpError("MalformedFrame", `UpdateCipherKeys: ${left} bytes are left for the ${name}`);
    }
    const length = view.getUint32(offset);
    if (length !== expected) {
      throw new SttpError(
        "MalformedFrame",
        `UpdateCipherKeys: ${name} of ${length} bytes, ${expected} expected`,
      );
    }
    offset += 4 + length;
    return body.slice(offset - length, offset);
  };
  const takeKey = (name: string): CipherKey => ({
    key: take(`${name} key`, CIPHER_KEY_LENGTH),
    iv: take(`${name} initialization vector`, CIPHER_IV_LENGTH),
  });
  const even = takeKey("even");
  return { cipherIndex, even, odd: takeKey("odd") };
}
