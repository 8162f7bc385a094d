/**
 * Metadata: the DataSet and its XML, typed records of devices, measurements and phasors, and filter expressions.
 *
 * @module
 */
export { DataSet } from "./data_set.ts";
export { DataTable } from "./data_table.ts";
export { DataColumn } from "./data_column.ts";
export { DataRow } from "./data_row.ts";
export type { CellInput, CellValue, DataType } from "./data_type.ts";
export type { XmlInput } from "./xml_source.ts";
export type { ReadOptions, ReadReport } from "./xml_reader.ts";
export type { WriteOptions } from "./xml_writer.ts";
export { type ActiveMeasurementsOptions, deriveActiveMeasurements } from "./active_measurements.ts";
export { type MeasurementQuery, Metadata } from "./records.ts";
export { DeviceRecord } from "./device_record.ts";
export { MeasurementRecord } from "./measurement_record.ts";
export { PhasorRecord } from "./phasor_record.ts";
export {
  engineeringUnits,
  formatSignalReference,
  parseSignalReference,
  SignalKind,
  signalKindOf,
  type SignalReference,
} from "./signal_kind.ts";
export {
  type ChangedRow,
  compareDataSets,
  type CompareOptions,
  type DataSetChanges,
  type TableChanges,
} from "./changes.ts";
export { type Decimal, decimalToNumber, formatDecimal, parseDecimal } from "./decimal.ts";
export * from "./filter/mod.ts";
