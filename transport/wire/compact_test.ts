import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  assertSttpError,
  corruptEachByte,
  hex,
  lengthsAccepted,
  outcome,
  Reservations,
} from "../../tests/support/hostile.ts";
import { BaseTimes } from "./base_times.ts";
import { MeasurementBatch } from "./batch.ts";
import { CompactDecoder, CompactEncoder, type CompactFormat } from "./compact.ts";
import { fromCompactFlags, toCompactFlags } from "./state_flags.ts";

const NOW = 638_500_000_000_000_000n;
const SECOND = 10_000_000n;
const TICKS: CompactFormat = { includeTime: true, useMillisecondResolution: false };
const MILLISECONDS: CompactFormat = { includeTime: true, useMillisecondResolution: true };
const UNTIMED: CompactFormat = { includeTime: false, useMillisecondResolution: false };

function one(ticks: bigint, bits = 0x4270_0000, flags = 0, signal = 0x0102_0304): MeasurementBatch {
  const batch = new MeasurementBatch(1);
  batch.add(signal, ticks, 0, flags);
  batch.valueBits[0] = bits;
  return batch;
}

function encodeAll(batch: MeasurementBatch, format: CompactFormat, baseTimes?: BaseTimes): Uint8Array {
  const out = new Uint8Array(17 * batch.length);
  const encoder = new CompactEncoder(format, baseTimes);
  assertEquals(encoder.encode(batch, 0, batch.length, out, 0, out.length), batch.length);
  return out.slice(0, encoder.end);
}

function decodeAll(
  bytes: Uint8Array,
  format: CompactFormat,
  baseTimes?: BaseTimes,
  arrival?: bigint,
): MeasurementBatch {
  const decoder = new CompactDecoder(format);
  decoder.baseTimes = baseTimes;
  const into = new MeasurementBatch(1);
  decoder.decode(bytes, undefined, into, arrival);
  return into;
}

Deno.test("compact: the layout of each form", () => {
  const base = new BaseTimes(0, NOW, NOW + 420n * SECOND);
  const other = new BaseTimes(1, NOW + 840n * SECOND, NOW);
  const at = NOW + 0x1234_5678n;
  const batch = one(at, 0x7f80_0001, 0x0000_0004);
  const head = "01020304 7f800001";
  for (
    const [format, baseTimes, expected] of [
      [TICKS, undefined, `01 ${head} ${at.toString(16).padStart(16, "0")}`],
      [TICKS, base, `41 ${head} 12345678`],
      [TICKS, other, `c1 ${head} 12345678`],
      // 305,419,896 ticks are 30,541.9896 ms.
      [MILLISECONDS, base, `41 ${head} 774d`],
      [MILLISECONDS, other, `c1 ${head} 774d`],
      [MILLISECONDS, undefined, `01 ${head} ${at.toString(16).padStart(16, "0")}`],
      [UNTIMED, base, `01 ${head}`],
      [UNTIMED, undefined, `01 ${head}`],
    ] as const
  ) {
    assertEquals(encodeAll(batch, format, baseTimes), hex(expected));
  }
});

Deno.test("compact: offsets of ticks from over 0 to under 2^32 - 1, else the time in full", () => {
  // Bases whose low words wrap within the span, or not.
  for (const base of [NOW, 0n, 0xffff_fff0n, -5n, 2n ** 62n, -(2n ** 63n)]) {
    for (const timeIndex of [0, 1] as const) {
      const baseTimes = timeIndex === 0 ? new BaseTimes(0, base, 1n) : new BaseTimes(1, 1n, base);
      for (
        const [offset, length] of [
          [-1n, 17],
          [0n, 17],
          [1n, 13],
          [0x7fff_ffffn, 13],
          [0x8000_0000n, 13],
          [0xffff_fffen, 13],
          [0xffff_ffffn, 17],
          [0x1_0000_0000n, 17],
          [0x1_0000_0001n, 17],
          [-0xffff_ffffn, 17],
          [2n ** 62n, 17],
        ] as const
      ) {
        const ticks = BigInt.asIntN(64, base + offset);
        const bytes = encodeAll(one(ticks), TICKS, baseTimes);
        assertEquals(bytes.length, length, `base ${base} offset ${offset}`);
        assertEquals(decodeAll(bytes, TICKS, baseTimes).ticks[0], ticks);
      }
    }
  }
});

