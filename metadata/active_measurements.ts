/**
 * ActiveMeasurements, the table that subscriptions select from (§10), derived from the primary tables.
 *
 * @module
 */
import { normalizeGuid } from "../transport/wire/guid.ts";
import { adoptStorage } from "./data_column.ts";
import { DataSet } from "./data_set.ts";
import { DataTable, setRowCount } from "./data_table.ts";
import type { CellValue, DataType } from "./data_type.ts";
import type { Decimal } from "./decimal.ts";
import { parseDecimal } from "./decimal.ts";
import { KnownColumns, numberOf, textOf, truthOf, type Values } from "./known_columns.ts";
import { engineeringUnits } from "./signal_kind.ts";
import { finish, type Steps } from "./steps.ts";

/** The columns, in order. */
const COLUMNS: readonly (readonly [string, DataType])[] = [
  ["SourceNodeID", "guid"],
  ["ID", "string"],
  ["SignalID", "guid"],
  ["PointTag", "string"],
  ["AlternateTag", "string"],
  ["SignalReference", "string"],
  ["Internal", "int32"],
  ["Subscribed", "int32"],
  ["Device", "string"],
  ["DeviceID", "int32"],
  ["FramesPerSecond", "int32"],
  ["Protocol", "string"],
  ["ProtocolType", "string"],
  ["SignalType", "string"],
  ["EngineeringUnits", "string"],
  ["PhasorID", "int32"],
  ["PhasorType", "string"],
  ["Phase", "string"],
  ["Adder", "double"],
  ["Multiplier", "double"],
  ["Company", "string"],
  ["Longitude", "decimal"],
  ["Latitude", "decimal"],
  ["Description", "string"],
  ["UpdatedOn", "dateTime"],
];

/** The table's name. */
const NAME = "ActiveMeasurements";

/** How many frames a second come from what belongs to no device. */
const DEFAULT_RATE = 30;

/** What {@linkcode deriveActiveMeasurements} takes besides the data set. */
export interface ActiveMeasurementsOptions {
  /** The publisher's node, a GUID, for all rows; default each device's own `NodeID`, `null` where there is none. */
  sourceNodeId?: string;
  /** Whether measurements that are disabled have rows, too; default false. */
  includeDisabled?: boolean;
}

/**
 * Derives ActiveMeasurements from MeasurementDetail, DeviceDetail and PhasorDetail: one row for each measurement that
 * is not disabled, unless the options say otherwise, in order, with what is known of its device and phasor.
 *
 * Optional columns and tables may be missing, names are looked up in any case, and devices are joined by acronym in the
 * same spelling or else in any case.
 *
 * @returns A new data set with the tables of the one given, shared with it, and ActiveMeasurements in place of any that
 * was there.
 * @throws {SttpError} `InvalidMetadata` when MeasurementDetail has rows but no SignalID.
 * @throws {TypeError} When `sourceNodeId` is not a GUID.
 *
 * @example
 * ```ts
 * import { DataSet, deriveActiveMeasurements } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const metadata = new DataSet();
 * const measurements = metadata.addTable("MeasurementDetail");
 * measurements.addColumn("SignalID", "guid");
 * measurements.addColumn("SignalAcronym", "string");
 * measurements.addRow(["9ae6dd95-bddb-5dd8-8717-57da1268b9ca", "FREQ"]);
 *
 * const active = deriveActiveMeasurements(metadata).table("ActiveMeasurements")!;
 * assertEquals(active.columns.length, 25);
 * assertEquals(active.row(0).get("EngineeringUnits"), "Hz");
 * assertEquals(active.row(0).get("FramesPerSecond"), 30);
 * ```
 */
export function deriveActiveMeasurements(dataSet: DataSet, options: ActiveMeasurementsOptions = {}): DataSet {
  return finish(deriveActiveMeasurementsSteps(dataSet, options));
}

/** {@linkcode deriveActiveMeasurements} in steps, each of which makes a column or a part of several. */
export function* deriveActiveMeasurementsSteps(
  dataSet: DataSet,
  options: ActiveMeasurementsOptions = {},
): Steps<DataSet> {
  const result = new DataSet(dataSet.name);
  for (const table of dataSet.tables) {
    if (table.name.toLowerCase() !== NAME.toLowerCase()) result.addTable(table);
  }
  result.addTable(yield* derive(dataSet, options));
  return result;
}

