import { assertEquals, assertThrows } from "@std/assert";
import { generateCipherKey } from "../transport/cipher.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { BaseTimes, encodeBaseTimes } from "../transport/wire/base_times.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { encodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { DataPacketFlags } from "../transport/wire/codes.ts";
import { CompactEncoder, type CompactFormat } from "../transport/wire/compact.ts";
import { decodeCacheUpdate, encodeCacheUpdate } from "../transport/wire/signal_index_cache.ts";
import { fromUnixMilliseconds } from "../transport/wire/ticks.ts";
import { TsscEncoder } from "../transport/wire/tssc/mod.ts";
import { checkOptions, type SubscriberLimits } from "./options.ts";
import { PacketReader } from "./packets.ts";
import { Counters, type DropReason } from "./stats.ts";
import { batchOf, cacheOf, compactFrame, signalId, tsscFrame } from "./testdata/scripted_publisher.ts";

const fullTime: CompactFormat = { includeTime: true, useMillisecondResolution: false };
const flagged = DataPacketFlags.CacheIndex;

/** A reader and what came out of it. */
class Fixture {
  readonly counters = new Counters();
  readonly signals = new SignalTable();
  readonly clock = new ManualClock();
  readonly reader: PacketReader;
  readonly #into = new MeasurementBatch();

  constructor(version: number = 2, limits: SubscriberLimits = {}) {
    this.reader = new PacketReader({
      version,
      limits: checkOptions({ limits }).limits,
      clock: this.clock,
      signals: this.signals,
      counters: this.counters,
      drop: (reason, _message, count = 1) => this.counters.dropped[reason] += count,
    });
  }

  cache(
    cacheIndex: 0 | 1,
    ids: readonly number[],
    indexes?: readonly number[],
    format: CompactFormat = fullTime,
  ): void {
    const body = encodeCacheUpdate(cacheOf(ids, indexes), { version: 2, cacheIndex });
    this.reader.installCache(cacheIndex, decodeCacheUpdate(body, { version: 2, gzip: false }).cache, format);
  }

  /** Reads a data packet's frame. @returns What came out: the number in the signal ID, and the value. */
  read(frame: Uint8Array): string {
    this.reader.read(frame.subarray(10), this.#into);
    return this.taken();
  }

  taken(): string {
    const batch = this.#into;
    const out = Array.from({ length: batch.length }, (_, i) => {
      const id = this.signals.idOf(batch.signals[i]!);
      return `${parseInt(id.slice(-12), 16)}=${batch.values[i]}`;
    });
    batch.clear();
    return out.join(" ");
  }

  dropped(): Partial<Record<DropReason, number>> {
    return Object.fromEntries(Object.entries(this.counters.dropped).filter(([, count]) => count > 0));
  }

  get last(): MeasurementBatch {
    return this.#into;
  }
}

Deno.test("few signals with high indexes take little memory, and are found among others", () => {
  const fixture = new Fixture();
  fixture.cache(0, [1, 2, 3], [4_194_303, 0, 70_000]);
  const indexes = [0, 70_000, 70_001, 4_194_303, 4_194_302, -1];
  assertEquals(fixture.read(compactFrame(batchOf(indexes, 5))), "2=5 3=6 1=8");
  assertEquals(fixture.dropped(), { unknownSignal: 3 });
  assertEquals(fixture.reader.signalOf(4_194_303, false), 0);
  assertEquals(fixture.reader.signalOf(4_194_302, false), undefined);
});

Deno.test("an encrypted packet that is too long is not decrypted", () => {
  const fixture = new Fixture();
  fixture.cache(0, [1]);
  fixture.reader.updateCipherKeys(
    encodeCipherKeys({ cipherIndex: 0, even: generateCipherKey(), odd: generateCipherKey() }),
  );
  for (const length of [1024 ** 2, 1024 ** 2 + 1]) fixture.reader.read(new Uint8Array(length), fixture.last);
  assertEquals(fixture.dropped(), { undecipherable: 1, malformedPacket: 1 });
});

Deno.test("signal indexes become handles that outlive the cache", () => {
  const fixture = new Fixture();
  fixture.cache(0, [7, 9]);
  assertEquals(fixture.read(compactFrame(batchOf([0, 1], 50))), "7=50 9=51");
  fixture.cache(1, [9, 8, 7], [2, 5, 4]);
  assertEquals(fixture.read(compactFrame(batchOf([2, 5, 4], 60), flagged)), "9=60 8=61 7=62");
  assertEquals(fixture.signals.ids(), [signalId(7), signalId(9), signalId(8)]);
  assertEquals(fixture.counters.measurements, 5);
});

Deno.test("indexes that are not in the cache are taken out and counted", () => {
  const fixture = new Fixture();
  fixture.cache(0, [7, 9], [0, 5]);
  const batch = batchOf([3, 0, -1, 5, 0x7fff_ffff, 6, 0], 10);
  assertEquals(fixture.read(compactFrame(batch)), "7=11 9=13 7=16");
  assertEquals(fixture.dropped(), { unknownSignal: 4 });
  assertEquals(fixture.counters.measurements, 3);
});

Deno.test("taking out keeps what was in the batch before, and all columns together", () => {
  const fixture = new Fixture();
  fixture.cache(0, [7, 9]);
  fixture.reader.read(compactFrame(batchOf([1], 1)).subarray(10), fixture.last);
  const batch = new MeasurementBatch();
  batch.add(4, 100n, 1, 8);
  batch.add(0, 638_500_000_000_000_000n, NaN, 8);
  fixture.reader.read(compactFrame(batch).subarray(10), fixture.last);
  assertEquals(fixture.last.length, 2);
  assertEquals(fixture.signals.idOf(fixture.last.signals[1]!), signalId(7));
  assertEquals(fixture.last.ticks[1], 638_500_000_000_000_000n);
  assertEquals(fixture.last.values[1], NaN);
  assertEquals(fixture.last.flags[1], 0xfc);
});

Deno.test("a packet before any cache is dropped", () => {
  const fixture = new Fixture();
  assertEquals(fixture.read(compactFrame(batchOf([0]))), "");
  assertEquals(fixture.dropped(), { noCache: 1 });
});

Deno.test("malformed packets are dropped and leave no trace in the batch", () => {
  const fixture = new Fixture();
  fixture.cache(0, [7]);
  assertEquals(fixture.read(compactFrame(batchOf([0]))), "7=0");
  const cut = compactFrame(batchOf([0, 0]));
  assertEquals(fixture.read(cut.subarray(0, cut.length - 1)), "");
  assertEquals(fixture.read(new Uint8Array(10 + 3)), "");
  const huge = compactFrame(batchOf([0]));
  huge.fill(0xff, 11, 15);
  assertEquals(fixture.read(huge), "");
  const garbage = new Uint8Array(10 + 40).fill(0xa5);
  garbage[10] = DataPacketFlags.Compressed;
  assertEquals(fixture.read(garbage), "");
  assertEquals(fixture.dropped(), { malformedPacket: 4 });
  assertEquals(fixture.read(compactFrame(batchOf([0], 5))), "7=5");
});

Deno.test("a packet over the limit of measurements is dropped", () => {
  const fixture = new Fixture(2, { packetMeasurements: 3 });
  fixture.cache(0, [7]);
  assertEquals(fixture.read(compactFrame(batchOf([0, 0, 0, 0]))), "");
  assertEquals(fixture.read(tsscFrame(new TsscEncoder(), batchOf([0, 0, 0, 0]))), "");
  assertEquals(fixture.dropped(), { malformedPacket: 2 });
});

Deno.test("a cache whose signals are too many, with those before, is not taken", () => {
  const fixture = new Fixture(2, { signals: 3 });
  fixture.cache(0, [1, 2]);
  const error = assertThrows(() => fixture.cache(0, [2, 3, 4]), SttpError);
  assertEquals(error.code, "LimitExceeded");
  assertEquals(fixture.signals.size, 2);
  assertEquals(fixture.read(compactFrame(batchOf([0, 1], 5))), "1=5 2=6");
  fixture.cache(0, [3, 2, 1]);
  assertEquals(fixture.read(compactFrame(batchOf([0, 1, 2], 5))), "3=5 2=6 1=7");
});

Deno.test("TSSC: out of sequence is dropped until a 0 comes", () => {
  const fixture = new Fixture();
  fixture.cache(0, [7]);
  const encoder = new TsscEncoder();
  const frames = [1, 2, 3, 4].map((value) => tsscFrame(encoder, batchOf([0], value)));
  assertEquals(fixture.read(frames[0]!), "7=1");
  assertEquals(fixture.read(frames[2]!), "");
  assertEquals(fixture.read(frames[1]!), "");
  assertEquals(fixture.read(frames[3]!), "");
  encoder.reset();
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 9))), "7=9");
  assertEquals(fixture.dropped(), { outOfSequence: 3 });
  assertEquals(fixture.counters.tsscResets, 2);
});