Deno.test("compact: offsets of milliseconds from over 0 to under 65,535, cut off to whole ones", () => {
  const baseTimes = new BaseTimes(1, NOW + 60n * SECOND, NOW);
  for (
    const [offset, length, kept] of [
      [-1n, 17, -1n],
      [0n, 17, 0n],
      [1n, 11, 0n],
      [9_999n, 11, 0n],
      [10_000n, 11, 10_000n],
      [19_999n, 11, 10_000n],
      [655_349_999n, 11, 655_340_000n],
      [655_350_000n, 17, 655_350_000n],
      [655_350_001n, 17, 655_350_001n],
      [0x1_0000_0001n, 17, 0x1_0000_0001n],
    ] as const
  ) {
    const bytes = encodeAll(one(NOW + offset), MILLISECONDS, baseTimes);
    assertEquals(bytes.length, length, `offset ${offset}`);
    assertEquals(decodeAll(bytes, MILLISECONDS, baseTimes).ticks[0], NOW + kept);
  }
});

Deno.test("compact: the largest offsets that a peer may send are understood", () => {
  const baseTimes = new BaseTimes(0, NOW, 0xffff_ffffn);
  const decode = (bytes: string, format: CompactFormat): bigint =>
    decodeAll(hex(bytes), format, baseTimes).ticks[0]!;
  assertEquals(decode("40 00000000 00000000 ffffffff", TICKS), NOW + 0xffff_ffffn);
  assertEquals(decode("c0 00000000 00000000 ffffffff", TICKS), 0x1_ffff_fffen);
  assertEquals(decode("40 00000000 00000000 ffff", MILLISECONDS), NOW + 655_350_000n);
  assertEquals(decode("40 00000000 00000000 00000000", TICKS), NOW);
});

Deno.test("compact: a time with leap-second bits is written in full", () => {
  const leap = BigInt.asIntN(64, NOW | 2n ** 63n);
  const baseTimes = new BaseTimes(0, NOW - 1n, NOW);
  const bytes = encodeAll(one(leap), TICKS, baseTimes);
  assertEquals(bytes.length, 17);
  assertEquals(decodeAll(bytes, TICKS, baseTimes).ticks[0], leap);
});

Deno.test("compact: without times the subscriber's arrival time holds, whatever the flags byte says", () => {
  const batch = one(NOW);
  batch.append(one(NOW + 5n));
  const bytes = encodeAll(batch, UNTIMED);
  bytes[0]! |= 0xc0;
  const decoded = decodeAll(bytes, UNTIMED, undefined, NOW + SECOND);
  assertEquals([...decoded.ticks.subarray(0, 2)], [NOW + SECOND, NOW + SECOND]);
});

Deno.test("compact: as many whole measurements as fit, between offset and limit", () => {
  const batch = new MeasurementBatch();
  for (let i = 0; i < 10; i++) batch.add(i, i < 3 ? NOW + 1n : NOW - 1n, i, 0);
  const encoder = new CompactEncoder(TICKS, new BaseTimes(0, NOW, NOW));
  const out = new Uint8Array(200).fill(0xee);
  // Three of 13 bytes, then of 17.
  for (
    const [limit, count, end] of [
      [5, 0, 5],
      [17, 0, 5],
      [18, 1, 18],
      [44, 3, 44],
      [60, 3, 44],
      [61, 4, 61],
      [77, 4, 61],
      [78, 5, 78],
    ] as const
  ) {
    assertEquals(encoder.encode(batch, 0, 10, out, 5, limit), count);
    assertEquals(encoder.end, end);
  }
  assertEquals(out.subarray(0, 5), new Uint8Array(5).fill(0xee));
  assertEquals(out.subarray(78), new Uint8Array(122).fill(0xee));
  assertEquals(encoder.encode(batch, 8, 10, out, 0, 200), 2);
  assertEquals(encoder.encode(batch, 10, 10, out, 0, 200), 0);
});

