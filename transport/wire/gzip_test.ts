import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import {
  assertSttpError,
  corruptEachByte,
  hex,
  lengthsAccepted,
  Reservations,
} from "../../tests/support/hostile.ts";
import { gunzip, gunzipChunks, gzip, type GzipLevel, isGzip } from "./gzip.ts";

const MAX = { maxLength: 1 << 24 };
const bytes = new TextEncoder().encode("the same words, the same words, the same words, and others");

/** Gzip of `length` zeros: close to the highest ratio there is. */
function zeros(length: number): Uint8Array {
  return gzip(new Uint8Array(length), 9);
}

/** Overwrites the length that a gzip trailer states. */
function stating(zipped: Uint8Array, length: number): Uint8Array {
  const lie = zipped.slice();
  new DataView(lie.buffer).setUint32(lie.length - 4, length, true);
  return lie;
}

async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  return await new Response(new Blob([bytes]).stream().pipeThrough(stream)).bytes();
}

Deno.test("gzip comes back, at any level, whatever the bytes", () => {
  const level = fc.integer({ min: 0, max: 9 }) as fc.Arbitrary<GzipLevel>;
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), level, (bytes, level) => {
    const zipped = gzip(bytes, level);
    assert(isGzip(zipped));
    assertEquals(gunzip(zipped, MAX).toHex(), bytes.toHex());
  }));
});

Deno.test("long data comes back in pieces", () => {
  const long = new Uint8Array(3_000_000);
  for (let i = 0; i < long.length; i++) long[i] = Math.imul(i >> 3, 0x9e3779b1) >>> 24;
  const zipped = gzip(long, 1);
  assertEquals(gunzip(zipped, MAX).toHex(), long.toHex());
  const pieces = [...gunzipChunks(zipped, MAX)];
  assertLess(1, pieces.length);
  assertEquals(pieces.reduce((sum, piece) => sum + piece.length, 0), long.length);
});

Deno.test("the platform's gzip is read, and reads ours", async () => {
  assertEquals(gunzip(await through(new CompressionStream("gzip"), bytes), MAX), bytes);
  assertEquals(await through(new DecompressionStream("gzip"), gzip(bytes)), bytes);
});

Deno.test("the same bytes give the same gzip", () => {
  assertEquals(gzip(bytes), gzip(bytes));
  assertEquals(gzip(bytes).subarray(4, 8), hex("00000000"), "no time of day");
});

Deno.test("a header with every optional field is skipped", () => {
  const plain = gzip(bytes);
  const fields = "0300 616263" + "6e616d6500" + "636f6d6d656e7400" + "beef";
  const full = hex(`1f8b08 1e ${plain.subarray(4, 10).toHex()} ${fields} ${plain.subarray(10).toHex()}`);
  assertEquals(gunzip(full, MAX), bytes);
  for (let length = 10; length < 30; length++) {
    assertSttpError("MalformedFrame", () => gunzip(full.slice(0, length), MAX));
  }
});

Deno.test("gzip is told by its first bytes", () => {
  assert(isGzip(hex("1f8b08")));
  for (const other of ["", "1f8b", "1f8b07", "008b08", "0000017a"]) assertEquals(isGzip(hex(other)), false);
  assertSttpError("MalformedFrame", () => gunzip(hex("0000017a"), MAX), "not gzip");
  assertSttpError("MalformedFrame", () => gunzip(hex(""), MAX), "not gzip");
});

Deno.test("gzip cut anywhere is malformed", () => {
  assertEquals(lengthsAccepted(gzip(bytes), (cut) => gunzip(cut, MAX)), []);
  assertEquals(lengthsAccepted(gzip(bytes, 0), (cut) => gunzip(cut, MAX)), []);
  assertEquals(lengthsAccepted(gzip(new Uint8Array(0)), (cut) => gunzip(cut, MAX)), []);
});

Deno.test("damaged gzip is malformed or the same", () => {
  const zipped = gzip(bytes);
  corruptEachByte(zipped, (damaged) => assertEquals(gunzip(damaged, MAX), bytes));
  const checksum = zipped.slice();
  checksum[checksum.length - 8]! ^= 1;
  assertSttpError("MalformedFrame", () => gunzip(checksum, MAX), "checksum");
});

