import { assertEquals, assertMatch } from "@std/assert";
import { MemoryHistory } from "../history/memory_history.ts";
import type { HistorySource } from "../history/source.ts";
import { SttpError } from "../transport/errors.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { decodeDataStartTime } from "../transport/wire/data_packet.ts";
import { formatTicks, parseTicks, TicksPerSecond } from "../transport/wire/ticks.ts";
import { Rig, type ScriptedPeer, settle } from "./testdata/rig.ts";

/** What the rig's clock shows at first. */
const NOW = parseTicks("2024-01-01T00:00:00Z");
const ALL = "FILTER ActiveMeasurements WHERE True";

/** A publisher that published a frame of four signals every second of the last ten, the last of them now. */
async function rigWithHistory(history: HistorySource = new MemoryHistory()): Promise<Rig> {
  const rig = await Rig.start({ history }, 4);
  const batch = new MeasurementBatch();
  for (let second = 9n; second >= 0n; second--) {
    batch.clear();
    for (let n = 0; n < 4; n++) batch.add(n, NOW - second * TicksPerSecond, n);
    rig.publisher.publish(batch);
  }
  return rig;
}

function interval(milliseconds: number): Uint8Array {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setInt32(0, milliseconds);
  return body;
}

/** Seconds before now of the measurements received so far. */
function received({ data }: ScriptedPeer): number[] {
  return Array.from(data.ticks.subarray(0, data.length), (ticks) => Number((NOW - ticks) / TicksPerSecond));
}

Deno.test("history as fast as possible, once, in order, with an end", async () => {
  await using rig = await rigWithHistory();
  const peer = await rig.subscribe("PPA:2; PPA:4", {}, {
    startTimeConstraint: "*-5s",
    stopTimeConstraint: formatTicks(NOW - 2n * TicksPerSecond),
    processingInterval: 0,
  });
  assertEquals(decodeDataStartTime(await peer.expect(Response.DataStartTime)), NOW - 5n * TicksPerSecond);
  assertEquals((await peer.expectData())[0], 8);
  assertEquals(received(peer), [5, 5, 4, 4, 3, 3, 2, 2]);
  assertEquals([...peer.data.values.subarray(0, 2)], [1, 3]);
  assertEquals(
    await peer.expectText(Response.ProcessingComplete, Command.Subscribe),
    "Replay is complete: 8 measurements.",
  );
  const { subscription, dropped } = rig.connection();
  assertEquals(subscription?.replay, {
    state: "complete",
    processingInterval: 0,
    measurements: 8,
    at: "2023-12-31T23:59:58Z",
  });
  assertEquals([subscription?.group, Object.values(dropped).some((count) => count > 0)], [null, false]);
  // Nothing that is live follows.
  await rig.publish([1], NOW);
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
  assertEquals(rig.publisher.stats().history?.recorded, 41);
});

