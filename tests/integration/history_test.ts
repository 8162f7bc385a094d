import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { createAdmin } from "../../admin/mod.ts";
import { type HistoryRequest, type HistorySource, MemoryHistory, SqliteHistory } from "../../history/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import { grid } from "../../publisher/testdata/rig.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import { ManualClock, MeasurementBatch, SttpError, Ticks } from "../../transport/mod.ts";
import { runChild } from "../support/child.ts";
import { metadataOf, signalId, until } from "./support.ts";

const ALL = "FILTER ActiveMeasurements WHERE True";
const SIGNALS = 20;
const FRAMES = 30 * 3600;
/** Ticks between two frames, thirty a second. */
const FRAME = 333_333n;

Deno.test("two processes: one hour of history at full speed arrives complete and in order", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/history.db`;
  const start = Ticks.now() - 36_000_000_000n;
  {
    await using history = SqliteHistory.open(path);
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
    publisher.defineMetadata(metadataOf(SIGNALS));
    await publisher.start();
    const batch = new MeasurementBatch(SIGNALS);
    const handles = Array.from({ length: SIGNALS }, (_, n) => publisher.signals.add(signalId(n)));
    for (let frame = 0; frame < FRAMES; frame++) {
      batch.clear();
      for (const [n, handle] of handles.entries()) {
        batch.add(handle, start + BigInt(frame) * FRAME, frame + n / 100);
      }
      publisher.publish(batch);
    }
    assertEquals(publisher.stats().history?.lost, 0);
  }
  // Another process, to which the file is all there is.
  await using child = runChild(
    async ({ Publisher, metadataOf, say, heard }, args) => {
      const { SqliteHistory }: typeof import("../../history/mod.ts") = await import(args.module);
      await using history = SqliteHistory.open(args.path);
      await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
      publisher.defineMetadata(metadataOf(args.size));
      await publisher.start();
      say("started", { address: publisher.address });
      await heard();
      say("done", { dropped: publisher.stats().dropped });
    },
    { path, size: SIGNALS, module: new URL("../../history/mod.ts", import.meta.url).href },
    [`--allow-read=${directory},${new URL("../..", import.meta.url).pathname}`, `--allow-write=${directory}`],
  );
  const subscriber = new Subscriber({
    filter: ALL,
    address: String((await child.next("started"))["address"]),
    deliveryBuffer: 10_000,
  });
  let count = 0;
  let wrong = 0;
  for await (const { length, signals, ticks, values } of subscriber.history({ start })) {
    for (let i = 0; i < length; i++, count++) {
      const frame = Math.floor(count / SIGNALS);
      const n = count % SIGNALS;
      if (ticks[i] !== start + BigInt(frame) * FRAME || values[i] !== Math.fround(frame + n / 100)) wrong++;
      if (subscriber.signals.idOf(signals[i]!) !== signalId(n)) wrong++;
    }
  }
  assertEquals([count, wrong], [SIGNALS * FRAMES, 0]);
  await child.send("enough");
  assertEquals((await child.next("done"))["dropped"], {});
  assertEquals(await child.quit(), 0, child.log);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a subscription to history, its pace changed midway, and its end", async () => {
  const history = new MemoryHistory();
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
  publisher.defineMetadata(grid(2));
  await publisher.start();
  const batch = new MeasurementBatch();
  const start = Ticks.now() - 600_000_000n;
  for (let second = 0n; second < 10n; second++) batch.add(0, start + second * 60_000_000n, Number(second));
  publisher.publish(batch);

  await using subscriber = new Subscriber({
    filter: ALL,
    startTimeConstraint: "*-2m",
    processingInterval: 3_600_000,
  });
  const status = subscriber.status();
  await subscriber.connect(publisher.address);
  const values: number[] = [];
  for await (const { length, values: column } of subscriber.batches()) {
    values.push(...column.subarray(0, length));
    // The second would come in an hour.
    if (values.length === 1) await subscriber.updateProcessingInterval(0);
    if (values.length === 10) break;
  }
  assertEquals(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for await (const event of status) {
    if (event.kind !== "processingComplete") continue;
    assertEquals(event.message, "Replay is complete: 10 measurements.");
    break;
  }
});

Deno.test("history beside live data, ended early, aborted and refused", async () => {
  const history = new MemoryHistory();
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
  publisher.defineMetadata(grid(2));
  await publisher.start();
  const status = publisher.status();
  const batch = new MeasurementBatch();
  const start = Ticks.now() - 600_000_000n;
  for (let n = 0; n < 50_000; n++) batch.add(n % 2, start + BigInt(n), n);
  publisher.publish(batch);

  await using subscriber = new Subscriber({ filter: ALL, deliveryBuffer: 1000 });
  await subscriber.connect(publisher.address);
  let isFirst = true;
  for await (const { length } of subscriber.history({ start, filter: "PPA:1" })) {
    assertEquals([isFirst, length > 0], [true, true]);
    isFirst = false;
    break;
  }
  const stop = new AbortController();
  const error = await assertRejects(async () => {
    for await (const _ of subscriber.history({ start, processingInterval: -1, signal: stop.signal })) {
      stop.abort();
    }
  }, SttpError);
  assertEquals(error.code, "Aborted");
  for (const [start, stop] of [["*", "*-1s"], ["tomorrow", "*"]] as const) {
    const refusal = await assertRejects(() => subscriber.history({ start, stop }).next(), SttpError);
    assertEquals(refusal.code, "Refused");
  }
  for await (const { kind } of status) {
    if (kind === "disconnected" && publisher.stats().open.length === 1) break;
  }
  assertEquals(subscriber.state, "connected");
});

Deno.test("an archive that does not answer: the reading times out, and the publisher asks no further", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  const history: HistorySource = {
    range: () => undefined,
    // deno-lint-ignore require-yield
    async *read({ signal }): AsyncGenerator<MeasurementBatch> {
      asked.resolve(signal!);
      await new Promise((resolve) => signal!.addEventListener("abort", resolve));
    },
    close: () => Promise.resolve(),
  };
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
  publisher.defineMetadata(grid(2));
  await publisher.start();
  const clock = new ManualClock();
  await using subscriber = new Subscriber({ filter: ALL, clock, heartbeatTimeout: 0, commandTimeout: 1e9 });
  await subscriber.connect(publisher.address);
  const reading = assertRejects(() => subscriber.history({ start: "*-5m" }).next(), SttpError);
  const signal = await asked.promise;
  await until(() => {
    clock.advance(60_000);
    return signal.aborted && publisher.stats().open.length === 1;
  });
  const { code, message } = await reading;
  assertMatch(message, /sent nothing of its history for 60000 ms/);
  assertEquals([code, subscriber.state], ["TimedOut", "connected"]);
});

Deno.test("parameters for the publisher's archive", async () => {
  const asked: HistoryRequest[] = [];
  const history: HistorySource = {
    range: () => undefined,
    // deno-lint-ignore require-yield
    async *read(request): AsyncGenerator<MeasurementBatch> {
      asked.push(request);
    },
    close: () => Promise.resolve(),
  };
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
  publisher.defineMetadata(grid(2));
  await publisher.start();
  const subscriber = new Subscriber({ filter: ALL, address: publisher.address });
  const found = subscriber.history({ start: 5n, stop: "2024-01-01", parameters: "tier=2" });
  assertEquals((await found.next()).done, true);
  assertEquals(asked.map(({ start, stop, parameters }) => [start, stop, parameters]), [
    [5n, Ticks.parse("2024-01-01"), "tier=2"],
  ]);
});

/** Opens a history whose disk can be made full. */
function openOn(path: string): { history: SqliteHistory; pages: (most: number) => void } {
  const { exec } = DatabaseSync.prototype;
  let database: DatabaseSync | undefined;
  DatabaseSync.prototype.exec = function (sql): void {
    database = this;
    return exec.call(this, sql);
  };
  try {
    const history = SqliteHistory.open(path);
    return { history, pages: (most) => database!.exec(`PRAGMA max_page_count = ${most}`) };
  } finally {
    DatabaseSync.prototype.exec = exec;
  }
}

Deno.test("a full disk: what can't be recorded is counted, publishing goes on, and so does recording later", async () => {
  const directory = await Deno.makeTempDir();
  const { history, pages } = openOn(`${directory}/history.db`);
  await using _ = history;
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history });
  publisher.defineMetadata(grid(1));
  await publisher.start();
  const live: bigint[] = [];
  await using subscriber = new Subscriber({
    filter: ALL,
    onBatch: ({ ticks, length }) => void live.push(...ticks.subarray(0, length)),
  });
  await subscriber.connect(publisher.address);
  await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);

  const start = Ticks.now() - 36_000_000_000n;
  const batch = new MeasurementBatch();
  const published: bigint[] = [];
  /** Publishes noise, which does not compress; and has it written. */
  const publish = async (): Promise<void> => {
    batch.clear();
    for (let i = 0; i < 5000; i++) {
      const ticks = start + BigInt(published.length) * 10_000n;
      batch.add(0, ticks, Math.random());
      published.push(ticks);
    }
    publisher.publish(batch);
    history.flush();
    await until(() => live.length === published.length);
  };
  const clock = new ManualClock();
  const admin = createAdmin(publisher, { clock });
  const ready = async (): Promise<[status: number, failing: string[]]> => {
    clock.advance(1_000);
    const response = await admin.fetch(new Request("http://localhost/readyz"));
    const { checks }: { checks: { check: string; ok: boolean }[] } = await response.json();
    return [response.status, checks.filter(({ ok }) => !ok).map(({ check }) => check)];
  };
  await publish();
  assertEquals(await ready(), [200, []]);
  // As many as there are.
  pages(1);
  for (let i = 0; i < 5; i++) await publish();
  const { recorded, lost, failing, problem } = publisher.stats().history!;
  assertEquals([recorded, lost, failing], [5000, 25_000, true]);
  assertMatch(problem!, /full/);
  assertEquals(await ready(), [503, ["history"]]);
  pages(1_000_000);
  await publish();
  const after = publisher.stats().history!;
  assertEquals([after.recorded, after.lost, after.failing], [10_000, 25_000, false]);
  assertEquals(await ready(), [200, []]);
  admin.close();

  const found: bigint[] = [];
  for await (const { ticks, length } of subscriber.history({ start })) {
    found.push(...ticks.subarray(0, length));
  }
  assertEquals(found, [...published.slice(0, 5000), ...published.slice(-5000)]);
  assertEquals([live, publisher.stats().dropped], [published, {}]);
  await subscriber.disconnect();
  await publisher.stop();
  await history.close();
  await Deno.remove(directory, { recursive: true });
});
