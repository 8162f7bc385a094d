import { count, inspectable } from "./inspect.ts";
import { isGuid, normalizeGuid } from "../transport/wire/guid.ts";
import type { DataSet } from "./data_set.ts";
import { DeviceRecord, partsOf } from "./device_record.ts";
import { KnownColumns, RowReader } from "./known_columns.ts";
import { linkMeasurement, MeasurementRecord } from "./measurement_record.ts";
import { linkPhasor, PhasorRecord } from "./phasor_record.ts";
import { parseSignalReference, SignalKind } from "./signal_kind.ts";

export { DeviceRecord, MeasurementRecord, PhasorRecord };

/** What {@linkcode Metadata.findMeasurements} looks for; all that is given must hold. */
export interface MeasurementQuery {
  /** Text that is in the point tag, signal reference, key, description or device acronym, in any case. */
  text?: string;
  /** The acronym of a signal type, in any case. */
  signalType?: string;
  /** The kind of signal. */
  kind?: SignalKind;
  /** The acronym of the device, in any case, or the device. */
  device?: string | DeviceRecord;
  /** The source part of the measurement key, in any case. */
  source?: string;
  /** Whether the measurement is enabled; either, when left out. */
  enabled?: boolean;
}

/**
 * Metadata for people: the rows of DeviceDetail, MeasurementDetail and PhasorDetail as records, joined, and found by
 * signal ID, key, point tag and more. What the data set has is taken at the time of construction.
 *
 * Columns may be missing; rows of MeasurementDetail without a signal ID are left out and counted.
 *
 * @example
 * ```ts
 * import { DataSet, Metadata } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const dataSet = new DataSet();
 * const devices = dataSet.addTable("DeviceDetail");
 * devices.addColumn("Acronym", "string");
 * devices.addRow(["SHELBY"]);
 * const measurements = dataSet.addTable("MeasurementDetail");
 * for (const name of ["ID", "PointTag", "SignalAcronym", "DeviceAcronym"]) measurements.addColumn(name, "string");
 * measurements.addColumn("SignalID", "guid");
 * measurements.addRow(["PPA:1", "TVA_SHELBY:FREQ", "FREQ", "SHELBY", "9ae6dd95-bddb-5dd8-8717-57da1268b9ca"]);
 *
 * const metadata = new Metadata(dataSet);
 * assertEquals(metadata.measurement("PPA:1")?.units, "Hz");
 * assertEquals(metadata.measurementsOf("SHELBY").length, 1);
 * ```
 */
export class Metadata {
  /** The data set behind it. */
  readonly dataSet: DataSet;
  /** The devices, in order. */
  readonly devices: readonly DeviceRecord[];
  /** The measurements, in order. */
  readonly measurements: readonly MeasurementRecord[];
  /** The phasors, in order. */
  readonly phasors: readonly PhasorRecord[];
  /** How many rows of MeasurementDetail have no signal ID. */
  readonly unidentified: number;
  readonly #bySignalId = new Map<string, MeasurementRecord>();
  readonly #byAcronym: Map<string, DeviceRecord>;
  readonly #byUniqueId: Map<string, DeviceRecord>;
  #byName: Map<string, MeasurementRecord> | undefined;

  /**
   * Reads the known tables and joins them.
   *
   * @throws {SttpError} `InvalidMetadata` when MeasurementDetail has rows but no SignalID.
   */
  constructor(dataSet: DataSet) {
    this.dataSet = dataSet;
    this.devices = readAll(dataSet, "DeviceDetail", (row) => new DeviceRecord(row));
    this.phasors = readAll(dataSet, "PhasorDetail", (row) => new PhasorRecord(row));
    const columns = new KnownColumns(dataSet.table("MeasurementDetail"));
    const signalIds = columns.requiredGuids("SignalID");
    const reader = new RowReader(columns);
    const measurements: MeasurementRecord[] = [];
    for (; reader.row < columns.rowCount; reader.row++) {
      const signalId = signalIds[reader.row];
      if (!signalId) continue;
      const record = new MeasurementRecord(signalId, reader);
      measurements.push(record);
      if (!this.#bySignalId.has(signalId)) this.#bySignalId.set(signalId, record);
    }
    this.measurements = measurements;
    this.unidentified = columns.rowCount - measurements.length;
    this.#byAcronym = firstBy(this.devices, (device) => device.acronym.toUpperCase());
    this.#byUniqueId = firstBy(this.devices, (device) => device.uniqueId);
    this.#join();
  }

  #join(): void {
    const phasors = new Map<string, Map<number, PhasorRecord>>();
    for (const phasor of this.phasors) {
      const acronym = phasor.deviceAcronym.toUpperCase();
      const device = this.#byAcronym.get(acronym);
      if (device !== undefined) {
        linkPhasor(phasor, { device });
        partsOf(device).phasors.push(phasor);
      }
      let ofDevice = phasors.get(acronym);
      if (ofDevice === undefined) phasors.set(acronym, ofDevice = new Map());
      ofDevice.set(phasor.sourceIndex, phasor);
    }
    for (const device of this.devices) partsOf(device).phasors.sort((a, b) => a.sourceIndex - b.sourceIndex);
    // Neighbouring measurements mostly belong to one device.
    let last = "";
    let device: DeviceRecord | undefined;
    let ofDevice: Map<number, PhasorRecord> | undefined;
    for (const measurement of this.measurements) {
      if (measurement.deviceAcronym !== last) {
        last = measurement.deviceAcronym;
        device = this.#byAcronym.get(last.toUpperCase());
        ofDevice = phasors.get(last.toUpperCase());
      }
      if (last === "") continue;
      if (device !== undefined) {
        linkMeasurement(measurement, { device });
        partsOf(device).measurements.push(measurement);
      }
      if (ofDevice !== undefined) joinPhasor(measurement, ofDevice);
    }
  }