Deno.test("TSSC: a decoder for each cache, which a new cache under its index does not reset", () => {
  const fixture = new Fixture();
  const [first, second] = [new TsscEncoder(), new TsscEncoder()];
  fixture.cache(0, [7, 8]);
  fixture.cache(1, [8, 7]);
  assertEquals(fixture.read(tsscFrame(second, batchOf([0, 1], 20), flagged)), "8=20 7=21");
  assertEquals(fixture.read(tsscFrame(first, batchOf([0, 1], 10))), "7=10 8=11");
  assertEquals(fixture.read(tsscFrame(second, batchOf([0, 1], 22), flagged)), "8=22 7=23");
  fixture.cache(0, [5, 6]);
  assertEquals(fixture.read(tsscFrame(first, batchOf([0, 1], 12))), "5=12 6=13");
  assertEquals(fixture.dropped(), {});
});

Deno.test("a packet of a cache that does not exist goes to the one that does", () => {
  const [zero, one] = [new Fixture(), new Fixture()];
  zero.cache(0, [7]);
  assertEquals(zero.read(compactFrame(batchOf([0], 1), flagged)), "7=1");
  one.cache(1, [7]);
  assertEquals(one.read(compactFrame(batchOf([0], 1))), "7=1");
});

Deno.test("version 1: a single cache, in force at once; a flag means nothing", () => {
  const fixture = new Fixture(1);
  fixture.cache(0, [7]);
  assertEquals(fixture.read(compactFrame(batchOf([0], 1))), "7=1");
  fixture.cache(0, [8]);
  assertEquals(fixture.reader.undecided, false);
  assertEquals(fixture.read(compactFrame(batchOf([0], 2), flagged)), "8=2");
  assertEquals(fixture.read(compactFrame(batchOf([0], 3))), "8=3");
});

