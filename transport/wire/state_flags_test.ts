import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { fromCompactFlags, isGood, stateFlagNames, StateFlags, toCompactFlags } from "./state_flags.ts";

const uint32 = fc.integer({ min: 0, max: 0xffffffff });

Deno.test("there are 32 state flags, one for each bit, and a name for none", () => {
  const bits = Object.values(StateFlags).filter((bit) => bit !== 0);
  assertEquals(bits.length, 32);
  assertEquals(new Set(bits).size, 32);
  for (const bit of bits) assertEquals(Math.log2(bit) % 1, 0);
  assertEquals(bits.reduce((sum, bit) => sum + bit, 0), 0xffffffff);
  assertEquals(StateFlags.Normal, 0);
});

Deno.test("each state flag sets the compact bit of its group", () => {
  const groups: [bit: number, flags: number][] = [
    [0x01, 0x000000fc],
    [0x02, 0x0000ef03],
    [0x04, 0x00bf0000],
    [0x08, 0xe0000000],
    [0x10, 0x00001000],
    [0x20, 0x00400000],
  ];
  for (let n = 0; n < 32; n++) {
    const flag = (1 << n) >>> 0;
    const expected = groups.find(([, flags]) => (flags & flag) !== 0)?.[0] ?? 0;
    assertEquals(toCompactFlags(flag), expected, `flag ${flag.toString(16)}`);
  }
  for (const [bit, flags] of groups) assertEquals(fromCompactFlags(bit), flags);
});

Deno.test("compact flags stand for all flags of their groups", () => {
  assertEquals(fromCompactFlags(0), 0);
  assertEquals(fromCompactFlags(0x3f), 0xe0ffffff);
  assertEquals(fromCompactFlags(0xc0), 0, "the two bits of the timestamp are no state");
  for (let byte = 0; byte < 64; byte++) assertEquals(toCompactFlags(fromCompactFlags(byte)), byte);
});

Deno.test("compact flags lose which flag of a group, never that there was one", () => {
  fc.assert(fc.property(uint32, (flags) => {
    const back = fromCompactFlags(toCompactFlags(flags));
    const carried = (flags & 0xe0ffffff) >>> 0;
    assertEquals((back & carried) >>> 0, carried);
    assertEquals(toCompactFlags(back), toCompactFlags(flags));
  }));
});

Deno.test("state flags have names", () => {
  assertEquals(stateFlagNames(0), []);
  assertEquals(stateFlagNames(0x80000001), ["BadData", "MeasurementError"]);
  assertEquals(stateFlagNames(0xffffffff).length, 32);
  fc.assert(fc.property(uint32, (flags) => {
    const sum = stateFlagNames(flags).reduce(
      (sum, name) => sum + StateFlags[name as keyof typeof StateFlags],
      0,
    );
    assertEquals(sum, flags);
  }));
});

Deno.test("a value is good without bad data and bad time", () => {
  assert(isGood(0));
  assert(isGood(StateFlags.CalculatedValue | StateFlags.MeasurementError));
  assertFalse(isGood(StateFlags.BadData | StateFlags.UpSampled));
  assertFalse(isGood(StateFlags.BadTime));
});
