import { assertEquals } from "@std/assert";
import { encryptPayload, generateCipherKey } from "../transport/cipher.ts";
import type { CipherKeys } from "../transport/wire/cipher_keys.ts";
import { Decryption } from "./decryption.ts";

const payload = new Uint8Array([0, 0, 0, 1, 5]);
const isPayload = (bytes: Uint8Array): boolean => bytes.length === 5 && bytes[4] === 5;

function keysOf(even = generateCipherKey(), odd = generateCipherKey()): CipherKeys {
  return { cipherIndex: 0, even, odd };
}

Deno.test("the flag says which key", () => {
  const decryption = new Decryption();
  const keys = keysOf();
  assertEquals(decryption.decrypt(encryptPayload(payload, keys.even), false, isPayload), undefined);
  decryption.update(keys);
  assertEquals(decryption.decrypt(encryptPayload(payload, keys.even), false, isPayload), payload);
  assertEquals(decryption.decrypt(encryptPayload(payload, keys.odd), true, isPayload), payload);
  assertEquals(decryption.decrypt(encryptPayload(payload, keys.odd), false, isPayload), undefined);
});

Deno.test("the key before is tried as well, and none before that", () => {
  const decryption = new Decryption();
  const odd = generateCipherKey();
  const [first, second, third] = [keysOf(undefined, odd), keysOf(undefined, odd), keysOf(undefined, odd)];
  decryption.update(first);
  decryption.update(second);
  // The same once more replaces nothing.
  decryption.update(second);
  assertEquals(decryption.decrypt(encryptPayload(payload, first.even), false, isPayload), payload);
  assertEquals(decryption.decrypt(encryptPayload(payload, second.even), false, isPayload), payload);
  assertEquals(decryption.decrypt(encryptPayload(payload, odd), true, isPayload), payload);
  decryption.update(third);
  assertEquals(decryption.decrypt(encryptPayload(payload, first.even), false, isPayload), undefined);
  assertEquals(decryption.decrypt(encryptPayload(payload, second.even), false, isPayload), payload);
  assertEquals(decryption.decrypt(encryptPayload(payload, third.even), false, isPayload), payload);
});

Deno.test("a wrong key whose padding happens to fit gives way to the right one", () => {
  // Of 256 keys about one passes for every payload; among 4,000 some surely do.
  const right = generateCipherKey();
  const bytes = encryptPayload(payload, right);
  let passed = 0;
  for (let i = 0; i < 4000; i++) {
    const decryption = new Decryption();
    decryption.update(keysOf(right));
    decryption.update(keysOf());
    decryption.decrypt(bytes, false, (bytes) => {
      if (!isPayload(bytes)) passed++;
      return isPayload(bytes);
    });
    assertEquals(decryption.decrypt(bytes, false, isPayload), payload);
  }
  assertEquals(passed > 0, true);
});