Deno.test("flags tell which cache, on both sides of a switch", () => {
  const fixture = new Fixture();
  fixture.cache(0, [7]);
  fixture.cache(1, [8]);
  assertEquals(fixture.reader.undecided, false);
  assertEquals(fixture.read(compactFrame(batchOf([0], 1))), "7=1");
  assertEquals(fixture.read(compactFrame(batchOf([0], 2), flagged)), "8=2");
  fixture.cache(0, [9]);
  assertEquals(fixture.read(compactFrame(batchOf([0], 4), flagged)), "8=4");
  assertEquals(fixture.read(compactFrame(batchOf([0], 5))), "9=5");
});

Deno.test("flags tell which cache even when a stream starts anew before the switch", () => {
  const fixture = new Fixture();
  const [old, next] = [new TsscEncoder(), new TsscEncoder()];
  fixture.cache(0, [7]);
  assertEquals(fixture.read(tsscFrame(old, batchOf([0], 1))), "7=1");
  fixture.cache(1, [8]);
  old.reset();
  assertEquals(fixture.read(tsscFrame(old, batchOf([0], 2))), "7=2");
  assertEquals(fixture.read(tsscFrame(next, batchOf([0], 4), flagged)), "8=4");
  assertEquals(fixture.dropped(), {});
});

Deno.test("no flags, compact: the newest cache once the confirmation is answered", () => {
  const fixture = new Fixture();
  fixture.reader.expectNoFlags();
  fixture.cache(0, [7]);
  assertEquals(fixture.reader.undecided, false);
  fixture.cache(1, [8]);
  assertEquals(fixture.reader.undecided, true);
  assertEquals(fixture.read(compactFrame(batchOf([0], 1))), "7=1");
  fixture.reader.confirmationAnswered();
  assertEquals(fixture.read(compactFrame(batchOf([0], 2))), "8=2");
  fixture.cache(0, [9]);
  assertEquals(fixture.reader.undecided, true);
  assertEquals(fixture.read(compactFrame(batchOf([0], 3))), "8=3");
  fixture.reader.confirmationAnswered();
  assertEquals(fixture.read(compactFrame(batchOf([0], 4))), "9=4");
  assertEquals(fixture.dropped(), {});
});

Deno.test("no flags, TSSC: the newest cache from the packet on that starts the stream anew", () => {
  const fixture = new Fixture();
  const encoder = new TsscEncoder();
  fixture.reader.expectNoFlags();
  fixture.cache(0, [7]);
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 1))), "7=1");
  fixture.cache(1, [8]);
  fixture.reader.confirmationAnswered();
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 2))), "7=2");
  encoder.reset();
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 3))), "8=3");
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 4))), "8=4");
  fixture.cache(0, [9]);
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 5))), "8=5");
  encoder.reset();
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 6))), "9=6");
  assertEquals(fixture.dropped(), {});
});

Deno.test("no flags expected, but one comes: from then on they tell", () => {
  const fixture = new Fixture();
  fixture.reader.expectNoFlags();
  fixture.cache(0, [7]);
  fixture.cache(1, [8]);
  assertEquals(fixture.read(compactFrame(batchOf([0], 1), flagged)), "8=1");
  fixture.reader.confirmationAnswered();
  assertEquals(fixture.read(compactFrame(batchOf([0], 2))), "7=2");
  fixture.cache(0, [9]);
  assertEquals(fixture.reader.undecided, false);
  assertEquals(fixture.read(compactFrame(batchOf([0], 3), flagged)), "8=3");
});

