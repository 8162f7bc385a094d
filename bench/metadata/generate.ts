/**
 * Metadata of a made-up grid, as large as wanted, with the columns and texts that publishers really send: some 800
 * bytes of XML for each measurement.
 *
 * @module
 */
import { DataSet, type DataType } from "../../metadata/mod.ts";

const TABLES: readonly (readonly [string, readonly (readonly [string, DataType])[]])[] = [
  ["DeviceDetail", [
    ["NodeID", "guid"],
    ["UniqueID", "guid"],
    ["OriginalSource", "string"],
    ["IsConcentrator", "boolean"],
    ["Acronym", "string"],
    ["Name", "string"],
    ["AccessID", "int32"],
    ["ParentAcronym", "string"],
    ["ProtocolName", "string"],
    ["FramesPerSecond", "int32"],
    ["CompanyAcronym", "string"],
    ["VendorAcronym", "string"],
    ["VendorDeviceName", "string"],
    ["Longitude", "decimal"],
    ["Latitude", "decimal"],
    ["InterconnectionName", "string"],
    ["ContactList", "string"],
    ["Enabled", "boolean"],
    ["UpdatedOn", "dateTime"],
  ]],
  ["MeasurementDetail", [
    ["DeviceAcronym", "string"],
    ["ID", "string"],
    ["SignalID", "guid"],
    ["PointTag", "string"],
    ["SignalReference", "string"],
    ["SignalAcronym", "string"],
    ["PhasorSourceIndex", "int32"],
    ["Description", "string"],
    ["Internal", "boolean"],
    ["Enabled", "boolean"],
    ["UpdatedOn", "dateTime"],
  ]],
  ["PhasorDetail", [
    ["ID", "int32"],
    ["DeviceAcronym", "string"],
    ["Label", "string"],
    ["Type", "string"],
    ["Phase", "string"],
    ["DestinationPhasorID", "int32"],
    ["SourceIndex", "int32"],
    ["UpdatedOn", "dateTime"],
  ]],
  ["SchemaVersion", [["VersionNumber", "int32"]]],
];

/** How many phasors a device has; with frequency and the like that makes 25 measurements. */
const PHASORS = 10;
const PER_DEVICE = 2 * PHASORS + 5;

/** Random numbers that are the same every time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** A data set of so many measurements; the same for the same number. */
export function generateMetadata(measurements: number): DataSet {
  const dataSet = new DataSet("NewDataSet");
  for (const [name, columns] of TABLES) {
    const table = dataSet.addTable(name);
    for (const [column, type] of columns) table.addColumn(column, type);
  }
  const random = randomOf(measurements);
  const hex = (digits: number): string =>
    Math.floor(random() * 16 ** digits).toString(16).padStart(digits, "0");
  const guid = (): string => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(6)}${hex(6)}`;
  const nodeId = guid();
  const changed = (): bigint => 636_821_000_000_000_000n + BigInt(Math.floor(random() * 1e10)) * 10_000n;
  const letter = (): string => String.fromCharCode(65 + Math.floor(random() * 26));
  const devices = dataSet.table("DeviceDetail")!;
  const details = dataSet.table("MeasurementDetail")!;
  const phasors = dataSet.table("PhasorDetail")!;
  let id = 0;
  for (let device = 0; id < measurements; device++) {
    const acronym = `${letter()}${letter()}${letter()}_PMU${device}`;
    const updatedOn = changed();
    devices.addRow({
      NodeID: nodeId,
      UniqueID: guid(),
      IsConcentrator: false,
      Acronym: acronym,
      Name: `Substation ${device} PMU`,
      AccessID: device + 1,
      ParentAcronym: "",
      ProtocolName: device % 4 === 0 ? "STTP" : "IEEE C37.118-2005",
      FramesPerSecond: device % 3 === 0 ? 60 : 30,
      CompanyAcronym: "TVA",
      VendorAcronym: "ABB",
      VendorDeviceName: "ABB-521",
      Longitude: (-90 + random() * 20).toFixed(6),
      Latitude: (30 + random() * 10).toFixed(6),
      InterconnectionName: "Eastern Interconnection",
      ContactList: "",
      Enabled: true,
      UpdatedOn: updatedOn,
    });
    for (let i = 0; i < PER_DEVICE && id < measurements; i++) {
      id++;
      const phasor = i < 2 * PHASORS ? 1 + (i >> 1) : null;
      const current = phasor !== null && phasor > PHASORS / 2;
      const [type, suffix, what] = phasor === null
        ? ([
          ["FREQ", "FQ", "Frequency"],
          ["DFDT", "DF", "Frequency Delta (dF/dt)"],
          ["FLAG", "SF", "Status Flags"],
          ["DIGI", "DV1", "Digital Value 1"],
          ["ALOG", "AV1", "Analog Value 1 (transformer oil temperature)"],
        ] as const)[i - 2 * PHASORS]!
        : i % 2 === 0
        ? [current ? "IPHM" : "VPHM", `PM${phasor}`, "Positive Sequence Magnitude"] as const
        : [current ? "IPHA" : "VPHA", `PA${phasor}`, "Positive Sequence Phase Angle"] as const;
      details.addRow({
        DeviceAcronym: acronym,
        ID: `PPA:${id}`,
        SignalID: guid(),
        PointTag: `TVA_${acronym}-LINE${phasor ?? 0}:ABB${type}`,
        SignalReference: `${acronym}-${suffix}`,
        SignalAcronym: type,
        PhasorSourceIndex: phasor,
        Description:
          `Substation ${device} ABB-521 500 kV Line ${
            phasor ?? 0
          } ${what}, as calibrated and commissioned; ` +
          `scaling and polarity are those of the instrument transformers of bay ${1 + i % 7}, ` +
          `see the single-line diagram & the protection settings of revision ${device % 9}`,
        Internal: true,
        Enabled: id % 1000 !== 0,
        UpdatedOn: changed(),
      });
      if (phasor === null || i % 2 === 1) continue;
      phasors.addRow({
        ID: device * PHASORS + phasor,
        DeviceAcronym: acronym,
        Label: `500 kV Line ${phasor}`,
        Type: current ? "I" : "V",
        Phase: "+",
        SourceIndex: phasor,
        UpdatedOn: updatedOn,
      });
    }
  }
  dataSet.table("SchemaVersion")!.addRow([10]);
  return dataSet;
}
