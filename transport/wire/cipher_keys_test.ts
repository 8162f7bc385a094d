import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SttpError } from "../errors.ts";
import { type CipherKey, decodeCipherKeys, encodeCipherKeys } from "./cipher_keys.ts";

function keyOf(first: number): CipherKey {
  return {
    key: Uint8Array.from({ length: 32 }, (_, i) => first + i),
    iv: Uint8Array.from({ length: 16 }, (_, i) => first + 100 + i),
  };
}

const keys = { cipherIndex: 1, even: keyOf(0), odd: keyOf(50) } as const;

Deno.test("UpdateCipherKeys on the wire: index, then four fields behind their lengths", () => {
  const body = encodeCipherKeys(keys);
  assertEquals(body.length, 113);
  assertEquals(body.subarray(0, 6), new Uint8Array([1, 0, 0, 0, 32, 0]));
  assertEquals(body.subarray(37, 42), new Uint8Array([0, 0, 0, 16, 100]));
  assertEquals(body.subarray(57, 62), new Uint8Array([0, 0, 0, 32, 50]));
  assertEquals(body.subarray(93, 98), new Uint8Array([0, 0, 0, 16, 150]));
  assertEquals(decodeCipherKeys(body), keys);
});

Deno.test("UpdateCipherKeys: what is read does not share memory with the body, and bytes behind it are ignored", () => {
  const body = new Uint8Array([...encodeCipherKeys(keys), 9, 9]);
  const read = decodeCipherKeys(body);
  body.fill(0);
  assertEquals(read, keys);
});

Deno.test("UpdateCipherKeys: every truncation, wrong length and wrong index is refused", () => {
  const body = encodeCipherKeys(keys);
  for (let length = 0; length < body.length; length++) {
    const error = assertThrows(() => decodeCipherKeys(body.subarray(0, length)), SttpError);
    assertEquals(error.code, "MalformedFrame");
  }
  for (const at of [1, 37, 57, 93]) {
    for (const length of [0, 15, 17, 31, 33, 0x7fff_ffff, 0xffff_ffff]) {
      const wrong = body.slice();
      new DataView(wrong.buffer).setUint32(at, length);
      assertThrows(() => decodeCipherKeys(wrong), SttpError, `of ${length} bytes`);
    }
  }
  const wrong = body.slice();
  wrong[0] = 2;
  assertThrows(() => decodeCipherKeys(wrong), SttpError, "cipher index 2");
});

Deno.test("UpdateCipherKeys: random bytes are refused or read, never anything else", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 130 }), (bytes) => {
    try {
      decodeCipherKeys(bytes);
    } catch (error) {
      assertEquals(error instanceof SttpError, true);
    }
  }));
});

Deno.test("UpdateCipherKeys: keys of another length can't be sent", () => {
  const short = { key: new Uint8Array(16), iv: new Uint8Array(16) };
  assertThrows(() => encodeCipherKeys({ ...keys, odd: short }), RangeError, "16 bytes, 32 expected");
});