function* derive(
  dataSet: DataSet,
  { sourceNodeId, includeDisabled }: ActiveMeasurementsOptions,
): Steps<DataTable> {
  const table = new DataTable(NAME);
  for (const [name, type] of COLUMNS) table.addColumn(name, type);
  const source = new KnownColumns(dataSet.table("MeasurementDetail"));
  const signalIds = source.requiredGuids("SignalID");
  const rows = includeDisabled
    ? Int32Array.from({ length: source.rowCount }, (_, row) => row)
    : enabledRows(source);
  yield;
  const column = (name: string, convert?: (value: CellValue | undefined) => CellValue): void =>
    fill(table, name, pick(source.values(name), rows, convert));
  fill(table, "SignalID", pick(signalIds, rows));
  for (const name of ["ID", "PointTag", "AlternateTag", "SignalReference", "Description"]) {
    column(name, asText);
    yield;
  }
  column("UpdatedOn", (value) => typeof value === "bigint" ? value : null);
  yield;
  fill(table, "Subscribed", new Array<CellValue>(rows.length).fill(0));
  column("Internal", (value) => truthOf(value, false) ? 1 : 0);
  yield;
  column("Adder", (value) => numberOf(value) ?? 0);
  yield;
  column("Multiplier", (value) => numberOf(value) ?? 1);
  yield;
  fillSignalTypes(table, source.values("SignalAcronym"), rows);
  yield;
  yield* fillDevices(
    table,
    dataSet,
    source,
    rows,
    sourceNodeId === undefined ? undefined : normalizeGuid(sourceNodeId),
  );
  setRowCount(table, rows.length);
  return table;
}

/** The indexes of the measurements that are not disabled. */
function enabledRows(source: KnownColumns): Int32Array {
  const enabled = source.values("Enabled");
  const rows = new Int32Array(source.rowCount);
  let count = 0;
  for (let row = 0; row < rows.length; row++) if (truthOf(enabled[row], true)) rows[count++] = row;
  return rows.subarray(0, count);
}

/** Gives a column its values. */
function fill(table: DataTable, name: string, values: CellValue[]): void {
  adoptStorage(table.column(name)!, values);
}

/** The values of the rows, each made by `convert` unless it is `undefined`. */
function pick(
  values: Values,
  rows: Int32Array,
  convert?: (value: CellValue | undefined) => CellValue,
): CellValue[] {
  const count = rows.length;
  if (convert === undefined && values.length === count) return values.slice();
  const picked = new Array<CellValue>(count);
  for (let i = 0; i < count; i++) {
    const value = values[rows[i]!];
    picked[i] = convert === undefined ? value ?? null : convert(value);
  }
  return picked;
}

function asText(value: CellValue | undefined): CellValue {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? null : textOf(value);
}

function fillSignalTypes(table: DataTable, acronyms: Values, rows: Int32Array): void {
  const types = new Array<CellValue>(rows.length);
  const units = new Array<CellValue>(rows.length);
  const known = new Map<string, string>();
  for (let i = 0; i < rows.length; i++) {
    const type = textOf(acronyms[rows[i]!]) || "CALC";
    let unit = known.get(type);
    if (unit === undefined) {
      unit = engineeringUnits(type);
      // There are few types, unless someone wants there to be many.
      if (known.size < 1000) known.set(type, unit);
    }
    types[i] = type;
    units[i] = unit;
  }
  fill(table, "SignalType", types);
  fill(table, "EngineeringUnits", units);
}

/** What the rows of a device have in common. */
interface Device {
  nodeId: string | null;
  id: number;
  rate: number;
  protocol: string;
  protocolType: string;
  company: string;
  longitude: Decimal;
  latitude: Decimal;
}

interface Phasor {
  id: number | null;
  type: string;
  phase: string;
}

const ZERO: Decimal = parseDecimal("0")!;

/** Looks names up in the spelling given, or else in any case. */
class ByName<T> {
  readonly #exact = new Map<string, T>();
  readonly #folded = new Map<string, T>();

  set(name: string, value: T): void {
    this.#exact.set(name, value);
    this.#folded.set(name.toUpperCase(), value);
  }

  get(name: string): T | undefined {
    return this.#exact.get(name) ?? this.#folded.get(name.toUpperCase());
  }
}

function decimalOf(value: CellValue | undefined): Decimal {
  if (typeof value === "object" && value !== null) return value;
  return (value === null || value === undefined ? undefined : parseDecimal(String(value))) ?? ZERO;
}

function int32Of(value: CellValue | undefined): number | undefined {
  const number = numberOf(value);
  return number !== undefined && number === (number | 0) ? number : undefined;
}

