/**
 * We publish and a partner subscribes: whatever every partner must understand.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { DataSet } from "../../metadata/mod.ts";
import { describeTables, publishTable, type SeenTables, sleep, subscribed, until } from "./ours.ts";
import { publishing, session, tablesOf } from "./publishing.ts";
import { ALL, METADATA, NO_STATUS, type Scenario, scenario, signalIds } from "./scenario.ts";
import { afterCompact, compare, formatRow, makeTable, readLines, type Row } from "./table.ts";

/** Every state flag alone, all of them, and none. */
const EVERY_FLAG = [...Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0), 0xffffffff, 0];

/** Scenarios for the subscriber of any partner. */
export const toSubscribers: Scenario[] = [
  scenario(
    "we publish: TSSC, gzip, every flag, irregular times",
    (stage) =>
      session(stage, {}, { flags: EVERY_FLAG, steps: [333_333n, 333_334n, 1n, -5_000_000n, 10_000_000n] }),
  ),
  scenario("we publish: TSSC, no gzip", (stage) => session(stage, { gzip: false })),
  scenario("we publish: TSSC, protocol version 1", (stage) => session(stage, { version: 1 })),
  scenario("we publish: TSSC, protocol version 3", (stage) => session(stage, { version: 3 })),
  scenario(
    "we publish: TSSC, leap seconds",
    (stage) => session(stage, {}, { start: 638_500_000_000_000_000n | (1n << 63n) }),
  ),
  scenario("we publish: TSSC, a batch of several packets", (stage) => session(stage, {}, { oneBatch: 1000 })),
  scenario(
    "we publish: compact with times as offsets, gzip, every flag",
    (stage) =>
      session(stage, { tssc: false }, {
        start: "soon",
        flags: EVERY_FLAG,
        expected: afterCompact,
        bytes: [13, 15],
      }),
  ),
  scenario(
    "we publish: compact with full times, no gzip",
    (stage) =>
      session(stage, { tssc: false, gzip: false }, {
        steps: [330_000n, -10_000_000_000n],
        expected: afterCompact,
        bytes: [17, 19],
      }),
  ),
  scenario(
    "we publish: compact with millisecond resolution",
    (stage) =>
      session(stage, { tssc: false, settings: { use_millisecondresolution: true } }, {
        start: "soon",
        expected: afterCompact,
        bytes: [11, 13],
      }),
  ),
  scenario(
    "we publish: compact, a batch of several packets",
    (stage) => session(stage, { tssc: false }, { oneBatch: 300, expected: afterCompact }),
  ),
  scenario(
    "we publish: NaN values filtered on request",
    (stage) =>
      session(stage, { settings: { request_nanvaluefilter: true } }, {
        expected: (rows) => rows.filter((row) => row.bits !== 0x7fc00000),
      }),
  ),
  scenario("we publish: metadata, whole and filtered", async (stage) => {
    await using publisher = await publishing();
    const whole = describeTables(await DataSet.fromXml(await Deno.readTextFile(METADATA)));
    const first = stage.subscriber(publisher.port, { filter: ALL });
    await using program = first.program;
    assertEquals(tablesOf(await program.next("metadata")), whole);

    const metadataFilters = "FILTER MeasurementDetail WHERE SignalAcronym = 'FREQ'; " +
      "FILTER TOP 1 DeviceDetail WHERE Enabled ORDER BY Acronym DESC";
    const second = stage.subscriber(publisher.port, { filter: ALL, gzip: false, metadataFilters });
    await using narrow = second.program;
    const filtered: SeenTables = {
      ...whole,
      MeasurementDetail: { ...whole["MeasurementDetail"]!, rows: 2 },
      DeviceDetail: { ...whole["DeviceDetail"]!, rows: 1 },
    };
    assertEquals(tablesOf(await narrow.next("metadata")), filtered);
    return `${Object.keys(whole).length} tables, their rows, columns and types equal; filtered ones too`;
  }),
  scenario(
    "we publish: a bad filter is refused with its text, and the running subscription goes on",
    async (stage) => {
      const rows = makeTable({ signalIds: await signalIds(), frames: 60 });
      await using publisher = await publishing();
      const { program, out } = stage.subscriber(publisher.port, { filter: ALL });
      await using _program = program;
      await program.next("cache");
      await subscribed(publisher);
      await publishTable(publisher, rows.slice(0, rows.length / 2));
      await program.send("subscribe FILTER ActiveMeasurements WHERE (SignalType = 'FREQ'");
      const { text } = await program.next("error");
      assertStringIncludes(String(text).toUpperCase(), "SUBSCRIBE");
      const reason = String(text).split("\n").slice(1).join(" ");
      assertEquals(reason.length > 10, true, `no reason in "${text}"`);
      await publishTable(publisher, rows.slice(rows.length / 2));
      await program.send(`expect ${rows.length}`);
      await program.next("reached");
      await program.quit();
      return `"${reason}"; ${compare(rows, await readLines(out))}`;
    },
  ),
  ...[true, false].map((tssc) =>
    scenario(
      `we publish: the partner changes its subscription while data flows, ${tssc ? "TSSC" : "compact"}`,
      async (stage) => {
        const all = await signalIds();
        const steady = await signalIds((type) => type !== "STAT");
        const rows = makeTable({ signalIds: all, frames: 600 });
        await using publisher = await publishing();
        const { program, out } = stage.subscriber(publisher.port, { filter: NO_STATUS, tssc });
        await using _program = program;
        await program.next("cache");
        await subscribed(publisher);
        const published = publishTable(publisher, rows);
        for (const filter of [ALL, NO_STATUS, ALL, NO_STATUS]) {
          await sleep(400);
          await program.send(`subscribe ${filter}`);
          await program.next("cache");
        }
        await published;
        const wanted = rows.filter((row) => steady.includes(row.signalId));
        const expected = tssc ? wanted : afterCompact(wanted);
        const last = formatRow(expected.at(-1)!);
        await until("the last measurement", async () => (await readLines(out)).includes(last));
        await program.quit();
        const lines = await readLines(out);
        const status = lines.filter((line) => !steady.includes(line.split(" ")[0]!));
        assertEquals(status.length > 0, true, "nothing of the signals that were subscribed to for a while");
        const kept = lines.filter((line) => steady.includes(line.split(" ")[0]!));
        return `${
          compare(expected, kept)
        }; and ${status.length} of signals that were subscribed to for a while`;
      },
    )
  ),
  scenario("we publish: the partner unsubscribes and subscribes again", async (stage) => {
    const all = await signalIds();
    const tables = [0, 1, 2].map((seed) =>
      makeTable({
        signalIds: all,
        frames: 30,
        seed,
        start: 638_500_000_000_000_000n + BigInt(seed) * 600_000_000n,
      })
    );
    await using publisher = await publishing();
    const { program, out } = stage.subscriber(publisher.port, { filter: ALL });
    await using _program = program;
    await program.next("cache");
    await subscribed(publisher);
    await publishTable(publisher, tables[0]!);
    await program.send("unsubscribe");
    await subscribed(publisher, 0);
    await publishTable(publisher, tables[1]!);
    await program.send(`subscribe ${ALL}`);
    await program.next("cache");
    await subscribed(publisher);
    await publishTable(publisher, tables[2]!);
    const wanted = [...tables[0]!, ...tables[2]!];
    await program.send(`expect ${wanted.length}`);
    await program.next("reached");
    await program.quit();
    return compare(wanted, await readLines(out));
  }),
  scenario("we publish: our publisher stops and starts again, the partner reconnects", async (stage) => {
    const all = await signalIds();
    const first = makeTable({ signalIds: all, frames: 40 });
    const second = makeTable({ signalIds: all, frames: 40, start: 638_600_000_000_000_000n, seed: 1 });
    const before = await publishing();
    const port = before.port;
    const { program, out } = stage.subscriber(port, { filter: ALL });
    await using _program = program;
    await program.next("cache");
    await subscribed(before);
    await publishTable(before, first);
    await program.send(`expect ${first.length}`);
    await program.next("reached");
    await before.stop();
    await program.next("disconnected");

    await using after = await publishing({ port });
    await program.next("cache");
    await subscribed(after);
    await publishTable(after, second);
    await program.send(`expect ${first.length + second.length}`);
    await program.next("reached");
    await program.quit();
    return compare([...first, ...second], await readLines(out));
  }),
  scenario("we publish: the partner crashes and comes back", async (stage) => {
    const all = await signalIds();
    const first = makeTable({ signalIds: all, frames: 40 });
    const second = makeTable({ signalIds: all, frames: 40, start: 638_600_000_000_000_000n, seed: 1 });
    await using publisher = await publishing();
    const session = async (rows: Row[]): Promise<string> => {
      const { program, out } = stage.subscriber(publisher.port, { filter: ALL });
      await using _program = program;
      await program.next("cache");
      await subscribed(publisher);
      await publishTable(publisher, rows);
      await program.send(`expect ${rows.length}`);
      await program.next("reached");
      await program.kill();
      await subscribed(publisher, 0);
      return compare(rows, await readLines(out));
    };
    await session(first);
    return `each time ${await session(second)}`;
  }),
  scenario("we publish: two subscribers of different modes at once", async (stage) => {
    const rows = makeTable({ signalIds: await signalIds(), frames: 120 });
    await using publisher = await publishing();
    const modes = [true, false];
    const partners = modes.map((tssc) => stage.subscriber(publisher.port, { filter: ALL, tssc }));
    await using _first = partners[0]!.program;
    await using _second = partners[1]!.program;
    for (const { program } of partners) await program.next("cache");
    await subscribed(publisher, 2);
    await publishTable(publisher, rows);
    for (const [i, { program, out }] of partners.entries()) {
      await program.send(`expect ${rows.length}`);
      await program.next("reached");
      await program.quit();
      compare(modes[i] ? rows : afterCompact(rows), await readLines(out));
    }
    return `${rows.length} measurements equal at each`;
  }),
  scenario("we publish: new metadata is announced while connected", async (stage) => {
    await using publisher = await publishing();
    const { program } = stage.subscriber(publisher.port, { filter: ALL });
    await using _program = program;
    await program.next("metadata");
    await program.next("cache");
    publisher.defineMetadata(
      await DataSet.fromXml((await Deno.readTextFile(METADATA)).replaceAll("HARBOR", "HAVEN")),
    );
    await program.next("changed");
    await program.send("refresh");
    const rows = tablesOf(await program.next("metadata"))["MeasurementDetail"]!.rows;
    return `announced, and ${rows} rows of MeasurementDetail read anew`;
  }),
];