Deno.test("history at the pace of its time, then otherwise", async () => {
  await using rig = await rigWithHistory();
  const peer = await rig.subscribe("PPA:1", {}, { startTimeConstraint: "*-9s" });
  await peer.expect(Response.DataStartTime);
  await peer.expectData();
  assertEquals(received(peer), [9]);
  rig.clock.advance(999);
  await settle();
  await peer.send(Command.UpdateProcessingInterval, interval(-1));
  assertMatch(
    await peer.expectText(Response.Succeeded, Command.UpdateProcessingInterval),
    /-1 ms is in force/,
  );
  rig.clock.advance(1);
  await peer.expectData();
  assertEquals(received(peer), [9, 8]);
  await peer.send(Command.UpdateProcessingInterval, interval(50));
  await peer.expect(Response.Succeeded, Command.UpdateProcessingInterval);
  rig.clock.advance(49);
  await settle();
  assertEquals(rig.connection().subscription?.replay?.measurements, 2);
  rig.clock.advance(1);
  await peer.expectData();
  assertEquals(received(peer), [9, 8, 7]);
  assertEquals(rig.connection().subscription?.replay?.processingInterval, 50);
  await peer.send(Command.UpdateProcessingInterval, interval(0));
  await peer.expect(Response.Succeeded, Command.UpdateProcessingInterval);
  while (peer.data.length < 10) await peer.expectData();
  assertEquals(received(peer), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  await peer.expect(Response.ProcessingComplete);
});

Deno.test("history is cancelled by Unsubscribe, and by a Subscribe once that is confirmed", async () => {
  await using rig = await rigWithHistory();
  const temporal = { startTimeConstraint: "*-9s", filterExpression: ALL };
  const peer = await rig.subscribe(ALL, {}, temporal);
  await peer.expect(Response.DataStartTime);
  await peer.expectData();
  await peer.send(Command.Unsubscribe);
  assertEquals(
    await peer.expectText(Response.ProcessingComplete, Command.Subscribe),
    "Replay was cancelled.",
  );
  await peer.expect(Response.Succeeded, Command.Unsubscribe);

  await peer.subscribe(temporal);
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await peer.expect(Response.DataStartTime);
  await peer.expectData();
  await peer.subscribe({ filterExpression: ALL });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  rig.clock.advance(1000);
  await peer.expectData();
  await peer.confirmCache();
  assertEquals(
    await peer.expectText(Response.ProcessingComplete, Command.Subscribe),
    "Replay was cancelled.",
  );
  await rig.publish([0], NOW);
  await peer.expect(Response.DataStartTime);
  assertEquals((await peer.expectData())[0], 1);
  assertEquals(rig.connection().subscription?.replay, null);
});

Deno.test("history of no signals, and of this very moment", async () => {
  await using rig = await rigWithHistory();
  const options = { startTimeConstraint: "*-9s", processingInterval: 0 };
  const none = await rig.subscribe("", {}, options);
  assertEquals(
    await none.expectText(Response.ProcessingComplete, Command.Subscribe),
    "Replay is complete: 0 measurements.",
  );
  const later = await rig.subscribe(ALL, {}, { ...options, startTimeConstraint: "*" });
  await later.expect(Response.DataStartTime);
  assertEquals((await later.expectData())[0], 4);
});

Deno.test("what can't be granted is refused, and leaves a running subscription running", async () => {
  await using rig = await rigWithHistory();
  const peer = await rig.subscribe("PPA:1");
  const refused: [Record<string, string | number>, RegExp][] = [
    [{ startTimeConstraint: "*-1s", stopTimeConstraint: "*-2s" }, /is after the stopTimeConstraint/],
    [{ startTimeConstraint: "*+1s" }, /is after the present/],
    [{ startTimeConstraint: "yesterday" }, /"yesterday" is no time/],
    [{ stopTimeConstraint: "*" }, /no startTimeConstraint/],
    [{ startTimeConstraint: "*-1s", processingInterval: -2 }, /processingInterval -2/],
  ];
  for (const [options, text] of refused) {
    await peer.subscribe({ filterExpression: ALL, ...options });
    assertMatch(await peer.expectText(Response.Failed, Command.Subscribe), text);
  }
  await rig.publish([0], NOW);
  await peer.expect(Response.DataStartTime);
  assertEquals((await peer.expectData())[0], 1);

  await using live = await Rig.start();
  const other = await live.agree();
  await other.subscribe({ filterExpression: ALL, startTimeConstraint: "*-1s" });
  assertMatch(await other.expectText(Response.Failed, Command.Subscribe), /keeps no history/);
  assertEquals(live.publisher.stats().history, null);
});

Deno.test("who waits for a history is told when nobody wants it any more", async () => {
  const reading: AbortSignal[] = [];
  const history: HistorySource = {
    range: () => undefined,
    close: () => Promise.resolve(),
    // deno-lint-ignore require-yield
    async *read({ signal }): AsyncGenerator<never, void> {
      reading.push(signal!);
      await new Promise((resolve) => signal!.addEventListener("abort", resolve));
    },
  };
  await using rig = await Rig.start({ history });
  const past = { startTimeConstraint: "*-5s", stopTimeConstraint: "*", processingInterval: 0 };
  const ways: ((peer: ScriptedPeer) => unknown)[] = [
    (peer) => peer.channel.close(),
    (peer) => peer.send(Command.Unsubscribe),
    () => rig.publisher.disconnect(rig.connection().id),
  ];
  for (const leave of ways) {
    const peer = await rig.subscribe(ALL, {}, past);
    assertEquals(reading.at(-1)?.aborted, false);
    await leave(peer);
    await settle();
    assertEquals(reading.at(-1)?.aborted, true);
    peer.channel.close();
    await settle();
  }
  assertEquals(reading.length, ways.length);
});

Deno.test("a subscriber that reads slowly gets all of it", async () => {
  const history = new MemoryHistory();
  await using rig = await Rig.start({ history, outboundQueueLimit: 262_144 }, 4);
  const batch = new MeasurementBatch();
  for (let i = 0; i < 200_000; i++) {
    batch.add(i % 4, NOW - BigInt(200_000 - i), 0);
    batch.valueBits[i] = Math.imul(i, 0x9e37_79b1) & 0x7f7f_ffff;
  }
  rig.publisher.publish(batch);
  const peer = await rig.agree({}, 4096);
  await peer.subscribe({ filterExpression: ALL, startTimeConstraint: "*-1s", processingInterval: 0 });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await settle();
  // It stops when the queue has its share.
  const { queue, subscription } = rig.connection();
  assertEquals([queue.dataBytes < 262_144, subscription!.replay!.measurements < 100_000], [true, true]);
  await peer.expect(Response.DataStartTime);
  while (peer.data.length < batch.length) await peer.expectData();
  await peer.expect(Response.ProcessingComplete);
  assertEquals(peer.data.valueBits.subarray(0, batch.length), batch.valueBits.subarray(0, batch.length));
  assertEquals(peer.data.ticks.subarray(0, batch.length), batch.ticks.subarray(0, batch.length));
  assertEquals(Object.values(rig.connection().dropped).some((count) => count > 0), false);
});

Deno.test("the parameters of a time constraint go to the history", async () => {
  const parameters: string[] = [];
  const history: HistorySource = {
    range: () => undefined,
    // deno-lint-ignore require-yield
    async *read(request): AsyncGenerator<MeasurementBatch> {
      parameters.push(request.parameters);
    },
    close: () => Promise.resolve(),
  };
  await using rig = await Rig.start({ history });
  const peer = await rig.subscribe(ALL, {}, {
    startTimeConstraint: "*-1s",
    timeConstraintParameters: "tier=2; note={a; b}",
  });
  await peer.expect(Response.ProcessingComplete);
  assertEquals(parameters, ["tier=2; note={a; b}"]);
});

Deno.test("a history that fails ends the replay and is told to the application", async () => {
  const history: HistorySource = {
    range: () => undefined,
    // deno-lint-ignore require-yield
    async *read(): AsyncGenerator<MeasurementBatch> {
      throw new SttpError("Closed", "the disk is gone");
    },
    close: () => Promise.resolve(),
  };
  await using rig = await Rig.start({ history });
  const status = rig.publisher.status();
  const peer = await rig.subscribe(ALL, {}, { startTimeConstraint: "*-1s" });
  assertMatch(await peer.expectText(Response.ProcessingComplete, Command.Subscribe), /the history failed/);
  const kinds: string[] = [];
  for await (const event of status) {
    kinds.push(event.kind);
    if (event.kind === "processingComplete") break;
    if (event.kind === "internalError") assertEquals(event.message, "the disk is gone");
  }
  assertEquals(kinds.slice(-3), ["subscribed", "internalError", "processingComplete"]);
});