  /**
   * A measurement by its signal ID in any spelling, or else by its key, point tag or signal reference in any case. Of
   * several, the first.
   */
  measurement(id: string): MeasurementRecord | undefined {
    const found = this.#bySignalId.get(id);
    if (found !== undefined) return found;
    if (isGuid(id)) return this.#bySignalId.get(normalizeGuid(id));
    this.#byName ??= this.#names();
    return this.#byName.get(id.trim().toUpperCase());
  }

  #names(): Map<string, MeasurementRecord> {
    const names = firstBy(this.measurements, (record) => record.key.toUpperCase());
    for (const field of ["pointTag", "signalReference"] as const) {
      for (const record of this.measurements) {
        const name = record[field].toUpperCase();
        if (name !== "" && !names.has(name)) names.set(name, record);
      }
    }
    return names;
  }

  /** A device by its acronym in any case, or its unique ID in any spelling. Of several, the first. */
  device(id: string): DeviceRecord | undefined {
    return this.#byAcronym.get(id.toUpperCase()) ??
      (isGuid(id) ? this.#byUniqueId.get(normalizeGuid(id)) : undefined);
  }

  /** The measurements of a device, given as record, acronym or unique ID; none when there is no such device. */
  measurementsOf(device: string | DeviceRecord): readonly MeasurementRecord[] {
    return (typeof device === "string" ? this.device(device) : device)?.measurements ?? [];
  }

  /** The phasors of a device by source index, given as record, acronym or unique ID; none when there is no such device. */
  phasorsOf(device: string | DeviceRecord): readonly PhasorRecord[] {
    return (typeof device === "string" ? this.device(device) : device)?.phasors ?? [];
  }

  /**
   * The measurements for which all that is asked for holds, in order.
   *
   * @param query What to look for; a text stands for `{ text }`.
   */
  findMeasurements(query: string | MeasurementQuery): MeasurementRecord[] {
    const { text, signalType, kind, device, source, enabled } = typeof query === "string"
      ? { text: query }
      : query;
    const wanted = text?.toUpperCase();
    const type = signalType?.toUpperCase();
    const from = source?.toUpperCase();
    const candidates = device === undefined ? this.measurements : this.measurementsOf(device);
    return candidates.filter((record) =>
      (enabled === undefined || record.enabled === enabled) &&
      (type === undefined || record.signalType.toUpperCase() === type) &&
      (kind === undefined || record.kind === kind) &&
      (from === undefined || record.source.toUpperCase() === from) &&
      (wanted === undefined || mentions(record, wanted))
    );
  }

  /** The devices with a text in their acronym, name, parent, company, vendor or kind, in any case; in order. */
  findDevices(text: string): DeviceRecord[] {
    const wanted = text.toUpperCase();
    return this.devices.filter((device) =>
      [
        device.acronym,
        device.name,
        device.parentAcronym,
        device.companyAcronym,
        device.vendorAcronym,
        device.vendorDeviceName,
      ].some((field) => field.toUpperCase().includes(wanted))
    );
  }

  /** How many of each there are, in a line. */
  toString(): string {
    const { devices, measurements, phasors } = this;
    return [
      count(devices.length, "device"),
      count(measurements.length, "measurement"),
      count(phasors.length, "phasor"),
    ].join(", ");
  }
}

function joinPhasor(measurement: MeasurementRecord, phasors: ReadonlyMap<number, PhasorRecord>): void {
  const { kind } = measurement;
  if (kind !== SignalKind.Magnitude && kind !== SignalKind.Angle) return;
  // Without an index of its own, the number in the reference tells which phasor it is of.
  const index = measurement.phasorSourceIndex ?? parseSignalReference(measurement.signalReference).index;
  const phasor = phasors.get(index);
  if (phasor === undefined) return;
  linkMeasurement(measurement, { phasor });
  linkPhasor(phasor, kind === SignalKind.Angle ? { angle: measurement } : { magnitude: measurement });
}

function mentions(record: MeasurementRecord, wanted: string): boolean {
  return record.pointTag.toUpperCase().includes(wanted) ||
    record.signalReference.toUpperCase().includes(wanted) ||
    record.key.toUpperCase().includes(wanted) || record.deviceAcronym.toUpperCase().includes(wanted) ||
    record.description.toUpperCase().includes(wanted);
}

function readAll<T>(dataSet: DataSet, table: string, make: (row: RowReader) => T): T[] {
  const columns = new KnownColumns(dataSet.table(table));
  const reader = new RowReader(columns);
  const records: T[] = [];
  for (; reader.row < columns.rowCount; reader.row++) records.push(make(reader));
  return records;
}

/** The first of the records with each name; those without a name are not in it. */
function firstBy<T>(records: readonly T[], nameOf: (record: T) => string): Map<string, T> {
  const found = new Map<string, T>();
  for (const record of records) {
    const name = nameOf(record);
    if (name !== "" && !found.has(name)) found.set(name, record);
  }
  return found;
}

function describe(metadata: Metadata): string {
  return `Metadata (${metadata})`;
}

inspectable(Metadata.prototype, describe, describe);
