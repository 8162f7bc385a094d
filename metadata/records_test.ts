import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { DataSet } from "./data_set.ts";
import { Metadata } from "./records.ts";
import {
  engineeringUnits,
  formatSignalReference,
  parseSignalReference,
  SignalKind,
  signalKindOf,
} from "./signal_kind.ts";

async function metadataOf(name: string): Promise<Metadata> {
  return new Metadata(
    await DataSet.fromXml(Deno.readFileSync(new URL(`./testdata/${name}`, import.meta.url))),
  );
}

Deno.test("a measurement is found by whatever names it", async () => {
  const metadata = await metadataOf("openpdc.xml");
  const record = metadata.measurement("ee130f0f-8c94-414f-b081-9551ffb73753")!;
  assertEquals(
    { ...record },
    {
      signalId: "ee130f0f-8c94-414f-b081-9551ffb73753",
      key: "PPA:7",
      source: "PPA",
      id: 7n,
      pointTag: "TVA_SHELBY-BUS2:ABBV",
      signalReference: "SHELBY-PM2",
      signalType: "VPHM",
      description: "Shelby ABB-521 500 kV Bus 2 Positive Sequence Voltage Magnitude",
      deviceAcronym: "SHELBY",
      phasorSourceIndex: 2,
      adder: 0,
      multiplier: 1,
      internal: true,
      enabled: true,
      updatedOn: metadata.dataSet.table("MeasurementDetail")!.row(metadata.measurements.indexOf(record))
        .ticks("UpdatedOn")!,
    },
  );
  const names = [
    "{EE130F0F-8C94-414F-B081-9551FFB73753}",
    "ppa:7",
    " PPA:7 ",
    "tva_shelby-bus2:abbv",
    "SHELBY-PM2",
  ];
  for (const name of names) assertEquals(metadata.measurement(name), record, name);
  for (const name of ["", "PPA:7000", "00000000-0000-0000-0000-000000000000", "SHELBY"]) {
    assertEquals(metadata.measurement(name), undefined, name);
  }
});

Deno.test("devices, phasors and measurements know each other", async () => {
  const metadata = await metadataOf("openpdc.xml");
  const [device] = metadata.devices;
  assertEquals(metadata.device("shelby"), device);
  assertEquals(metadata.device("B9650400-D17C-41DF-B974-83A6662AFAB6"), device);
  assertEquals(metadata.device("CORDOVA"), undefined);
  assertEquals(
    [device!.name, device!.longitude, device!.latitude, device!.accessId, device!.framesPerSecond],
    [
      "Shelby",
      -89.8038,
      35.3871,
      2,
      30,
    ],
  );
  const phasors = metadata.phasorsOf("Shelby");
  assertEquals(phasors.map((phasor) => phasor.sourceIndex), [1, 2, 3, 4, 5]);
  assertEquals(phasors.map((phasor) => phasor.angle?.key), ["PPA:6", "PPA:8", "PPA:10", "PPA:12", "PPA:14"]);
  assertEquals(
    phasors.map((phasor) => phasor.magnitude?.signalReference),
    [1, 2, 3, 4, 5].map((i) => `SHELBY-PM${i}`),
  );
  assertEquals(metadata.phasorsOf(device!), phasors);
  assertEquals(metadata.measurementsOf(device!).length, 15);
  assertEquals(metadata.measurementsOf("elsewhere"), []);
  const angle = metadata.measurement("SHELBY-PA3")!;
  assertEquals([angle.device, angle.phasor, angle.phasor?.device], [device, phasors[2], device]);
  assertEquals([angle.kind, angle.units], [SignalKind.Angle, "Degrees"]);
  assertEquals(metadata.measurement("STAT:87")!.device, undefined);
});

