import { DataSet } from "../metadata/data_set.ts";
import type { DataTable } from "../metadata/data_table.ts";
import type { DataType } from "../metadata/data_type.ts";
import { Ticks } from "../transport/wire/ticks.ts";
import type { GridDevice, GridOptions } from "./layout.ts";
import { Regions } from "./places.ts";

/** A fixed date, so that the same grid always gives the same document. */
const UpdatedOn = Ticks.parse("2024-01-01T00:00:00Z");
/** The schema version of the systems whose columns these are. */
const SchemaVersion = 14;

const DeviceColumns = {
  NodeID: "guid",
  UniqueID: "guid",
  OriginalSource: "string",
  IsConcentrator: "boolean",
  Acronym: "string",
  Name: "string",
  AccessID: "int32",
  ParentAcronym: "string",
  ProtocolName: "string",
  FramesPerSecond: "int32",
  CompanyAcronym: "string",
  VendorAcronym: "string",
  VendorDeviceName: "string",
  Longitude: "decimal",
  Latitude: "decimal",
  InterconnectionName: "string",
  ContactList: "string",
  Enabled: "boolean",
  UpdatedOn: "dateTime",
} as const;

const MeasurementColumns = {
  DeviceAcronym: "string",
  ID: "string",
  SignalID: "guid",
  PointTag: "string",
  SignalReference: "string",
  SignalAcronym: "string",
  PhasorSourceIndex: "int32",
  Description: "string",
  Internal: "boolean",
  Enabled: "boolean",
  UpdatedOn: "dateTime",
} as const;

const PhasorColumns = {
  ID: "int32",
  DeviceAcronym: "string",
  Label: "string",
  Type: "string",
  Phase: "string",
  DestinationPhasorID: "int32",
  SourceIndex: "int32",
  UpdatedOn: "dateTime",
} as const;

/** Describes a grid in the four primary tables (§10). */
export function gridMetadata(
  options: Required<GridOptions>,
  devices: readonly GridDevice[],
  nodeId: string,
): DataSet {
  const dataSet = new DataSet("Grid");
  const deviceDetail = addTable(dataSet, "DeviceDetail", DeviceColumns);
  const measurementDetail = addTable(dataSet, "MeasurementDetail", MeasurementColumns);
  const phasorDetail = addTable(dataSet, "PhasorDetail", PhasorColumns);
  const schemaVersion = addTable(dataSet, "SchemaVersion", { VersionNumber: "int32" });

  devices.forEach((device, n) => {
    deviceDetail.addRow({
      NodeID: nodeId,
      UniqueID: device.uniqueId,
      OriginalSource: null,
      IsConcentrator: false,
      Acronym: device.acronym,
      Name: device.name,
      AccessID: n + 1,
      ParentAcronym: "",
      ProtocolName: "IEEE C37.118.2-2011",
      FramesPerSecond: options.framesPerSecond,
      CompanyAcronym: device.companyAcronym,
      VendorAcronym: "SYNTH",
      VendorDeviceName: "Synthetic PMU",
      Longitude: device.longitude.toFixed(4),
      Latitude: device.latitude.toFixed(4),
      InterconnectionName: Regions[options.nominalFrequency].name,
      ContactList: "",
      Enabled: true,
      UpdatedOn,
    });
    for (const signal of device.signals) {
      measurementDetail.addRow({
        DeviceAcronym: device.acronym,
        ID: signal.key,
        SignalID: signal.signalId,
        PointTag: signal.pointTag,
        SignalReference: signal.signalReference,
        SignalAcronym: signal.signalType,
        PhasorSourceIndex: signal.phasorSourceIndex === 0 ? null : signal.phasorSourceIndex,
        Description: signal.description,
        Internal: true,
        Enabled: true,
        UpdatedOn,
      });
    }
    for (const phasor of device.phasors) {
      phasorDetail.addRow({
        ID: n * device.phasors.length + phasor.sourceIndex,
        DeviceAcronym: device.acronym,
        Label: phasor.label,
        Type: phasor.type,
        Phase: phasor.phase,
        DestinationPhasorID: null,
        SourceIndex: phasor.sourceIndex,
        UpdatedOn,
      });
    }
  });
  schemaVersion.addRow({ VersionNumber: SchemaVersion });
  return dataSet;
}

function addTable(dataSet: DataSet, name: string, columns: Readonly<Record<string, DataType>>): DataTable {
  const table = dataSet.addTable(name);
  for (const [column, type] of Object.entries(columns)) table.addColumn(column, type);
  return table;
}
