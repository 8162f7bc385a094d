import { assertEquals } from "@std/assert";
import { RecentDatagrams } from "./recent_datagrams.ts";

Deno.test("a datagram is known again, whole and unchanged", () => {
  const recent = new RecentDatagrams();
  for (let length = 0; length < 40; length++) {
    const datagram = Uint8Array.from({ length }, (_, i) => 7 * i);
    assertEquals(recent.isRepeated(datagram), false, `${length} bytes`);
    assertEquals(recent.isRepeated(datagram.slice()), true);
    for (let i = 0; i < length; i++) {
      const changed = datagram.slice();
      changed[i]! ^= 0x80;
      assertEquals(recent.isRepeated(changed), false, `byte ${i} of ${length}`);
    }
  }
});

Deno.test("views of a larger buffer are told apart by what they show", () => {
  const recent = new RecentDatagrams();
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
  assertEquals(recent.isRepeated(bytes.subarray(3, 20)), false);
  assertEquals(recent.isRepeated(bytes.slice(3, 20)), true);
  assertEquals(recent.isRepeated(bytes.subarray(4, 21)), false);
});

Deno.test("cleared, it knows none, and as many as before from then on", () => {
  const recent = new RecentDatagrams();
  const datagram = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);
  for (let n = 0; n < 4096; n++) recent.isRepeated(datagram(n));
  recent.clear();
  for (let n = 0; n < 4096; n++) assertEquals(recent.isRepeated(datagram(n)), false);
  for (let n = 0; n < 4096; n++) assertEquals(recent.isRepeated(datagram(n)), true);
});

Deno.test("the last 4,096 are known, and none before them", () => {
  const recent = new RecentDatagrams();
  const datagram = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n, 1]).buffer);
  for (let n = 0; n < 5000; n++) assertEquals(recent.isRepeated(datagram(n)), false);
  assertEquals(recent.isRepeated(datagram(5000 - 4096)), true);
  assertEquals(recent.isRepeated(datagram(5000 - 4097)), false);
});
