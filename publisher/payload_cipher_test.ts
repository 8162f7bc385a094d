import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { decryptPayload } from "../transport/cipher.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { type CipherKeys, decodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { readResponses } from "../transport/wire/frame.ts";
import { PayloadCipher } from "./payload_cipher.ts";

const message = new Uint8Array([1, 2, 3]);

/** A cipher, and the keys that its subscriber has. */
function setUp(interval = 60_000): { clock: ManualClock; cipher: PayloadCipher; sent: CipherKeys[] } {
  const clock = new ManualClock();
  const sent: CipherKeys[] = [];
  const cipher = new PayloadCipher({
    clock,
    interval,
    send: (frame) => {
      const [only, ...more] = [...readResponses(frame.subarray(4))];
      assertEquals([only!.code, more.length], [Response.UpdateCipherKeys, 0]);
      sent.push(decodeCipherKeys(only!.body));
    },
  });
  return { clock, cipher, sent };
}

/** The key that the cipher encrypts with, out of the last that were sent. */
function keyInUse(cipher: PayloadCipher, sent: readonly CipherKeys[]): "even" | "odd" | "another" {
  const bytes = cipher.encrypt(message);
  for (const name of ["even", "odd"] as const) {
    const payload = decryptPayload(bytes, sent.at(-1)![name]);
    if (payload?.length === 3 && payload.every((byte, i) => byte === message[i])) return name;
  }
  return "another";
}

Deno.test("both keys are sent at once, and the even one is in use", () => {
  const { cipher, sent } = setUp();
  assertEquals([sent.length, sent[0]!.cipherIndex], [1, 0]);
  assertNotEquals(sent[0]!.even, sent[0]!.odd);
  assertEquals([cipher.index, cipher.flag, keyInUse(cipher, sent)], [0, 0, "even"]);
  assertEquals(cipher.encrypt(message, 7).subarray(0, 7), new Uint8Array(7));
  cipher.dispose();
});

Deno.test("a rotation replaces the other key, and goes over to it when it is confirmed", () => {
  const { clock, cipher, sent } = setUp();
  assert(cipher.confirm());
  clock.advance(1000);
  cipher.rotate();
  assertEquals(sent[1]!.cipherIndex, 1);
  assertEquals(sent[1]!.even, sent[0]!.even);
  assertNotEquals(sent[1]!.odd, sent[0]!.odd);
  // Not yet: a packet under the new key could overtake it.
  assertEquals([cipher.index, keyInUse(cipher, sent)], [0, "even"]);
  assert(cipher.confirm());
  assertEquals([cipher.index, cipher.flag, keyInUse(cipher, sent)], [1, DataPacketFlags.CipherIndex, "odd"]);

  clock.advance(1000);
  cipher.rotate();
  assert(cipher.confirm());
  assertEquals(sent[2]!.odd, sent[1]!.odd);
  assertNotEquals(sent[2]!.even, sent[1]!.even);
  assertEquals([cipher.index, keyInUse(cipher, sent), cipher.rotations], [0, "even", 2]);
  cipher.dispose();
  assertEquals(clock.pending, 0);
});

Deno.test("a subscriber that never confirms has two seconds", () => {
  const { clock, cipher, sent } = setUp();
  clock.advance(5000);
  cipher.rotate();
  clock.advance(1999);
  assertEquals(cipher.index, 0);
  clock.advance(1);
  assertEquals([cipher.index, keyInUse(cipher, sent)], [1, "odd"]);
  cipher.rotate();
  clock.advance(2000);
  assertEquals([cipher.index, keyInUse(cipher, sent)], [0, "even"]);
  cipher.dispose();
});

Deno.test("a late confirmation does not count for the keys after its own", () => {
  const { clock, cipher } = setUp();
  clock.advance(1000);
  cipher.rotate();
  assert(cipher.confirm()); // that of the first keys
  assertEquals(cipher.index, 0);
  assert(cipher.confirm());
  assertEquals(cipher.index, 1);
  assertEquals(cipher.confirm(), false);
  cipher.dispose();
});

Deno.test("keys are not replaced within a second of the last", () => {
  const { clock, cipher, sent } = setUp();
  for (const milliseconds of [0, 999]) {
    clock.advance(milliseconds);
    const error = assertThrows(() => cipher.rotate(), SttpError, "within the last second");
    assertEquals(error.code, "Refused");
  }
  clock.advance(1);
  cipher.rotate();
  assertThrows(() => cipher.rotate(), SttpError);
  assertEquals([sent.length, cipher.rotations], [2, 1]);
  cipher.dispose();
});

Deno.test("a rotation while the last is unconfirmed first goes over, so that no key is replaced that may be needed", () => {
  const { clock, cipher, sent } = setUp();
  clock.advance(1000);
  cipher.rotate();
  clock.advance(1000);
  cipher.rotate();
  assertEquals([cipher.index, keyInUse(cipher, sent)], [1, "odd"]);
  assertEquals(sent[2]!.odd, sent[1]!.odd);
  cipher.dispose();
});

Deno.test("keys are replaced by a timer that every rotation starts anew", () => {
  const { clock, cipher, sent } = setUp(60_000);
  clock.advance(30_000);
  cipher.rotate();
  clock.advance(59_999);
  assertEquals(sent.length, 2);
  clock.advance(1);
  assertEquals(sent.length, 3);
  clock.advance(600_000);
  assertEquals(cipher.rotations, 12);
  cipher.dispose();
  assertEquals(clock.pending, 0);
});
