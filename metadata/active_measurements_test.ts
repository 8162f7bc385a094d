import { assert, assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { deriveActiveMeasurements } from "./active_measurements.ts";
import { DataSet } from "./data_set.ts";
import type { DataTable } from "./data_table.ts";
import type { CellInput, DataType } from "./data_type.ts";
import { formatDecimal } from "./decimal.ts";

type Row = Record<string, CellInput>;

/** A table whose columns are those of its rows. */
function addTable(dataSet: DataSet, name: string, types: Record<string, DataType>, rows: Row[]): DataTable {
  const table = dataSet.addTable(name);
  for (const [column, type] of Object.entries(types)) table.addColumn(column, type);
  for (const row of rows) table.addRow(row);
  return table;
}

function plain(table: DataTable, row: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table.row(row).toObject()).map(([name, value]) => [
      name,
      typeof value === "object" && value !== null ? formatDecimal(value) : value,
    ]),
  );
}

async function fixture(name: string): Promise<DataSet> {
  return await DataSet.fromXml(Deno.readFileSync(new URL(`./testdata/${name}`, import.meta.url)));
}

const SIGNAL = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

Deno.test("a phasor's magnitude: all 25 columns", async () => {
  const dataSet = await fixture("openpdc.xml");
  const derived = deriveActiveMeasurements(dataSet, {
    sourceNodeId: "{11111111-2222-4333-8444-555555555555}",
  });
  const table = derived.table("activemeasurements")!;
  assertEquals(table.rowCount, dataSet.table("MeasurementDetail")!.rowCount);
  const row = [...table].findIndex((candidate) => candidate.get("ID") === "PPA:7");
  const source = dataSet.table("MeasurementDetail")!.row(row);
  assertEquals(plain(table, row), {
    SourceNodeID: "11111111-2222-4333-8444-555555555555",
    ID: "PPA:7",
    SignalID: "ee130f0f-8c94-414f-b081-9551ffb73753",
    PointTag: "TVA_SHELBY-BUS2:ABBV",
    AlternateTag: null,
    SignalReference: "SHELBY-PM2",
    Internal: 1,
    Subscribed: 0,
    Device: "SHELBY",
    DeviceID: 0,
    FramesPerSecond: 30,
    Protocol: "IEEE 1344-1995",
    ProtocolType: "Frame",
    SignalType: "VPHM",
    EngineeringUnits: "Volts",
    PhasorID: 2,
    PhasorType: "V",
    Phase: "+",
    Adder: 0,
    Multiplier: 1,
    Company: "TVA",
    Longitude: "-89.803800",
    Latitude: "35.387100",
    Description: source.get("Description"),
    UpdatedOn: source.get("UpdatedOn"),
  });
});

Deno.test("the other tables stay, shared; an older ActiveMeasurements goes", async () => {
  const dataSet = await fixture("grid.xml");
  dataSet.addTable("ACTIVEMEASUREMENTS");
  const derived = deriveActiveMeasurements(dataSet);
  assertEquals(derived.table("DeviceDetail"), dataSet.table("DeviceDetail"));
  assertEquals(derived.tables.length, dataSet.tables.length);
  const table = derived.table("ActiveMeasurements")!;
  assertEquals(table.columns.length, 25);
  assertEquals(dataSet.table("ActiveMeasurements")?.columns.length, 0);
  // Writing to one does not write to the other.
  table.set(0, "PointTag", "changed");
  assert(dataSet.table("MeasurementDetail")!.row(0).get("PointTag") !== "changed");
});

Deno.test("the least that there can be: a signal ID", () => {
  const dataSet = new DataSet();
  addTable(dataSet, "MeasurementDetail", { signalid: "guid" }, [{ signalid: SIGNAL(1) }, {}]);
  const table = deriveActiveMeasurements(dataSet).table("ActiveMeasurements")!;
  const empty = Object.fromEntries(table.columns.map((column) => [column.name, null]));
  const fixed = {
    ...empty,
    Internal: 0,
    Subscribed: 0,
    FramesPerSecond: 30,
    SignalType: "CALC",
    EngineeringUnits: "",
    Adder: 0,
    Multiplier: 1,
  };
  assertEquals(plain(table, 0), { ...fixed, SignalID: SIGNAL(1) });
  assertEquals(plain(table, 1), fixed);

  assertEquals(deriveActiveMeasurements(new DataSet()).table("ActiveMeasurements")?.rowCount, 0);
  const nameless = new DataSet();
  addTable(nameless, "MeasurementDetail", { PointTag: "string" }, [{ PointTag: "x" }]);
  const error = assertThrows(() => deriveActiveMeasurements(nameless), SttpError, "no column SignalID");
  assertEquals(error.code, "InvalidMetadata");
  assertThrows(() => deriveActiveMeasurements(dataSet, { sourceNodeId: "here" }), TypeError);
});

