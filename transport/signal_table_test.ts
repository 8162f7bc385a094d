import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readGuid, writeGuid } from "./wire/guid.ts";
import { SignalTable } from "./signal_table.ts";

const A = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
const B = "01d06006-b1a4-5f6c-9eed-3793da28c907";

Deno.test("handles count up from 0 and stay", () => {
  const signals = new SignalTable();
  assertEquals([signals.add(A), signals.add(B), signals.add(A)], [0, 1, 0]);
  assertEquals(signals.size, 2);
  assertEquals(signals.ids(), [A, B]);
  assertEquals([signals.idOf(0), signals.idOf(1)], [A, B]);
});

Deno.test("every spelling of an ID has the same handle", () => {
  const signals = new SignalTable();
  signals.add(`{${A.toUpperCase()}}`);
  assertEquals(signals.add(A), 0);
  assertEquals(signals.handleOf(A.toUpperCase()), 0);
  assertEquals(signals.handleOf(A.replaceAll("-", "")), 0);
  assertEquals(signals.handleOf(B), undefined);
  assertEquals(signals.size, 1);
});

Deno.test("what is no signal is refused", () => {
  const signals = new SignalTable();
  assertThrows(() => signals.add("PPA:1"), TypeError, "GUID");
  assertThrows(() => signals.handleOf("PPA:1"), TypeError, "GUID");
  assertThrows(() => signals.idOf(0), RangeError, "handle 0");
  const some = new SignalTable();
  assertEquals(some.idOf(some.add(A)), A);
  for (const handle of [-1, 1, NaN, 2 ** 32, Infinity]) {
    assertThrows(() => some.idOf(handle), RangeError, `handle ${handle}`);
  }
});

Deno.test("an ID in bytes and the same in text are one signal", () => {
  const signals = new SignalTable();
  const bytes = new Uint8Array(20);
  writeGuid(A, bytes, 2);
  assertEquals([signals.handleOfBytes(bytes, 2), signals.size], [undefined, 0]);
  assertEquals(signals.addBytes(bytes, 2), 0);
  assertEquals([signals.handleOfBytes(bytes, 2), signals.handleOfBytes(bytes)], [0, undefined]);
  assertEquals([signals.add(A), signals.handleOf(A), signals.handleOf(A)], [0, 0, 0]);
  assertEquals(signals.idOf(0), A);
  signals.add(B);
  signals.writeId(1, bytes, 1);
  assertEquals(readGuid(bytes, 1), B);
  assertThrows(() => signals.addBytes(bytes, 5), RangeError, "16 bytes");
  assertThrows(() => signals.addBytes(bytes, -1), RangeError, "16 bytes");
  assertThrows(() => signals.handleOfBytes(bytes, 5), RangeError, "16 bytes");
  assertThrows(() => signals.writeId(2, bytes, 0), RangeError, "handle 2");
  assertEquals(signals.size, 2);
});

Deno.test("a table of many signals finds each of them", () => {
  const signals = new SignalTable();
  // They differ in one word at a time, as the IDs of a careless generator do.
  const id = (n: number): string => {
    const words = new Uint32Array(4);
    words[n % 4] = n;
    return readGuid(new Uint8Array(words.buffer));
  };
  const ids = Array.from({ length: 5000 }, (_, n) => id(n));
  for (const [n, signalId] of ids.entries()) assertEquals(signals.add(signalId), n);
  assertEquals(signals.ids(), ids);
  signals.add(B);
  assertEquals(signals.ids(), [...ids, B]);
  for (const [n, signalId] of ids.entries()) assertEquals(signals.handleOf(signalId), n);
  assertEquals(signals.handleOf(A), undefined);
});

Deno.test("a table that grows finds at every moment what a Map does", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400 }), { minLength: 300, maxLength: 900 }), (numbers) => {
      const signals = new SignalTable();
      const map = new Map<number, number>();
      const bytes = new Uint8Array(16);
      const words = new Uint32Array(bytes.buffer);
      for (const [i, number] of numbers.entries()) {
        words[i % 2] = 0;
        words[number % 4] = number;
        words[3] = number;
        assertEquals(signals.handleOfBytes(bytes), map.get(keyOf(words)));
        if (!map.has(keyOf(words))) map.set(keyOf(words), map.size);
        assertEquals(signals.addBytes(bytes), map.get(keyOf(words)));
        assertEquals(signals.size, map.size);
      }
    }),
    { numRuns: 30 },
  );
});

/** One number for the words of an ID that are small. */
function keyOf(words: Uint32Array): number {
  return words.reduce((key, word) => 1000 * key + word, 0);
}

Deno.test("a table grows little by little: no signal that is added takes the others along", () => {
  const { imul } = Math;
  let hashed = 0;
  let most = 0;
  try {
    Math.imul = (a, b) => (hashed++, imul(a, b));
    const signals = new SignalTable();
    const bytes = new Uint8Array(16);
    const words = new Uint32Array(bytes.buffer);
    for (let n = 0; n < 20_000; n++) {
      words[0] = n;
      hashed = 0;
      signals.addBytes(bytes);
      most = Math.max(most, hashed);
    }
  } finally {
    Math.imul = imul;
  }
  // Four for each signal: for that which is added at most three times, and for those of 16 places.
  assert(most <= 4 * (3 + 16), `${most}`);
});
