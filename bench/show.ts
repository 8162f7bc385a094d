/**
 * Shows a run's results where people look: `deno run -A bench/show.ts FILE.json` draws results.svg beside this file
 * and writes the tables into README.md, between its two marks.
 *
 * @module
 */
import type { Machine } from "./harness/machine.ts";
import type { Findings, Table } from "./harness/report.ts";
import { plot } from "./plot.ts";

/** What `main.ts --json` writes. */
interface Results {
  readonly date: string;
  readonly machine: Machine;
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
    ...(skipped.length === 0
      ? []
      : [`Could not be installed and measured in this run: ${skipped.join(", ")}.`, ""]),
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
await Deno.writeTextFile(new URL("results.svg", import.meta.url), plot(figures));

const readme = new URL("README.md", import.meta.url);
const before = await Deno.readTextFile(readme);
const [head, rest] = before.split(BEGIN);
const tail = rest?.split(END)[1];
if (head === undefined || tail === undefined) throw new Error("README.md has lost its marks");
await Deno.writeTextFile(readme, `${head}${BEGIN}\n\n${text(results)}\n${END}${tail}`);
