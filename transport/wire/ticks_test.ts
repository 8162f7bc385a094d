import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assertSttpError } from "../../tests/support/hostile.ts";
import { ManualClock } from "../clock.ts";
import {
  describeTicks,
  formatTicks,
  isLeapSecond,
  isNegativeLeapSecond,
  parseTicks,
  Ticks,
  timeOf,
  withLeapSecond,
} from "./ticks.ts";

const time = fc.bigInt({ min: 0n, max: Ticks.Max });

Deno.test("known moments have known ticks", () => {
  const moments: [string, bigint][] = [
    ["0001-01-01T00:00:00Z", 0n],
    ["0001-01-01T00:00:00.0000001Z", 1n],
    ["0004-02-29T00:00:00Z", 997_056_000_000_000n],
    ["1970-01-01T00:00:00Z", 621_355_968_000_000_000n],
    ["1969-12-31T23:59:59.9999999Z", 621_355_967_999_999_999n],
    ["2024-05-05T16:00:00Z", 638_505_216_000_000_000n],
    ["9999-12-31T23:59:59.9999999Z", 3_155_378_975_999_999_999n],
  ];
  for (const [text, ticks] of moments) {
    assertEquals(parseTicks(text), ticks);
    assertEquals(formatTicks(ticks), text);
  }
});

Deno.test("every spelling of a time is read", () => {
  const noon = parseTicks("2021-09-09T12:34:56Z");
  const spellings: [string, bigint][] = [
    ["2021-09-09 12:34:56Z", noon],
    ["2021-09-09 12:34:56", noon],
    ["2021-09-09t12:34:56z", noon],
    ["2021-9-9 12:34:56", noon],
    ["2021/09/09 12:34:56", noon],
    ["2021/9/9T12:34:56", noon],
    ["9/9/2021 12:34:56", noon],
    ["09/09/2021 12:34:56", noon],
    ["  2021-09-09   12:34:56  ", noon],
    ["2021-09-09T14:34:56+02:00", noon],
    ["2021-09-09T14:34:56 +02:00", noon],
    ["2021-09-09T14:34:56+0200", noon],
    ["2021-09-09T14:34:56+02", noon],
    ["2021-09-09T07:04:56-05:30", noon],
    ["2021-09-10T01:34:56+13:00", noon],
    ["2021-09-08T22:34:56-14:00", noon],
    ["2021-09-09T12:34:56.Z", noon],
    ["2021-09-09T12:34:56.5Z", noon + 5_000_000n],
    ["2021-09-09T12:34:56.1234567Z", noon + 1_234_567n],
    ["2021-09-09T12:34:56.0000001", noon + 1n],
    ["2021-09-09T12:34Z", noon - 56n * Ticks.PerSecond],
    ["2021-09-09 2:03", parseTicks("2021-09-09T02:03:00Z")],
    ["2021-09-09", parseTicks("2021-09-09T00:00:00Z")],
    ["9/10/2021", parseTicks("2021-09-10T00:00:00Z")],
    ["2024-02-29", parseTicks("2024-02-29T00:00:00Z")],
    ["2000-02-29", parseTicks("2000-02-29T00:00:00Z")],
  ];
  for (const [text, ticks] of spellings) assertEquals(parseTicks(text), ticks, text);
});

Deno.test("nothing else reads as a time", () => {
  const others = [
    "",
    "12",
    "now",
    "2021",
    "2021-09",
    "20210909",
    "2021-09-09T",
    "2021-09-09Z",
    "2021-09-09 12",
    "2021-09-09 12:3",
    "2021-09-09 12:34:5",
    "2021-09-09 12:34:56.12345678",
    "2021-09-09 24:00:00",
    "2021-09-09 12:60:00",
    "2021-09-09 12:34:61",
    "2021-09-09T12:34:56+15:00",
    "2021-09-09T12:34:56+14:01",
    "2021-09-09T12:34:56+02:60",
    "2021-09-09T12:34:56 UTC",
    "2021-00-09",
    "2021-13-09",
    "2021-09-00",
    "2021-09-31",
    "2021-02-29",
    "1900-02-29",
    "2021-09/09",
    "0000-01-01",
    "13/01/2021",
    "-2021-09-09",
    "12021-09-09",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2021-09-09" + " ".repeat(100_000) + "x",
  ];
  for (const text of others) assertSttpError("MalformedText", () => parseTicks(text), "is not a time");
});

