import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { Counters, DropLog } from "./stats.ts";
import { StatusStream, type SubscriberStatus } from "./status.ts";

const event = (count: number): SubscriberStatus => ({
  kind: "reconnecting",
  attempt: count,
  delayMilliseconds: 0,
});

async function collect(reader: AsyncIterable<SubscriberStatus>): Promise<SubscriberStatus[]> {
  return await Array.fromAsync(reader);
}

Deno.test("every reader gets every event from its beginning to the end", async () => {
  const stream = new StatusStream();
  const first = stream.read();
  stream.emit(event(1));
  const second = stream.read();
  stream.emit(event(2));
  stream.end();
  assertEquals(await collect(first), [event(1), event(2)]);
  assertEquals(await collect(second), [event(2)]);
});

Deno.test("a waiting reader is woken by an event, and by the end", async () => {
  const stream = new StatusStream();
  const reader = stream.read();
  const next = reader.next();
  stream.emit(event(1));
  assertEquals(await next, { done: false, value: event(1) });
  const last = reader.next();
  stream.end();
  assertEquals(await last, { done: true, value: undefined });
});

Deno.test("a reader that falls behind loses the oldest and is told how many", async () => {
  const stream = new StatusStream();
  const reader = stream.read();
  for (let i = 0; i < 300; i++) stream.emit(event(i));
  stream.end();
  const events = await collect(reader);
  assertEquals(events[0], { kind: "missed", count: 44 });
  assertEquals(events.slice(1), Array.from({ length: 256 }, (_, i) => event(44 + i)));
});

Deno.test("a reader that returned gets no more", async () => {
  const stream = new StatusStream();
  const reader = stream.read();
  stream.emit(event(1));
  await reader.return?.();
  stream.emit(event(2));
  assertEquals(await reader.next(), { done: true, value: undefined });
});

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
