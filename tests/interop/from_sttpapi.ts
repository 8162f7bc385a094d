/**
 * sttpapi publishes and we subscribe.
 *
 * @module
 */
import { type CellValue, DataSet } from "../../metadata/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { SttpError } from "../../transport/mod.ts";
import { Collector, describeTables, until } from "./ours.ts";
import type { Program } from "./program.ts";
import { ALL, METADATA, NO_STATUS, type Scenario, scenario, signalIds, type Stage } from "./scenario.ts";
import { afterCompact, compare, formatTable, makeTable, type Row } from "./table.ts";
import { assertEquals, assertRejects } from "@std/assert";

/** Steps that no whole number of ticks divides, as 30 frames a second have them. */
const THIRTY_A_SECOND = [333_333n, 333_334n, 333_333n];

/** One of ours that keeps what it receives. */
function collecting(
  port: number,
  options: SubscriberOptions,
): { subscriber: Subscriber; collector: Collector } {
  const collector = new Collector();
  const subscriber: Subscriber = new Subscriber({
    address: `127.0.0.1:${port}`,
    reconnect: { initialDelay: 50, maxDelay: 200 },
    ...options,
    onBatch: (batch) => collector.take(batch, subscriber.signals),
  });
  return { subscriber, collector };
}

/** Has the partner publish a table, and waits until it has. */
async function publish(stage: Stage, program: Program, rows: readonly Row[]): Promise<void> {
  const path = stage.file();
  await Deno.writeTextFile(path, formatTable(rows));
  await program.send(`publish 200 ${path}`);
  await program.next("published");
}

/** Nothing may be dropped on the way, for whatever reason. */
function nothingDropped(subscriber: Subscriber): void {
  const dropped = Object.entries(subscriber.stats().dropped).filter(([, count]) => count > 0);
  assertEquals(dropped, [], "dropped on the way");
}

/** A metadata value as far as sttpapi keeps it: it cuts times to the millisecond. */
function likeSttpapi(value: CellValue): unknown {
  return typeof value === "bigint" ? value / 10_000n : value;
}

/** What goes through a session, and how it must come out. */
interface SessionTable {
  readonly steps?: readonly bigint[];
  /** Whether the partner may make doubles of ticks; default true. */
  readonly doubleTicks?: boolean;
  /** Publishes everything in one batch of this many times 16 measurements. */
  readonly oneBatch?: number;
  /** What must arrive. */
  readonly expected?: (rows: Row[]) => Row[];
}

/** A whole session: metadata, subscription, a table. */
async function session(stage: Stage, options: SubscriberOptions, table: SessionTable = {}): Promise<string> {
  const { steps = [330_000n], doubleTicks = true, oneBatch, expected = (rows: Row[]): Row[] => rows } = table;
  let rows = makeTable({ signalIds: await signalIds(), frames: oneBatch ?? 120, steps });
  if (oneBatch !== undefined) rows = rows.map((row) => ({ ...row, frame: 0 }));
  const { program, port } = await stage.publisher({ doubleTicks });
  await using _program = program;
  const { subscriber, collector } = collecting(port, { filter: ALL, ...options });
  await using _subscriber = subscriber;
  await subscriber.connect();
  await program.next("subscribed");
  await publish(stage, program, rows);
  await collector.reached(rows.length);
  nothingDropped(subscriber);
  const { packets, dataBytes } = subscriber.stats();
  const size = (dataBytes / rows.length).toFixed(1);
  return `${compare(expected(rows), collector.lines)}; ${packets} packets, ${size} bytes each`;
}

