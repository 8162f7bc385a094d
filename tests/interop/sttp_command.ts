/**
 * The command `sttp` with sttpapi at the other end.
 *
 * @module
 */
import { Ticks } from "../../transport/mod.ts";
import { Sttp, sttp } from "../support/sttp.ts";
import { ALL, METADATA, type Scenario, scenario, signalIds, type Stage } from "./scenario.ts";
import { filePath } from "./partners.ts";
import { compare, formatRow, formatTable, makeTable, readLines, type Row } from "./table.ts";
import { assertEquals, assertMatch } from "@std/assert";

/** A line that `sttp subscribe` wrote, as the partners' programs write measurements. */
function lineOf(text: string): string {
  const { signalId, time, value, flags } = JSON.parse(text);
  const [bits] = new Uint32Array(Float32Array.of(Number(value)).buffer);
  return formatRow({ signalId, ticks: Ticks.parse(time), flags, bits: bits! });
}

/** A file that `sttp publish` reads. */
async function writeNdjson(stage: Stage, rows: readonly Row[]): Promise<string> {
  const path = stage.file();
  const lines = rows.map(({ signalId, ticks, flags, bits }) => {
    const [value] = new Float32Array(Uint32Array.of(bits).buffer);
    const text = Object.is(value, -0) ? "-0" : String(value);
    return `{"signalId":"${signalId}","ticks":"${ticks}","value":"${text}","flags":${flags}}\n`;
  });
  await Deno.writeTextFile(path, lines.join(""));
  return path;
}

export const sttpCommand: Scenario[] = [
  scenario("sttpapi publishes: sttp metadata and sttp subscribe", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const address = `127.0.0.1:${port}`;
    const same = await sttp(["metadata", filePath(METADATA), "--diff", address]);
    // It cuts times to the millisecond, nothing else.
    assertEquals(same.stdout.match(/^ {6}(?!UpdatedOn).*/gm), null, same.stdout + same.stderr);

    const rows = makeTable({ signalIds: await signalIds(), frames: 120 });
    await using running = Sttp.start("subscribe", address, "-n", String(rows.length));
    await program.next("subscribed");
    const path = stage.file();
    await Deno.writeTextFile(path, formatTable(rows));
    await program.send(`publish 200 ${path}`);
    const { code, stdout, stderr } = await running.ended;
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /lost 0\n$/);
    return compare(rows, stdout.trim().split("\n").map(lineOf));
  }),
  scenario("sttpapi subscribes: sttp publish --data", async (stage) => {
    const rows = makeTable({ signalIds: await signalIds(), frames: 120 });
    const args = [
      "--data",
      await writeNdjson(stage, rows),
      "--format",
      "ndjson",
      "--speed",
      "max",
      "--subscribers",
      "1",
      "--stay",
    ];
    await using running = Sttp.start(
      ...["publish", "--host", "127.0.0.1", "--port", "0", "--metadata", filePath(METADATA), ...args],
    );
    const [, port] = await running.says(/publisher\.started address=.*:(\d+)/);
    const { program, out } = stage.subscriber(Number(port), { filter: ALL });
    await using _program = program;
    await program.send(`expect ${rows.length}`);
    await program.next("reached");
    await program.quit();
    assertEquals(program.taken("error"), []);
    assertEquals((await running.terminate()).code, 0, running.stderr);
    return compare(rows, await readLines(out));
  }),
];
