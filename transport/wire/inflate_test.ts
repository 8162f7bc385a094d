import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { deflateSync } from "fflate";
import { Buffer } from "node:buffer";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { SttpError } from "../errors.ts";
import { inflate } from "./inflate.ts";

/** Decompresses; what is behind the data is as bad as can be. */
function inflated(data: Uint8Array, behind: number = 0xff): Uint8Array {
  const bytes = new Uint8Array(3 + data.length + 8).fill(behind);
  bytes.set(data, 3);
  return Buffer.concat([...inflate(bytes, 3, 3 + data.length)]);
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert(Buffer.compare(actual, expected) === 0);
}

/** Bytes that compress in all ways: runs, repetitions near and far, and noise of few or many different bytes. */
const texts = fc.array(
  fc.tuple(
    fc.constantFrom("run", "repeat", "noise"),
    fc.integer({ min: 1, max: 40_000 }),
    fc.integer({ min: 0, max: 65_535 }),
  ),
  { maxLength: 12 },
).map((parts) => {
  const out: number[] = [];
  for (const [kind, length, n] of parts) {
    let state = n;
    const from = Math.max(0, out.length - 1 - n % 32_768);
    for (let i = 0; i < length; i++) {
      state = Math.imul(state, 1_103_515_245) + 12_345 >>> 0;
      if (kind === "noise") out.push((state >>> 16) % (1 + n % 256));
      else out.push(kind === "run" || out.length === 0 ? n & 255 : out[from + i % 300] ?? 0);
    }
  }
  return Uint8Array.from(out);
});

Deno.test("whatever zlib and fflate compress comes back, in pieces of about 64 KiB", () => {
  const level = fc.integer({ min: 0, max: 9 });
  const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED } = constants;
  const strategy = fc.constantFrom(Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED);
  fc.assert(
    fc.property(texts, level, strategy, (text, level, strategy) => {
      assertSame(inflated(deflateRawSync(text, { level, strategy })), text);
      assertSame(inflated(deflateSync(text, { level: level as 6 })), text);
    }),
    { numRuns: 60 },
  );
  const long = deflateRawSync(new Uint8Array(3_000_000));
  for (const piece of inflate(Buffer.concat([long, new Uint8Array(8)]), 0, long.length)) {
    assertLess(piece.length, 65_536 + 258);
  }
});

Deno.test("codes of up to 15 bits", () => {
  const text: number[] = [];
  let [count, next] = [1, 1];
  for (let symbol = 0; symbol < 21; symbol++) {
    for (let i = 0; i < count; i++) text.push(symbol * 11);
    [count, next] = [next, count + next];
  }
  // In no order, so that there is nothing to repeat.
  const scattered = Uint8Array.from(text, (_, i) => text[i * 7_919 % text.length]!);
  for (const strategy of [constants.Z_HUFFMAN_ONLY, constants.Z_DEFAULT_STRATEGY]) {
    assertSame(inflated(deflateRawSync(scattered, { strategy })), scattered);
  }
});

Deno.test("data that is cut short is damaged, whatever is behind it", () => {
  const text = new TextEncoder().encode("the same words, the same words, and others ".repeat(30));
  for (const level of [0, 1, 9]) {
    const data = deflateRawSync(text, { level });
    for (let length = 0; length < data.length; length++) {
      for (const behind of [0, 0xff, 0x55]) {
        try {
          inflated(data.subarray(0, length), behind);
        } catch (error) {
          assert(error instanceof SttpError && error.code === "MalformedFrame");
          continue;
        }
        throw new Error(`${length} bytes of ${data.length} were taken`);
      }
    }
  }
});

Deno.test("damaged data gives what zlib makes of it, or is refused as zlib refuses it", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(
      texts,
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
    ).map(
      ([text, level, changes]) => {
        const data = Uint8Array.from(deflateRawSync(text.subarray(0, 3_000), { level }));
        for (const [at, value] of changes) data[at % Math.min(data.length, 120)] = value;
        return data;
      },
    ),
  );
  let taken = 0;
  fc.assert(
    fc.property(bytes, (data) => {
      let expected: Uint8Array | undefined;
      try {
        const { buffer, engine } = inflateRawSync(data, { info: true }) as unknown as {
          buffer: Uint8Array;
          engine: { bytesWritten: number };
        };
        // What is behind the last block is no concern of zlib's.
        if (engine.bytesWritten === data.length) expected = buffer;
      } catch {
        // Damaged.
      }
      let actual: Uint8Array | undefined;
      try {
        actual = inflated(data);
      } catch (error) {
        assert(error instanceof SttpError && error.code === "MalformedFrame");
      }
      assertEquals(actual === undefined, expected === undefined);
      if (actual !== undefined) assertSame(actual, expected!);
      if (actual !== undefined) taken++;
    }),
    { numRuns: 1000 },
  );
  assertLess(30, taken);
});
