/** What is looked at beside whom it is for: at both ends, the same measurements in the same order. */
import { assertEquals } from "@std/assert";
import type { SignalTable } from "../../transport/signal_table.ts";
import type { MeasurementTap } from "../../transport/mod.ts";
import { Meeting, numberOf, receive, Received, valueOf } from "./support.ts";

/** Notes signal and value of all that passes. */
function noteInto(list: [number, number][], signals: SignalTable): MeasurementTap {
  return (batch, from) => {
    for (let i = from; i < batch.length; i++) {
      list.push([numberOf(signals.idOf(batch.signals[i]!)), batch.values[i]!]);
    }
  };
}

Deno.test("taps of publisher and subscriber see what is published and what comes in, until they are ended", async () => {
  await using meeting = await Meeting.start(10, {}, "memory");
  const { publisher } = meeting;
  const published: [number, number][] = [];
  const received: [number, number][] = [];
  const endPublished = publisher.tap(noteInto(published, publisher.signals));
  const subscriber = await meeting.subscribed();
  const endReceived = subscriber.tap(noteInto(received, subscriber.signals));
  const all = new Received();
  await meeting.publish(3);
  await receive(subscriber, 30, all);
  assertEquals(published.length, 30);
  assertEquals(received, published);
  assertEquals(
    received.every(([n, value]) => Math.floor(value / 100) === Math.floor(valueOf(n, 0) / 100)),
    true,
  );
  endPublished();
  endReceived();
  await meeting.publish(1);
  await receive(subscriber, 40, all);
  assertEquals([published.length, received.length], [30, 30]);
});

Deno.test("a subscriber's tap sees what comes over UDP, too", async () => {
  await using meeting = await Meeting.start(10);
  const subscriber = await meeting.subscribed({ udp: true });
  const tapped: [number, number][] = [];
  subscriber.tap(noteInto(tapped, subscriber.signals));
  await meeting.publish(1);
  const received: [number, number][] = [];
  for await (const { signalId, value } of subscriber.measurements()) {
    received.push([numberOf(signalId), value]);
    if (received.length === 10) break;
  }
  assertEquals(tapped, received);
});
