import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { SttpError } from "../../transport/errors.ts";
import { DataSet } from "../data_set.ts";
import { DataTable } from "../data_table.ts";
import { FilterError } from "./errors.ts";
import { compileComputed, compileExpression } from "./evaluate.ts";
import { filterMetadata } from "./metadata_filter.ts";
import { compilePredicate, selectRows, selectSignalIds } from "./select.ts";

const IDS = Array.from({ length: 8 }, (_, i) => `00000000-0000-4000-8000-00000000000${i + 1}`);

/** Eight signals: rows 0 to 7 with tags T8 to T1 in mixed case, of two devices and none. */
function grid(): DataSet {
  const dataSet = new DataSet();
  const table = dataSet.addTable("ActiveMeasurements");
  for (const name of ["ID", "PointTag", "SignalType", "Device"]) table.addColumn(name, "string");
  table.addColumn("SignalID", "guid");
  table.addColumn("FramesPerSecond", "int32");
  table.addColumn("Adder", "double");
  table.addColumn("Enabled", "boolean");
  IDS.forEach((id, i) =>
    table.addRow({
      ID: `PPA:${i + 1}`,
      PointTag: `${i % 2 === 0 ? "t" : "T"}${8 - i}`,
      SignalType: i % 2 === 0 ? "FREQ" : "VPHM",
      Device: i < 3 ? "SHELBY" : i < 6 ? "CORDOVA" : null,
      SignalID: id,
      FramesPerSecond: i === 5 ? null : 30 * (i % 3),
      Adder: [0.5, -1, NaN, null, 2, 0.5, Infinity, 0][i]!,
      Enabled: [true, false, null][i % 3]!,
    })
  );
  const devices = dataSet.addTable("DeviceDetail");
  devices.addColumn("Acronym", "string");
  devices.addRow(["SHELBY"]);
  devices.addRow(["CORDOVA"]);
  return dataSet;
}

function rows(text: string): number[] {
  return selectRows(grid(), text).map((row) => row.index);
}

function fails(text: string, problem: string): FilterError {
  return assertThrows(() => selectRows(grid(), text), FilterError, problem);
}

Deno.test("WHERE selects rows in the table's order; a null is not true", () => {
  assertEquals(rows("FILTER ActiveMeasurements WHERE SignalType = 'freq'"), [0, 2, 4, 6]);
  assertEquals(rows("FILTER activemeasurements WHERE Device = 'SHELBY'"), [0, 1, 2]);
  assertEquals(rows("FILTER ActiveMeasurements WHERE Device <> 'SHELBY'"), [3, 4, 5]);
  assertEquals(rows("FILTER ActiveMeasurements WHERE NOT Device = 'SHELBY'"), [3, 4, 5]);
  assertEquals(rows("FILTER ActiveMeasurements WHERE Device IS NULL"), [6, 7]);
  assertEquals(rows("FILTER ActiveMeasurements WHERE NULL"), []);
  assertEquals(rows("FILTER ActiveMeasurements WHERE Enabled"), [0, 3, 6]);
  assertEquals(rows("FILTER ActiveMeasurements"), [0, 1, 2, 3, 4, 5, 6, 7]);
  assertEquals(rows("SignalType = 'VPHM' AND FramesPerSecond > 0"), [1, 7]);
});

Deno.test("TOP cuts after ORDER BY", () => {
  assertEquals(rows("FILTER TOP 2 ActiveMeasurements WHERE SignalType = 'FREQ'"), [0, 2]);
  assertEquals(rows("FILTER TOP 2 ActiveMeasurements WHERE SignalType = 'FREQ' ORDER BY ID DESC"), [6, 4]);
  assertEquals(rows("FILTER TOP 0 ActiveMeasurements"), []);
  assertEquals(rows("FILTER TOP -1 ActiveMeasurements WHERE Enabled"), [0, 3, 6]);
  assertEquals(rows("FILTER TOP 100 ActiveMeasurements WHERE Enabled"), [0, 3, 6]);
});

