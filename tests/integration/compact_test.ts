/** The compact format from end to end: every form of it, over either channel, through rotations of the base times. */
import { assert, assertEquals } from "@std/assert";
import type { SubscriberOptions } from "../../subscriber/mod.ts";
import { BaseTimesInterval, ManualClock, MeasurementBatch, ticksNow } from "../../transport/mod.ts";
import { dropped, Meeting, numberOf, signalId, until } from "./support.ts";

const size = 6;

interface Form extends SubscriberOptions {
  /** Milliseconds between rotations; 0 where there are none. */
  readonly interval: number;
  /** Bytes of a measurement with an offset. */
  readonly length: number;
}

const forms: readonly Form[] = [
  { interval: BaseTimesInterval.Ticks, length: 13 },
  { interval: BaseTimesInterval.Milliseconds, length: 11, useMillisecondResolution: true },
  { interval: 0, length: 9, includeTime: false },
  { interval: 0, length: 9, includeTime: false, useMillisecondResolution: true },
];

/** A subscriber's measurements, and a way to wait for them. */
class Taken {
  readonly measurements: { n: number; ticks: bigint; value: number }[] = [];

  take(batch: MeasurementBatch, idOf: (handle: number) => string): void {
    for (let i = 0; i < batch.length; i++) {
      this.measurements.push({
        n: numberOf(idOf(batch.signals[i]!)),
        ticks: batch.ticks[i]!,
        value: batch.values[i]!,
      });
    }
  }
}

async function subscribed(meeting: Meeting, options: SubscriberOptions): Promise<Taken> {
  const taken = new Taken();
  const subscriber = await meeting.subscribed({
    compressPayload: false,
    heartbeatTimeout: 0,
    ...options,
    onBatch: (batch) => taken.take(batch, (handle) => subscriber.signals.idOf(handle)),
  });
  return taken;
}

for (const { interval, length, ...form } of forms) {
  for (const udp of [false, true]) {
    for (const version of [1, 2] as const) {
      const name = `${JSON.stringify(form)}, version ${version}, over ${udp ? "UDP" : "TCP"}`;
      Deno.test(`compact ${name}: five rotations, with a subscriber that joins in between`, async () => {
        // Both sides live by the same clock, so that arrival is told exactly.
        const clock = new ManualClock();
        await using meeting = await Meeting.start(size, { clock, heartbeatInterval: 2 ** 31 - 1 });
        const { publisher } = meeting;
        const subscribers = [await subscribed(meeting, { ...form, udp, version, clock })];
        const expected: { n: number; ticks: bigint; value: number }[][] = [[]];
        const handles = Array.from({ length: size }, (_, n) => publisher.signals.handleOf(signalId(n))!);
        const batch = new MeasurementBatch();
        let withOffsets = 0;
        let value = 0;
        /** Publishes times around now, and waits until all have them. */
        const publish = async (): Promise<void> => {
          batch.clear();
          const now = ticksNow(clock);
          for (const [n, since] of [0n, 1n, 12_345n, -9_999n, 5_000_000n, -36_000_000_000n].entries()) {
            batch.add(handles[n]!, now + since, value++);
          }
          const before = publisher.stats().groups[0]!.bytes;
          publisher.publish(batch);
          const bytes = publisher.stats().groups[0]!.bytes - before - 15;
          const full = form.includeTime === false ? 9 : 17;
          // All but the one from an hour ago.
          if (bytes <= (size - 2) * length + 2 * full) withOffsets++;
          for (const [i, taken] of subscribers.entries()) {
            for (let j = 0; j < size; j++) {
              const ticks = form.includeTime === false ? now : batch.ticks[j]!;
              expected[i]!.push({ n: j, ticks, value: batch.values[j]! });
            }
            await until(() => taken.measurements.length >= expected[i]!.length);
          }
        };
        const step = (interval || BaseTimesInterval.Ticks) / 12;
        for (let i = 0; i <= 60; i++) {
          await publish();
          if (i === 20 || i === 31) {
            subscribers.push(await subscribed(meeting, { ...form, udp, version, clock }));
            expected.push([]);
            await publish();
          }
          clock.advance(step);
        }
        assertEquals(publisher.stats().groups.length, 1);
        for (const [i, taken] of subscribers.entries()) {
          assertEquals(taken.measurements.length, expected[i]!.length);
          for (const [j, measurement] of taken.measurements.entries()) {
            const { n, ticks, value } = expected[i]![j]!;
            assertEquals([measurement.n, measurement.value], [n, value]);
            if (form.useMillisecondResolution === true && form.includeTime !== false) {
              // Offsets are cut off to the millisecond; timestamps in full are exact.
              const cut = ticks - ticks % 10_000n;
              assert([ticks, cut].includes(measurement.ticks), `${measurement.ticks} for ${ticks}`);
            } else {
              assertEquals(measurement.ticks, ticks);
            }
          }
        }
        // Around changes of base times datagrams have none.
        assert(withOffsets >= (udp ? 45 : 60), `${withOffsets} of 61 packets with offsets`);
      });
    }
  }
}

