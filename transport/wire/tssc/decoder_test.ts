import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  assertSttpError,
  corruptEachByte,
  hex,
  lengthsAccepted,
  outcome,
  Reservations,
} from "../../../tests/support/hostile.ts";
import { SttpError } from "../../errors.ts";
import { MeasurementBatch } from "../batch.ts";
import { TsscDecoder, TsscEncoder } from "./mod.ts";

const NOW = 638_500_000_000_000_000n;

/** Packets of `count` frames of ten signals each, with some variety. */
function packets(count: number): Uint8Array[] {
  const encoder = new TsscEncoder();
  const out = new Uint8Array(4096);
  return Array.from({ length: count }, (_, frame) => {
    const batch = new MeasurementBatch();
    for (let i = 0; i < 10; i++) {
      batch.add(
        i * 3,
        NOW + BigInt(frame) * 333_333n,
        Math.fround(60 + Math.sin(frame + i)),
        i === 4 ? frame : 0,
      );
    }
    encoder.begin(out, 0, out.length);
    encoder.encode(batch, 0, batch.length);
    return out.slice(0, encoder.finish());
  });
}

Deno.test("TsscDecoder: appends to what the batch holds", () => {
  const into = new MeasurementBatch(1);
  into.add(99, 5n, 1.5, 7);
  const decoder = new TsscDecoder();
  const [first, second] = packets(2);
  assertEquals(decoder.decode(first!, into), 10);
  assertEquals(decoder.decode(second!, into), 10);
  assertEquals(into.length, 21);
  assertEquals([into.signals[0], into.ticks[0], into.values[0], into.flags[0]], [99, 5n, 1.5, 7]);
  assertEquals(into.signals[20], 27);
  assertEquals(into.ticks[20], NOW + 333_333n);
});

Deno.test("TsscDecoder: a packet out of sequence is dropped and counted, and so are all until sequence 0", () => {
  const decoder = new TsscDecoder();
  const into = new MeasurementBatch();
  const list = packets(5);
  assertEquals(decoder.decode(list[1]!, into), -1, "nothing before the first sequence 0");
  assertEquals(decoder.decode(list[0]!, into), 10);
  assertEquals(decoder.decode(list[1]!, into), 10);
  assertEquals(decoder.expectedSequence, 2);
  assertEquals(decoder.decode(list[3]!, into), -1);
  assertEquals(decoder.decode(list[2]!, into), -1, "the expected number might be the next round's");
  assertEquals(decoder.decode(list[4]!, into), -1);
  assertEquals(decoder.outOfSequence, 4);
  assertEquals(into.length, 20);
  assertEquals(decoder.decode(list[0]!, into), 10);
  assertEquals(decoder.decode(list[1]!, into), 10);
  assertEquals(into.ticks[39], NOW + 333_333n);
});

Deno.test("TsscDecoder: a repeated packet is out of sequence", () => {
  const decoder = new TsscDecoder();
  const into = new MeasurementBatch();
  const list = packets(2);
  decoder.decode(list[0]!, into);
  decoder.decode(list[1]!, into);
  assertEquals(decoder.decode(list[1]!, into), -1);
});

Deno.test("TsscDecoder: after reset only sequence 0 will do", () => {
  const decoder = new TsscDecoder();
  const list = packets(2);
  decoder.decode(list[0]!, new MeasurementBatch());
  decoder.reset();
  assertEquals(decoder.decode(list[1]!, new MeasurementBatch()), -1);
  assertEquals(decoder.decode(list[0]!, new MeasurementBatch()), 10);
});

Deno.test("TsscDecoder: a malformed packet leaves the batch as it was and the decoder waiting for sequence 0", () => {
  const decoder = new TsscDecoder();
  const into = new MeasurementBatch(4);
  into.add(1, 2n, 3, 4);
  const list = packets(3);
  decoder.decode(list[0]!, into);
  const kept = into.clone();
  // Measurements come out of it before it ends.
  assertSttpError("MalformedPacket", () => decoder.decode(list[1]!.subarray(0, -3), into));
  assertEquals(into.length, 11);
  assertEquals(into.ticks.slice(0, 11), kept.ticks.slice(0, 11));
  assertEquals(decoder.expectedSequence, 0);
  assertEquals(decoder.decode(list[1]!, into), -1);
  assertEquals(decoder.decode(list[0]!, into), 10);
  assertEquals(decoder.decode(list[1]!, into), 10);
  assertEquals(decoder.decode(list[2]!, into), 10);
  assertEquals(into.length, 41);
});