Deno.test("measurements and devices are found by what is known of them", async () => {
  const metadata = await metadataOf("openpdc.xml");
  const keys = (query: Parameters<Metadata["findMeasurements"]>[0]): string[] =>
    metadata.findMeasurements(query).map((record) => record.key);
  assertEquals(keys("bus2"), ["PPA:8", "PPA:7"]);
  assertEquals(keys({ text: "SHELBY", kind: SignalKind.Frequency }), keys({ signalType: "freq" }));
  assertEquals(keys({ source: "stat" }), ["STAT:31", "STAT:87"]);
  assertEquals(keys({ source: "stat", device: "SHELBY" }), ["STAT:31"]);
  assertEquals(keys({ kind: "Angle", device: metadata.devices[0]! }).length, 5);
  assertEquals(keys({ enabled: false }), []);
  assertEquals(keys({}).length, metadata.measurements.length);
  assertEquals(metadata.findDevices("abb").map((device) => device.acronym), ["SHELBY"]);
  assertEquals(metadata.findDevices("xyz"), []);
});

Deno.test("a metadata's gaps: no tables, no columns, no signal IDs, keys that are none, doubles", () => {
  assertEquals(String(new Metadata(new DataSet())), "0 devices, 0 measurements, 0 phasors");
  const dataSet = new DataSet();
  const table = dataSet.addTable("MeasurementDetail");
  table.addColumn("SignalID", "string");
  table.addColumn("ID", "string");
  table.addColumn("SignalReference", "string");
  const id = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
  table.addRow([id.toUpperCase(), "PPA:18446744073709551615", "A-B-PA2"]);
  table.addRow([id, "PPA:18446744073709551616"]);
  table.addRow(["no GUID", "PPA:1"]);
  table.addRow([null, "PPA:2"]);
  table.addRow(["11111111-2222-4333-8444-555555555555", "nothing"]);
  const metadata = new Metadata(dataSet);
  assertEquals(metadata.measurements.map(({ key, source, id }) => [key, source, id]), [
    ["PPA:18446744073709551615", "PPA", 18446744073709551615n],
    ["PPA:18446744073709551616", "", 0n],
    ["nothing", "", 0n],
  ]);
  assertEquals(metadata.unidentified, 2);
  assertEquals(metadata.measurement(id), metadata.measurements[0]);
  assertEquals(metadata.measurements[0]!.kind, SignalKind.Angle);
  assertEquals(metadata.measurements[2]!.kind, SignalKind.Unknown);

  const nameless = new DataSet();
  nameless.addTable("MeasurementDetail").addRow();
  assertThrows(() => new Metadata(nameless), SttpError, "no column SignalID");
});

Deno.test("signal references and types", () => {
  const references: [string, string, SignalKind, number][] = [
    ["SHELBY-PA1", "SHELBY", "Angle", 1],
    ["SHELBY-PM12", "SHELBY", "Magnitude", 12],
    ["SHELBY-FQ", "SHELBY", "Frequency", 0],
    ["SHELBY-DF", "SHELBY", "DfDt", 0],
    ["SHELBY-SF", "SHELBY", "Status", 0],
    ["SHELBY-DV1", "SHELBY", "Digital", 1],
    ["SHELBY-AV3", "SHELBY", "Analog", 3],
    ["SHELBY-CV4", "SHELBY", "Calculation", 4],
    ["SHELBY!IS-ST10", "SHELBY!IS", "Statistic", 10],
    ["SHELBY-AL", "SHELBY", "Alarm", 0],
    ["SHELBY-QF", "SHELBY", "Quality", 0],
    ["A-B-PA2", "A-B", "Angle", 2],
    ["SHELBY", "SHELBY", "Unknown", 0],
    ["SHELBY-XX1", "SHELBY-XX1", "Unknown", 0],
    ["SHELBY-PAX", "SHELBY-PAX", "Unknown", 0],
    ["SHELBY-constructor", "SHELBY-constructor", "Unknown", 0],
    ["", "", "Unknown", 0],
  ];
  for (const [text, acronym, kind, index] of references) {
    const reference = parseSignalReference(text);
    assertEquals(reference, { acronym, kind, index }, text);
    assertEquals(formatSignalReference(reference), text);
  }
  assertEquals(parseSignalReference(" shelby-pa1 "), { acronym: "shelby", kind: "Angle", index: 1 });
  assertEquals(["IPHM", "vpha", "QUAL", "constructor", ""].map(signalKindOf), [
    "Magnitude",
    "Angle",
    "Quality",
    "Unknown",
    "Unknown",
  ]);
  assertEquals(["IPHM", "vpha", "FREQ", "CALC"].map(engineeringUnits), ["Amps", "Degrees", "Hz", ""]);
});