function readDevices(dataSet: DataSet): ByName<Device> {
  const devices = new ByName<Device>();
  const source = new KnownColumns(dataSet.table("DeviceDetail"));
  const acronyms = source.values("Acronym");
  const nodeIds = source.guids("NodeID");
  const protocols = source.values("ProtocolName");
  const rates = source.values("FramesPerSecond");
  const companies = source.values("CompanyAcronym");
  const longitudes = source.values("Longitude");
  const latitudes = source.values("Latitude");
  for (let row = 0; row < source.rowCount; row++) {
    const acronym = textOf(acronyms[row]);
    if (acronym === "") continue;
    const protocol = textOf(protocols[row]);
    devices.set(acronym, {
      nodeId: nodeIds[row] ?? null,
      id: row,
      rate: int32Of(rates[row]) || DEFAULT_RATE,
      protocol,
      protocolType: protocolType(protocol),
      company: textOf(companies[row]),
      longitude: decimalOf(longitudes[row]),
      latitude: decimalOf(latitudes[row]),
    });
  }
  return devices;
}

/** `Measurement` for protocols that bring single values, `Frame` for those that bring frames of many. */
function protocolType(protocol: string): string {
  const name = protocol.toUpperCase();
  if (name === "STTP" || name === "STREAMING TELEMETRY TRANSPORT PROTOCOL") return "Measurement";
  return ["GATEWAY", "MODBUS", "DNP"].some((start) => name.startsWith(start)) ? "Measurement" : "Frame";
}

/** Phasors by device and source index; also those of devices that DeviceDetail does not have. */
function readPhasors(dataSet: DataSet): ByName<Map<number, Phasor>> {
  const phasors = new ByName<Map<number, Phasor>>();
  const source = new KnownColumns(dataSet.table("PhasorDetail"));
  const acronyms = source.values("DeviceAcronym");
  const indexes = source.values("SourceIndex");
  const ids = source.values("ID");
  const types = source.values("Type");
  const phases = source.values("Phase");
  for (let row = 0; row < source.rowCount; row++) {
    const acronym = textOf(acronyms[row]);
    const index = int32Of(indexes[row]);
    if (acronym === "" || index === undefined) continue;
    let ofDevice = phasors.get(acronym);
    if (ofDevice === undefined) phasors.set(acronym, ofDevice = new Map());
    ofDevice.set(index, {
      id: int32Of(ids[row]) ?? null,
      type: textOf(types[row]),
      phase: textOf(phases[row]),
    });
  }
  return phasors;
}

/** So many rows are a step: less than a millisecond. */
const STEP = 2_048;

function* fillDevices(
  table: DataTable,
  dataSet: DataSet,
  source: KnownColumns,
  rows: Int32Array,
  sourceNodeId: string | undefined,
): Steps<void> {
  const devices = readDevices(dataSet);
  yield;
  const phasors = readPhasors(dataSet);
  yield;
  const acronyms = source.values("DeviceAcronym");
  const phasorIndexes = source.values("PhasorSourceIndex");
  const column = (name: string): CellValue[] => {
    const values = new Array<CellValue>(rows.length);
    fill(table, name, values);
    return values;
  };
  const nodeIds = column("SourceNodeID");
  const names = column("Device");
  const ids = column("DeviceID");
  const rates = column("FramesPerSecond");
  const protocols = column("Protocol");
  const protocolTypes = column("ProtocolType");
  const companies = column("Company");
  const longitudes = column("Longitude");
  const latitudes = column("Latitude");
  const phasorIds = column("PhasorID");
  const phasorTypes = column("PhasorType");
  const phases = column("Phase");
  // Neighbouring rows mostly belong to one device.
  let last = "";
  let device: Device | undefined;
  let ofDevice: Map<number, Phasor> | undefined;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const acronym = textOf(acronyms[row]);
    if (acronym !== last) {
      last = acronym;
      device = devices.get(acronym);
      ofDevice = phasors.get(acronym);
    }
    const index = ofDevice === undefined ? undefined : int32Of(phasorIndexes[row]);
    const phasor = index === undefined ? undefined : ofDevice!.get(index);
    nodeIds[i] = sourceNodeId ?? device?.nodeId ?? null;
    names[i] = acronym === "" ? null : acronym;
    ids[i] = device?.id ?? null;
    rates[i] = device?.rate ?? DEFAULT_RATE;
    protocols[i] = device?.protocol ?? null;
    protocolTypes[i] = device?.protocolType ?? null;
    companies[i] = device?.company ?? null;
    longitudes[i] = device?.longitude ?? null;
    latitudes[i] = device?.latitude ?? null;
    phasorIds[i] = phasor?.id ?? null;
    phasorTypes[i] = phasor?.type ?? null;
    phases[i] = phasor?.phase ?? null;
    if (i % STEP === STEP - 1) yield;
  }
}
