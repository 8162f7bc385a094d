import { displayTicks, inspectable, oneLine, showFields } from "./inspect.ts";
import type { DeviceRecord } from "./device_record.ts";
import type { RowReader } from "./known_columns.ts";
import { parseMeasurementKey } from "./measurement_key.ts";
import type { PhasorRecord } from "./phasor_record.ts";
import { engineeringUnits, parseSignalReference, SignalKind, signalKindOf } from "./signal_kind.ts";

/** Tells a measurement whose it is. */
export let linkMeasurement: (
  measurement: MeasurementRecord,
  to: { device?: DeviceRecord; phasor?: PhasorRecord },
) => void;

/** A row of MeasurementDetail: a signal. */
export class MeasurementRecord {
  /** The signal ID, a lower-case GUID: what identifies the signal everywhere, for good. */
  readonly signalId: string;
  /** The measurement key, such as `PPA:12`; empty where there is none. */
  readonly key: string;
  /** The part of the key before the colon; empty where there is none. */
  readonly source: string;
  /** The number after it; 0 where there is none. */
  readonly id: bigint;
  /** The point tag, a name for people. */
  readonly pointTag: string;
  /** The signal reference, such as `SHELBY-PA2`; see `parseSignalReference`. */
  readonly signalReference: string;
  /** The acronym of the signal type, such as `FREQ`. */
  readonly signalType: string;
  /** What is measured, in words. */
  readonly description: string;
  /** The acronym of the device that the signal comes from; empty where there is none. */
  readonly deviceAcronym: string;
  /** Which of the device's phasors the signal belongs to; `undefined` when to none. */
  readonly phasorSourceIndex: number | undefined;
  /** What is added to raw values; 0 unless given. */
  readonly adder: number;
  /** What raw values are multiplied with; 1 unless given. */
  readonly multiplier: number;
  /** Whether the signal originates with the publisher. */
  readonly internal: boolean;
  /** Whether the signal is in use. */
  readonly enabled: boolean;
  /** When the row was changed last, in ticks. */
  readonly updatedOn: bigint | undefined;
  #device: DeviceRecord | undefined;
  #phasor: PhasorRecord | undefined;

  /** Records are made by {@linkcode Metadata}. */
  constructor(signalId: string, row: RowReader) {
    this.signalId = signalId;
    this.key = row.text("ID").trim();
    const parts = parseMeasurementKey(this.key);
    this.source = parts?.source ?? "";
    this.id = parts?.id ?? 0n;
    this.pointTag = row.text("PointTag");
    this.signalReference = row.text("SignalReference");
    this.signalType = row.text("SignalAcronym");
    this.description = row.text("Description");
    this.deviceAcronym = row.text("DeviceAcronym");
    this.phasorSourceIndex = row.number("PhasorSourceIndex");
    this.adder = row.number("Adder") ?? 0;
    this.multiplier = row.number("Multiplier") ?? 1;
    this.internal = row.truth("Internal", false);
    this.enabled = row.truth("Enabled", true);
    this.updatedOn = row.ticks("UpdatedOn");
  }

  /** The device that the signal comes from. */
  get device(): DeviceRecord | undefined {
    return this.#device;
  }

  /** The phasor whose magnitude or angle the signal is. */
  get phasor(): PhasorRecord | undefined {
    return this.#phasor;
  }

  /** What kind of signal it is: by its type, or else by its reference. */
  get kind(): SignalKind {
    const kind = signalKindOf(this.signalType);
    return kind === SignalKind.Unknown ? parseSignalReference(this.signalReference).kind : kind;
  }

  /** The unit of its values, such as `Volts`; empty where the protocol names none. */
  get units(): string {
    return engineeringUnits(this.signalType);
  }

  static {
    linkMeasurement = (measurement, { device, phasor }) => {
      measurement.#device ??= device;
      measurement.#phasor ??= phasor;
    };
  }
}

inspectable(
  MeasurementRecord.prototype,
  (record) =>
    showFields(`Measurement ${record.key || record.signalId}`, [
      ["signalId", record.signalId],
      ["pointTag", record.pointTag],
      ["signalReference", record.signalReference],
      ["signalType", record.units === "" ? record.signalType : `${record.signalType} (${record.units})`],
      ["device", record.deviceAcronym],
      ["phasor", record.phasor === undefined ? "" : `${record.phasor.sourceIndex} ${record.phasor.label}`],
      ["description", record.description],
      ["enabled", record.enabled ? "" : "false"],
      ["updatedOn", record.updatedOn === undefined ? "" : displayTicks(record.updatedOn)],
    ]),
  (record) =>
    oneLine(`Measurement ${record.key || record.signalId} ${record.signalType} ${record.pointTag}`, 120),
);
