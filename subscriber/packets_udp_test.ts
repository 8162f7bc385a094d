/** Packets that came over UDP, and packets that are encrypted. */
import { assertEquals, assertThrows } from "@std/assert";
import { encryptPayload, generateCipherKey } from "../transport/cipher.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { BaseTimes, encodeBaseTimes } from "../transport/wire/base_times.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { type CipherKey, encodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { DataPacketFlags } from "../transport/wire/codes.ts";
import { CompactEncoder, type CompactFormat } from "../transport/wire/compact.ts";
import { decodeCacheUpdate, encodeCacheUpdate } from "../transport/wire/signal_index_cache.ts";
import { TsscEncoder } from "../transport/wire/tssc/mod.ts";
import { checkOptions } from "./options.ts";
import { PacketReader } from "./packets.ts";
import { Counters } from "./stats.ts";
import { batchOf, cacheOf, compactFrame, tsscFrame } from "./testdata/scripted_publisher.ts";

const start = 638_500_000_000_000_000n;

class Fixture {
  readonly counters = new Counters();
  readonly clock = new ManualClock();
  readonly reader: PacketReader;

  constructor(format: CompactFormat = { includeTime: true, useMillisecondResolution: false }) {
    this.reader = new PacketReader({
      version: 2,
      limits: checkOptions().limits,
      clock: this.clock,
      signals: new SignalTable(),
      counters: this.counters,
      drop: (reason, _message, count = 1) => this.counters.dropped[reason] += count,
    });
    this.cache(0, format);
  }

  cache(cacheIndex: 0 | 1, format: CompactFormat): void {
    const body = encodeCacheUpdate(cacheOf([1, 2]), { version: 2, cacheIndex });
    this.reader.installCache(cacheIndex, decodeCacheUpdate(body, { version: 2, gzip: false }).cache, format);
  }

  /** Reads a data packet's body. @returns The ticks since the start. */
  read(body: Uint8Array, isDatagram: boolean): bigint[] {
    const into = new MeasurementBatch();
    this.reader.read(body, into, isDatagram);
    return [...into.ticks.subarray(0, into.length)].map((ticks) => ticks - start);
  }

  get dropped(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.counters.dropped).filter(([, count]) => count > 0));
  }
}

for (const useMillisecondResolution of [false, true]) {
  const format = { includeTime: true, useMillisecondResolution };
  const interval = useMillisecondResolution ? 60_000 : 420_000;
  const ticks = BigInt(interval) * 10_000n;

  Deno.test(`packets that straddle a rotation, every ${interval / 1000} s`, () => {
    const fixture = new Fixture(format);
    let baseTimes = new BaseTimes(0, start, start + ticks);
    fixture.reader.updateBaseTimes(encodeBaseTimes(baseTimes));
    const packet = (since: bigint): Uint8Array => {
      const encoder = new CompactEncoder(format, baseTimes);
      const frame = compactFrame(batchOf([0], 1, start + since), 0, format, encoder);
      assertEquals(frame.length, 15 + 9 + (useMillisecondResolution ? 2 : 4));
      return frame.subarray(10);
    };
    for (let n = 1n; n <= 5n; n++) {
      const late = packet(n * ticks - 20_000n);
      assertEquals(fixture.read(late, true), [n * ticks - 20_000n]);
      fixture.clock.advance(interval);
      baseTimes = baseTimes.rotate(start + (n + 1n) * ticks);
      // Overtakes the base times that it is written with: both know that base already.
      const early = packet(n * ticks + 10_000n);
      assertEquals(fixture.read(early, true), [n * ticks + 10_000n]);
      fixture.reader.updateBaseTimes(encodeBaseTimes(baseTimes));
      assertEquals(fixture.read(packet(n * ticks + 50_000n), true), [n * ticks + 50_000n]);
      // Was on its way when they came: under the base that has been replaced meanwhile.
      fixture.clock.advance(9_999);
      assertEquals(fixture.read(late, true), [n * ticks - 20_000n]);
      fixture.clock.advance(1);
      // From then on it would be taken for one of the next period.
      assertEquals(fixture.read(late, true), [(n + 2n) * ticks - 20_000n]);
    }
    assertEquals(fixture.dropped, {});
  });

  Deno.test(`on the command channel base times hold at once, every ${interval / 1000} s`, () => {
    const fixture = new Fixture(format);
    const first = new BaseTimes(0, start, start + ticks);
    fixture.reader.updateBaseTimes(encodeBaseTimes(first));
    fixture.reader.updateBaseTimes(encodeBaseTimes(first.rotate(start + 2n * ticks)));
    const encoder = new CompactEncoder(format, new BaseTimes(0, start + 2n * ticks, 0n));
    const frame = compactFrame(batchOf([0], 1, start + 2n * ticks + 10_000n), 0, format, encoder);
    assertEquals(fixture.read(frame.subarray(10), false), [2n * ticks + 10_000n]);
  });
}

