/**
 * Metadata: the DataSet and its XML, typed records of devices, measurements and phasors, and filter expressions.
 *
 * @example From XML to records and signal IDs
 * ```ts
 * import { DataSet, deriveActiveMeasurements, Metadata, selectSignalIds } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const xml = `<Grid>
 *   <xs:schema id="Grid" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:msdata="urn:schemas-microsoft-com:xml-msdata">
 *     <xs:element name="Grid"><xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">
 *       <xs:element name="MeasurementDetail"><xs:complexType><xs:sequence>
 *         <xs:element name="SignalID" msdata:DataType="System.Guid" type="xs:string" minOccurs="0" />
 *         <xs:element name="PointTag" type="xs:string" minOccurs="0" />
 *         <xs:element name="SignalAcronym" type="xs:string" minOccurs="0" />
 *       </xs:sequence></xs:complexType></xs:element>
 *     </xs:choice></xs:complexType></xs:element>
 *   </xs:schema>
 *   <MeasurementDetail>
 *     <SignalID>9ae6dd95-bddb-5dd8-8717-57da1268b9ca</SignalID>
 *     <PointTag>SHELBY:FREQ</PointTag>
 *     <SignalAcronym>FREQ</SignalAcronym>
 *   </MeasurementDetail>
 * </Grid>`;
 *
 * const dataSet = await DataSet.fromXml(xml);
 * assertEquals(new Metadata(dataSet).measurement("shelby:freq")?.units, "Hz");
 *
 * const active = deriveActiveMeasurements(dataSet);
 * const signals = selectSignalIds(active, "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'");
 * assertEquals(signals, ["9ae6dd95-bddb-5dd8-8717-57da1268b9ca"]);
 * ```
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
export { formatChanges } from "./changes_text.ts";
export { type Decimal, decimalToNumber, formatDecimal, parseDecimal } from "./decimal.ts";
export * from "./filter/mod.ts";
