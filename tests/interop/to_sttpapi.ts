/**
 * We publish and sttpapi subscribes: what goes beyond the scenarios for every partner.
 *
 * @module
 */
import { assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import { publishTable, sleep, subscribed, until } from "./ours.ts";
import { publishing, session } from "./publishing.ts";
import { ALL, type Scenario, scenario, signalIds } from "./scenario.ts";
import { afterCompact, compare, formatRow, makeTable, readLines } from "./table.ts";

/** Scenarios for sttpapi's subscriber alone. */
export const toSttpapi: Scenario[] = [
  scenario(
    "we publish: compact without times",
    (stage) =>
      session(stage, { tssc: false, settings: { includetime: false } }, {
        // The partner leaves out the time, too.
        expected: (rows) => afterCompact(rows).map((row) => ({ ...row, ticks: 0n })),
        bytes: [9, 11],
      }),
  ),
  scenario("we publish: signals named by ID, key and tag", async (stage) => {
    const all = await signalIds();
    const rows = makeTable({ signalIds: all, frames: 60 });
    await using publisher = await publishing();
    const filter = `${all[9]}; DEMO:3; "DEMO_RIDGE:FQ"`;
    const { program, out } = stage.subscriber(publisher.port, { filter });
    await using _program = program;
    assertEquals((await program.next("cache"))["count"], 3);
    await subscribed(publisher);
    await publishTable(publisher, rows);
    const wanted = rows.filter(({ signalId }) => [all[9], all[2], all[10]].includes(signalId));
    await program.send(`expect ${wanted.length}`);
    await program.next("reached");
    await program.quit();
    return compare(wanted, await readLines(out));
  }),
  scenario("we publish: latest values only", async (stage) => {
    const rows = makeTable({ signalIds: await signalIds(), frames: 400 });
    await using publisher = await publishing();
    const settings = { throttled: true, publishinterval: 0.2 };
    const { program, out } = stage.subscriber(publisher.port, { filter: ALL, settings });
    await using _program = program;
    await program.next("cache");
    await subscribed(publisher);
    await publishTable(publisher, rows);
    const last = rows.slice(-16).map(formatRow);
    await until("the latest values", async () => {
      const lines = await readLines(out);
      return last.every((line) => lines.includes(line));
    });
    await program.quit();
    const lines = await readLines(out);
    const places = new Map(rows.map((row, place) => [formatRow(row), place]));
    for (const id of await signalIds()) {
      const of = lines.filter((line) => line.startsWith(id)).map((line) => places.get(line));
      assertEquals(of.includes(undefined), false, `${id}: a value that was not published`);
      assertEquals(of, of.toSorted((a, b) => a! - b!), `${id}: older values after newer ones`);
      assertEquals(new Set(of).size, of.length, `${id}: a value twice`);
    }
    assertGreater(lines.length, 2 * 16);
    assertLess(lines.length, rows.length / 4);
    return `${lines.length} of ${rows.length} values, the last of each signal among them`;
  }),
  scenario("we publish: another subscriber comes and goes while data flows", async (stage) => {
    const rows = makeTable({ signalIds: await signalIds(), frames: 500 });
    await using publisher = await publishing();
    const first = stage.subscriber(publisher.port, { filter: ALL });
    await using program = first.program;
    await program.next("cache");
    await subscribed(publisher);
    const published = publishTable(publisher, rows);
    await sleep(300);
    const second = stage.subscriber(publisher.port, { filter: ALL });
    await using guest = second.program;
    await guest.next("cache");
    await guest.send("expect 800");
    await guest.next("reached");
    assertEquals(publisher.stats().groups.length, 1, "they do not share an encoder");
    await guest.kill();
    await published;
    await program.send(`expect ${rows.length}`);
    await program.next("reached");
    await program.quit();
    assertEquals(program.taken("error").filter(({ text }) => !/TSSC algorithm reset/.test(String(text))), []);

    const lines = await readLines(second.out);
    const from = rows.findIndex((row) => formatRow(row) === lines[0]);
    // The guest's last line may have been cut off with it.
    compare(rows.slice(from, from + 800), lines.slice(0, 800));
    return `the first: ${compare(rows, await readLines(first.out))}; the other: 800 from its first on`;
  }),
  scenario("we publish: one subscriber too many is refused with a text", async (stage) => {
    await using publisher = await publishing({ maxConnections: 1 });
    const first = stage.subscriber(publisher.port, { filter: ALL });
    await using program = first.program;
    await program.next("cache");
    const second = stage.subscriber(publisher.port, { filter: ALL });
    await using refused = second.program;
    const { text } = await refused.next("error");
    assertStringIncludes(String(text), "1 subscribers are connected");
    assertEquals(refused.taken("cache"), []);
    return `"${text}"`;
  }),
];
