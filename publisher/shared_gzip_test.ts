import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { finish } from "../metadata/steps.ts";
import { crc32 } from "../transport/wire/crc32.ts";
import { gunzip, gzip } from "../transport/wire/gzip.ts";
import { combineCrc32, gzipPieces, SharedGzip } from "./shared_gzip.ts";

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
  Deno.test(`${length} shared bytes behind heads of their own`, () => {
    const rest = Uint8Array.from({ length }, (_, i) => (i * i) >> 3);
    const shared = finish(SharedGzip.create(rest));
    for (const head of [Uint8Array.of(1, 2, 3), new Uint8Array(20).fill(9), new Uint8Array(0)]) {
      const pieces = shared.withHead(head);
      assertEquals(gunzip(joined(pieces), { maxLength: 1_000_000 }), joined([head, rest]));
    }
    const [a, b] = [shared.withHead(Uint8Array.of(1)), shared.withHead(Uint8Array.of(2))];
    assertEquals(a.slice(1, -1).every((piece, i) => piece === b[i + 1]), true, "the rest is the same memory");
  });
}

Deno.test("a head has to fit into one block", () => {
  const shared = finish(SharedGzip.create(new Uint8Array(10)));
  assertThrows(() => shared.withHead(new Uint8Array(65_536)), RangeError, "65535");
});

/** Text of so many bytes, in lines that are much alike, though no two are the same. */
function text(length: number): Uint8Array<ArrayBuffer> {
  const lines = Array.from(
    { length: length / 40 },
    (_, i) => `<ID>${i * i % 100_003}</ID><Name>Station ${i}</Name>\n`,
  );
  return new TextEncoder().encode(lines.join("").slice(0, length));
}

Deno.test("gzip is made in many steps, whatever the pieces that come, and hardly longer than at one go", () => {
  const bytes = text(1_000_000);
  for (const size of [10_000, 100_000, 1_000_000]) {
    const source = Array.from(
      { length: bytes.length / size },
      (_, i) => bytes.subarray(i * size, (i + 1) * size),
    );
    const steps = gzipPieces(source);
    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) count++;
    assertEquals(count >= bytes.length / 131_072, true, `${count} steps`);
    const gzipped = joined(step.value);
    assertEquals(gunzip(gzipped, { maxLength: bytes.length }), bytes);
    assertLess(gzipped.length, 1.2 * gzip(bytes).length);
  }
  assertEquals(gunzip(joined(finish(gzipPieces([]))), { maxLength: 0 }).length, 0);
});

Deno.test("what is gzipped keeps no more memory than it has bytes", () => {
  for (const { length, buffer } of finish(gzipPieces([text(200_000)]))) {
    assertEquals(buffer.byteLength, length);
  }
});

Deno.test("gzip passes on what the source throws", () => {
  function* failing(): Generator<Uint8Array<ArrayBuffer>> {
    yield new Uint8Array(1000);
    throw new RangeError("no more");
  }
  assertThrows(() => finish(gzipPieces(failing())), RangeError, "no more");
});
