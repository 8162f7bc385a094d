/**
 * Every command `sttp` that talks to a publisher, at a terminal, with sttpapi's publisher.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { sttp, sttpCommand } from "../support/sttp.ts";
import { noTerminal, Terminal } from "../support/terminal.ts";
import { filePath } from "./partners.ts";
import { METADATA, type Scenario, scenario, signalIds, type Stage } from "./scenario.ts";
import { formatTable, makeTable } from "./table.ts";

/** A command at a terminal, and sttpapi's publisher, which publishes once somebody subscribes. */
interface Setting extends AsyncDisposable {
  readonly terminal: Terminal;
  /** Has data flow, for longer than anybody looks. */
  flow(): Promise<void>;
}

/** Starts a command; `ADDRESS` among its arguments becomes where the publisher is. */
async function start(stage: Stage, ...args: string[]): Promise<Setting> {
  const path = stage.file();
  await Deno.writeTextFile(path, formatTable(makeTable({ signalIds: await signalIds(), frames: 6000 })));
  const { program, port } = await stage.publisher();
  const address = `127.0.0.1:${port}`;
  const given = args.map((arg) => arg === "ADDRESS" ? address : arg);
  const terminal = Terminal.run(sttpCommand(...given), { columns: 120 });
  return {
    terminal,
    async flow(): Promise<void> {
      await program.next("subscribed");
      await program.send(`publish 100 ${path}`);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await terminal[Symbol.asyncDispose]();
      await program[Symbol.asyncDispose]();
    },
  };
}

/** A scenario at a terminal; where there is none, its name says so and it does nothing. */
function atTerminal(name: string, run: (stage: Stage) => Promise<string>): Scenario {
  return scenario(
    `sttpapi publishes: ${name} at a terminal${noTerminal}`,
    async (stage) => noTerminal === "" ? await run(stage) : `not tried:${noTerminal}`,
  );
}

/** Presses Ctrl-C and awaits the end, which is to be in order. */
async function interrupt(terminal: Terminal): Promise<string> {
  await terminal.type("\x03");
  assertEquals(await terminal.ended, 0, terminal.plain);
  return terminal.plain;
}

/** On a busy machine sttpapi takes its time before it publishes. */
const patient = ["--wait", "60s", "--timeout", "60s"];
const local = ["--host", "127.0.0.1", "--port", "0", "--progress", "100ms"];

export const sttpTerminal: Scenario[] = [
  atTerminal("the live table of sttp subscribe", async (stage) => {
    await using setting = await start(stage, "subscribe", "ADDRESS");
    const { terminal } = setting;
    await setting.flow();
    await terminal.shows(/[1-9]\d* signals .*\/s .*lag [^]*Signal +Type +Value +Unit +Time \(UTC\) +State/);
    await terminal.shows(/\S+ +FREQ +\S+ .* 2024-\d\d-\d\dT/);
    // It renews itself.
    const [, before] = /(2024-\d\d-\d\dT\S+)/.exec(terminal.plain)!;
    await terminal.shows(new RegExp(`2024-(?!${before!.slice(5).replaceAll(".", "\\.")})\\d\\d-\\d\\dT`));
    const shown = await interrupt(terminal);
    const [, result] = /([\d,]+ measurements of \d+ signals in .*lost 0)\r\n$/.exec(shown)!;
    return result!;
  }),
  atTerminal("the progress of sttp subscribe to a file", async (stage) => {
    const path = `${stage.file()}.csv`;
    await using setting = await start(stage, "subscribe", "ADDRESS", "-o", path, "--progress", "100ms");
    await setting.flow();
    await setting.terminal.shows(/\r[1-9][\d,]* measurements {2}[1-9]\d* signals {2}[1-9][\d,]*\/s {2}lag/);
    await interrupt(setting.terminal);
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    assertEquals(lines[0], "signalId,time,value,flags");
    assert(lines.length > 1);
    return `${lines.length - 1} lines`;
  }),
  atTerminal("sttp metadata and sttp filter", async (stage) => {
    await using tree = await start(stage, "metadata", "ADDRESS", "--tree");
    assertEquals(await tree.terminal.ended, 0, tree.terminal.plain);
    const expected = await sttp(["metadata", filePath(METADATA), "--tree"]);
    assertEquals(tree.terminal.plain.replaceAll("\r", ""), expected.stdout);
    const expression = "FILTER ActiveMeasurements WHERE SignalType = 'FREQ' ORDER BY PointTag";
    await using found = await start(stage, "filter", expression, "ADDRESS", "--columns", "PointTag,SignalID");
    assertEquals(await found.terminal.ended, 0, found.terminal.plain);
    const own = await sttp(["filter", expression, filePath(METADATA), "--columns", "PointTag,SignalID"]);
    assertEquals(found.terminal.plain.replaceAll("\r", ""), own.stdout + own.stderr);
    return own.stderr.trim();
  }),
  atTerminal("sttp probe", async (stage) => {
    await using setting = await start(stage, "probe", "ADDRESS", "--quick", "-d", "500ms", ...patient);
    const { terminal } = setting;
    await setting.flow();
    // Whatever it makes of this publisher, it is a verdict.
    assert([0, 1, 2].includes(await terminal.ended), terminal.plain);
    assertMatch(terminal.plain, /\rcounting measurements \.\.\.\r+STTP (OK|WARNING|CRITICAL) - /);
    assertMatch(terminal.plain, /\nData +[1-9][\d,]* measurements of [1-9]\d* signals/);
    return /STTP .*/.exec(terminal.plain)![0];
  }),
  atTerminal("sttp relay", async (stage) => {
    await using setting = await start(stage, "relay", "ADDRESS", ...local);
    const { terminal } = setting;
    await setting.flow();
    await terminal.shows(/relay\.live/);
    await terminal.shows(/\r[1-9][\d,]* published {2}[1-9][\d,]*\/s {2}0 connected/);
    const [result] = /[\d,]+ published .* dropped(?=\r\n$)/.exec(await interrupt(terminal))!;
    return result;
  }),
  atTerminal("sttp capture", async (stage) => {
    const path = stage.file();
    await using setting = await start(stage, "capture", "ADDRESS", "-o", path, "--progress", "100ms");
    const { terminal } = setting;
    await setting.flow();
    // More than there is to say before data flows.
    await terminal.shows(/\r1 connection, \d{2,3},\d{3} bytes/);
    await interrupt(terminal);
    const { code, stdout, stderr } = await sttp(["decode", path, "--only", "DataPacket"]);
    assertEquals(code, 0, stderr);
    assertMatch(stdout, / < DataPacket {2}TSSC /);
    return stderr.trim();
  }),
  atTerminal("sttp bench", async (stage) => {
    await using setting = await start(stage, "bench", "ADDRESS", "--duration", "500ms", "--timeout", "60s");
    const { terminal } = setting;
    await setting.flow();
    assertEquals(await terminal.ended, 0, terminal.plain);
    const row = /\r\n(TSSC, from 127\.0\.0\.1:\d+ +([\d,]+) .*)\r\n$/.exec(terminal.plain);
    assert(row !== null && row[2] !== "0", terminal.plain);
    return row[1]!;
  }),
];