Deno.test("ORDER BY: without case unless BINARY, nulls first, false before true, equals in the table's order", () => {
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY PointTag"), [7, 6, 5, 4, 3, 2, 1, 0]);
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY BINARY PointTag"), [7, 5, 3, 1, 6, 4, 2, 0]);
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY Device"), [6, 7, 3, 4, 5, 0, 1, 2]);
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY Device DESC"), [0, 1, 2, 3, 4, 5, 6, 7]);
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY Enabled"), [2, 5, 1, 4, 7, 0, 3, 6]);
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY Adder"), [3, 2, 1, 7, 0, 5, 4, 6]);
  assertEquals(
    rows("FILTER ActiveMeasurements ORDER BY SignalType DESC, FramesPerSecond, ID DESC"),
    [5, 3, 7, 1, 6, 0, 4, 2],
  );
  assertEquals(rows("FILTER ActiveMeasurements ORDER BY SignalID DESC"), [7, 6, 5, 4, 3, 2, 1, 0]);
});

Deno.test("the top rows are the first of all that are ordered, however many", () => {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("N", "int32");
  table.addColumn("Text", "string");
  let state = 1;
  for (let i = 0; i < 500; i++) {
    state = Math.imul(state, 48271) & 0x7fffffff;
    table.addRow([state % 40, state % 7 === 0 ? "\u{1f600}" : `\uffee${state % 11}`]);
  }
  for (const order of ["N", "N DESC, Text", "Text, N", "BINARY Text DESC"]) {
    const all = selectRows(dataSet, `FILTER T ORDER BY ${order}`).map((row) => row.index);
    for (const top of [1, 2, 10, 100, 249, 251, 500, 600]) {
      const some = selectRows(dataSet, `FILTER TOP ${top} T ORDER BY ${order}`).map((row) => row.index);
      assertEquals(some, all.slice(0, top), `TOP ${top} by ${order}`);
    }
  }
});

Deno.test("statements select in turn, without duplicates", () => {
  assertEquals(rows("PPA:3; FILTER ActiveMeasurements WHERE Enabled; PPA:1; PPA:2"), [2, 0, 3, 6, 1]);
  assertEquals(rows("FILTER TOP 1 ActiveMeasurements ORDER BY ID DESC; Device = 'SHELBY';"), [7, 0, 1, 2]);
  assertEquals(rows(""), []);
});

Deno.test("signals are named by GUID, key and tag, in any case", () => {
  const guid = IDS[4]!;
  assertEquals(rows(guid.toUpperCase()), [4]);
  assertEquals(rows(`'${guid}'`), [4]);
  assertEquals(rows(`{${guid}}`), [4]);
  assertEquals(rows("ppa:5"), [4]);
  assertEquals(rows('"T4"'), [4]);
  assertEquals(rows('PPA:99; "none"; 00000000-0000-4000-8000-00000000ffff'), []);
  const many = [...IDS.map((id) => `{${id}}`), "ppa:1", "PPA:99", '"t8"', "PPA:3"].reverse().join(";");
  assertEquals(rows(many), [2, 0, 7, 6, 5, 4, 3, 1]);
});

Deno.test("a signal in quotes is found by tag, key and GUID, in this order", () => {
  assertEquals(rows('"PPA:3"'), [2]);
  assertEquals(rows(`"${IDS[3]}"`), [3]);
  assertEquals(rows(`"{${IDS[4]!.toUpperCase()}}"`), [4]);
  assertEquals(rows(`'${IDS[5]}'; '{${IDS[6]}}'`), [5, 6]);
  assertEquals(rows(`"t8"; "PPA:3"; "ppa:2"; "${IDS[3]}"; "{${IDS[7]}}"; "none"`), [0, 2, 1, 3, 7]);
  const dataSet = grid();
  const table = dataSet.table("ActiveMeasurements")!;
  table.row(6).set("PointTag", "PPA:3");
  table.row(7).set("PointTag", IDS[0]!);
  const select = (text: string) => selectRows(dataSet, text).map((row) => row.index);
  assertEquals(select(`"PPA:3"; "${IDS[0]}"`), [6, 7]);
  assertEquals(select(`PPA:3; ${IDS[0]}`), [2, 0]);
});

