import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { hex } from "../tests/support/hostile.ts";
import type { Channel } from "./channel.ts";
import { SttpError } from "./errors.ts";
import { createChannelPair } from "./memory_channel.ts";

async function readSome(channel: Channel, length = 100): Promise<string | null> {
  const into = new Uint8Array(length);
  const count = await channel.read(into);
  return count === null ? null : into.subarray(0, count).toHex();
}

Deno.test("bytes go both ways", async () => {
  const [near, far] = createChannelPair();
  await near.write(hex("0102"));
  await far.write(hex("03"));
  assertEquals(await readSome(far), "0102");
  assertEquals(await readSome(near), "03");
});

Deno.test("a read gives what is there, at most what fits, and waits for the first byte", async () => {
  const [near, far] = createChannelPair();
  const waiting = readSome(far);
  await near.write(hex("010203"));
  assertEquals(await waiting, "010203");
  await near.write(hex("0405"));
  await near.write(hex("06"));
  assertEquals(await readSome(far, 2), "0405");
  assertEquals(await readSome(far, 2), "06");
});

Deno.test("a write waits while the buffer is full", async () => {
  const [near, far] = createChannelPair({ bufferLimit: 4 });
  let done = false;
  const writing = near.write(hex("010203040506")).then(() => done = true);
  await Promise.resolve();
  assertEquals(done, false);
  assertEquals(await readSome(far), "01020304");
  await writing;
  assertEquals(await readSome(far), "0506");
});

Deno.test("what was written before the end is read, then the end", async () => {
  const [near, far] = createChannelPair();
  await near.write(hex("01"));
  near.close();
  near.close();
  assertEquals(await readSome(far), "01");
  assertEquals(await readSome(far), null);
  assertEquals(await readSome(near), null);
});

Deno.test("closing ends a read that waits, at either end", async () => {
  const [near, far] = createChannelPair();
  const reads = [readSome(near), readSome(far)];
  near.close();
  assertEquals(await Promise.all(reads), [null, null]);
});

Deno.test("a write to a closed channel fails, also one that waits", async () => {
  const [near, far] = createChannelPair({ bufferLimit: 1 });
  const waiting = [near.write(hex("0102")), far.write(hex("0102"))];
  const lost = waiting.map((write) => assertRejects(() => write, SttpError));
  near.close();
  assertEquals((await Promise.all(lost)).map((error) => error.code), ["ConnectionLost", "ConnectionLost"]);
  assertEquals((await assertRejects(() => near.write(hex("01")), SttpError)).code, "ConnectionLost");
  assertEquals((await assertRejects(() => far.write(hex("01")), SttpError)).code, "ConnectionLost");
});

Deno.test("one read and one write may be pending at a time", async () => {
  const [near, far] = createChannelPair({ bufferLimit: 1 });
  const read = readSome(near);
  const write = near.write(hex("0102"));
  await assertRejects(() => readSome(near), TypeError, "pending");
  await assertRejects(() => near.write(hex("03")), TypeError, "pending");
  far.close();
  assertEquals(await read, null);
  await assertRejects(() => write, SttpError);
});

Deno.test("each end has a name for the other", () => {
  const [near, far] = createChannelPair();
  assertEquals([near.peer.address, far.peer.address], ["memory:1", "memory:0"]);
});

Deno.test("the buffer limit must be a positive whole number", () => {
  for (const bufferLimit of [0, -1, 1.5, NaN]) {
    assertThrows(() => createChannelPair({ bufferLimit }), RangeError);
  }
});

Deno.test("any bytes arrive in order, however they are cut", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
      async (...args) => {
        const [pieces, bufferLimit, readLength] = args;
        const [near, far] = createChannelPair({ bufferLimit });
        const writing = (async () => {
          for (const piece of pieces) await near.write(piece);
          near.close();
        })();
        let received = "";
        for (
          let some = await readSome(far, readLength);
          some !== null;
          some = await readSome(far, readLength)
        ) {
          received += some;
        }
        await writing;
        assertEquals(received, pieces.map((piece) => piece.toHex()).join(""));
      },
    ),
  );
});
