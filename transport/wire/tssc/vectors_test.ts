import { assertEquals } from "@std/assert";
import { loadVector, VECTOR_NAMES } from "../../../tests/fixtures/tssc/vectors.ts";
import { MeasurementBatch } from "../batch.ts";
import { TsscDecoder, TsscEncoder } from "./mod.ts";

const HEADER = 3;

function assertSameMeasurements(actual: MeasurementBatch, expected: MeasurementBatch): void {
  const { length } = expected;
  assertEquals(actual.length, length);
  assertEquals(actual.signals.subarray(0, length), expected.signals.subarray(0, length));
  assertEquals(actual.ticks.subarray(0, length), expected.ticks.subarray(0, length));
  assertEquals(actual.valueBits.subarray(0, length), expected.valueBits.subarray(0, length));
  assertEquals(actual.flags.subarray(0, length), expected.flags.subarray(0, length));
}

for (const name of VECTOR_NAMES) {
  Deno.test(`${name}: measurements become the blocks, byte for byte`, async () => {
    const { batch, blocks, bufferSize } = await loadVector(name);
    const encoder = new TsscEncoder();
    const out = new Uint8Array(HEADER + bufferSize);
    let from = 0;
    let sequence = 0;
    for (const block of blocks) {
      if (block.reset) {
        encoder.reset();
        sequence = 0;
      }
      encoder.begin(out, 0, out.length);
      from = encoder.encode(batch, from, from + block.count);
      assertEquals(encoder.count, block.count);
      const end = encoder.finish();
      assertEquals(out.subarray(0, HEADER), new Uint8Array([85, 0, sequence++]));
      assertEquals(out.slice(HEADER, end), block.bytes);
    }
    assertEquals(from, batch.length);
  });

  Deno.test(`${name}: blocks become the measurements, bit for bit`, async () => {
    const { batch, blocks } = await loadVector(name);
    const decoder = new TsscDecoder();
    const decoded = new MeasurementBatch();
    let sequence = 0;
    for (const block of blocks) {
      if (block.reset) sequence = 0;
      const packet = new Uint8Array(HEADER + block.bytes.length);
      packet.set([85, 0, sequence++]);
      packet.set(block.bytes, HEADER);
      assertEquals(decoder.decode(packet, decoded), block.count);
    }
    assertSameMeasurements(decoded, batch);
  });
}

Deno.test("pmu_full_blocks: a block is closed where fewer than 100 bytes are free", async () => {
  const { batch, blocks, bufferSize } = await loadVector("pmu_full_blocks");
  const encoder = new TsscEncoder();
  const out = new Uint8Array(1000 + HEADER + bufferSize + 1000);
  let from = 0;
  for (const block of blocks) {
    encoder.begin(out, 1000, 1000 + HEADER + bufferSize);
    from = encoder.encode(batch, from, batch.length);
    assertEquals(encoder.count, block.count);
    assertEquals(out.slice(1000 + HEADER, encoder.finish()), block.bytes);
  }
  assertEquals(from, batch.length);
  assertEquals(out.subarray(0, 1000), new Uint8Array(1000), "nothing before the packet was touched");
  assertEquals(out.subarray(-1000), new Uint8Array(1000), "nothing behind the limit was touched");
});
