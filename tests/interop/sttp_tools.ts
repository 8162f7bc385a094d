/**
 * `sttp probe`, `sttp filter` and `sttp bench` at sttpapi's publisher; `sttp relay` and `sttp capture` with sttpapi on both
 * sides.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Ticks } from "../../transport/mod.ts";
import { Sttp, sttp } from "../support/sttp.ts";
import type { Program } from "./program.ts";
import { filePath } from "./partners.ts";
import { ALL, METADATA, type Scenario, scenario, signalIds, type Stage } from "./scenario.ts";
import { compare, formatRow, formatTable, makeTable, readLines, type Row } from "./table.ts";

/** Starts to publish a table, a frame every 5 ms. */
async function publish(stage: Stage, program: Program, rows: readonly Row[]): Promise<void> {
  const path = stage.file();
  await Deno.writeTextFile(path, formatTable(rows));
  await program.send(`publish 200 ${path}`);
}

/** Has sttpapi subscribe at a port and take so many measurements. @param ready Resolves when data may flow. */
async function subscribed(
  stage: Stage,
  port: number,
  count: number,
  ready: () => Promise<void>,
  flow: () => Promise<void>,
  settings: { metadata?: boolean } = {},
): Promise<string[]> {
  const { program, out } = stage.subscriber(port, { filter: ALL, ...settings });
  await using _program = program;
  await program.send(`expect ${count}`);
  await ready();
  await flow();
  await program.next("reached");
  await program.quit();
  assertEquals(program.taken("error"), []);
  return await readLines(out);
}

/** A measurement that `sttp decode` wrote, as the partners' programs write them. */
function lineOf({ signalId, time, value, flags }: Record<string, string | number>): string {
  const [bits] = new Uint32Array(Float32Array.of(Number(value)).buffer);
  return formatRow({
    signalId: String(signalId),
    ticks: Ticks.parse(String(time)),
    flags: Number(flags),
    bits: bits!,
  });
}

export const sttpTools: Scenario[] = [
  scenario("sttpapi publishes: sttp probe", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const rows = makeTable({ signalIds: await signalIds(), frames: 4000 });
    const probing = sttp(["probe", `127.0.0.1:${port}`, "--json", "--duration", "200ms", "--wait", "60s"]);
    await program.next("subscribed");
    await publish(stage, program, rows);
    const { stdout, stderr } = await probing;
    const report = JSON.parse(stdout || "{}");
    const { session, versions, compact } = report;
    assert(session !== null && session !== undefined, stdout + stderr);
    assertEquals([session.data.format, session.data.dropped], ["TSSC", {}]);
    assertEquals(session.metadata.tables.MeasurementDetail, (await signalIds()).length);
    return `versions ${
      versions.map(({ version, answer }: { version: number; answer: string }) => `${version} ${answer}`)
    }; ` +
      `${session.data.measurements} measurements; compact: ${compact.problem ?? "yes"}`;
  }),
  scenario("sttpapi publishes: sttp filter", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const address = `127.0.0.1:${port}`;
    const expressions = [
      "SignalType = 'FREQ'",
      "FILTER TOP 3 ActiveMeasurements WHERE SignalType LIKE '%PHM' ORDER BY PointTag DESC",
      "FILTER DeviceDetail WHERE True",
      "FILTER ActiveMeasurements WHERE False",
    ];
    const counts: number[] = [];
    for (const expression of expressions) {
      // Times of publisher's metadata are cut to the millisecond, so they are left out.
      const columns = [
        "--columns",
        expression.includes("DeviceDetail") ? "Acronym,Name" : "SignalID,PointTag",
      ];
      const from = async (source: string): Promise<string> => {
        const args = ["filter", expression, source, "--json", "--limit", "1000", ...columns];
        const { code, stdout, stderr } = await sttp(args);
        assertEquals(code, 0, stderr);
        return stdout;
      };
      const found = await from(address);
      assertEquals(found, await from(filePath(METADATA)));
      counts.push(JSON.parse(found).count);
    }
    assert(counts[0]! > 0 && counts[1] === 3 && counts[2]! > 0 && counts[3] === 0, String(counts));
    const wrong = await sttp(["filter", "Devce = 'X'", address]);
    assertEquals([wrong.code, wrong.stdout], [5, ""]);
    return `${counts.join(", ")} rows as from the file`;
  }),
  scenario("sttpapi publishes: sttp bench", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const rows = makeTable({ signalIds: await signalIds(), frames: 4000 });
    const measuring = sttp([
      "bench",
      `127.0.0.1:${port}`,
      "--duration",
      "500ms",
      "--timeout",
      "60s",
      "--json",
    ]);
    await program.next("subscribed");
    await publish(stage, program, rows);
    const { code, stdout, stderr } = await measuring;
    assertEquals(code, 0, stderr);
    const { measurements, rate, dropped } = JSON.parse(stdout);
    assert(measurements > 0 && rate > 0, stdout);
    assertEquals(dropped, {});
    return `${measurements} measurements, ${Math.round(rate)} a second`;
  }),
  scenario("sttpapi to sttp relay to sttpapi", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const rows = makeTable({ signalIds: await signalIds(), frames: 120 });
    await using relay = Sttp.start(
      ...["relay", `127.0.0.1:${port}`, "--host", "127.0.0.1", "--port", "0", "--admin", "0"],
    );
    const [, downstream] = await relay.says(/publisher\.started .*address=\S+:(\d+)/);
    const [, admin] = await relay.says(/admin is at (\S+)/);
    await relay.says(/relay\.live/);
    await program.next("subscribed");
    const lines = await subscribed(stage, Number(downstream), rows.length, async () => {
      let isReady = false;
      while (!isReady) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const response = await fetch(new URL("api/v1/connections?system=publisher", admin));
        isReady = /"confirmed":true/.test(await response.text());
      }
    }, () => publish(stage, program, rows));
    assertEquals((await relay.terminate()).code, 0, relay.stderr);
    return compare(rows, lines);
  }),
  scenario("sttpapi to sttp capture to sttpapi", async (stage) => {
    const { program, port } = await stage.publisher();
    await using _program = program;
    const rows = makeTable({ signalIds: await signalIds(), frames: 120 });
    const path = stage.file();
    await using capture = Sttp.start(
      "capture",
      `127.0.0.1:${port}`,
      "--listen",
      "127.0.0.1:0",
      "--output",
      path,
    );
    const [, near] = await capture.says(/waiting for subscribers on \S+:(\d+)/);
    const lines = await subscribed(
      stage,
      Number(near),
      rows.length,
      async () => {
        await program.next("subscribed");
      },
      () => publish(stage, program, rows),
      { metadata: false },
    );
    compare(rows, lines);
    await capture.says(/has ended/);
    assertEquals((await capture.terminate()).code, 0, capture.stderr);
    const { code, stdout } = await sttp(["decode", path, "--json", "--values"]);
    const messages = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals([code, messages.at(-1)?.problems], [0, 0]);
    return compare(rows, messages.flatMap(({ measurements = [] }) => measurements.map(lineOf)));
  }),
];
