/** `sttp subscribe` at a terminal: the table, progress, colours. */
// What is looked for are escape sequences.
// deno-lint-ignore-file no-control-regex
import { assertEquals, assertMatch } from "@std/assert";
import { stripVTControlCharacters } from "node:util";
import { sttpCommand } from "../support/sttp.ts";
import { noTerminal, Terminal } from "../support/terminal.ts";
import { Meeting, until } from "../integration/support.ts";
import { publishWhile } from "./publish_while.ts";

const size = 20;
const ignore = noTerminal !== "";

Deno.test({
  name: `sttp subscribe at a terminal: a table that renews itself, until Ctrl-C${noTerminal}`,
  ignore,
  fn: async () => {
    await using meeting = await Meeting.start(size);
    const command = sttpCommand("subscribe", meeting.publisher.address);
    await using terminal = Terminal.run(command, { rows: 14, columns: 90 });
    await publishWhile(
      meeting,
      terminal.shows(/20 signals .*\/s .*lag .*\n?[^]*Signal +Type +Value +Unit +Time \(UTC\) +State/),
    );
    // On the other screen, without cursor, and no more lines than there is room for.
    assertMatch(terminal.text, /\x1b\[\?1049h\x1b\[\?25l/);
    assertMatch(terminal.text, /\x1b\[1m/);
    await publishWhile(meeting, terminal.shows(/DEVICE\d:\d+ +FREQ +\d+ +Hz +20\d\d-/));
    await publishWhile(meeting, terminal.shows(/and 12 more/));
    const drawn = terminal.text.split("\x1b[H").length;
    await publishWhile(meeting, until(() => terminal.text.split("\x1b[H").length >= drawn + 3));
    for (const picture of terminal.text.split("\x1b[H").slice(1)) {
      assertEquals(picture.split("\n").length <= 14, true);
    }
    await terminal.type("\x03");
    assertEquals(await terminal.ended, 0, terminal.plain);
    // The screen of before, with cursor, and then the result.
    assertMatch(terminal.text, /\x1b\[\?25h\x1b\[\?1049l[^]*measurements of 20 signals in/);
  },
});

Deno.test({
  name: `sttp subscribe at a terminal: progress on one line while a file is written${noTerminal}`,
  ignore,
  fn: async () => {
    await using meeting = await Meeting.start(size);
    const path = await Deno.makeTempFile({ suffix: ".csv" });
    const args = ["subscribe", meeting.publisher.address, "-o", path, "--progress", "100ms"];
    await using terminal = Terminal.run(sttpCommand(...args));
    await publishWhile(meeting, terminal.shows(/[1-9]\d*\/s {2}lag .*lost 0[^]*[1-9]\d*\/s {2}lag .*lost 0/));
    terminal.terminate();
    assertEquals(await terminal.ended, 0, terminal.plain);
    assertMatch(terminal.text, /\r\x1b\[K[\d,]+ measurements {2}20 signals/);
    assertMatch(terminal.plain, /measurements of 20 signals in .*lost 0\r?\n$/);
    await Deno.remove(path);
  },
});

Deno.test({
  name: `sttp at a terminal: colours, but not with NO_COLOR; help is as wide as the terminal${noTerminal}`,
  ignore,
  fn: async () => {
    await using coloured = Terminal.run(sttpCommand("subscribe", "--help"), { columns: 60 });
    assertEquals(await coloured.ended, 0);
    assertMatch(coloured.text, /\x1b\[1mUsage:\x1b\[0m/);
    await using plain = Terminal.run(sttpCommand("subscribe", "--help"), {
      columns: 100,
      env: { NO_COLOR: "1" },
    });
    assertEquals(await plain.ended, 0);
    assertEquals(plain.text.includes("\x1b["), false);
    const widest = (text: string): number =>
      Math.max(
        ...text.split(/\r?\n/).filter((line) => !line.startsWith("  sttp ")).map((line) => line.length),
      );
    assertEquals([widest(coloured.plain) <= 60, widest(plain.text) > 80], [true, true]);
  },
});

Deno.test({
  name: `sttp subscribe at a narrow terminal: names and values${noTerminal}`,
  ignore,
  fn: async () => {
    await using meeting = await Meeting.start(size);
    const command = sttpCommand("subscribe", meeting.publisher.address);
    await using terminal = Terminal.run(command, { rows: 8, columns: 20 });
    await publishWhile(
      meeting,
      terminal.shows(/Signal +Value.*\s+\.\.ICE\d:\d +\d+ .*\s+\.\.ICE\d:\d +\d+ /),
    );
    await terminal.type("\x03");
    assertEquals(await terminal.ended, 0, terminal.plain);
    const [, ...pictures] = terminal.text.split("\x1b[?1049l")[0]!.split("\x1b[H");
    for (const picture of pictures) {
      const lines = stripVTControlCharacters(picture).split("\r\n");
      assertEquals(lines.filter((line) => line.length > 20), []);
      assertEquals(lines.length <= 8, true);
    }
  },
});

Deno.test({
  name: `sttp subscribe at a terminal that can't go back writes lines${noTerminal}`,
  ignore,
  fn: async () => {
    await using meeting = await Meeting.start(size);
    const command = sttpCommand("subscribe", meeting.publisher.address, "-n", "5", "--progress", "0");
    await using terminal = Terminal.run(command, { env: { TERM: "dumb" } });
    assertEquals(await publishWhile(meeting, terminal.ended), 0);
    assertEquals(terminal.text.includes("\x1b"), false);
    assertMatch(terminal.plain, /^(\{"signalId".*\}\r?\n){5}5 measurements of 5 signals/);
  },
});
