import { assert, assertEquals } from "@std/assert";
import {
  decryptPayload,
  encryptedLength,
  encryptPayload,
  generateCipherKey,
  longestPayload,
} from "./cipher.ts";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

Deno.test("AES-256-CBC: the vector of NIST SP 800-38A, F.2.5, and a block of padding", () => {
  const key = {
    key: bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
    iv: bytes("000102030405060708090a0b0c0d0e0f"),
  };
  const plain = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
  const encrypted = encryptPayload(plain, key);
  assertEquals(
    encrypted.subarray(0, 32),
    bytes("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"),
  );
  assertEquals(encrypted.length, 48);
  assertEquals(decryptPayload(encrypted, key), plain);
});

Deno.test("encrypting agrees with Web Crypto at every length around the block's", async () => {
  const key = generateCipherKey();
  const imported = await crypto.subtle.importKey("raw", key.key.slice(), "AES-CBC", false, ["encrypt"]);
  for (let length = 0; length <= 50; length++) {
    const payload = Uint8Array.from({ length }, (_, i) => 3 * i);
    const web = await crypto.subtle.encrypt({ name: "AES-CBC", iv: key.iv.slice() }, imported, payload);
    const ours = encryptPayload(payload, key, 5);
    assertEquals(ours.subarray(0, 5), new Uint8Array(5));
    assertEquals(ours.subarray(5), new Uint8Array(web));
    assertEquals(encryptedLength(length), web.byteLength);
    assertEquals(decryptPayload(ours.subarray(5), key), payload);
  }
});

Deno.test("the longest payload is the longest one that fits", () => {
  for (let length = 16; length <= 100; length++) {
    const longest = longestPayload(length);
    assert(encryptedLength(longest) <= length);
    assert(encryptedLength(longest + 1) > length);
  }
  assertEquals(longestPayload(15), -1);
});

Deno.test("what is not whole blocks or has a wrong padding is not decrypted", () => {
  const key = generateCipherKey();
  const encrypted = encryptPayload(new Uint8Array(20), key);
  for (const length of [0, 1, 15, 17, 31]) {
    assertEquals(decryptPayload(encrypted.subarray(0, length), key), undefined);
  }
  // Changing the block before the last changes the padding: 12 bytes of 12 become one that is none.
  const wrong = encrypted.slice();
  wrong[15]! ^= 0x80;
  assertEquals(decryptPayload(wrong, key), undefined);
});

Deno.test("keys are new each time", () => {
  const made = Array.from({ length: 100 }, generateCipherKey);
  // Keys and initialization vectors alike; the first bytes of them, too.
  for (const field of ["key", "iv"] as const) {
    assertEquals(new Set(made.map((one) => String(one[field].subarray(0, 8)))).size, 100);
  }
});