Deno.test("forms of the compact format do not get in each other's way", async () => {
  const clock = new ManualClock();
  await using meeting = await Meeting.start(size, { clock, heartbeatInterval: 2 ** 31 - 1 });
  const { publisher } = meeting;
  const options = forms.flatMap(({ interval: _, length: __, ...form }) => [
    { ...form, udp: false, clock },
    { ...form, udp: true, clock },
  ]);
  const subscribers: Taken[] = [];
  for (const option of options) subscribers.push(await subscribed(meeting, option));
  const batch = new MeasurementBatch();
  for (let round = 1; round <= 40; round++) {
    batch.clear();
    batch.add(publisher.signals.handleOf(signalId(3))!, ticksNow(clock), round);
    publisher.publish(batch);
    for (const taken of subscribers) await until(() => taken.measurements.length === round);
    for (const taken of subscribers) {
      assertEquals(taken.measurements.at(-1), { n: 3, ticks: ticksNow(clock), value: round });
    }
    clock.advance(20_000);
  }
  // With no time on the wire resolution makes no difference.
  assertEquals(publisher.stats().groups.map(({ members }) => members).sort(), [2, 2, 4]);
});

Deno.test("a form changes while data flows, and every timestamp stays right", async () => {
  for (const udp of [false, true]) {
    const clock = new ManualClock();
    await using meeting = await Meeting.start(size, { clock, heartbeatInterval: 2 ** 31 - 1 });
    const { publisher } = meeting;
    const taken = new Taken();
    const subscriber = await meeting.subscribed({
      compressPayload: false,
      udp,
      clock,
      heartbeatTimeout: 0,
      onBatch: (batch) => taken.take(batch, (handle) => subscriber.signals.idOf(handle)),
    });
    const batch = new MeasurementBatch();
    let published = 0;
    const publish = (): void => {
      batch.clear();
      // Whole milliseconds, so that every form is exact.
      batch.add(publisher.signals.handleOf(signalId(0))!, ticksNow(clock), ++published);
      publisher.publish(batch);
      clock.advance(100);
    };
    for (let change = 0; change < 20; change++) {
      const changing = subscriber.subscribe({ useMillisecondResolution: change % 2 === 0 });
      let done = false;
      changing.then(() => done = true);
      while (!done) {
        publish();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await meeting.confirmed();
      const before = taken.measurements.length;
      for (let i = 0; i < 30; i++) publish();
      await until(() => taken.measurements.length >= before + 30);
    }
    const start = ticksNow(clock) - BigInt(published) * 1_000_000n;
    for (const { ticks, value } of taken.measurements) {
      assertEquals(ticks, start + BigInt(value - 1) * 1_000_000n, `value ${value}`);
    }
    assertEquals(dropped(subscriber), {});
    assertEquals(taken.measurements.length, published);
  }
});