Deno.test("the first of several rows with one ID is meant", () => {
  const dataSet = grid();
  dataSet.table("ActiveMeasurements")!.addRow({ ID: "PPA:1", SignalID: IDS[0]! });
  assertEquals(selectRows(dataSet, "PPA:1").map((row) => row.index), [0]);
  assertEquals(selectRows(dataSet, `${IDS[0]};x:1;x:2;x:3;x:4;x:5`).map((row) => row.index), [0]);
});

Deno.test("signal IDs are lower case, without duplicates and nulls", () => {
  const dataSet = grid();
  const table = dataSet.table("ActiveMeasurements")!;
  table.addRow({ ID: "PPA:9" });
  table.addRow({ ID: "PPA:10", SignalID: IDS[0]! });
  table.addRow({ ID: "PPA:11", SignalID: "00000000-0000-0000-0000-000000000000" });
  assertEquals(selectSignalIds(dataSet, "True"), IDS);
  assertEquals(selectSignalIds(dataSet, "PPA:10; PPA:9; PPA:2"), [IDS[0]!, IDS[1]!]);
});

Deno.test("other tables and other columns can hold the signals", () => {
  const dataSet = new DataSet();
  const table = dataSet.addTable("Points");
  table.addColumn("UniqueID", "string");
  table.addColumn("Name", "string");
  table.addRow([`{${IDS[2]!.toUpperCase()}}`, "X:1"]);
  const options = { primaryTable: "Points", idColumns: { signalId: "UniqueID", key: "Name" } };
  assertEquals(selectSignalIds(dataSet, "x:1", options), [IDS[2]!]);
  assertEquals(selectSignalIds(dataSet, IDS[2]!, options), [IDS[2]!]);
  assertThrows(
    () => selectSignalIds(dataSet, '"tag"', options),
    FilterError,
    "Points has no column PointTag",
  );
  assertThrows(
    () => selectSignalIds(grid(), "FILTER DeviceDetail"),
    FilterError,
    "DeviceDetail has no column SignalID",
  );
});

Deno.test("unknown names are told with what was probably meant", () => {
  const table = fails("FILTER ActiveMeasurement WHERE True", "there is no table ActiveMeasurement");
  assertEquals([table.kind, table.column, table.suggestion], ["name", 8, "ActiveMeasurements"]);
  const column = fails("FILTER ActiveMeasurements WHERE SingalType = 'FREQ'", "has no column SingalType");
  assertEquals([column.column, column.found, column.suggestion], [33, "SingalType", "SignalType"]);
  assertEquals(fails("FILTER ActiveMeasurements ORDER BY Tag", "no column Tag to order by").column, 36);
  assertEquals(fails("x", "has no column x").suggestion, undefined);
  assertThrows(() => selectRows(new DataSet(), "PPA:1"), FilterError, "there is no table ActiveMeasurements");
});

Deno.test("a condition must be one, whether there are rows or not", () => {
  fails("FILTER ActiveMeasurements WHERE 1", "WHERE is an int32");
  fails("FILTER ActiveMeasurements WHERE IIF(Enabled, True, 1)", "WHERE is a boolean or an int32");
  fails("Device", "WHERE is a string");
  const empty = new DataSet();
  empty.addTable("T").addColumn("A", "string");
  assertThrows(() => selectRows(empty, "FILTER T WHERE A * 1 = 1"), FilterError, "* can't be applied");
  assertThrows(() => selectRows(empty, "FILTER T ORDER BY B"), FilterError, "no column B");
  assertThrows(() => selectRows(empty, "FILTER TOP 0 T WHERE 1 = 'a'"), FilterError, "can't be compared");
});

Deno.test("an error in a row is an error of the selection", () => {
  const error = fails("FILTER ActiveMeasurements WHERE 10 / FramesPerSecond > 0", "division by zero");
  assertEquals([error.kind, error.found], ["value", "FramesPerSecond"]);
  assertEquals(error.code, "InvalidFilter");
  assertEquals(
    rows("FILTER ActiveMeasurements WHERE IIF(FramesPerSecond > 0, 60 / FramesPerSecond > 1, False)"),
    [1, 4, 7],
  );
});

