import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { crc32 } from "../transport/wire/crc32.ts";
import { gunzip } from "../transport/wire/gzip.ts";
import { collect, combineCrc32, compress, inTurns, SharedGzip } from "./shared_gzip.ts";

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

Deno.test("the checksum of two pieces follows from theirs", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 37);
  for (const cut of [0, 1, 20, 500, 999, 1000]) {
    const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    assertEquals(combineCrc32(crc32(first), crc32(second), second.length), crc32(bytes), `cut at ${cut}`);
  }
});

for (const length of [0, 1, 65_536, 200_000]) {
  Deno.test(`${length} shared bytes behind heads of their own`, async () => {
    const rest = Uint8Array.from({ length }, (_, i) => (i * i) >> 3);
    const shared = await SharedGzip.create(rest);
    for (const head of [Uint8Array.of(1, 2, 3), new Uint8Array(20).fill(9), new Uint8Array(0)]) {
      const pieces = shared.withHead(head);
      assertEquals(gunzip(joined(pieces), { maxLength: 1_000_000 }), joined([head, rest]));
    }
    const [a, b] = [shared.withHead(Uint8Array.of(1)), shared.withHead(Uint8Array.of(2))];
    assertEquals(a.slice(1, -1).every((piece, i) => piece === b[i + 1]), true, "the rest is the same memory");
  });
}

Deno.test("a head has to fit into one block", async () => {
  const shared = await SharedGzip.create(new Uint8Array(10));
  assertThrows(() => shared.withHead(new Uint8Array(65_536)), RangeError, "65535");
});

Deno.test("compress passes on what the source throws", async () => {
  async function* failing(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    yield await Promise.resolve(new Uint8Array(1000));
    throw new RangeError("no more");
  }
  await assertRejects(() => collect(compress("gzip", failing())), RangeError, "no more");
});

Deno.test("inTurns passes everything on in order", async () => {
  const seen: number[] = [];
  for await (const n of inTurns([1, 2, 3])) seen.push(n);
  assertEquals(seen, [1, 2, 3]);
});
