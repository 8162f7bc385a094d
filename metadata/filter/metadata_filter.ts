import { DataSet } from "../data_set.ts";
import type { DataTable } from "../data_table.ts";
import type { CompileOptions } from "./compile.ts";
import { compilation } from "./compile.ts";
import { parseFilter } from "./parser.ts";
import { Selection } from "./select.ts";

/**
 * Narrows metadata as a subscriber asks for it (§3): the tables that the expression names keep only the rows that are
 * selected, in the order that is asked for; the others are kept whole. An empty expression narrows nothing.
 *
 * @param text `FILTER` statements with `;` between them; several for one table select the rows of all.
 * @throws {FilterError} When the expression can't be parsed, names what is not there, fails in a row, or holds anything
 * but `FILTER` statements.
 *
 * @example
 * ```ts
 * import { DataSet, filterMetadata } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const dataSet = new DataSet();
 * const devices = dataSet.addTable("DeviceDetail");
 * devices.addColumn("Acronym", "string");
 * devices.addRow(["SHELBY"]);
 * devices.addRow(["CORDOVA"]);
 *
 * const narrowed = filterMetadata(dataSet, "FILTER TOP 1 DeviceDetail ORDER BY Acronym");
 * assertEquals(narrowed.table("DeviceDetail")?.column("Acronym")?.values, ["CORDOVA"]);
 * ```
 */
export function filterMetadata(dataSet: DataSet, text: string, options: CompileOptions = {}): DataSet {
  for (const statement of parseFilter(text, options)) {
    if (statement.kind === "filter") continue;
    const context = compilation(text, undefined, options);
    throw context.error("syntax", "metadata is narrowed table by table", statement, {
      expected: "FILTER table ...",
    });
  }
  const kept = new Map<DataTable, Set<number>>();
  for (const { table, rows } of new Selection(dataSet, text, options).run()) {
    const known = kept.get(table) ?? new Set();
    kept.set(table, known);
    for (const row of rows) known.add(row);
  }
  const result = new DataSet(dataSet.name);
  for (const table of dataSet.tables) {
    const rows = kept.get(table);
    result.addTable(rows === undefined ? table : table.pick([...rows]));
  }
  return result;
}
