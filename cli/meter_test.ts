import { assertEquals, assertMatch } from "@std/assert";
import { ManualClock, MeasurementBatch, Subscriber, Ticks } from "../mod.ts";
import { Meter } from "./meter.ts";

Deno.test("rate, lag, loss and signals, since the last report and over all the time", () => {
  const clock = new ManualClock();
  const stats = { ...new Subscriber().stats(), dataBytes: 600, measurements: 300 };
  const meter = new Meter(() => ({ ...stats, udp: { ...stats.udp, lost: 3 } }), clock);
  assertMatch(meter.progress().text, /^0 measurements {2}0 signals {2}0\/s {2}nothing yet {2}lost 3$/);
  assertEquals(meter.total().text, "no measurements");
  clock.advance(10_000);
  const receive = (signals: number[]): void => {
    const batch = new MeasurementBatch();
    for (const signal of signals) batch.add(signal, Ticks.now(clock) - 25n * Ticks.PerMillisecond, 1);
    meter.add(batch);
  };
  receive([0, 1, 0]);
  clock.advance(2000);
  receive([5]);
  assertEquals(meter.progress().text, "4 measurements  3 signals  2/s  lag 25 ms  lost 3");
  clock.advance(1000);
  const { value } = meter.progress();
  assertEquals([value.rate, value.lag, value.seconds], [0, 1025, 3]);
  clock.advance(1000);
  assertEquals(meter.total().text, "4 measurements of 3 signals in 4.0 s (1/s), 2.00 bytes each, lost 3");
});

Deno.test("the lag of history is told in hours", () => {
  const clock = new ManualClock();
  const meter = new Meter(() => new Subscriber().stats(), clock);
  const batch = new MeasurementBatch();
  batch.add(0, Ticks.now(clock) - 7200n * Ticks.PerSecond, 1);
  meter.add(batch);
  assertMatch(meter.progress().text, /lag 2\.0 h/);
});
