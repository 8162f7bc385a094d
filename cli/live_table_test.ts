// What is looked for are escape sequences.
// deno-lint-ignore-file no-control-regex
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DataSet, MeasurementBatch, Metadata, SignalTable, Ticks } from "../mod.ts";
import { until } from "../tests/integration/support.ts";
import { SignalNames } from "./data/signal_names.ts";
import { LiveTable } from "./live_table.ts";
import { Output, type Sink } from "./output.ts";

const ids = Array.from({ length: 30 }, (_, n) => `0d5a1c9e-6a3b-4f6e-9c52-${String(n).padStart(12, "0")}`);

/** A terminal, and what is written to it. */
function terminal(fail = false): { output: Output; pictures: () => string[] } {
  let text = "";
  const out: Sink = {
    isTerminal: true,
    size: () => ({ columns: 100, rows: 12 }),
    write: (bytes) => {
      if (fail) return Promise.reject(new Deno.errors.BrokenPipe("gone"));
      text += new TextDecoder().decode(bytes);
      return Promise.resolve();
    },
  };
  return {
    output: new Output({ out, err: out, json: false, colours: true }),
    pictures: () => text.split("\x1b[H").slice(1),
  };
}

function names(tag: string): SignalNames {
  const dataSet = new DataSet();
  const table = dataSet.addTable("MeasurementDetail");
  table.addColumn("SignalID", "guid");
  table.addColumn("PointTag", "string");
  for (const id of ids) table.addRow([id, tag]);
  const metadata = new Metadata(dataSet);
  const signals = new SignalTable();
  for (const id of ids) signals.add(id);
  return new SignalNames(signals, () => metadata);
}

function batch(value: number): MeasurementBatch {
  const batch = new MeasurementBatch();
  ids.forEach((_, n) => batch.add(n, Ticks.parse("2024-03-01T12:30:00Z"), value, n === 0 ? 1 : 0));
  return batch;
}

Deno.test("the latest values, as many as there is room for, and the log below", async () => {
  const { output, pictures } = terminal();
  const table = new LiveTable(output, names("TAG"), () => "the title", 1);
  await table.write(batch(1.5));
  await table.write(batch(2.5));
  table.log("one");
  table.log("two");
  await until(() => pictures().at(-1)!.includes("two"));
  await table.finish();
  const picture = pictures().at(-1)!;
  assertMatch(picture, /^\x1b\[1mthe title\x1b\[0m/);
  assertMatch(picture, /TAG +2\.5 +2024-03-01T12:30:00Z +BadData/);
  assert(!picture.includes("1.5"));
  assertMatch(picture, /and 24 more[^]*one[^]*two/);
  assert(picture.split("\n").length <= 12);
  // The screen and the cursor of before.
  assert(picture.endsWith("\x1b[?25h\x1b[?1049l"));
});

Deno.test("nothing that a publisher sends acts on the terminal", async () => {
  const { output, pictures } = terminal();
  const table = new LiveTable(output, names("\x1b[2J\x07\u202eTAG\r\n"), () => "title\x1b]0;x\x07", 1);
  await table.write(batch(1));
  table.log("log\x1b[31m");
  await until(() => pictures().at(-1)!.includes("log"));
  await table.finish();
  const shown = pictures().at(-1)!.slice(0, -"\x1b[?25h\x1b[?1049l".length);
  const ours = /\x1b\[(?:[0-9]*m|K|J)|\n/g;
  assertEquals(/[\p{Cc}\p{Bidi_Control}]/u.exec(shown.replace(ours, "")), null);
});

Deno.test("a terminal that is gone ends it", async () => {
  const { output } = terminal(true);
  const table = new LiveTable(output, names("TAG"), () => "title", 1);
  let failure: unknown;
  for (let i = 0; i < 1000 && failure === undefined; i++) {
    await table.write(batch(1)).catch((error) => failure = error);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert(failure instanceof Deno.errors.BrokenPipe);
  await table.abandon().catch(() => {});
});