Deno.test("compact: encode refuses measurements and bytes that are not there", () => {
  const encoder = new CompactEncoder(TICKS);
  const out = new Uint8Array(20);
  const batch = one(NOW);
  assertThrows(() => encoder.encode(batch, 0, 2, out, 0, 20), RangeError, "0 to 2 of a batch of 1");
  assertThrows(() => encoder.encode(batch, -1, 1, out, 0, 20), RangeError);
  assertThrows(() => encoder.encode(batch, 0, 1, out, 0, 21), RangeError, "of 20");
  assertThrows(() => encoder.encode(batch, 0, 1, out, 5, 4), RangeError);
});

Deno.test("compact: new base times hold from the next call on", () => {
  const encoder = new CompactEncoder(TICKS);
  const decoder = new CompactDecoder(TICKS);
  const batch = one(NOW);
  const out = new Uint8Array(17);
  const into = new MeasurementBatch();
  const first = new BaseTimes(0, NOW - 5n, NOW - 3n);
  for (const baseTimes of [undefined, first, first.rotate(NOW)]) {
    encoder.baseTimes = baseTimes;
    decoder.baseTimes = baseTimes;
    encoder.encode(batch, 0, 1, out, 0, 17);
    assertEquals(encoder.end, baseTimes === undefined ? 17 : 13);
    assertEquals(out[0], baseTimes === undefined ? 0 : baseTimes.timeIndex === 0 ? 0x40 : 0xc0);
    decoder.decode(out.subarray(0, encoder.end), 1, into);
  }
  assertEquals([...into.ticks.subarray(0, 3)], [NOW, NOW, NOW]);
});

Deno.test("compact: measurements are appended, and a count that does not fit the bytes is malformed", () => {
  const batch = one(NOW);
  batch.append(one(NOW + 1n, 1, 0, -7));
  const bytes = encodeAll(batch, TICKS);
  const into = new MeasurementBatch(1);
  into.add(5, 6n, 7, 8);
  const decoder = new CompactDecoder(TICKS);
  assertEquals(decoder.decode(bytes, 2, into), 2);
  assertEquals([...into.signals.subarray(0, 3)], [5, 0x0102_0304, -7]);
  for (
    const [length, count] of [[34, 1], [34, 3], [33, 2], [35, 2], [17, 2], [0, 1], [34, 0], [34, 0xffff_ffff]]
  ) {
    const given = new Uint8Array(length!);
    given.set(bytes.subarray(0, length));
    assertSttpError("MalformedPacket", () => decoder.decode(given, count, into));
    assertEquals(into.length, 3);
  }
  assertEquals(decoder.decode(new Uint8Array(0), 0, into), 0);
});

Deno.test("compact: a count is believed only as far as the bytes go", () => {
  const into = new MeasurementBatch(1);
  const decoder = new CompactDecoder(TICKS);
  using reservations = new Reservations();
  assertSttpError(
    "MalformedPacket",
    () => decoder.decode(new Uint8Array(1000), 0xffff_ffff, into),
    "1000 bytes",
  );
  reservations.assertLittle();
  assertEquals(into.capacity, 1);
});

Deno.test("compact: no more measurements than the limit", () => {
  const batch = new MeasurementBatch();
  for (let i = 0; i < 4; i++) batch.add(i, NOW, i, 0);
  const bytes = encodeAll(batch, UNTIMED);
  const into = new MeasurementBatch();
  assertEquals(new CompactDecoder(UNTIMED, { maxMeasurements: 4 }).decode(bytes, 4, into), 4);
  assertSttpError(
    "MalformedPacket",
    () => new CompactDecoder(UNTIMED, { maxMeasurements: 3 }).decode(bytes, 4, into),
    "at most 3",
  );
  assertThrows(() => new CompactDecoder(UNTIMED, { maxMeasurements: 0 }), RangeError, "maxMeasurements");
});