Deno.test("base times of a new subscription are not for late datagrams of the one before", () => {
  const format = { includeTime: true, useMillisecondResolution: false };
  const fixture = new Fixture(format);
  const packet = (baseTimes: BaseTimes, since: bigint, flags: number): Uint8Array => {
    const encoder = new CompactEncoder(format, baseTimes);
    const frame = compactFrame(batchOf([0], 1, start + since), flags, format, encoder);
    assertEquals(frame.length, 15 + 13);
    return frame.subarray(10);
  };
  const flagged = DataPacketFlags.CacheIndex;
  const before = new BaseTimes(0, start, start + 4_200_000_000n);
  fixture.reader.updateBaseTimes(encodeBaseTimes(before));
  // The new cache, then the base times: whatever counts from those is flagged.
  fixture.cache(1, format);
  const after = new BaseTimes(0, start + 70_000n, start + 4_200_070_000n);
  fixture.reader.updateBaseTimes(encodeBaseTimes(after));
  assertEquals(fixture.read(packet(before, 5n, 0), true), [5n]);
  assertEquals(fixture.read(packet(after, 80_000n, flagged), true), [80_000n]);
  // A rotation of those before is still one.
  const rotated = before.rotate(start + 8_400_000_000n);
  fixture.reader.updateBaseTimes(encodeBaseTimes(rotated));
  assertEquals(fixture.read(packet(rotated, 4_200_000_005n, 0), true), [4_200_000_005n]);
  // A cache that comes after its base times has them.
  const third = new BaseTimes(0, start + 90_000n, start + 4_200_090_000n);
  fixture.reader.updateBaseTimes(encodeBaseTimes(third));
  fixture.cache(0, format);
  assertEquals(fixture.read(packet(third, 90_001n, 0), true), [90_001n]);
  assertEquals(fixture.dropped, {});
});

/** Encrypts a packet's body behind its flags. */
function encrypt(body: Uint8Array, key: CipherKey, isOdd: boolean): Uint8Array {
  const sealed = encryptPayload(body.subarray(1), key, 1);
  sealed[0] = body[0]! | (isOdd ? DataPacketFlags.CipherIndex : 0);
  return sealed;
}

const body = compactFrame(batchOf([0, 1], 1, start)).subarray(10);

Deno.test("encrypted packets, compact and TSSC, over either channel", () => {
  const fixture = new Fixture();
  const [even, odd] = [generateCipherKey(), generateCipherKey()];
  // Before there are keys nothing is encrypted.
  assertEquals(fixture.read(body, true), [0n, 1n]);
  assertEquals(fixture.reader.updateCipherKeys(encodeCipherKeys({ cipherIndex: 1, even, odd })), 1);
  const tssc = new TsscEncoder();
  for (let i = 0; i < 3; i++) {
    const compressed = tsscFrame(tssc, batchOf([0, 1], 1, start)).subarray(10);
    for (const [key, isOdd] of [[even, false], [odd, true]] as const) {
      assertEquals(fixture.read(encrypt(body, key, isOdd), isOdd), [0n, 1n]);
      if (isOdd === (i % 2 === 1)) {
        assertEquals(fixture.read(encrypt(compressed, key, isOdd), false), [0n, 1n]);
      }
    }
  }
  assertEquals([fixture.dropped, fixture.counters.cipherKeys], [{}, 1]);
});

Deno.test("with keys in force what is not encrypted with them is not read", () => {
  const fixture = new Fixture();
  const [even, odd] = [generateCipherKey(), generateCipherKey()];
  fixture.reader.updateCipherKeys(encodeCipherKeys({ cipherIndex: 0, even, odd }));
  const good = encrypt(body, even, false);
  assertEquals(fixture.read(body, true), []);
  assertEquals(fixture.read(encrypt(body, generateCipherKey(), false), true), []);
  assertEquals(fixture.read(good.subarray(0, good.length - 1), true), []);
  assertEquals(fixture.read(good.subarray(0, 1), true), []);
  assertEquals(fixture.read(new Uint8Array(0), true), []);
  const flagged = good.slice();
  flagged[0]! |= DataPacketFlags.CipherIndex;
  assertEquals(fixture.read(flagged, true), []);
  assertEquals(fixture.dropped, { undecipherable: 6 });
  assertEquals(fixture.read(good, true), [0n, 1n]);
});

Deno.test("packets under the key before still decrypt, those under the one before that do not", () => {
  const fixture = new Fixture();
  const odd = generateCipherKey();
  const evens = Array.from({ length: 3 }, () => generateCipherKey());
  const packets = evens.map((even) => encrypt(body, even, false));
  for (const even of evens) {
    fixture.reader.updateCipherKeys(encodeCipherKeys({ cipherIndex: 0, even, odd }));
    assertEquals(fixture.read(encrypt(body, odd, true), true), [0n, 1n]);
  }
  assertEquals(packets.map((packet) => fixture.read(packet, true).length), [0, 2, 2]);
  assertEquals(fixture.dropped, { undecipherable: 1 });
});

Deno.test("malformed keys change nothing", () => {
  const fixture = new Fixture();
  assertThrows(() => fixture.reader.updateCipherKeys(new Uint8Array(112)), SttpError);
  assertEquals(fixture.read(body, true), [0n, 1n]);
});

Deno.test("loss is told of datagrams only", () => {
  const fixture = new Fixture();
  for (let n = 0; n < 20; n++) {
    const frame = compactFrame(batchOf([0], 1, start + BigInt(n * 400_000)));
    if (n !== 15) fixture.read(frame.subarray(10), false);
    if (n !== 13) fixture.read(frame.subarray(10), true);
  }
  const { expected, received, lost } = fixture.counters.udp;
  assertEquals([expected, received, lost], [20, 19, 1]);
});

Deno.test("without time on the wire there is no loss to be told", () => {
  const format = { includeTime: false, useMillisecondResolution: false };
  const fixture = new Fixture(format);
  for (let n = 0; n < 20; n++) fixture.read(compactFrame(batchOf([0]), 0, format).subarray(10), true);
  const { expected, unmeasured } = fixture.counters.udp;
  assertEquals([expected, unmeasured, fixture.counters.measurements], [0, 0, 20]);
});
