import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { type BaseTimes, decodeBaseTimes } from "../transport/wire/base_times.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import { BaseTimeRotation } from "./base_time_rotation.ts";
import type { Delivery } from "./delivery.ts";
import { tssc } from "./testdata/delivery.ts";

const delivery: Delivery = { ...tssc, tssc: false, packetLimit: 32_752 };

/** A rotation with a log of what happens when. */
function setUp(
  options: Partial<Delivery> = {},
): { clock: ManualClock; rotation: BaseTimeRotation; log: string[]; hasDatagrams: (has: boolean) => void } {
  const clock = new ManualClock();
  const start = ticksNow(clock);
  const log: string[] = [];
  let datagrams = false;
  const describe = (baseTimes: BaseTimes | undefined): string => {
    if (baseTimes === undefined) return "full";
    const seconds = ([0, 1] as const).map((i) => (baseTimes.base(i) - start) / 10_000_000n);
    return `${seconds.join("|")} at ${baseTimes.timeIndex}`;
  };
  const rotation = new BaseTimeRotation({
    clock,
    delivery: { ...delivery, ...options },
    first: start,
    hasDatagrams: () => datagrams,
    use: (baseTimes) => log.push(`${clock.monotonic() / 1000}: use ${describe(baseTimes)}`),
    announce: (frame) =>
      log.push(`${clock.monotonic() / 1000}: send ${describe(decodeBaseTimes(frame.subarray(10)))}`),
  });
  return { clock, rotation, log, hasDatagrams: (has) => datagrams = has };
}

Deno.test("over the command channel base times change at once: every 420 s", () => {
  const { clock, rotation, log } = setUp();
  clock.advance(841_000);
  assertEquals(log, [
    "0: use 0|420 at 0",
    "0: send 0|420 at 0",
    "420: use 840|420 at 1",
    "420: send 840|420 at 1",
    "840: use 840|1260 at 0",
    "840: send 840|1260 at 0",
  ]);
  rotation.dispose();
  assertEquals(clock.pending, 0);
});

Deno.test("every 60 s in milliseconds", () => {
  const { clock, rotation, log } = setUp({ useMillisecondResolution: true });
  clock.advance(61_000);
  assertEquals(log.slice(2), ["60: use 120|60 at 1", "60: send 120|60 at 1"]);
  rotation.dispose();
});

Deno.test("with datagrams timestamps are written in full for two seconds before and after a change", () => {
  const { clock, rotation, log, hasDatagrams } = setUp({ useMillisecondResolution: true });
  hasDatagrams(true);
  rotation.settle();
  clock.advance(125_000);
  assertEquals(log.slice(2), [
    "0: use full",
    "2: use 0|60 at 0",
    "58: use full",
    "60: use 0|60 at 0",
    "60: use full",
    "60: send 120|60 at 1",
    "62: use 120|60 at 1",
    "118: use full",
    "120: use 120|60 at 1",
    "120: use full",
    "120: send 120|180 at 0",
    "122: use 120|180 at 0",
  ]);
  rotation.dispose();
  assertEquals(clock.pending, 0);
});

Deno.test("settling twice lasts two seconds from the second time", () => {
  const { clock, rotation, log } = setUp();
  rotation.settle();
  clock.advance(1500);
  rotation.settle();
  clock.advance(2500);
  assertEquals(log.slice(2), ["0: use full", "1.5: use full", "3.5: use 0|420 at 0"]);
  rotation.dispose();
});

Deno.test("where the TimeIndex flag can't be read base time 0 is renewed", () => {
  const { clock, rotation, log } = setUp({ oneBaseTime: true });
  clock.advance(421_000);
  assertEquals(log.slice(2), ["420: use 420|840 at 0", "420: send 420|840 at 0"]);
  rotation.dispose();
});
