import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { toDate } from "../../transport/wire/ticks.ts";
import { addInterval, differenceIn, type Interval, parseInterval, partOf } from "./calendar.ts";

const ticks = fc.bigInt(0n, 3_155_378_975_999_999_999n);
const MAX = 3_155_378_975_999_999_999n;

Deno.test("parts agree with Date", () => {
  fc.assert(
    fc.property(ticks, (time) => {
      const date = toDate(time);
      assertEquals(partOf(time, "YEAR"), date.getUTCFullYear());
      assertEquals(partOf(time, "MONTH"), date.getUTCMonth() + 1);
      assertEquals(partOf(time, "DAY"), date.getUTCDate());
      assertEquals(partOf(time, "WEEKDAY"), date.getUTCDay() + 1);
      assertEquals(partOf(time, "HOUR"), date.getUTCHours());
      assertEquals(partOf(time, "MINUTE"), date.getUTCMinutes());
      assertEquals(partOf(time, "SECOND"), date.getUTCSeconds());
      assertEquals(partOf(time, "MILLISECOND"), date.getUTCMilliseconds());
    }),
    { numRuns: 2000, seed: 2664 },
  );
});

Deno.test("weeks agree with Temporal", () => {
  fc.assert(
    fc.property(ticks, (time) => {
      const date = toDate(time);
      const day = Temporal.PlainDate.from(date.toISOString().slice(0, 10));
      assertEquals(partOf(time, "WEEK"), day.weekOfYear);
      assertEquals(partOf(time, "DAYOFYEAR"), day.dayOfYear);
    }),
    { numRuns: 500, seed: 2664 },
  );
});

Deno.test("steps of months land on days that exist, as Temporal's do", () => {
  fc.assert(
    fc.property(ticks, fc.integer({ min: -3000, max: 3000 }), (time, months) => {
      const added = addInterval(time, BigInt(months), "MONTH");
      const date = Temporal.PlainDate.from(toDate(time).toISOString().slice(0, 10)).add({ months });
      if (date.year < 1 || date.year > 9999) return assertEquals(added, undefined);
      assertEquals([partOf(added!, "YEAR"), partOf(added!, "MONTH"), partOf(added!, "DAY")], [
        date.year,
        date.month,
        date.day,
      ]);
      assertEquals(added! % 864_000_000_000n, time % 864_000_000_000n);
    }),
    { numRuns: 1000, seed: 2664 },
  );
});

Deno.test("a difference is the most steps that do not go past the other time", () => {
  const names = ["Year", "Month", "Week", "Day", "WeekDay", "Hour", "Minute", "Second", "Millisecond"];
  fc.assert(
    fc.property(ticks, ticks, fc.constantFrom(...names), (from, to, name) => {
      const interval = parseInterval(name) as Interval;
      const steps = differenceIn(from, to, interval);
      const direction = to < from ? -1n : 1n;
      const past = (count: bigint) => {
        const reached = addInterval(from, count, interval) ?? (direction > 0n ? MAX + 1n : -1n);
        return direction > 0n ? reached > to : reached < to;
      };
      assertEquals(steps * direction >= 0n, true);
      assertEquals([past(steps), past(steps + direction)], [false, true]);
    }),
    { numRuns: 2000, seed: 2664 },
  );
});

Deno.test("interval names in any case, and no others", () => {
  assertEquals(parseInterval("dayOfYEAR"), "DAYOFYEAR");
  assertEquals(parseInterval("decade"), undefined);
  assertEquals(parseInterval("toString"), undefined);
});