Deno.test("a fraction is as long as it must be, or as asked for", () => {
  const ticks = parseTicks("2024-03-01T12:30:00.0330000Z");
  assertEquals(formatTicks(ticks), "2024-03-01T12:30:00.033Z");
  assertEquals(formatTicks(ticks, { fraction: 0 }), "2024-03-01T12:30:00Z");
  assertEquals(formatTicks(ticks, { fraction: 1 }), "2024-03-01T12:30:00.0Z");
  assertEquals(formatTicks(ticks, { fraction: 7 }), "2024-03-01T12:30:00.0330000Z");
  assertEquals(
    formatTicks(ticks + 9_999n, { fraction: 3 }),
    "2024-03-01T12:30:00.033Z",
    "cut off, not rounded",
  );
  assertEquals(formatTicks(ticks, { separator: " ", suffix: "" }), "2024-03-01 12:30:00.033");
  for (const fraction of [-1, 8, 1.5, NaN]) {
    assertThrows(() => formatTicks(ticks, { fraction }), RangeError, "fraction");
  }
});

Deno.test("leap-second bits do not touch the time", () => {
  const ticks = 638_500_000_000_000_000n;
  const added = withLeapSecond(ticks);
  const removed = withLeapSecond(ticks, true);
  assertEquals(BigInt.asUintN(64, added), ticks | 1n << 63n);
  assertEquals(BigInt.asUintN(64, removed), ticks | 3n << 62n);
  assertEquals([ticks, added, removed].map(timeOf), [ticks, ticks, ticks]);
  assertEquals([ticks, added, removed].map(isLeapSecond), [false, true, true]);
  assertEquals([ticks, added, removed].map(isNegativeLeapSecond), [false, false, true]);
  assertEquals(new BigInt64Array([added, removed]), new BigInt64Array(2).map((_, i) => [added, removed][i]!));
  assertEquals(timeOf(BigInt.asUintN(64, added)), ticks, "an unsigned reading is understood");
  assert(isLeapSecond(BigInt.asUintN(64, added)));
  // The direction alone, without bit 63, is no leap second.
  assertFalse(isLeapSecond(1n << 62n));
  assertFalse(isNegativeLeapSecond(1n << 62n));
});

Deno.test("second 60 is second 59 marked as a leap second", () => {
  const last = parseTicks("2016-12-31T23:59:59.25Z");
  assertEquals(parseTicks("2016-12-31T23:59:60.25Z"), withLeapSecond(last));
  assertEquals(formatTicks(withLeapSecond(last)), "2016-12-31T23:59:60.25Z");
  assertEquals(formatTicks(withLeapSecond(last, true)), "2016-12-31T23:59:59.25Z");
  assertEquals(formatTicks(withLeapSecond(last - Ticks.PerSecond)), "2016-12-31T23:59:58.25Z");
});

Deno.test("times outside the calendar are refused", () => {
  for (const ticks of [Ticks.Max + 1n, (1n << 62n) - 1n, -1n]) {
    assertThrows(() => Ticks.toDate(ticks), RangeError, "0001-01-01");
    assertThrows(() => Ticks.toInstant(ticks), RangeError);
    assertThrows(() => Ticks.toUnixMilliseconds(ticks), RangeError);
    assertThrows(() => formatTicks(ticks), RangeError);
  }
  for (const ticks of [1n << 64n, -(1n << 63n) - 1n]) {
    assertThrows(() => timeOf(ticks), RangeError, "64 bits");
    assertThrows(() => withLeapSecond(ticks), RangeError);
    assertThrows(() => formatTicks(ticks), RangeError);
  }
  for (const milliseconds of [NaN, Infinity, -Infinity, -62_135_596_800_001, 253_402_300_800_000]) {
    assertThrows(() => Ticks.fromUnixMilliseconds(milliseconds), RangeError);
    assertThrows(() => Ticks.fromDate(new Date(milliseconds)), RangeError);
  }
  assertThrows(() => Ticks.fromInstant(Temporal.Instant.from("-000001-12-31T00:00:00Z")), RangeError);
  assertThrows(() => Ticks.fromInstant(Temporal.Instant.from("+010000-01-01T00:00:00Z")), RangeError);
});