Deno.test("TsscDecoder: what is no TSSC packet", () => {
  for (
    const [bytes, message] of [
      ["", "0 bytes, at least 3 expected"],
      ["5500", "2 bytes"],
      ["540000", "version 84, 85 expected"],
      // EndOfStream (000 00000) and a byte behind it.
      ["550000 0000", "end of stream at byte 4 of 5"],
      // PointIDXOR4 (000 00001), its half byte, and nothing else.
      ["550000 0100", "end within a measurement"],
      // A time (000 10001 and a varint of one byte), then an index (000 00001): out of order.
      ["550000 11 05 01 10 10", "code 1 out of order"],
      // A time twice.
      ["550000 11 05 11 05 80", "code 17 out of order"],
      // Flags, then a time.
      ["550000 13 05 11 05 80", "code 17 out of order"],
      // A time, then EndOfStream.
      ["550000 11 05 00", "end of stream at byte 6 of 6, in measurement 0"],
      // A time, then nothing: no bits are pending.
      ["550000 11 05", "5 bytes end within a measurement"],
      // ValueXOR32 (000 11111) with 3 of its 4 bytes.
      ["550000 1f 01 02 03", "end within a measurement"],
    ] as const
  ) {
    const decoder = new TsscDecoder();
    const into = new MeasurementBatch();
    assertSttpError("MalformedPacket", () => decoder.decode(hex(bytes), into), message);
    assertEquals(into.length, 0);
    assertEquals(decoder.expectedSequence, 0);
  }
});

Deno.test("TsscDecoder: an index over the limit is refused, without memory for it", () => {
  // PointIDXOR32 (000 00111) of 0 ^ 0x00400000, low byte first, then Value1 (1) and EndOfStream (000 00000).
  const packet = hex("550000 07 00004000 80 00");
  using reservations = new Reservations();
  assertSttpError(
    "MalformedPacket",
    () => new TsscDecoder().decode(packet, new MeasurementBatch()),
    "signal index 4194304, at most 4194303",
  );
  reservations.assertLittle();
  const into = new MeasurementBatch();
  assertEquals(new TsscDecoder({ maxSignalIndex: 0x400000 }).decode(packet, into), 1);
  assertEquals(into.signals[0], 0x400000);
});

Deno.test("TsscDecoder: an index over 2^31 is not taken for a small one", () => {
  const batch = new MeasurementBatch();
  batch.add(-2, NOW, 1, 0);
  const out = new Uint8Array(200);
  const encoder = new TsscEncoder();
  encoder.begin(out, 0, out.length);
  encoder.encode(batch, 0, 1);
  const packet = out.subarray(0, encoder.finish());
  assertSttpError(
    "MalformedPacket",
    () => new TsscDecoder({ maxSignalIndex: 0xffff_fffd }).decode(packet, batch),
    "signal index 4294967294",
  );
  assertEquals(batch.length, 1);
});

Deno.test("TsscDecoder: the predicted index has to keep the limit too", () => {
  const batch = new MeasurementBatch();
  for (let i = 0; i < 6; i++) batch.add(i, NOW, 1, 0);
  const out = new Uint8Array(200);
  const encoder = new TsscEncoder();
  encoder.begin(out, 0, out.length);
  encoder.encode(batch, 0, 6);
  const packet = out.subarray(0, encoder.finish());
  assertEquals(
    new TsscDecoder({ maxSignalIndex: 5, maxSignals: 6 }).decode(packet, new MeasurementBatch()),
    6,
  );
  assertSttpError(
    "MalformedPacket",
    () => new TsscDecoder({ maxSignalIndex: 4 }).decode(packet, new MeasurementBatch()),
    "signal index 5, at most 4",
  );
  assertSttpError(
    "MalformedPacket",
    () => new TsscDecoder({ maxSignals: 5 }).decode(packet, new MeasurementBatch()),
    "more than 5 signals",
  );
});

