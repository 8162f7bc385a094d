import { DataSet } from "../data_set.ts";
import { type DataTable, pickSteps } from "../data_table.ts";
import { finish, type Steps } from "../steps.ts";
import type { CompileOptions } from "./compile.ts";
import { compilation } from "./compile.ts";
import { DistinctRows, forEachOf, Selection } from "./select.ts";
import type { FilterStatement } from "./tree.ts";

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
  return finish(filterMetadataSteps(dataSet, text, options));
}

/** {@linkcode filterMetadata} in steps. */
export function* filterMetadataSteps(
  dataSet: DataSet,
  text: string,
  options: CompileOptions = {},
): Steps<DataSet> {
  const kept = new Map<DataTable, DistinctRows>();
  const check = (statement: FilterStatement): void => {
    if (statement.kind === "filter") return;
    throw compilation(text, undefined, options).error(
      "syntax",
      "metadata is narrowed table by table",
      statement,
      { expected: "FILTER table ..." },
    );
  };
  yield* new Selection(dataSet, text, options, check).run(function* ({ table, rows }): Steps<void> {
    const known = yield* DistinctRows.of(table, kept);
    yield* forEachOf(rows, (row) => void known.add(row));
  });
  const result = new DataSet(dataSet.name);
  for (const table of dataSet.tables) {
    const rows = kept.get(table);
    result.addTable(rows === undefined ? table : yield* pickSteps(table, rows.indexes));
  }
  return result;
}