Deno.test("milliseconds since 1970 go both ways", () => {
  assertEquals(Ticks.fromUnixMilliseconds(0), Ticks.UnixEpoch);
  assertEquals(Ticks.fromUnixMilliseconds(-62_135_596_800_000), 0n);
  assertEquals(Ticks.fromUnixMilliseconds(253_402_300_799_999), Ticks.Max - 9_999n);
  assertEquals(Ticks.fromUnixMilliseconds(253_402_300_799_999.96875), Ticks.Max - 9_999n + 9_688n);
  assertEquals(Ticks.fromUnixMilliseconds(1.2345), Ticks.UnixEpoch + 12_345n);
  assertEquals(Ticks.fromUnixMilliseconds(-0.0001), Ticks.UnixEpoch - 1n);
  assertEquals(Ticks.toUnixMilliseconds(Ticks.UnixEpoch + 19_999n), 1);
  assertEquals(Ticks.toUnixMilliseconds(Ticks.UnixEpoch - 1n), -1, "down, before 1970 too");
  assertEquals(Ticks.toUnixMilliseconds(0n), -62_135_596_800_000);
});

Deno.test("a Temporal.Instant is exact, rounded down to 100 ns", () => {
  assertEquals(Ticks.fromInstant(Temporal.Instant.fromEpochNanoseconds(199n)), Ticks.UnixEpoch + 1n);
  assertEquals(Ticks.fromInstant(Temporal.Instant.fromEpochNanoseconds(-1n)), Ticks.UnixEpoch - 1n);
  assertEquals(Ticks.fromInstant(Temporal.Instant.fromEpochNanoseconds(-100n)), Ticks.UnixEpoch - 1n);
  assertEquals(Ticks.toInstant(0n).toString(), "0001-01-01T00:00:00Z");
  assertEquals(Ticks.toInstant(Ticks.Max).toString(), "9999-12-31T23:59:59.9999999Z");
});

Deno.test("the present comes from the clock given", () => {
  const clock = new ManualClock(Date.UTC(2024, 0, 1));
  clock.advance(1.5);
  assertEquals(formatTicks(Ticks.now(clock)), "2024-01-01T00:00:00.0015Z");
  const before = Ticks.fromDate(new Date());
  const now = Ticks.now();
  assert(before <= now && now <= Ticks.fromDate(new Date()));
});

Deno.test("any time comes back from text, Temporal.Instant and, to its millisecond, Date", () => {
  fc.assert(fc.property(time, (ticks) => {
    assertEquals(parseTicks(formatTicks(ticks)), ticks);
    assertEquals(parseTicks(formatTicks(ticks, { separator: " ", suffix: "", fraction: 7 })), ticks);
    assertEquals(formatTicks(ticks), Ticks.toInstant(ticks).toString());
    assertEquals(Ticks.fromInstant(Ticks.toInstant(ticks)), ticks);
    const whole = ticks - ticks % Ticks.PerMillisecond;
    assertEquals(Ticks.fromDate(Ticks.toDate(ticks)), whole);
    assertEquals(Ticks.fromUnixMilliseconds(Ticks.toUnixMilliseconds(ticks)), whole);
    assertEquals(Ticks.toDate(withLeapSecond(ticks)).getTime(), Ticks.toDate(ticks).getTime());
  }));
});

Deno.test("any leap second comes back from its bits", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 62n) - 1n }), fc.boolean(), (ticks, negative) => {
    const marked = withLeapSecond(ticks, negative);
    assertEquals(new BigInt64Array([marked])[0], marked, "an int64");
    assertEquals(timeOf(marked), ticks);
    assert(isLeapSecond(marked));
    assertEquals(isNegativeLeapSecond(marked), negative);
  }));
});

Deno.test("any text reads as a time or is refused as one", () => {
  const text = fc.string({ unit: fc.constantFrom(..."0123456789-/:. TZ+"), maxLength: 40 });
  fc.assert(fc.property(text, (text) => {
    const ticks = (() => {
      try {
        return parseTicks(text);
      } catch (error) {
        assertEquals((error as { code?: string }).code, "MalformedText");
        return 0n;
      }
    })();
    assert(timeOf(ticks) <= Ticks.Max);
  }));
});

Deno.test("any time can be described", () => {
  assertEquals(describeTicks(Ticks.Max), formatTicks(Ticks.Max));
  assertEquals(describeTicks(Ticks.Max + 1n), `${Ticks.Max + 1n} ticks`);
  assertEquals(describeTicks((1n << 64n) - 1n), `${(1n << 62n) - 1n} ticks`);
});
