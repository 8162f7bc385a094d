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
import { EMPTY_GUID, readGuid } from "./guid.ts";
import { gzip } from "./gzip.ts";
import {
  decodeCacheUpdate,
  decodeCacheUpdateSteps,
  decodeSignalIndexCache,
  encodeCacheUpdate,
  encodeSignalIndexCache,
  SignalIndexCache,
  type SignalIndexEntry,
} from "./signal_index_cache.ts";

const A = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
const B = "01d06006-b1a4-5f6c-9eed-3793da28c907";
const C = "e9b083ca-fa27-532f-8603-3f8b64351cb2";
const SUBSCRIBER = "3764e17d-ed37-4cb2-bff0-1cd77673f597";

const ENTRIES: SignalIndexEntry[] = [
  { index: 0, signalId: A, source: "PPA", id: 12n },
  { index: 7, signalId: B, source: "", id: 0xffff_ffff_ffff_ffffn },
];
const CACHE = SignalIndexCache.from(ENTRIES, { subscriberId: SUBSCRIBER, unauthorized: [C] });

const HEAD = "3764e17ded374cb2bff01cd77673f597 00000002";
const FIRST = "00000000 9ae6dd95bddb5dd8871757da1268b9ca 00000003 505041 000000000000000c";
const SECOND = "00000007 01d06006b1a45f6c9eed3793da28c907 00000000 ffffffffffffffff";
const TAIL = "00000001 e9b083cafa27532f86033f8b64351cb2";
const BLOCK = hex(`0000006f ${HEAD} ${FIRST} ${SECOND} ${TAIL}`);

Deno.test("a cache is written byte for byte", () => {
  assertEquals(encodeSignalIndexCache(CACHE), BLOCK);
  assertEquals(
    encodeSignalIndexCache(SignalIndexCache.from([])),
    hex(`0000001c ${"00".repeat(16)} 00000000 00000000`),
  );
});

Deno.test("a cache is read with all its parts", () => {
  const cache = decodeSignalIndexCache(BLOCK);
  assertEquals([...cache], ENTRIES);
  assertEquals(cache.size, 2);
  assertEquals(cache.subscriberId, SUBSCRIBER);
  assertEquals(cache.unauthorized, [C]);
  assertEquals(cache.duplicates, 0);
  assertEquals(cache.indexes, new Int32Array([0, 7]));
  assertEquals(cache.ids, new BigUint64Array([12n, 0xffff_ffff_ffff_ffffn]));
});

Deno.test("a block is read where it lies in a frame", () => {
  const frame = new Uint8Array([1, 2, 3, ...BLOCK, 4]);
  assertEquals([...decodeSignalIndexCache(frame.subarray(3, 3 + BLOCK.length))], ENTRIES);
});

Deno.test("the block length may leave out its own four bytes", () => {
  const cache = decodeSignalIndexCache(hex(`0000006b ${HEAD} ${FIRST} ${SECOND} ${TAIL}`));
  assertEquals([...cache], ENTRIES);
  assertEquals(cache.unauthorized, [C]);
});

Deno.test("the unauthorized signals may be missing", () => {
  for (const length of ["0000005b", "00000057"]) {
    const cache = decodeSignalIndexCache(hex(`${length} ${HEAD} ${FIRST} ${SECOND}`));
    assertEquals([...cache], ENTRIES);
    assertEquals(cache.unauthorized, []);
  }
});

Deno.test("of entries with the same index the last wins, and the others are counted", () => {
  const entries = [ENTRIES[0]!, ENTRIES[1]!, { ...ENTRIES[0]!, signalId: C }, {
    ...ENTRIES[0]!,
    source: "X",
  }];
  const cache = decodeSignalIndexCache(encodeSignalIndexCache(SignalIndexCache.from(entries)));
  assertEquals([...cache], [entries[3], entries[1]]);
  assertEquals(cache.duplicates, 2);
});

Deno.test("the same signal may have several indexes", () => {
  const entries = [ENTRIES[0]!, { ...ENTRIES[0]!, index: 5 }];
  assertEquals([...decodeSignalIndexCache(encodeSignalIndexCache(SignalIndexCache.from(entries)))], entries);
});

Deno.test("a cache cut anywhere is malformed", () => {
  assertEquals(lengthsAccepted(BLOCK, (cut) => decodeSignalIndexCache(cut)), []);
  // Without a block length that tells, only the missing list of unauthorized signals goes unnoticed.
  const untold = hex(`00000000 ${HEAD} ${FIRST} ${SECOND} ${TAIL}`);
  assertEquals(lengthsAccepted(untold, (cut) => decodeSignalIndexCache(cut)), [BLOCK.length - 20]);
  corruptEachByte(BLOCK, (damaged) => decodeSignalIndexCache(damaged));
});

