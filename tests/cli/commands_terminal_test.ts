/** The commands of `sttp` at a terminal, but for `subscribe`: progress on a line that changes, colours, Ctrl-C. */
// What is looked for are escape sequences.
// deno-lint-ignore-file no-control-regex
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CertificateAuthority } from "../../mod.ts";
import { Meeting, until } from "../integration/support.ts";
import { withFolder } from "../support/folder.ts";
import { sttpCommand } from "../support/sttp.ts";
import { noTerminal, Terminal } from "../support/terminal.ts";
import { publishWhile } from "./publish_while.ts";

const local = ["--host", "127.0.0.1", "--port", "0"];
const often = ["--progress", "100ms"];

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${noTerminal}`, ignore: noTerminal !== "", fn });
}

/** Fails when a line of progress is longer than the terminal is wide: then it would scroll. */
function assertFits({ text }: Terminal, columns: number): void {
  for (const [, line] of text.matchAll(/\r\x1b\[K([^\r\n\x1b]*)(?=\r|$)/g)) {
    assert(line!.length < columns, line);
  }
}

/** Presses Ctrl-C. @returns All that was shown; ended by 0. */
async function interrupt(terminal: Terminal): Promise<string> {
  await terminal.type("\x03");
  assertEquals(await terminal.ended, 0, terminal.plain);
  return terminal.plain;
}

test("sttp publish at a terminal: the log, and below it progress on one line", async () => {
  await using terminal = Terminal.run(
    sttpCommand("publish", ...local, "--grid", "1", "--rate", "100", ...often),
    { columns: 40 },
  );
  await terminal.shows(/publisher\.started address=/);
  await terminal.shows(/\r[1-9][\d,]* published[^]*\r[1-9][\d,]* published/);
  assertFits(terminal, 40);
  const shown = await interrupt(terminal);
  assertMatch(shown, /\r[\d,]+ published {2}[\d,]+\/s {2}0 connected {2}0 sent {2}0 dropped\r\n$/);
});

for (const [what, redirected] of [["", ""], [", its input from elsewhere", "< /dev/null"]] as const) {
  test(`sttp publish at a terminal that hangs up${what}: an end in order`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/log`;
      // The log goes elsewhere, to be seen afterwards.
      const command = [
        "sh",
        "-c",
        `exec "$@" 2> "$0" ${redirected}`,
        path,
        ...sttpCommand("publish", ...local, "--grid", "1"),
      ];
      await using terminal = Terminal.run(command);
      const says = (pattern: RegExp): Promise<void> =>
        until(async () => pattern.test(await Deno.readTextFile(path).catch(() => "")));
      await says(/publisher\.started/);
      await terminal.hangUp();
      await says(/publisher\.stopped[^]*\n[\d,]+ published {2}.* dropped\n$/);
    }));
}