Deno.test("metadata is narrowed table by table", () => {
  const dataSet = grid();
  const narrowed = filterMetadata(
    dataSet,
    "FILTER TOP 1 ActiveMeasurements ORDER BY ID DESC; FILTER ActiveMeasurements WHERE ID IN ('PPA:1', 'PPA:8')",
  );
  assertEquals(narrowed.table("ActiveMeasurements")!.column("ID")!.values, ["PPA:8", "PPA:1"]);
  assertStrictEquals(narrowed.table("DeviceDetail"), dataSet.table("DeviceDetail"));
  assertEquals(narrowed === dataSet, false);
  assertEquals(filterMetadata(dataSet, "").table("ActiveMeasurements")!.rowCount, 8);
  assertEquals(filterMetadata(dataSet, "FILTER DeviceDetail WHERE False").table("DeviceDetail")!.rowCount, 0);
  assertThrows(() => filterMetadata(dataSet, "PPA:1"), FilterError, "narrowed table by table");
  assertThrows(() => filterMetadata(dataSet, "FILTER Nowhere"), FilterError, "there is no table Nowhere");
});

Deno.test("a predicate is compiled once and sees rows that are added later", () => {
  const table = grid().table("ActiveMeasurements")!;
  const test = compilePredicate(table, "Device LIKE 'AUS%'");
  assertEquals(test(0), false);
  table.addRow({ Device: "Austin" });
  assertEquals(test(8), true);
  assertThrows(() => compilePredicate(table, "FILTER T WHERE True"), FilterError, "not a condition");
  assertThrows(() => compilePredicate(table, "True; False"), FilterError, "not a condition");
  assertThrows(() => compilePredicate(table, ""), FilterError, "not a condition");
});

Deno.test("an expression is compiled once, with the types that it may have", () => {
  const table = grid().table("ActiveMeasurements")!;
  const frames = compileExpression("FramesPerSecond * 2", table);
  assertEquals(frames.types, ["int32"]);
  assertEquals([frames.evaluate(1), frames.evaluate(5)], [{ type: "int32", value: 60 }, {
    type: "int32",
    value: null,
  }]);
  const either = compileExpression("COALESCE(Device, FramesPerSecond)", table);
  assertEquals(either.types, ["string", "int32"]);
  assertEquals([either.evaluate(0), either.evaluate(7)], [
    { type: "string", value: "SHELBY" },
    { type: "int32", value: 30 },
  ]);
  assertThrows(
    () => compileExpression("Device", undefined),
    FilterError,
    "no table to find the column Device in",
  );
});

Deno.test("computed columns are converted to their type, and refer to each other", () => {
  const table = new DataTable("T");
  table.addColumn("A", "int32");
  table.addColumn("Twice", "int64", "A * 2");
  table.addColumn("Label", "string", "'x' + Twice");
  table.addColumn("Byte", "uint8", "A * 100");
  table.addColumn("Half", "single", "A / 3e0");
  table.addColumn("Loop", "int32", "Loop + 1");
  table.addColumn("Wrong", "guid", "A");
  table.addRow({ A: 2 });
  table.addRow({ A: 3 });
  table.addRow({});
  assertEquals(table.column("Label")!.values, ["x4", "x6", null]);
  assertEquals(table.column("Twice")!.values, [4n, 6n, null]);
  assertEquals(table.column("Half")!.at(0), Math.fround(2 / 3));
  assertEquals(table.row(0).get("Byte"), 200);
  assertThrows(() => table.row(1).get("Byte"), SttpError, "does not fit");
  assertThrows(() => table.row(0).get("Loop"), SttpError, "refers to itself");
  assertThrows(() => table.row(0).get("Wrong"), SttpError, "the expression is an int32");
  assertEquals(compilePredicate(table, "Twice > 4")(1), true);
  assertEquals(compileComputed("A = 2", table, "int8")(0), 1);
  const dataSet = new DataSet();
  dataSet.addTable(table);
  assertEquals(selectRows(dataSet, "FILTER T ORDER BY Label DESC").map((row) => row.index), [1, 0, 2]);
});