Deno.test("compact: an offset before any base times is malformed", () => {
  assertSttpError(
    "MalformedPacket",
    () => decodeAll(hex("40 00000000 00000000 00000001"), TICKS),
    "measurement 0 has an offset",
  );
});

Deno.test("compact: packets of a publisher that leaves the count out are read to their end", () => {
  const batch = new MeasurementBatch();
  for (let i = 0; i < 50; i++) batch.add(i, NOW + BigInt(i), i, 0);
  const bytes = encodeAll(batch, TICKS);
  const into = new MeasurementBatch(1);
  assertEquals(new CompactDecoder(TICKS).decode(bytes, undefined, into), 50);
  assertEquals(into.ticks[49], NOW + 49n);
  assertSttpError(
    "MalformedPacket",
    () => new CompactDecoder(TICKS).decode(bytes.subarray(0, -1), undefined, into),
    "within measurement 49",
  );
  assertEquals(into.length, 50);
});

const measurement = fc.record({
  signal: fc.integer(),
  ticks: fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -10n * SECOND, max: 500n * SECOND }).map((offset) => NOW + offset),
  ),
  bits: fc.integer(),
  flags: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff })),
});

Deno.test("compact: any measurements, in any form, come back as §7 says", () => {
  const bases = [
    undefined,
    new BaseTimes(0, NOW, NOW + 420n * SECOND),
    new BaseTimes(1, NOW, NOW + 60n * SECOND),
  ];
  fc.assert(
    fc.property(
      fc.array(measurement, { maxLength: 50, size: "max" }),
      fc.constantFrom(TICKS, MILLISECONDS, UNTIMED),
      fc.constantFrom(...bases),
      (list, format, baseTimes) => {
        const batch = new MeasurementBatch();
        for (const { signal, ticks, bits, flags } of list) batch.append(one(ticks, bits, flags, signal));
        const decoded = decodeAll(encodeAll(batch, format, baseTimes), format, baseTimes, NOW);
        assertEquals(decoded.length, list.length);
        list.forEach(({ signal, ticks, bits, flags }, i) => {
          assertEquals(decoded.signals[i], signal);
          assertEquals(decoded.valueBits[i], bits);
          assertEquals(decoded.flags[i], fromCompactFlags(toCompactFlags(flags)));
          if (!format.includeTime) {
            assertEquals(decoded.ticks[i], NOW);
          } else if (format.useMillisecondResolution && decoded.ticks[i] !== ticks) {
            const offset = ticks - baseTimes!.base(baseTimes!.timeIndex);
            assert(offset > 0n && offset < 655_350_000n);
            assertEquals(decoded.ticks[i], ticks - offset % 10_000n);
          } else {
            assertEquals(decoded.ticks[i], ticks);
          }
        });
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("compact: damaged and random bytes give a value or a malformed packet, and leave the batch alone", () => {
  const baseTimes = new BaseTimes(0, NOW, NOW + 420n * SECOND);
  const batch = new MeasurementBatch();
  for (let i = 0; i < 8; i++) batch.add(i, i % 2 === 0 ? NOW + 1n : NOW, i, i % 3);
  for (const format of [TICKS, MILLISECONDS, UNTIMED]) {
    const bytes = encodeAll(batch, format, baseTimes);
    const decode = (bytes: Uint8Array): void => {
      const decoder = new CompactDecoder(format);
      decoder.baseTimes = baseTimes;
      const into = new MeasurementBatch(1);
      const code = outcome(() => decoder.decode(bytes, 8, into));
      assertEquals(into.length, code === undefined ? 8 : 0);
      if (code !== undefined) throw assertSttpError("MalformedPacket", () => decoder.decode(bytes, 8, into));
    };
    assertEquals(lengthsAccepted(bytes, decode), []);
    corruptEachByte(bytes, decode);
  }
});
