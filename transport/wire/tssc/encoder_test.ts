import { assert, assertEquals, assertThrows } from "@std/assert";
import { assertSttpError } from "../../../tests/support/hostile.ts";
import { MeasurementBatch } from "../batch.ts";
import { TsscDecoder, TsscEncoder } from "./mod.ts";

const NOW = 638_500_000_000_000_000n;

function batchOf(count: number): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (let i = 0; i < count; i++) batch.add(i % 10, NOW + BigInt(Math.floor(i / 10)), Math.sin(i), 0);
  return batch;
}

Deno.test("TsscEncoder: begin refuses less room than a measurement needs", () => {
  const encoder = new TsscEncoder();
  const out = new Uint8Array(200);
  assertThrows(() => encoder.begin(out, 0, 102), RangeError, "at least 103");
  assertThrows(() => encoder.begin(out, 98, 200), RangeError, "at least 103");
  assertThrows(() => encoder.begin(out, 0, 201), RangeError, "of 200 bytes");
  assertThrows(() => encoder.begin(out, -1, 200), RangeError);
  assertThrows(() => encoder.begin(out, NaN, 200), RangeError);
  encoder.begin(out, 97, 200);
  assertEquals(encoder.encode(batchOf(3), 0, 3), 1);
});

Deno.test("TsscEncoder: calls must come in order", () => {
  const encoder = new TsscEncoder();
  const out = new Uint8Array(200);
  assertSttpError("InvalidState", () => encoder.encode(batchOf(1), 0, 1));
  assertSttpError("InvalidState", () => encoder.finish());
  encoder.begin(out, 0, out.length);
  assertSttpError("InvalidState", () => encoder.begin(out, 0, out.length));
  encoder.finish();
  assertSttpError("InvalidState", () => encoder.finish());
});

Deno.test("TsscEncoder: encode refuses measurements that the batch does not have", () => {
  const encoder = new TsscEncoder();
  encoder.begin(new Uint8Array(200), 0, 200);
  const batch = batchOf(3);
  assertThrows(() => encoder.encode(batch, 0, 4), RangeError, "0 to 4 of a batch of 3");
  assertThrows(() => encoder.encode(batch, -1, 2), RangeError);
  assertThrows(() => encoder.encode(batch, 2, 1), RangeError);
  assertEquals(encoder.encode(batch, 3, 3), 3);
  assertEquals(encoder.count, 0);
});

Deno.test("TsscEncoder: count is of the packet, however many calls wrote it, until the next begins", () => {
  const encoder = new TsscEncoder();
  const out = new Uint8Array(1000);
  const batch = batchOf(50);
  encoder.begin(out, 0, out.length);
  encoder.encode(batch, 0, 20);
  encoder.encode(batch, 20, 50);
  assertEquals(encoder.count, 50);
  encoder.finish();
  assertEquals(encoder.count, 50);
  encoder.begin(out, 0, out.length);
  assertEquals(encoder.count, 0);
});

Deno.test("TsscEncoder: a packet without measurements is its header", () => {
  const encoder = new TsscEncoder();
  const out = new Uint8Array(200);
  encoder.begin(out, 10, out.length);
  assertEquals(encoder.finish(), 13);
  assertEquals(out.subarray(10, 13), new Uint8Array([85, 0, 0]));
  assertEquals(new TsscDecoder().decode(out.subarray(10, 13), new MeasurementBatch()), 0);
});

Deno.test("TsscEncoder: reset abandons the packet being written and starts over", () => {
  const encoder = new TsscEncoder();
  const batch = batchOf(50);
  const first = new Uint8Array(1000);
  encoder.begin(first, 0, first.length);
  encoder.encode(batch, 0, 50);
  const end = encoder.finish();

  const second = new Uint8Array(1000);
  encoder.begin(second, 0, second.length);
  assertEquals(encoder.sequence, 1);
  encoder.encode(batch, 0, 20);
  encoder.reset();
  assertEquals(encoder.sequence, 0);
  assertEquals(encoder.count, 0);
  encoder.begin(second, 0, second.length);
  encoder.encode(batch, 0, 50);
  assertEquals(second.slice(0, encoder.finish()), first.slice(0, end));
});

Deno.test("TsscEncoder: no measurement starts with fewer than 100 bytes free, none ends beyond the limit", () => {
  const batch = new MeasurementBatch();
  // As long as measurements get: everything changes every time.
  for (let i = 0; i < 200; i++) {
    batch.add(
      i % 2 === 0 ? 0x7fff_ffff : -0x8000_0000 + i,
      i % 2 === 0 ? -1n : 1n + BigInt(i),
      0,
      0xffff_0000 + i,
    );
    batch.valueBits[i] = Math.imul(i + 1, 0x9e37_79b1);
  }
  for (let length = 103; length < 700; length++) {
    const encoder = new TsscEncoder();
    const out = new Uint8Array(length + 50).fill(0xee);
    encoder.begin(out, 0, length);
    const next = encoder.encode(batch, 0, batch.length);
    assert(next > 0);
    const end = encoder.finish();
    // A byte of bits may be reserved, and the end of stream takes two at most.
    assert(next === batch.length || end > length - 100, `${end} of ${length}`);
    assert(end <= length);
    assertEquals(out.subarray(length), new Uint8Array(50).fill(0xee));
    const decoded = new MeasurementBatch();
    new TsscDecoder({ maxSignalIndex: 0xffff_ffff }).decode(out.subarray(0, end), decoded);
    assertEquals(decoded.ticks.subarray(0, next), batch.ticks.subarray(0, next));
    assertEquals(decoded.valueBits.subarray(0, next), batch.valueBits.subarray(0, next));
  }
});

Deno.test("TsscEncoder and TsscDecoder: 65,535 is followed by 1", () => {
  const encoder = new TsscEncoder();
  const decoder = new TsscDecoder();
  const out = new Uint8Array(200);
  const batch = batchOf(1);
  const decoded = new MeasurementBatch();
  for (let packet = 0; packet < 65_540; packet++) {
    const sequence = packet < 65_536 ? packet : packet - 65_535;
    if (encoder.sequence !== sequence) assertEquals(encoder.sequence, sequence);
    encoder.begin(out, 0, out.length);
    encoder.encode(batch, 0, 1);
    decoded.clear();
    const count = decoder.decode(out.subarray(0, encoder.finish()), decoded);
    if (count !== 1) assertEquals(count, 1, `packet ${packet}`);
  }
  assertEquals(out.subarray(0, 3), new Uint8Array([85, 0, 4]));
  assertEquals(decoder.expectedSequence, 5);
  assertEquals(decoded.values[0], batch.values[0]);
});
