import { assertEquals, assertRejects } from "@std/assert";
import { MeasurementBatch } from "../mod.ts";
import { Meeting, until } from "../tests/integration/support.ts";
import type { MeasurementWriter } from "./data/format.ts";
import { Meter } from "./meter.ts";
import { Reception, type ReceptionOptions } from "./reception.ts";

const size = 10;

/** Keeps what it is told; each write takes a turn of the event loop. */
class Recorder implements MeasurementWriter {
  readonly values: number[] = [];
  readonly calls: string[] = [];
  #busy = false;

  async write({ values, length }: MeasurementBatch): Promise<void> {
    assertEquals(this.#busy, false, "two writes at a time");
    this.#busy = true;
    const copy = values.slice(0, length);
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.values.push(...copy);
    this.#busy = false;
  }

  finish(): Promise<void> {
    this.calls.push("finish");
    return Promise.resolve();
  }

  abandon(): Promise<void> {
    this.calls.push("abandon");
    return Promise.resolve();
  }
}

async function receiving(
  options: Partial<ReceptionOptions>,
  test: (meeting: Meeting, running: Promise<void>, reception: Reception) => Promise<void>,
  recorder: MeasurementWriter,
): Promise<void> {
  await using meeting = await Meeting.start(size, {}, "memory");
  const subscriber = await meeting.subscribed({ reconnect: false });
  const meter = new Meter(() => subscriber.stats());
  const signal = new AbortController().signal;
  const reception = new Reception(meter, {
    signal,
    duration: undefined,
    count: undefined,
    past: undefined,
    ...options,
  });
  const running = reception.run(subscriber, recorder);
  running.catch(() => {});
  await test(meeting, running, reception);
  assertEquals(subscriber.state, "idle");
}

Deno.test("ends after so many measurements, in the middle of a batch", async () => {
  const recorder = new Recorder();
  await receiving({ count: 25 }, async (meeting, running) => {
    await meeting.publish(5);
    await running;
  }, recorder);
  assertEquals([recorder.values.length, recorder.calls], [25, ["finish"]]);
});

Deno.test("told to end, it writes what has come", async () => {
  const recorder = new Recorder();
  const stop = new AbortController();
  await receiving({ signal: stop.signal }, async (meeting, running) => {
    await meeting.publish(5);
    await until(() => recorder.values.length > 0);
    stop.abort();
    await running;
  }, recorder);
  assertEquals([recorder.values.length % size, recorder.calls], [0, ["finish"]]);
});

Deno.test("what is recovered and what is live take turns", async () => {
  const recorder = new Recorder();
  const other = new MeasurementBatch();
  for (let i = 0; i < 5; i++) other.add(0, 0n, -1);
  await receiving({ count: 70 }, async (meeting, running, reception) => {
    const taking = Promise.all([reception.take(other), reception.take(other)]);
    await meeting.publish(10);
    await taking;
    await running;
  }, recorder);
  assertEquals(recorder.values.filter((value) => value === -1).length, 10);
  assertEquals([recorder.values.length, recorder.calls], [70, ["finish"]]);
});

Deno.test("where nothing can be written, it is given up, and the connection ends", async () => {
  const recorder = new Recorder();
  recorder.write = () => Promise.reject(new Error("the disk is full"));
  await receiving({}, async (meeting, running) => {
    await meeting.publish(1);
    await assertRejects(() => running, Error, "the disk is full");
    await until(() => meeting.publisher.stats().open.length === 0);
  }, recorder);
  assertEquals(recorder.calls, ["abandon"]);
});

Deno.test("a connection that is lost for good is told after the end was written", async () => {
  const recorder = new Recorder();
  await receiving({}, async (meeting, running) => {
    await meeting.publish(1);
    await until(() => recorder.values.length === size);
    meeting.publisher.disconnect(1);
    await assertRejects(() => running);
  }, recorder);
  assertEquals([recorder.values.length, recorder.calls], [size, ["finish"]]);
});