Deno.test("lengths and counts that lie are malformed, before memory is spent on them", () => {
  const lies = [
    `00000070 ${HEAD} ${FIRST} ${SECOND} ${TAIL}`,
    `ffffffff ${HEAD} ${FIRST} ${SECOND} ${TAIL}`,
    `0000006f ${HEAD.replace("00000002", "00000003")} ${FIRST} ${SECOND} ${TAIL}`,
    `0000006f ${HEAD.replace("00000002", "ffffffff")} ${FIRST} ${SECOND} ${TAIL}`,
    `0000006f ${HEAD} ${FIRST.replace("00000003", "00000048")} ${SECOND} ${TAIL}`,
    `0000006f ${HEAD} ${FIRST.replace("00000003", "ffffffff")} ${SECOND} ${TAIL}`,
    `0000006f ${HEAD} ${FIRST} ${SECOND} ${TAIL.replace("00000001", "00000002")}`,
    `0000006f ${HEAD} ${FIRST} ${SECOND} ${TAIL.replace("00000001", "ffffffff")}`,
  ];
  using reservations = new Reservations();
  for (const lie of lies) assertSttpError("MalformedCache", () => decodeSignalIndexCache(hex(lie)));
  reservations.assertLittle();
});

Deno.test("entries, unauthorized signals and indexes have limits", () => {
  assertEquals(decodeSignalIndexCache(BLOCK, { maxEntries: 2, maxSignalIndex: 7 }).size, 2);
  assertSttpError(
    "LimitExceeded",
    () => decodeSignalIndexCache(BLOCK, { maxEntries: 1 }),
    "2 entries, at most 1",
  );
  assertSttpError(
    "LimitExceeded",
    () => decodeSignalIndexCache(BLOCK, { maxSignalIndex: 6 }),
    "signal index 7",
  );
  const unauthorized = encodeSignalIndexCache(SignalIndexCache.from([], { unauthorized: [A, B] }));
  assertSttpError(
    "LimitExceeded",
    () => decodeSignalIndexCache(unauthorized, { maxEntries: 1 }),
    "unauthorized",
  );
  const negative = encodeSignalIndexCache(SignalIndexCache.from([{ ...ENTRIES[0]!, index: -1 }]));
  assertSttpError("LimitExceeded", () => decodeSignalIndexCache(negative), "signal index 4294967295");
});

Deno.test("sources come in the session's encoding", () => {
  const cache = SignalIndexCache.from([
    { index: 0, signalId: A, source: "\u00dcA", id: 1n },
    { index: 1, signalId: B, source: "\u00dcA", id: 2n },
    { index: 2, signalId: C, source: "\u00dcB", id: 3n },
  ]);
  for (const encoding of ["utf-8", "utf-16le", "utf-16be"] as const) {
    assertEquals([...decodeSignalIndexCache(encodeSignalIndexCache(cache, encoding), { encoding })], [
      ...cache,
    ]);
  }
});

Deno.test("a cache index stands in front from version 2 on", () => {
  assertEquals(encodeCacheUpdate(hex("aabb"), { version: 1, cacheIndex: 1 }), hex("aabb"));
  assertEquals(encodeCacheUpdate(hex("aabb"), { version: 2 }), hex("00 aabb"));
  assertEquals(encodeCacheUpdate(hex("aabb"), { version: 3, cacheIndex: 1 }), hex("01 aabb"));
  assertThrows(() => encodeCacheUpdate(BLOCK, { version: 2, cacheIndex: 2 }), RangeError, "cache index 2");
});

Deno.test("an update is read at every version, gzipped or not, whatever was agreed on", () => {
  for (const block of [BLOCK, gzip(BLOCK)]) {
    for (const version of [1, 2, 3]) {
      for (const cacheIndex of [0, 1]) {
        const body = encodeCacheUpdate(block, { version, cacheIndex });
        const update = decodeCacheUpdate(body, { version, gzip: true });
        assertEquals(update.cacheIndex, version > 1 ? cacheIndex : 0);
        assertEquals([...update.cache], ENTRIES);
      }
    }
  }
  assertEquals(
    [...decodeCacheUpdate(hex(`01 ${BLOCK.toHex()}`), { version: 2, gzip: false }).cache],
    ENTRIES,
  );
});

Deno.test("a cache index that is not 0 or 1 means 0", () => {
  for (const byte of ["ff", "02", "80"]) {
    assertEquals(
      decodeCacheUpdate(hex(`${byte} ${BLOCK.toHex()}`), { version: 2, gzip: false }).cacheIndex,
      0,
    );
  }
});