Deno.test("bytes behind the gzip are malformed", () => {
  for (const extra of [1, 7, 8, 9, 100, 5000]) {
    const longer = new Uint8Array([...gzip(bytes), ...new Uint8Array(extra)]);
    assertSttpError("MalformedFrame", () => gunzip(longer, MAX));
  }
});

Deno.test("what states more than the limit is refused before it is inflated", () => {
  const zipped = gzip(bytes);
  assertEquals(gunzip(zipped, { maxLength: bytes.length }), bytes);
  assertSttpError(
    "LimitExceeded",
    () => gunzip(zipped, { maxLength: bytes.length - 1 }),
    "58 bytes, at most 57",
  );
  using reservations = new Reservations();
  assertSttpError("LimitExceeded", () => gunzip(stating(zipped, 0xffffffff), MAX), "4294967295");
  reservations.assertLittle();
});

Deno.test("what comes to more than it states is stopped soon after", () => {
  const bomb = stating(zeros(64 << 20), 1000);
  let most = 0;
  assertSttpError("MalformedFrame", () => {
    for (const chunk of gunzipChunks(bomb, MAX)) most += chunk.length;
  }, "longer than the 1000 bytes");
  assertLessOrEqual(most, 1000);
  assertSttpError("MalformedFrame", () => gunzip(bomb, { maxLength: 1000 }), "longer");
});

Deno.test("output comes in pieces of a MiB at most", () => {
  const lengths = [...gunzipChunks(zeros(16 << 20), { ...MAX, maxRatio: 2000 })].map(({ length }) => length);
  assertEquals([lengths.reduce((sum, length) => sum + length, 0), Math.max(...lengths)], [16 << 20, 1 << 20]);
});

Deno.test("what comes to nothing is decompressed piece by piece, too", () => {
  const [empty, last] = ["00 0000 ffff", "01 0000 ffff"];
  const blocks = 6400;
  const zipped = hex(`1f8b08 00 00000000 00 ff ${empty.repeat(blocks - 1)} ${last} 00000000 00000000`);
  assertEquals(
    [...gunzipChunks(zipped, MAX)].map(({ length }) => length),
    new Array(Math.ceil(5 * blocks / 4096)).fill(0),
  );
  assertEquals(gunzip(zipped, MAX).length, 0);
});

Deno.test("a header's text has 65,536 bytes at most", () => {
  const named = (length: number): Uint8Array => {
    const plain = gzip(bytes);
    return Uint8Array.of(
      0x1f,
      0x8b,
      8,
      8,
      ...plain.subarray(4, 10),
      ...new Uint8Array(length).fill(65),
      0,
      ...plain.subarray(10),
    );
  };
  assertEquals(gunzip(named(65_536), MAX), bytes);
  assertSttpError("MalformedFrame", () => gunzip(named(65_537), MAX), "a text of over 65536 bytes");
});

Deno.test("what comes to less than it states is malformed", () => {
  assertSttpError(
    "MalformedFrame",
    () => gunzip(stating(gzip(bytes), bytes.length + 1), MAX),
    "it states 59",
  );
});

Deno.test("a ratio that only a bomb has is refused, over a MiB", () => {
  assertEquals(gunzip(zeros(1 << 20), MAX).length, 1 << 20);
  assertSttpError("LimitExceeded", () => gunzip(zeros((1 << 20) + 1), MAX), "at most 250 times");
  const long = zeros((1 << 20) + 1);
  const ratio = ((1 << 20) + 1) / long.length;
  assertEquals(gunzip(long, { ...MAX, maxRatio: Math.ceil(ratio) }).length, (1 << 20) + 1);
  assertSttpError("LimitExceeded", () => gunzip(long, { ...MAX, maxRatio: Math.floor(ratio) }));
});

Deno.test("any bytes behind a gzip header are malformed", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
    const zipped = new Uint8Array([0x1f, 0x8b, 8, ...rest]);
    try {
      gunzip(zipped, { maxLength: 1 << 16 });
    } catch (error) {
      const { code } = error as { code?: string };
      assert(code === "MalformedFrame" || code === "LimitExceeded", String(error));
    }
  }));
});
