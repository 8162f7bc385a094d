/**
 * The front-page programs in `examples/`, run as people run them, with sttpapi and with each other.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { filePath } from "./partners.ts";
import { Program } from "./program.ts";
import { type Scenario, scenario } from "./scenario.ts";
import { formatTable, makeTable, readLines } from "./table.ts";
import { signalIds } from "./scenario.ts";

const root = new URL("../../", import.meta.url);

/** Runs an example by the command in its heading, which says what permissions it needs. */
async function example(name: string, argument: string): Promise<Program> {
  const source = await Deno.readTextFile(new URL(`examples/${name}.ts`, root));
  const [, permissions] = source.match(new RegExp(`^//\\s+deno run (.*) examples/${name}\\.ts`, "m"))!;
  const args = ["run", "--quiet", ...permissions!.split(" "), `examples/${name}.ts`, argument];
  return Program.start(Deno.execPath(), args, filePath(root));
}

/** Starts `simple_publish.ts` on any port, which it prints. */
async function publishing(): Promise<{ program: Program; port: number }> {
  const program = await example("simple_publish", "0");
  const [, port] = await program.line(/^Publishing \d+ signals on .*:(\d+)\. /);
  return { program, port: Number(port) };
}

/** The line that `simple_subscribe.ts` prints every five seconds, and the one under it. */
async function subscribing(program: Program): Promise<string> {
  await program.line(/^Receiving measurements\.\.\.$/);
  const [, count] = await program.line(/^([\d,]+) measurements received so far\. Current measurement:$/);
  const [measurement] = await program.line(/^ {4}[0-9a-f-]{36} @ \d\d:\d\d:\d\d\.\d{3} = -?[\d.]+ \(.+\)$/);
  assertGreater(Number(count!.replaceAll(",", "")), 100);
  return `${count} measurements, the last${measurement}`;
}

/** All scenarios with the examples. */
export const examples: Scenario[] = [
  scenario("examples: simple_publish with sttpapi's subscriber", async (stage) => {
    const { program, port } = await publishing();
    await using _program = program;
    const partner = stage.subscriber(port, { filter: "FILTER TOP 20 ActiveMeasurements WHERE True" });
    await using _partner = partner.program;
    const { count } = await partner.program.next("cache");
    assertEquals(count, 20);
    await partner.program.send("expect 1200");
    await partner.program.next("reached");
    await partner.program.quit();
    assertEquals(await program.quit(""), 0);
    const lines = await readLines(partner.out);
    const times = new Set(lines.map((line) => line.split(" ")[1]));
    const signals = new Set(lines.map((line) => line.split(" ")[0]));
    assertEquals(lines.length % signals.size, 0, "a frame with fewer signals than others");
    assertEquals(lines.length, signals.size * times.size);
    return `${lines.length} measurements: ${times.size} frames of ${signals.size} signals, none incomplete`;
  }),
  scenario("examples: simple_subscribe with sttpapi's publisher", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    await using subscriber = await example("simple_subscribe", `127.0.0.1:${port}`);
    await program.next("subscribed");
    const path = stage.file();
    await Deno.writeTextFile(path, formatTable(makeTable({ signalIds: await signalIds(), frames: 180 })));
    await program.send(`publish 30 ${path}`);
    const said = await subscribing(subscriber);
    assertEquals(await subscriber.quit(""), 0);
    return said;
  }),
  scenario("examples: simple_publish with simple_subscribe", async () => {
    const { program, port } = await publishing();
    await using _program = program;
    await using subscriber = await example("simple_subscribe", `127.0.0.1:${port}`);
    const said = await subscribing(subscriber);
    assertEquals(await subscriber.quit(""), 0);
    assertEquals(await program.quit(""), 0);
    return said;
  }),
];