Deno.test("no flags, a first cache with index 1 and version 1", () => {
  const first = new Fixture();
  first.reader.expectNoFlags();
  first.cache(1, [7]);
  first.cache(0, [8]);
  assertEquals(first.reader.undecided, true);
  assertEquals(first.read(compactFrame(batchOf([0], 1))), "7=1");
  first.reader.confirmationAnswered();
  assertEquals(first.read(compactFrame(batchOf([0], 2))), "8=2");

  const single = new Fixture(1);
  single.reader.expectNoFlags();
  single.cache(0, [7]);
  single.cache(0, [8]);
  assertEquals(single.reader.undecided, false);
  assertEquals(single.read(compactFrame(batchOf([0], 1))), "8=1");
});

Deno.test("a publisher that always uses one cache index is followed at once", () => {
  const fixture = new Fixture();
  const encoder = new TsscEncoder();
  fixture.cache(0, [7]);
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 1))), "7=1");
  fixture.cache(0, [8]);
  assertEquals(fixture.reader.undecided, false);
  assertEquals(fixture.read(tsscFrame(encoder, batchOf([0], 2))), "8=2");
});

Deno.test("base times: offsets in ticks and milliseconds, from either base", () => {
  const base = 638_500_000_000_000_000n;
  for (const useMillisecondResolution of [false, true]) {
    const format = { includeTime: true, useMillisecondResolution };
    for (const timeIndex of [0, 1] as const) {
      const fixture = new Fixture();
      fixture.cache(0, [7], [0], format);
      const other = base + 600_000_000_000n;
      const bases = timeIndex === 0 ? new BaseTimes(0, base, other) : new BaseTimes(1, other, base);
      fixture.reader.updateBaseTimes(encodeBaseTimes(bases));
      const frame = compactFrame(
        batchOf([0], 1, base + 50_000n),
        0,
        format,
        new CompactEncoder(format, bases),
      );
      assertEquals(frame.length, 15 + 9 + (useMillisecondResolution ? 2 : 4));
      fixture.reader.read(frame.subarray(10), fixture.last);
      assertEquals(fixture.last.ticks[0], base + 50_000n);
    }
  }
});

Deno.test("base times are kept when a cache changes, and needed", () => {
  const format = { includeTime: true, useMillisecondResolution: false };
  const bases = new BaseTimes(0, 638_500_000_000_000_000n, 638_500_004_200_000_000n);
  const frame = compactFrame(
    batchOf([0], 1, 638_500_000_000_000_001n),
    0,
    format,
    new CompactEncoder(format, bases),
  );
  const fixture = new Fixture();
  fixture.cache(0, [7]);
  assertEquals(fixture.read(frame), "");
  assertEquals(fixture.dropped(), { malformedPacket: 1 });
  fixture.reader.updateBaseTimes(encodeBaseTimes(bases));
  fixture.cache(0, [8]);
  assertEquals(fixture.read(frame), "8=1");
});

Deno.test("without time on the wire the arrival is the time", () => {
  const format = { includeTime: false, useMillisecondResolution: false };
  const fixture = new Fixture();
  fixture.cache(0, [7], [0], format);
  fixture.clock.advance(1234);
  fixture.reader.read(compactFrame(batchOf([0], 1), 0, format).subarray(10), fixture.last);
  assertEquals(fixture.last.ticks[0], fromUnixMilliseconds(fixture.clock.now()));
});

Deno.test("a publisher that applies a new format before it switches caches is understood", () => {
  const untimed = { includeTime: false, useMillisecondResolution: false };
  const fixture = new Fixture();
  fixture.cache(0, [7]);
  fixture.cache(1, [8], [0], untimed);
  assertEquals(fixture.read(compactFrame(batchOf([0], 1), 0, untimed)), "7=1");
  assertEquals(fixture.dropped(), {});
});

Deno.test("compact packets without a count: read only from the publisher that is known for them", () => {
  const frame = compactFrame(batchOf([0, 1], 5));
  const countless = new Uint8Array(frame.length - 4);
  countless.set(frame.subarray(0, 11));
  countless.set(frame.subarray(15), 11);
  const fixture = new Fixture();
  fixture.cache(0, [7, 8]);
  assertEquals(fixture.read(countless), "");
  assertEquals(fixture.dropped(), { malformedPacket: 1 });
  fixture.reader.isSttpapi = true;
  assertEquals(fixture.read(countless), "7=5 8=6");
  assertEquals(fixture.read(frame), "7=5 8=6");
});