/** All scenarios with sttpapi's publisher. */
export const fromSttpapi: Scenario[] = [
  scenario("sttpapi publishes: TSSC, gzip", (stage) => session(stage, {})),
  scenario(
    "sttpapi publishes: TSSC, irregular times, no gzip",
    (stage) =>
      session(stage, { compressMetadata: false, compressSignalIndexCache: false }, {
        steps: THIRTY_A_SECOND,
        doubleTicks: false,
      }),
  ),
  scenario("sttpapi publishes: TSSC, protocol version 1", (stage) => session(stage, { version: 1 })),
  scenario(
    "sttpapi publishes: compact, which it sends without the count",
    (stage) => session(stage, { compressPayload: false }, { expected: afterCompact }),
  ),
  scenario(
    "sttpapi publishes: compact, no gzip",
    (stage) =>
      session(stage, { compressPayload: false, compressMetadata: false, compressSignalIndexCache: false }, {
        expected: afterCompact,
      }),
  ),
  scenario(
    "sttpapi publishes: TSSC, a batch of several packets",
    (stage) => session(stage, {}, { oneBatch: 1000 }),
  ),
  scenario(
    "sttpapi publishes: compact, a batch that it does not split",
    (stage) => session(stage, { compressPayload: false }, { oneBatch: 1000, expected: afterCompact }),
  ),
  scenario("sttpapi publishes: metadata", async (stage) => {
    const { program, port, tables } = await stage.publisher();
    await using _program = program;
    const { subscriber } = collecting(port, { filter: ALL });
    await using _subscriber = subscriber;
    await subscriber.connect();
    assertEquals(describeTables(subscriber.metadata!), tables);
    const original = await DataSet.fromXml(await Deno.readTextFile(METADATA));
    let cells = 0;
    for (const table of original.tables) {
      for (const row of table) {
        for (const column of table.columns) {
          const received = subscriber.metadata!.table(table.name)!.row(row.index).get(column.name);
          assertEquals(
            likeSttpapi(received),
            likeSttpapi(row.get(column.name)),
            `${table.name}.${column.name}`,
          );
          cells++;
        }
      }
    }
    return `${original.tables.length} tables, their rows, columns and types, and ${cells} values equal`;
  }),
  scenario("sttpapi publishes: a bad filter is refused with its text", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const { subscriber, collector } = collecting(port, { filter: ALL });
    await using _subscriber = subscriber;
    await subscriber.connect();
    const error = await assertRejects(
      () => subscriber.subscribe({ filter: "FILTER ActiveMeasurements WHERE (" }),
      SttpError,
    );
    assertEquals(error.code, "Refused");
    // Its text has an int32 length in front, which is no text.
    assertEquals(/No measurements matched subscription filter$/.test(error.message), true, error.message);
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x08]/.test(error.message), false, JSON.stringify(error.message));
    const rows = makeTable({ signalIds: await signalIds(), frames: 30 });
    await publish(stage, program, rows);
    await collector.reached(rows.length);
    return `"${error.message}"; the subscription before it goes on: ${compare(rows, collector.lines)}`;
  }),
  scenario("sttpapi publishes: we change the subscription, end it and begin again", async (stage) => {
    const all = await signalIds();
    const some = await signalIds((type) => type !== "STAT");
    const frequency = await signalIds((type) => type === "FREQ");
    const { program, port } = await stage.publisher();
    await using _program = program;
    const { subscriber, collector } = collecting(port, { filter: NO_STATUS });
    await using _subscriber = subscriber;
    await subscriber.connect();
    await program.next("subscribed");
    const expected: Row[] = [];
    const phase = async (signals: string[], index: number): Promise<void> => {
      const rows = makeTable({
        signalIds: all,
        frames: 40,
        start: 638_500_000_000_000_000n + BigInt(index) * 600_000_000n,
        seed: index,
      });
      await publish(stage, program, rows);
      expected.push(...rows.filter((row) => signals.includes(row.signalId)));
      await collector.reached(expected.length);
    };
    await phase(some, 0);
    await subscriber.subscribe({ filter: ALL });
    await program.next("subscribed");
    await phase(all, 1);
    await subscriber.subscribe({ filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" });
    await program.next("subscribed");
    await phase(frequency, 2);
    await subscriber.unsubscribe();
    await phase([], 3);
    await subscriber.subscribe({ filter: NO_STATUS });
    await program.next("subscribed");
    await phase(some, 4);
    return compare(expected, collector.lines);
  }),
  scenario("sttpapi publishes: it defines new metadata, we refresh and subscribe anew", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const { subscriber, collector } = collecting(port, {
      filter: "FILTER ActiveMeasurements WHERE Device = 'HAVEN'",
    });
    await using _subscriber = subscriber;
    // Nothing matches yet, which this partner refuses; the connection is wanted all the same.
    await assertRejects(() => subscriber.connect(), SttpError, "No measurements matched");
    await subscriber.subscribe({ filter: ALL });
    await subscriber.connect();
    await program.next("subscribed");
    const path = stage.file();
    await Deno.writeTextFile(path, (await Deno.readTextFile(METADATA)).replaceAll("HARBOR", "HAVEN"));
    await program.send(`define ${path}`);
    await program.next("subscribed");
    await until("the new metadata", () => subscriber.stats().metadataRefreshes === 3);
    assertEquals(subscriber.metadata!.table("DeviceDetail")!.row(0).get("Acronym"), "HAVEN");
    const rows = makeTable({ signalIds: await signalIds(), frames: 40 });
    await publish(stage, program, rows);
    await collector.reached(rows.length);
    assertEquals(subscriber.stats().configurationChanges, 1);
    nothingDropped(subscriber);
    return compare(rows, collector.lines);
  }),
  scenario("sttpapi publishes: it crashes and comes back, we reconnect", async (stage) => {
    const all = await signalIds();
    const first = makeTable({ signalIds: all, frames: 40 });
    const second = makeTable({ signalIds: all, frames: 40, start: 638_600_000_000_000_000n, seed: 1 });
    const before = await stage.publisher();
    await using _before = before.program;
    const { subscriber, collector } = collecting(before.port, { filter: ALL });
    await using _subscriber = subscriber;
    await subscriber.connect();
    await before.program.next("subscribed");
    await publish(stage, before.program, first);
    await collector.reached(first.length);
    await before.program.kill();
    await until("the loss of the connection noticed", () => subscriber.stats().signals === 0);

    const after = await stage.publisher({ port: before.port });
    await using _after = after.program;
    await after.program.next("subscribed");
    await publish(stage, after.program, second);
    await collector.reached(first.length + second.length);
    assertEquals(subscriber.stats().connections, 2);
    assertEquals(subscriber.stats().metadataRefreshes, 2);
    nothingDropped(subscriber);
    return compare([...first, ...second], collector.lines);
  }),
];