Deno.test("disabled measurements are left out, those of unknown state are not", () => {
  for (
    const [type, yes, no] of [["boolean", true, false], ["int32", 1, 0], ["string", "True", "false"]] as const
  ) {
    const dataSet = new DataSet();
    addTable(dataSet, "MeasurementDetail", { SignalID: "guid", Enabled: type }, [
      { SignalID: SIGNAL(1), Enabled: yes },
      { SignalID: SIGNAL(2), Enabled: no },
      { SignalID: SIGNAL(3) },
    ]);
    const table = deriveActiveMeasurements(dataSet).table("ActiveMeasurements")!;
    assertEquals(table.column("SignalID")?.values, [SIGNAL(1), SIGNAL(3)], type);
  }
});

Deno.test("protocol types, units, adders and multipliers", () => {
  const protocols: [string | null, string][] = [
    ["STTP", "Measurement"],
    ["Streaming Telemetry Transport Protocol", "Measurement"],
    ["Gateway Transport", "Measurement"],
    ["modbus", "Measurement"],
    ["DNP3", "Measurement"],
    ["IEEE C37.118-2005", "Frame"],
    ["", "Frame"],
    [null, "Frame"],
  ];
  const dataSet = new DataSet();
  addTable(
    dataSet,
    "DeviceDetail",
    { Acronym: "string", ProtocolName: "string", FramesPerSecond: "int32" },
    protocols.map(([ProtocolName], i) => ({
      Acronym: `D${i}`,
      ProtocolName,
      FramesPerSecond: i === 0 ? 0 : 60,
    })),
  );
  const types: [string, string][] = [
    ["IPHM", "Amps"],
    ["vphm", "Volts"],
    ["FREQ", "Hz"],
    ["IPHA", "Degrees"],
    ["VPHA", "Degrees"],
    ["XPHA", "Degrees"],
    ["DFDT", ""],
    ["STAT", ""],
  ];
  addTable(
    dataSet,
    "MeasurementDetail",
    {
      SignalID: "guid",
      SignalAcronym: "string",
      DeviceAcronym: "string",
      Adder: "double",
      Multiplier: "decimal",
    },
    types.map(([SignalAcronym], i) => ({
      SignalID: SIGNAL(i),
      SignalAcronym,
      DeviceAcronym: `d${i}`,
      Adder: i === 1 ? null : i,
      Multiplier: i === 1 ? null : "0.5",
    })),
  );
  const table = deriveActiveMeasurements(dataSet).table("ActiveMeasurements")!;
  assertEquals(table.column("EngineeringUnits")?.values, types.map(([, units]) => units));
  // The devices' acronyms are of another case.
  assertEquals(table.column("ProtocolType")?.values, protocols.map(([, type]) => type));
  assertEquals(table.column("FramesPerSecond")?.values.slice(0, 2), [30, 60]);
  assertEquals(table.column("DeviceID")?.values, protocols.map((_, i) => i));
  assertEquals(table.column("Adder")?.values.slice(0, 3), [0, 0, 2]);
  assertEquals(table.column("Multiplier")?.values.slice(0, 3), [0.5, 1, 0.5]);
});

Deno.test("phasors join by device and source index, a missing index joins nothing", () => {
  const dataSet = new DataSet();
  addTable(dataSet, "PhasorDetail", {
    ID: "int32",
    DeviceAcronym: "string",
    SourceIndex: "int32",
    Type: "string",
    Phase: "string",
  }, [
    { ID: 10, DeviceAcronym: "A", SourceIndex: 1, Type: "V", Phase: "+" },
    { ID: 11, DeviceAcronym: "A", SourceIndex: 2, Type: "I", Phase: "A" },
    { ID: 12, DeviceAcronym: "B", SourceIndex: 1, Type: "I" },
    { ID: 13, DeviceAcronym: "A" },
    { ID: 14, SourceIndex: 3 },
  ]);
  addTable(
    dataSet,
    "MeasurementDetail",
    { SignalID: "guid", DeviceAcronym: "string", PhasorSourceIndex: "int32" },
    [["A", 1], ["A", 2], ["B", 1], ["A", null], ["A", 3], ["C", 1], [null, 1], ["a", 1]].map((
      [DeviceAcronym, PhasorSourceIndex],
      i,
    ) => ({ SignalID: SIGNAL(i), DeviceAcronym, PhasorSourceIndex } as Row)),
  );
  const table = deriveActiveMeasurements(dataSet).table("ActiveMeasurements")!;
  assertEquals(table.column("PhasorID")?.values, [10, 11, 12, null, null, null, null, 10]);
  assertEquals(table.column("Phase")?.values, ["+", "A", "", null, null, null, null, "+"]);
});
