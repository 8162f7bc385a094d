import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type RawMeasurement, ReferenceEncoder } from "../../../tests/support/tssc_reference.ts";
import { MeasurementBatch } from "../batch.ts";
import { TsscDecoder, TsscEncoder } from "./mod.ts";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const NOW = 638_500_000_000_000_000n;

/** Bits that mean something special as a float32, and their neighbours. */
const SPECIAL_BITS = [
  0x0000_0000, // 0
  0x8000_0000, // -0
  0x0000_0001, // least denormal
  0x007f_ffff, // greatest denormal
  0x7f7f_ffff, // greatest number
  0x7f80_0000, // infinity
  0xff80_0000, // -infinity
  0x7f80_0001, // signalling NaN
  0xffa0_0000, // signalling NaN
  0x7fc0_0000, // quiet NaN
  0xffff_ffff, // quiet NaN with all its payload
  0x4270_0000, // 60
];

const index = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fff_ffff, -1, -0x8000_0000, 0xffffff, 0x1000000) },
  { weight: 1, arbitrary: fc.integer() },
);
const bits = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...SPECIAL_BITS) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 0xfff }).map((noise) => 0x4270_0000 + noise) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 31 }).map((bit) => (1 << bit) >>> 0) },
);
const flags = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0xfff_ffff, 0xffff_ffff),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
);
const ticks = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -6, max: 6 }).map((frame) => NOW + BigInt(frame) * 330_000n) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }).map((step) => NOW + BigInt(step)) },
  // Around both places where the low 32 bits' sign changes.
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }).map((step) => 0x7_8000_0000n + BigInt(step)) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }).map((step) => 0x8_0000_0000n + BigInt(step)) },
  { weight: 2, arbitrary: fc.constantFrom(MIN, MIN + 1n, -1n, 0n, 1n, MAX - 1n, MAX, NOW - 2n ** 63n) },
  { weight: 1, arbitrary: fc.bigInt({ min: MIN, max: MAX }) },
);

/** What happens before a measurement. */
type Step = RawMeasurement & { readonly cut: boolean; readonly reset: boolean };
const once = (frequency: number): fc.Arbitrary<boolean> =>
  fc.integer({ min: 0, max: frequency - 1 }).map((n) => n === frequency - 1);
const step: fc.Arbitrary<Step> = fc.record({ index, ticks, flags, bits, cut: once(20), reset: once(100) });
/** Frames as a publisher sends them: same time, same order, now and then something else. */
const frames: fc.Arbitrary<Step[]> = fc.tuple(
  fc.array(fc.tuple(index, fc.array(bits, { minLength: 1, maxLength: 4 })), {
    minLength: 1,
    maxLength: 8,
    size: "max",
  }),
  fc.array(fc.tuple(fc.constantFrom(330_000n, 333_333n, 333_334n, -330_000n, 1n), flags, once(6)), {
    maxLength: 60,
  }),
).map(([signals, list]) => {
  let ticks = NOW;
  return list.flatMap(([delta, flags, cut], frame) => {
    ticks += delta;
    return signals.map(([index, values], i) => ({
      index,
      ticks,
      flags,
      bits: values[frame % values.length]!,
      cut: cut && i === 0,
      reset: false,
    }));
  });
});
const steps = fc.oneof(fc.array(step, { maxLength: 400, size: "max" }), frames);

function append(batch: MeasurementBatch, { index, ticks, flags, bits }: RawMeasurement): void {
  batch.add(index, ticks, 0, flags);
  batch.valueBits[batch.length - 1] = bits;
}

function assertSame(actual: MeasurementBatch, expected: MeasurementBatch): void {
  const { length } = expected;
  assertEquals(actual.length, length);
  for (const column of ["signals", "ticks", "valueBits", "flags"] as const) {
    assertEquals(actual[column].subarray(0, length), expected[column].subarray(0, length), column);
  }
}

/** Encodes with cuts and resets, holds every block against the reference, and decodes it again. */
function roundTrip(list: readonly Step[], bufferLength = 32_771): void {
  const batch = new MeasurementBatch();
  for (const measurement of list) append(batch, measurement);
  const encoder = new TsscEncoder();
  const decoder = new TsscDecoder({ maxSignalIndex: 0xffff_ffff });
  const decoded = new MeasurementBatch(1);
  const out = new Uint8Array(bufferLength);
  let reference = new ReferenceEncoder();
  let referenceFrom = 0;

  const close = (end: number): void => {
    const packetEnd = encoder.finish();
    for (; referenceFrom < end; referenceFrom++) reference.put(list[referenceFrom]!);
    const packet = out.slice(0, packetEnd);
    assertEquals(packet.subarray(3), reference.finish());
    assert(decoder.decode(packet, decoded) >= 0);
    assertEquals(decoded.length, end);
  };
  encoder.begin(out, 0, out.length);
  for (let i = 0; i < list.length;) {
    // All up to the next cut in one call, as publishers do.
    let to = i + 1;
    while (to < list.length && !list[to]!.cut && !list[to]!.reset) to++;
    const next = encoder.encode(batch, i, to);
    const full = next < to;
    i = next;
    if (i === list.length) break;
    close(i);
    if (!full && list[i]!.reset) {
      encoder.reset();
      reference = new ReferenceEncoder();
    }
    encoder.begin(out, 0, out.length);
  }
  close(list.length);
  assertSame(decoded, batch);
}

Deno.test("any measurements, cut and reset anywhere: the reference's bytes, and back bit for bit", () => {
  fc.assert(fc.property(steps, (list) => roundTrip(list)), { numRuns: 300 });
});

Deno.test("any measurements in packets as small as can be", () => {
  fc.assert(fc.property(steps, (list) => roundTrip(list, 103 + 30)), { numRuns: 100 });
});

/** Whole numbers below a bound, always the same. */
function seeded(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.floor((state >>> 0) / 0x1_0000_0000 * bound);
  };
}

Deno.test("30,000 measurements of 700 signals with noise, jumps and gaps", () => {
  const random = seeded(1);
  const list: Step[] = [];
  let ticks = NOW;
  for (let frame = 0; list.length < 30_000; frame++) {
    ticks += random(50) === 0 ? BigInt(random(1_000_000)) - 500_000n : random(2) === 0 ? 333_333n : 333_334n;
    for (let signal = 0; signal < 700; signal++) {
      if (random(200) === 0) continue;
      list.push({
        index: signal < 600 ? signal : (signal * 0x9e37_79b1) | 0,
        ticks: random(300) === 0 ? ticks - BigInt(random(3)) : ticks,
        flags: random(100) === 0 ? random(2 ** (1 + random(32))) : 0,
        bits: signal % 7 === 0 ? 0x4270_0000 : 0x4270_0000 + random(2 ** (1 + signal % 24)),
        cut: random(400) === 0,
        reset: random(8_000) === 0,
      });
    }
  }
  roundTrip(list);
});

Deno.test("one signal in all 32-bit patterns of a shifted bit, there and back", () => {
  const list: Step[] = [];
  for (const start of SPECIAL_BITS) {
    for (let bit = 0; bit < 32; bit++) {
      for (const bits of [start, (start ^ (1 << bit)) >>> 0, start, 0]) {
        list.push({ index: 0, ticks: NOW, flags: 0, bits, cut: false, reset: false });
      }
    }
  }
  roundTrip(list);
});
