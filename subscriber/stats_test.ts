import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { Counters, DropLog } from "./stats.ts";

Deno.test("drops: all are counted, each reason is reported at most every 2 s", () => {
  const clock = new ManualClock();
  const counters = new Counters();
  const reports: unknown[] = [];
  const log = new DropLog(counters, clock, (...report) => reports.push(report));
  log.drop("outOfSequence", "a");
  log.drop("outOfSequence", "b");
  log.drop("unknownSignal", "c", 10);
  clock.advance(1999);
  log.drop("outOfSequence", "d");
  clock.advance(1);
  log.drop("outOfSequence", "e");
  assertEquals(reports, [["outOfSequence", 1, "a"], ["unknownSignal", 10, "c"], ["outOfSequence", 3, "e"]]);
  assertEquals(counters.dropped.outOfSequence, 4);
  assertEquals(counters.dropped.unknownSignal, 10);
});

Deno.test("a snapshot does not change any more", () => {
  const counters = new Counters();
  counters.packets = 1;
  const snapshot = counters.snapshot(2, 3);
  counters.packets++;
  counters.dropped.overflow++;
  assertEquals(snapshot.packets, 1);
  assertEquals(snapshot.waiting, 2);
  assertEquals(snapshot.signals, 3);
  assertEquals(snapshot.dropped.overflow, 0);
});
