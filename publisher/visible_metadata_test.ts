import { assertEquals, assertStrictEquals } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { finish } from "../metadata/steps.ts";
import { visibleMetadata } from "./visible_metadata.ts";

const id = (n: number): string => `9ae6dd95-bddb-5dd8-8717-00000000000${n}`;

/** A concentrator with two units, one with two phasors; a device that has nothing; and tables of an application's own. */
function everything(): DataSet {
  const dataSet = new DataSet("Grid");
  const devices = dataSet.addTable("DeviceDetail");
  for (const name of ["Acronym", "ParentAcronym"]) devices.addColumn(name, "string");
  devices.addRows({
    Acronym: ["PDC", "Shelby", "CORDOVA", "SPARE", "LOOP1", "LOOP2"],
    ParentAcronym: ["", "PDC", "PDC", "", "LOOP2", "LOOP1"],
  });
  const measurements = dataSet.addTable("MeasurementDetail");
  measurements.addColumn("DeviceAcronym", "string");
  measurements.addColumn("PhasorSourceIndex", "int32");
  measurements.addColumn("SignalID", "guid");
  measurements.addRows({
    DeviceAcronym: ["SHELBY", "SHELBY", "SHELBY", "CORDOVA", "LOOP1", null, "SHELBY"],
    PhasorSourceIndex: [1, 2, null, 1, null, null, null],
    SignalID: [id(1), id(2), id(3), id(4), id(5), id(6), null],
  });
  const phasors = dataSet.addTable("PhasorDetail");
  phasors.addColumn("DeviceAcronym", "string");
  phasors.addColumn("SourceIndex", "int32");
  phasors.addRows({ DeviceAcronym: ["SHELBY", "SHELBY", "CORDOVA"], SourceIndex: [1, 2, 1] });
  const alarms = dataSet.addTable("Alarms");
  alarms.addColumn("SignalID", "string");
  alarms.addColumn("DeviceAcronym", "string");
  alarms.addColumn("Text", "string");
  alarms.addRows({
    SignalID: [id(1), `{${id(4).toUpperCase()}}`, null, null, null],
    DeviceAcronym: [null, null, "SHELBY", "CORDOVA", null],
    Text: ["a signal's", "a hidden signal's", "a device's", "a hidden device's", "nobody's"],
  });
  const schema = dataSet.addTable("SchemaVersion");
  schema.addColumn("VersionNumber", "int32");
  schema.addRow([9]);
  return dataSet;
}

function names(dataSet: DataSet, table: string, column: string): unknown[] {
  return [...dataSet.table(table)!.column(column)!.values];
}

function shown(visible: readonly number[]): Record<string, unknown[]> {
  const dataSet = finish(
    visibleMetadata(everything(), (signalId) => visible.some((n) => id(n) === signalId)),
  );
  const phasors = dataSet.table("PhasorDetail")!;
  return {
    devices: names(dataSet, "DeviceDetail", "Acronym"),
    measurements: names(dataSet, "MeasurementDetail", "SignalID").map((signalId) =>
      Number(String(signalId).at(-1))
    ),
    phasors: Array.from(phasors, (row) => `${row.get("DeviceAcronym")} ${row.get("SourceIndex")}`),
    alarms: names(dataSet, "Alarms", "Text"),
    schema: names(dataSet, "SchemaVersion", "VersionNumber"),
  };
}

Deno.test("phasors and devices are shown that lead to a visible signal, and what is in front of those", () => {
  assertEquals(shown([1, 3]), {
    devices: ["PDC", "Shelby"],
    measurements: [1, 3],
    phasors: ["SHELBY 1"],
    alarms: ["a signal's", "a device's", "nobody's"],
    schema: [9],
  });
  assertEquals(shown([4]), {
    devices: ["PDC", "CORDOVA"],
    measurements: [4],
    phasors: ["CORDOVA 1"],
    alarms: ["a hidden signal's", "a hidden device's", "nobody's"],
    schema: [9],
  });
});

Deno.test("devices in front of each other in a circle; signals without a device; nothing at all", () => {
  assertEquals(shown([5]).devices, ["LOOP1", "LOOP2"]);
  assertEquals(shown([6]), {
    devices: [],
    measurements: [6],
    phasors: [],
    alarms: ["nobody's"],
    schema: [9],
  });
  assertEquals(shown([]), { devices: [], measurements: [], phasors: [], alarms: ["nobody's"], schema: [9] });
});

Deno.test("where measurements do not tell their phasors, those of visible devices are shown", () => {
  const dataSet = new DataSet();
  const measurements = dataSet.addTable("MeasurementDetail");
  measurements.addColumn("DeviceAcronym", "string");
  measurements.addColumn("SignalID", "string");
  measurements.addRow(["SHELBY", id(1)]);
  const phasors = dataSet.addTable("PhasorDetail");
  phasors.addColumn("DeviceAcronym", "string");
  phasors.addRow(["SHELBY"]);
  phasors.addRow(["CORDOVA"]);
  assertEquals(names(finish(visibleMetadata(dataSet, () => true)), "PhasorDetail", "DeviceAcronym"), [
    "SHELBY",
  ]);
});

Deno.test("tables that lose nothing are shared", () => {
  const dataSet = everything();
  const visible = finish(visibleMetadata(dataSet, (signalId) => signalId === id(1)));
  assertStrictEquals(visible.table("SchemaVersion"), dataSet.table("SchemaVersion"));
});
