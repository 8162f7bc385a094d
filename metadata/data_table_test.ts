import { assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { parseTicks } from "../transport/wire/ticks.ts";
import { DataSet } from "./data_set.ts";
import { DataTable } from "./data_table.ts";
import type { CellInput, DataType } from "./data_type.ts";
import { sameCell } from "./data_type.ts";
import { formatDecimal, parseDecimal } from "./decimal.ts";

function tableOf(...columns: [string, DataType, string?][]): DataTable {
  const table = new DataTable("T");
  for (const [name, type, expression] of columns) table.addColumn(name, type, expression);
  return table;
}

Deno.test("names are found in any case and kept in their spelling", () => {
  const table = tableOf(["PointTag", "string"]);
  assertEquals(table.column("POINTTAG"), table.columns[0]);
  assertEquals(table.column("pointtag")?.name, "PointTag");
  assertEquals(table.column("tag"), undefined);
  assertThrows(() => table.addColumn("POINTTAG", "int32"), TypeError, "already has a column");
  assertThrows(() => table.addColumn("", "int32"), TypeError, "needs a name");
  assertThrows(() => table.addColumn("X", "text" as DataType), TypeError, '"text" is not a data type');

  const dataSet = new DataSet("Set");
  dataSet.addTable(table);
  assertEquals(dataSet.table("t"), table);
  assertThrows(() => dataSet.addTable("t"), TypeError, "already has a table");
  assertEquals(dataSet.removeTable("t"), table);
  assertEquals(dataSet.removeTable("t"), undefined);
  assertEquals([dataSet.tables.length, dataSet.table("T")], [0, undefined]);
  assertThrows(() => new DataSet(""), TypeError);
  assertThrows(() => new DataTable(""), TypeError);
});

Deno.test("a cell takes what fits its type, and turns it into what it holds", () => {
  const guid = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
  const cases: [DataType, CellInput, unknown][] = [
    ["string", "x", "x"],
    ["string", null, null],
    ["string", undefined, null],
    ["guid", `{${guid.toUpperCase()}}`, guid],
    ["boolean", false, false],
    ["dateTime", new Date("2024-02-29T12:00:00.5Z"), parseTicks("2024-02-29T12:00:00.5Z")],
    ["dateTime", 5n, 5n],
    ["single", 0.1, Math.fround(0.1)],
    ["double", NaN, NaN],
    ["decimal", "2.50", "2.50"],
    ["decimal", 2.5, "2.5"],
    ["decimal", parseDecimal("-0.10")!, "-0.10"],
    ["int8", -128, -128],
    ["uint16", 65535, 65535],
    ["int64", 7, 7n],
    ["uint64", 18446744073709551615n, 18446744073709551615n],
  ];
  for (const [type, given, expected] of cases) {
    const value = tableOf(["A", type]).addRow({ a: given }).get("A");
    assertEquals(typeof value === "object" && value !== null ? formatDecimal(value) : value, expected);
  }
});

Deno.test("a cell refuses what does not fit", () => {
  const wrongType: [DataType, CellInput][] = [
    ["string", 1],
    ["guid", "x"],
    ["boolean", "true"],
    ["dateTime", 5],
    ["single", "1"],
    ["decimal", "one"],
    ["decimal", true],
    ["int32", 1.5],
    ["int32", 1n],
    ["int64", 1.5],
  ];
  for (const [type, value] of wrongType) {
    assertThrows(() => tableOf(["A", type]).addRow([value]), TypeError, undefined, type);
  }
  const outOfRange: [DataType, CellInput][] = [
    ["int8", 128],
    ["uint32", -1],
    ["int64", 1n << 63n],
    ["uint64", -1],
    ["dateTime", -1n],
    ["dateTime", 1n << 62n],
  ];
  for (const [type, value] of outOfRange) {
    assertThrows(() => tableOf(["A", type]).addRow([value]), RangeError, "T.A", type);
  }
  assertThrows(() => tableOf(["A", "string"]).addRow({ B: "x" }), TypeError, "T has no column B; it has A");
  assertThrows(() => tableOf(["A", "string"]).addRow(["x", "y"]), TypeError, "2 values for 1 columns");
});

Deno.test("a row that is refused leaves the table as it was", () => {
  const table = tableOf(["A", "string"], ["B", "int8"]);
  assertThrows(() => table.addRow(["x", 1000]), RangeError);
  assertEquals(table.rowCount, 0);
  assertEquals(table.addRow(["y", 1]).toObject(), { A: "y", B: 1 });
  assertThrows(() => table.addRows({ A: ["p", "q"], B: [1, 1000] }), RangeError);
  assertThrows(
    () => table.addRows({ A: ["p", "q"], B: [1] }),
    TypeError,
    "1 values, 2 in the columns before",
  );
  assertEquals(table.columns.map((column) => column.values), [["y"], [1]]);
});

Deno.test("whole columns, single cells, new columns, picked rows", () => {
  const table = tableOf(["A", "string"], ["B", "int32"]);
  table.addRows({ b: [1, 2, 3] });
  table.addRows({});
  table.addRows({ A: [] });
  const values = table.column("B")!.values;
  table.row(1).set("A", "two");
  table.set(0, 1, 10);
  table.addColumn("C", "boolean");
  assertEquals([...table].map((row) => row.toObject()), [
    { A: null, B: 10, C: null },
    { A: "two", B: 2, C: null },
    { A: null, B: 3, C: null },
  ]);
  assertEquals(table.column("B")!.values, values);
  const picked = table.pick([2, 1, 1]);
  assertEquals(picked.column("B")!.values, [3, 2, 2]);
  assertEquals(picked.rowCount, 3);
  assertThrows(() => table.pick([3]), RangeError, "T has no row 3");
  assertThrows(() => table.row(-1), RangeError);
  assertThrows(() => table.set(0, "Z", 1), TypeError, "no column Z");
  assertThrows(() => table.set(0, 9, 1), RangeError);
});

Deno.test("typed access says when the column is of another type", () => {
  const table = tableOf(["S", "string"], ["N", "int64"], ["D", "decimal"], ["B", "boolean"], [
    "T",
    "dateTime",
  ]);
  const row = table.addRow(["x", 9007199254740993n, "1.25", true, 5n]);
  assertEquals([row.string("s"), row.number("N"), row.number("d"), row.boolean("B"), row.ticks("T")], [
    "x",
    9007199254740992,
    1.25,
    true,
    5n,
  ]);
  assertThrows(() => row.string("N"), TypeError, "T.N is of type int64, expected string or guid");
  assertThrows(() => row.number("S"), TypeError, "expected numeric");
  assertThrows(() => row.boolean("S"), TypeError);
  assertThrows(() => row.ticks("S"), TypeError);
  assertThrows(() => row.get("Nix"), RangeError, "T has no column Nix; it has S, N, D, B, T");
  assertEquals(table.addRow().number("N"), null);
});

Deno.test("a computed column follows from the others, row by row and when they change", () => {
  const table = tableOf(["A", "int32"], ["Twice", "int64", "A * 2"], ["Text", "string", "'n' + Twice"]);
  const row = table.addRow({ A: 21 });
  table.addRow();
  assertEquals([row.get("Twice"), row.get("Text")], [42n, "n42"]);
  assertEquals(table.column("Twice")?.values, [42n, null]);
  row.set("A", 2);
  assertEquals(row.get("Text"), "n4");
  table.addRow({ A: -1 });
  assertEquals(table.column("Text")?.values, ["n4", null, "n-2"]);
  assertThrows(() => row.set("Twice", 1n), TypeError, "is computed");
  assertThrows(() => table.addRow({ Twice: 1n }), TypeError, "is computed");
  assertThrows(() => table.addRows({ Twice: [1n] }), TypeError, "is computed");
  assertEquals(table.pick([2]).row(0).get("Text"), "n-2");
});

Deno.test("the expression of a computed column may be wrong, and then says so when it is asked for", () => {
  const table = tableOf(
    ["A", "int32"],
    ["Bad", "int32", "A +"],
    ["Unknown", "int32", "Nix"],
    ["One", "int32", "Two"],
    ["Two", "int32", "One + 1"],
    ["Small", "int8", "A * 100"],
    ["Depends", "string", "'x' + Small"],
  );
  const row = table.addRow({ A: 3 });
  const problem = (name: string): string => {
    const error = assertThrows(() => row.get(name), SttpError);
    assertEquals(error.code, "InvalidFilter");
    return error.message.split(":")[0]!;
  };
  assertEquals(problem("Bad"), "computed column T.Bad");
  assertEquals(problem("Unknown"), "computed column T.Unknown");
  assertEquals(problem("Small"), "computed column T.Small");
  assertEquals(problem("Depends"), "computed column T.Small");
  assertThrows(() => row.get("One"), SttpError, "refers to itself");
  row.set("A", 1);
  assertEquals([row.get("Small"), row.get("Depends")], [100, "x100"]);
});

Deno.test("computed columns that build on each other cost no more than there are of them", () => {
  const table = tableOf(["C0", "decimal"]);
  // Worked out anew for each reference, the last would take 2^60 steps.
  for (let i = 1; i <= 60; i++) table.addColumn(`C${i}`, "decimal", `C${i - 1} + C${i - 1}`);
  const row = table.addRow({ C0: 1 });
  assertEquals(String(row.get("C60")), String(2n ** 60n));

  for (let i = 61; i <= 5000; i++) table.addColumn(`C${i}`, "decimal", `C${i - 1} + 1`);
  assertThrows(() => row.get("C5000"), SttpError, "depends on too many other computed columns");
});

Deno.test("cells are the same by value, decimals whatever their scale", () => {
  assertEquals(sameCell(parseDecimal("1.50")!, parseDecimal("1.5")!), true);
  assertEquals(sameCell(parseDecimal("1.50")!, parseDecimal("1.51")!), false);
  assertEquals(sameCell(NaN, NaN), true);
  assertEquals(sameCell(null, ""), false);
  assertEquals(sameCell(null, parseDecimal("0")!), false);
});

Deno.test("a misspelled column is told with the one that was probably meant", () => {
  const table = new DataTable("DeviceDetail");
  table.addColumn("Acronym", "string");
  table.addRow(["SHELBY"]);
  assertThrows(() => table.row(0).get("Acronim"), RangeError, "did you mean Acronym?");
  assertThrows(() => table.addRow({ Acronim: "A" }), TypeError, "did you mean Acronym?");
  assertThrows(() => table.row(0).get("Phase"), RangeError, "it has Acronym");
});

Deno.test("a row as JSON has text for what JSON has no number for", () => {
  const table = new DataTable("T");
  table.addColumn("Big", "int64");
  table.addColumn("Longitude", "decimal");
  table.addColumn("Name", "string");
  table.addColumn("Index", "int32");
  table.addRow([9007199254740993n, "2.50", null, 1]);
  assertEquals(
    JSON.stringify(table.row(0)),
    '{"Big":"9007199254740993","Longitude":"2.50","Name":null,"Index":1}',
  );
});