Deno.test("what console.log shows", async () => {
  const metadata = await metadataOf("openpdc.xml");
  const { dataSet } = metadata;
  assertEquals(
    Deno.inspect(dataSet),
    "DataSet NewDataSet\n  DeviceDetail (1 row, 19 columns)\n  MeasurementDetail (16 rows, 11 columns)\n" +
      "  PhasorDetail (5 rows, 8 columns)\n  SchemaVersion (1 row, 1 column)",
  );
  assertEquals(
    Deno.inspect(dataSet.table("SchemaVersion")),
    "SchemaVersion (1 row, 1 column)\n  VersionNumber\n  -------------\n              9",
  );
  const table = Deno.inspect(dataSet.table("MeasurementDetail")).split("\n");
  assertEquals(table.length, 1 + 2 + 10 + 1);
  assertEquals(table.at(-1), "  ... 6 more rows; 4 more columns: Description, Internal, Enabled, UpdatedOn");
  const header = table[1]!;
  const column = header.indexOf("SignalReference");
  assertEquals(table[5]!.slice(column).split(" ")[0], "SHELBY-PA4");

  assertEquals(
    Deno.inspect(dataSet.table("PhasorDetail")!.row(1)),
    "PhasorDetail row 1\n  ID             2\n  DeviceAcronym  SHELBY\n  Label          500 kV Bus 2\n" +
      "  Type           V\n  Phase          +\n  SourceIndex    2\n  UpdatedOn      2019-01-04 08:00:52.76",
  );
  assertEquals(
    Deno.inspect([
      metadata.devices[0],
      metadata.phasors[3],
      metadata.measurement("PPA:7"),
      dataSet.tables[3],
    ]),
    "[\n  Device SHELBY (15 measurements),\n  Phasor SHELBY 4 I+ Dell,\n  Measurement PPA:7 VPHM TVA_SHELBY-BUS2:ABBV," +
      "\n  DataTable SchemaVersion (1 row, 1 column)\n]",
  );
  assertStringIncludes(Deno.inspect(metadata.measurement("PPA:7")), "  signalType       VPHM (Volts)\n");
  assertStringIncludes(Deno.inspect(metadata.devices[0]), "  position         35.3871, -89.8038\n");
  assertStringIncludes(Deno.inspect(metadata.phasors[3]), "  angle      TVA_SHELBY-DELL:ABBIH");
  assertEquals(
    Deno.inspect(dataSet.tables[3]!.columns),
    "[ DataColumn SchemaVersion.VersionNumber: int32 (1 row) ]",
  );
  assertEquals(Deno.inspect({ metadata }), "{ metadata: Metadata (1 device, 16 measurements, 5 phasors) }");
});

Deno.test("what is shown can't act on a terminal, and an expression that fails does not fail the showing", () => {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("A\x1b[31m", "string");
  table.addColumn("Long", "string");
  table.addColumn("Bad", "int32", "Nix + 1");
  table.addRow(["\x1b[2J\r\nx", "y".repeat(100)]);
  assertEquals(
    Deno.inspect(table),
    [
      "T (1 row, 3 columns)",
      `  A [31m   ${"Long".padEnd(36)}      Bad`,
      `  -------  ${"-".repeat(36)}  -------`,
      `   [2J  x  ${"y".repeat(33)}...  (error)`,
    ].join("\n"),
  );
  assertStringIncludes(Deno.inspect([table.row(0)]), "(error)");
});