test("sttp relay at a terminal: progress of what goes on", async () => {
  await using meeting = await Meeting.start(20);
  await using terminal = Terminal.run(sttpCommand("relay", meeting.publisher.address, ...local, ...often));
  await publishWhile(meeting, terminal.shows(/\r[1-9][\d,]* published {2}[1-9][\d,]*\/s {2}0 connected/));
  assertMatch(terminal.text, /\r\x1b\[K[\d,]+ published/);
  assertMatch(await interrupt(terminal), /[\d,]+ published .* dropped\r\n$/);
});

test("sttp capture at a terminal: how much has been recorded", () =>
  withFolder(async (folder) => {
    await using meeting = await Meeting.start(20);
    const path = `${folder}/session.sttpcap`;
    const args = ["capture", meeting.publisher.address, "-o", path, ...often];
    await using terminal = Terminal.run(sttpCommand(...args), { columns: 60 });
    const grows = /\r1 connection, ([\d,]+) bytes[^]*\r1 connection, (?!\1 )[\d,]+ bytes/;
    await publishWhile(meeting, terminal.shows(grows));
    assertFits(terminal, 60);
    const shown = await interrupt(terminal);
    assertMatch(shown, /connected to 127[^]*1 connection, [\d,]+ bytes recorded in .*session\.sttpcap\r\n$/);
  }));

test("sttp probe at a terminal: what it tries, then the verdict in colour", async () => {
  await using meeting = await Meeting.start(20);
  const args = ["probe", meeting.publisher.address, "--duration", "200ms", "--wait", "1m", "--timeout", "1m"];
  await using terminal = Terminal.run(sttpCommand(...args));
  assertEquals(await publishWhile(meeting, terminal.ended), 0, terminal.plain);
  const steps = [...terminal.plain.matchAll(/\r([a-z][^\r]*?) \.\.\./g)].map((match) => match[1]!);
  assertEquals(steps[0], "asking for version 3");
  assertEquals(steps.slice(-3), ["counting measurements", "trying compact measurements", "trying UDP"]);
  // The line of what it tries is gone before the verdict.
  assertMatch(terminal.text, /\r\x1b\[KSTTP \x1b\[32mOK\x1b\[0m - /);
  assertMatch(terminal.text, /\x1b\[1mVersions +\x1b\[0m3 {2}accepted/);
});

test("sttp bench at a terminal: what is measured now, then all of it", async () => {
  const args = [
    "bench",
    "--duration",
    "200ms",
    "--signals",
    "50",
    "--batch",
    "10",
    "--rate",
    "1000",
    "--timeout",
    "1m",
  ];
  await using terminal = Terminal.run(sttpCommand(...args), { columns: 120 });
  assertEquals(await terminal.ended, 0, terminal.plain);
  const what = ["TSSC, as fast as both can", "compact, as fast as both can", "TSSC, 1,000/s by 10"];
  for (const text of what) assert(terminal.text.includes(`\r\x1b[K${text} ...`), terminal.text);
  assertMatch(terminal.text, /\r\x1b\[K\x1b\[1m +measurements\/s/);
  for (const text of what) assertMatch(terminal.plain, new RegExp(`\n${text} +[\\d,]+ `));
});

test("sttp metadata and sttp filter at a terminal: headings stand out, mistakes are red", async () => {
  await using meeting = await Meeting.start(20);
  const { address } = meeting.publisher;
  await using tables = Terminal.run(sttpCommand("metadata", address));
  assertEquals(await tables.ended, 0, tables.plain);
  assertMatch(tables.text, /^\x1b\[1mTable +Rows +Columns\x1b\[0m\r\n/);
  await using tree = Terminal.run(sttpCommand("metadata", address, "--tree"));
  assertEquals(await tree.ended, 0, tree.plain);
  assertMatch(tree.plain, /^DEVICE0 {2}Device 0\r\n\u251c\u2500 DEVICE0:0 {2}FREQ/);
  await using found = Terminal.run(
    sttpCommand("filter", "SignalType = 'FREQ'", address, "--columns", "PointTag,Device"),
  );
  assertEquals(await found.ended, 0, found.plain);
  assertMatch(
    found.text,
    /^\x1b\[1mPointTag +Device\x1b\[0m\r\nDEVICE0:0 +DEVICE0\r\n[^]*\r\n5 selected\r\n$/,
  );
  await using wrong = Terminal.run(sttpCommand("filter", "SignalType ="));
  assertEquals(await wrong.ended, 5, wrong.plain);
  assertMatch(wrong.text, /^\x1b\[31msttp:\x1b\[0m .*\r\n {2}SignalType =\r\n {14}\^\r\n$/);
});

test("sttp certificates and sttp completions at a terminal", () =>
  withFolder(async (folder) => {
    const path = `${folder}/ca.pem`;
    await Deno.writeTextFile(path, (await CertificateAuthority.create()).certificate);
    await using shown = Terminal.run(sttpCommand("certificates", path));
    assertEquals(await shown.ended, 0, shown.plain);
    assert(shown.text.startsWith(`\x1b[1m${path}\x1b[0m\r\n  subject `), shown.text);
    await using script = Terminal.run(sttpCommand("completions", "bash"));
    assertEquals(await script.ended, 0);
    assertMatch(script.text, /^# Completes sttp in bash\.\r\n[^\x1b]*complete -F _sttp sttp\r\n$/);
  }));

test("sttp at a narrow terminal: help fits, whatever can be broken", async () => {
  for (const args of [["--help"], ["publish", "--help"], ["subscribe", "--help"]]) {
    await using terminal = Terminal.run(sttpCommand(...args), { columns: 30 });
    assertEquals(await terminal.ended, 0);
    const lines = terminal.plain.split("\r\n").filter((line) => !line.startsWith("  sttp "));
    // Only a name and its value may be longer, as they can't be broken.
    const long = lines.filter((line) => line.length > 30 && !/^ +\S*(, --\S+)?( \S+)?$/.test(line));
    assertEquals(long, []);
  }
});

test("sttp at a terminal: Ctrl-C while it waits for somebody ends in order", () =>
  withFolder(async (folder) => {
    await using listening = Terminal.run(sttpCommand("subscribe", "--listen", "0"));
    await listening.shows(/Listening on .*:\d+/);
    assertMatch(await interrupt(listening), /no measurements\r\n$/);
    await using meeting = await Meeting.start(10);
    const between = ["--listen", "127.0.0.1:0", "-o", `${folder}/session.sttpcap`];
    await using capture = Terminal.run(sttpCommand("capture", meeting.publisher.address, ...between));
    await capture.shows(/waiting for subscribers on /);
    assertMatch(await interrupt(capture), /0 connections, [\d,]+ bytes recorded in /);
  }));
