/**
 * Shows a run's results where people look: `deno run -A bench/show.ts FILE.json` draws results.svg beside this file
 * and writes the tables into README.md, between its two marks. Only a full run is shown: not a quick one, nor one of
 * some benchmarks only.
 *
 * @module
 */
import { filePath } from "../tests/interop/partners.ts";
import type { Machine } from "./harness/machine.ts";
import type { Findings, Table } from "./harness/report.ts";
import { plot } from "./plot.ts";

/** What `main.ts --json` writes. */
interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly quick: boolean;
  readonly only: readonly string[];
  readonly skipped: readonly string[];
  readonly sections: Readonly<
    Record<string, Findings & { readonly title: string; readonly seconds: number }>
  >;
  readonly goals?: Table;
}

const BEGIN = "<!-- results: written by show.ts -->";
const END = "<!-- end of results -->";

function markdown({ title, header, rows }: Table, level: string): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = header.map((_, i) => i === 0 ? "---" : "--:");
  return [`${level} ${title}`, "", line(header), line(rule), ...rows.map(line), ""].join("\n");
}

function text({ date, machine, skipped, sections, goals }: Results): string {
  const parts = [
    `${Object.values(machine).join("; ")}. ${date.slice(0, 10)}.`,
    "",
    ...(skipped.length === 0 ? [] : [`Could not be measured in this run: ${skipped.join(", ")}.`, ""]),
    ...(goals === undefined ? [] : [markdown({ ...goals, header: ["goal", "measured", "result"] }, "###")]),
  ];
  for (const { tables, notes = [] } of Object.values(sections)) {
    for (const table of tables) parts.push(markdown(table, "###"));
    if (notes.length > 0) parts.push(notes.join(" "), "");
  }
  return parts.join("\n");
}

const [from] = Deno.args;
if (from === undefined) {
  console.error("usage: show.ts RESULTS.json");
  Deno.exit(2);
}
const results: Results = JSON.parse(await Deno.readTextFile(from));
const figures = Object.assign({}, ...Object.values(results.sections).map((section) => section.figures));
if (results.quick || results.only.length > 0) {
  console.error(`${from} is of a run with ${results.quick ? "--quick" : "--only"}; only a full run is shown`);
  Deno.exit(1);
}
const drawing = new URL("results.svg", import.meta.url);
await Deno.writeTextFile(drawing, plot(figures));

const readme = new URL("README.md", import.meta.url);
const before = await Deno.readTextFile(readme);
const [head, rest] = before.split(BEGIN);
const tail = rest?.split(END)[1];
if (head === undefined || tail === undefined) throw new Error("README.md has lost its marks");
await Deno.writeTextFile(readme, `${head}${BEGIN}\n\n${text(results)}\n${END}${tail}`);

// Both are laid out as everything else here, or the check of that fails.
const args = ["fmt", "--quiet", filePath(readme), filePath(drawing)];
const { success } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
if (!success) Deno.exit(1);
