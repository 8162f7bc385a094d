import { assertEquals } from "@std/assert";
import { compareDataSets } from "./changes.ts";
import { DataSet } from "./data_set.ts";
import type { CellInput } from "./data_type.ts";

function devices(column: string, ...rows: CellInput[][]): DataSet {
  const dataSet = new DataSet();
  const table = dataSet.addTable("DeviceDetail");
  table.addColumn("Acronym", "string");
  table.addColumn(column, "decimal");
  for (const row of rows) table.addRow(row);
  return dataSet;
}

const options = { keys: { DeviceDetail: "Acronym" } };

Deno.test("changes show themselves: a line a table, its columns, its first rows", () => {
  const before = devices("Longitude", ["A", "-89.80"], ["B", null], ["C", "1"]);
  const after = devices(
    "Longitude",
    ["A", "-89.81"],
    ["B", null],
    ...Array.from("DEFGHI", (name) => [name, "2"]),
  );
  const changes = compareDataSets(before, after, options);
  assertEquals(
    Deno.inspect(changes),
    `DataSetChanges
  DeviceDetail: 6 rows added, 1 row removed, 1 row changed, 1 the same
    + D
    + E
    + F
    + G
    + H
    ... 1 more row
    - C
    ~ A: Longitude -89.80 -> -89.81`,
  );
  assertEquals(Deno.inspect([changes]), "[ DataSetChanges { 6 added, 1 removed, 1 changed } ]");
});

Deno.test("columns that came and went, tables that did, and control characters of a peer", () => {
  const before = devices("Longitude", ["A\x1b[2J", "1"]);
  before.addTable("Old");
  const after = devices("Latitude", ["B", "1"]);
  assertEquals(
    Deno.inspect(compareDataSets(before, after, options)),
    `DataSetChanges
  DeviceDetail: 1 row added, 1 row removed
    columns: + Latitude, - Longitude
    + B
    - A [2J
  Old: removed`,
  );
  assertEquals(Deno.inspect(compareDataSets(after, after)), "DataSetChanges: none");
});