Deno.test("a garbage update is malformed, a bomb is over the limit", () => {
  const options = { version: 2, gzip: true };
  const body = encodeCacheUpdate(gzip(BLOCK), options);
  assertEquals(lengthsAccepted(body, (cut) => decodeCacheUpdate(cut, options)), []);
  corruptEachByte(body, (damaged) => decodeCacheUpdate(damaged, options));
  assertSttpError("MalformedCache", () => decodeCacheUpdate(hex(""), options), "empty");
  const damaged = body.slice();
  damaged[damaged.length - 8]! ^= 1;
  assertSttpError(
    "MalformedCache",
    () => decodeCacheUpdate(damaged, options),
    "signal index cache: gzip data fails",
  );
  const gzipped = encodeCacheUpdate(gzip(BLOCK), { version: 2 });
  assertSttpError("MalformedCache", () => decodeCacheUpdate(gzipped, { version: 2, gzip: false }));
  assertSttpError(
    "LimitExceeded",
    () => decodeCacheUpdate(body, { ...options, limits: { cacheLength: 100 } }),
  );
  assertSttpError(
    "LimitExceeded",
    () => decodeCacheUpdate(body, { ...options, limits: { cacheEntries: 1 } }),
  );
  assertSttpError("LimitExceeded", () => decodeCacheUpdate(body, { ...options, limits: { signalIndex: 1 } }));
  const bomb = encodeCacheUpdate(gzip(new Uint8Array(2 << 20)), options);
  assertSttpError("LimitExceeded", () => decodeCacheUpdate(bomb, options), "times as many");
});

Deno.test("columns of different lengths are refused", () => {
  const columns = {
    indexes: new Int32Array(1),
    guids: new Uint8Array(16),
    sources: ["x"],
    ids: new BigUint64Array(1),
  };
  assertEquals(new SignalIndexCache(columns).size, 1);
  assertThrows(() => new SignalIndexCache({ ...columns, guids: new Uint8Array(15) }), RangeError);
  assertThrows(() => new SignalIndexCache({ ...columns, sources: [] }), RangeError);
  assertThrows(() => new SignalIndexCache({ ...columns, ids: new BigUint64Array(2) }), RangeError);
});

Deno.test("entries are numbered from 0", () => {
  assertEquals(CACHE.at(1), ENTRIES[1]);
  for (const i of [-1, 2, 0.5]) assertThrows(() => CACHE.at(i), RangeError);
  assertEquals(SignalIndexCache.from([]).subscriberId, EMPTY_GUID);
});

Deno.test("any cache comes back", () => {
  const guid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => readGuid(bytes, 0));
  const source = fc.string().filter((text) => text.isWellFormed() && !text.startsWith("\ufeff"));
  const entry = fc.record({
    index: fc.integer({ min: 0, max: 4_194_303 }),
    signalId: guid,
    source: fc.oneof(fc.constantFrom("PPA", ""), source),
    id: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  });
  const entries = fc.uniqueArray(entry, { selector: ({ index }) => index, maxLength: 30 });
  const encoding = fc.constantFrom("utf-8" as const, "utf-16le" as const, "utf-16be" as const);
  fc.assert(
    fc.property(entries, fc.array(guid), guid, encoding, (entries, unauthorized, subscriberId, encoding) => {
      const cache = SignalIndexCache.from(entries, { unauthorized, subscriberId });
      const back = decodeSignalIndexCache(encodeSignalIndexCache(cache, encoding), { encoding });
      assertEquals([...back], entries);
      assertEquals(back.unauthorized, unauthorized);
      assertEquals(back.subscriberId, subscriberId);
    }),
  );
});

Deno.test("any bytes are a cache or refused", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (bytes, zeroed) => {
    if (zeroed) bytes.fill(0, 0, 23);
    outcome(() => decodeSignalIndexCache(bytes));
  }));
});

Deno.test("a low index behind many that rise: those are looked through in steps, too", () => {
  const stepsOf = (last: number): number => {
    const entries = Array.from({ length: 10_000 }, (_, i) => ({ ...ENTRIES[0]!, index: i + 1 }));
    entries.at(-1)!.index = last;
    const body = encodeCacheUpdate(encodeSignalIndexCache(SignalIndexCache.from(entries)), { version: 1 });
    const steps = decodeCacheUpdateSteps(body, { version: 1, gzip: false });
    for (let count = 1;; count++) {
      const { done, value } = steps.next();
      if (!done) continue;
      assertEquals([value.cache.size, value.cache.indexes.at(-1)], [10_000, last]);
      return count;
    }
  };
  const rising = stepsOf(10_000);
  assert(stepsOf(0) >= 2 * rising - 2, `${rising}`);
});

Deno.test("in any order, the last of each index counts, in the place of the first", () => {
  const indexes = fc.array(fc.oneof(fc.nat({ max: 10 }), fc.nat({ max: 4_194_303 })), { maxLength: 60 });
  fc.assert(fc.property(indexes, (indexes) => {
    const entries = indexes.map((index, i) => ({ index, signalId: A, source: `S${i}`, id: BigInt(i) }));
    const cache = decodeSignalIndexCache(encodeSignalIndexCache(SignalIndexCache.from(entries)));
    const expected = new Map(entries.map((entry) => [entry.index, entry]));
    assertEquals([...cache], [...expected.values()]);
    assertEquals(cache.duplicates, entries.length - expected.size);
  }));
});
