import { assert, assertEquals } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { Grid } from "./grid.ts";

Deno.test("Grid.metadata() describes every device, phasor and signal", async () => {
  const grid = await Grid.create({ devices: 40, phases: 3, currents: 2, framesPerSecond: 60 });
  const metadata = grid.metadata();
  assertEquals(metadata.tables.map(({ name, rowCount }) => `${name} ${rowCount}`), [
    "DeviceDetail 40",
    "MeasurementDetail 1200",
    "PhasorDetail 480",
    "SchemaVersion 1",
  ]);

  const devices = new Set<unknown>();
  for (const row of metadata.table("DeviceDetail")!) {
    devices.add(row.get("Acronym"));
    assertEquals(row.get("FramesPerSecond"), 60);
    const longitude = Number(row.get("Longitude"));
    assert(longitude > -180 && longitude < 180);
  }
  assertEquals(devices.size, 40);

  const phasors = new Map<string, unknown>();
  for (const row of metadata.table("PhasorDetail")!) {
    phasors.set(`${row.get("DeviceAcronym")} ${row.get("SourceIndex")}`, row.get("Type"));
  }
  assertEquals(phasors.size, 480);

  const rows = [...metadata.table("MeasurementDetail")!];
  assertEquals(rows.map((row) => row.get("SignalID")), grid.signals.map(({ signalId }) => signalId));
  for (const row of rows) {
    assert(devices.has(row.get("DeviceAcronym")));
    const type = row.get("SignalAcronym") as string;
    const source = row.get("PhasorSourceIndex");
    if (type.includes("PH")) {
      assertEquals(phasors.get(`${row.get("DeviceAcronym")} ${source}`), type[0]);
    } else {
      assertEquals(source, null);
    }
  }
});

Deno.test("Grid.metadata() survives the way through XML", async () => {
  const metadata = (await Grid.create({ devices: 3 })).metadata();
  const copy = await DataSet.fromXml(metadata.toXml());
  for (const table of metadata.tables) {
    const other = copy.table(table.name)!;
    assertEquals(
      other.columns.map(({ name, type }) => [name, type]),
      table.columns.map(({ name, type }) => [name, type]),
    );
    assertEquals([...other].map((row) => row.toObject()), [...table].map((row) => row.toObject()));
  }
});

Deno.test("Grid.metadata() is the same document every time", async () => {
  const options = { devices: 5, nominalFrequency: 50 } as const;
  assertEquals(
    (await Grid.create(options)).metadata().toXml(),
    (await Grid.create(options)).metadata().toXml(),
  );
});