Deno.test("TsscDecoder: a packet longer than its measurements could be is not even copied", () => {
  const decoder = new TsscDecoder({ maxMeasurements: 10 });
  const packet = new Uint8Array(3 + 320 + 1);
  packet[0] = 85;
  assertThrows(() => decoder.decode(packet, new MeasurementBatch()), SttpError, "324 bytes, more than 10");
  assertThrows(() => decoder.decode(packet.subarray(1), new MeasurementBatch()), SttpError, "version");
});

Deno.test("TsscDecoder: as many measurements as the limit, not one more", () => {
  for (const count of [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]) {
    const batch = new MeasurementBatch();
    for (let i = 0; i < count; i++) batch.add(0, 0n, 0, 0);
    const out = new Uint8Array(200);
    const encoder = new TsscEncoder();
    encoder.begin(out, 0, out.length);
    encoder.encode(batch, 0, count);
    const packet = out.subarray(0, encoder.finish());
    const into = new MeasurementBatch(1);
    into.add(1, 1n, 1, 1);
    assertEquals(new TsscDecoder({ maxMeasurements: count }).decode(packet, into), count);
    assertSttpError(
      "MalformedPacket",
      () => new TsscDecoder({ maxMeasurements: count - 1 }).decode(packet, into),
      `more than ${count - 1} measurements`,
    );
    assertEquals(into.length, 1 + count);
  }
});

Deno.test("TsscDecoder: limits are checked when given", () => {
  assertThrows(() => new TsscDecoder({ maxSignalIndex: -1 }), RangeError, "maxSignalIndex");
  assertThrows(() => new TsscDecoder({ maxSignalIndex: 2 ** 32 }), RangeError, "maxSignalIndex");
  assertThrows(() => new TsscDecoder({ maxSignals: 0.5 }), RangeError, "maxSignals");
  assertThrows(() => new TsscDecoder({ maxMeasurements: 0 }), RangeError, "maxMeasurements");
});

Deno.test("TsscDecoder: cut short at any byte, a packet is malformed or ends between measurements", () => {
  const [packet] = packets(1);
  const accepted = lengthsAccepted(
    packet!,
    (bytes) => new TsscDecoder().decode(bytes, new MeasurementBatch()),
  );
  assert(accepted.includes(3), "a header alone is an empty packet");
  assert(accepted.length < packet!.length / 4, `${accepted.length} of ${packet!.length} lengths accepted`);
});

Deno.test("TsscDecoder: with any byte changed, a value or a malformed packet", () => {
  const list = packets(12);
  const whole = list.at(-1)!;
  corruptEachByte(whole.subarray(3), (bytes) => {
    const decoder = new TsscDecoder();
    const into = new MeasurementBatch();
    for (const packet of list.slice(0, -1)) decoder.decode(packet, into);
    const before = into.length;
    const damaged = whole.slice();
    damaged.set(bytes, 3);
    try {
      decoder.decode(damaged, into);
    } finally {
      assert(into.length === before || decoder.expectedSequence === 12);
    }
  });
});

Deno.test("TsscDecoder: random bytes give a value or a malformed packet, and nothing beyond the limits", () => {
  let state = 7;
  const random = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.floor((state >>> 0) / 0x1_0000_0000 * bound);
  };
  const decoder = new TsscDecoder({ maxSignals: 50, maxMeasurements: 200, maxSignalIndex: 0xffff_ffff });
  const into = new MeasurementBatch(1);
  const codes = new Set<string>();
  let sequence = 0;
  for (let n = 0; n < 30_000; n++) {
    const packet = new Uint8Array(3 + random(60));
    const some = random(4);
    for (let i = 3; i < packet.length; i++) packet[i] = some === 0 ? 0xff : random(256);
    packet.set([85, sequence >> 8, sequence & 0xff]);
    into.clear();
    const code = outcome(() => decoder.decode(packet, into));
    codes.add(String(code));
    assert(into.length <= 200);
    sequence = decoder.expectedSequence;
  }
  assertEquals([...codes].sort(), ["MalformedPacket", "undefined"]);
  assert(into.capacity <= 512);
});
