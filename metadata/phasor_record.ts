import { inspectable, oneLine, showFields } from "./inspect.ts";
import type { DeviceRecord } from "./device_record.ts";
import type { RowReader } from "./known_columns.ts";
import type { MeasurementRecord } from "./measurement_record.ts";

/** Tells a phasor whose it is, and which measurements are its own. */
export let linkPhasor: (
  phasor: PhasorRecord,
  to: { device?: DeviceRecord; magnitude?: MeasurementRecord; angle?: MeasurementRecord },
) => void;

/** A row of PhasorDetail: a magnitude and an angle that belong together. */
export class PhasorRecord {
  /** The phasor's number at the publisher. */
  readonly id: number;
  /** The acronym of its device. */
  readonly deviceAcronym: string;
  /** A name for people, such as that of the line. */
  readonly label: string;
  /** `V` for a voltage, `I` for a current. */
  readonly type: string;
  /** `A`, `B` or `C`, `+`, `-` or `0` for a sequence. */
  readonly phase: string;
  /** The number of the phasor that stands in for it, such as the voltage of a current's line. */
  readonly destinationPhasorId: number | undefined;
  /** Its place among the device's phasors, from 1. */
  readonly sourceIndex: number;
  /** Nominal voltage in kilovolts. */
  readonly baseKV: number | undefined;
  /** When the row was changed last, in ticks. */
  readonly updatedOn: bigint | undefined;
  #device: DeviceRecord | undefined;
  #magnitude: MeasurementRecord | undefined;
  #angle: MeasurementRecord | undefined;

  /** Records are made by {@linkcode Metadata}. */
  constructor(row: RowReader) {
    this.id = row.number("ID") ?? 0;
    this.deviceAcronym = row.text("DeviceAcronym");
    this.label = row.text("Label");
    this.type = row.text("Type");
    this.phase = row.text("Phase");
    this.destinationPhasorId = row.number("DestinationPhasorID");
    this.sourceIndex = row.number("SourceIndex") ?? 0;
    this.baseKV = row.number("BaseKV");
    this.updatedOn = row.ticks("UpdatedOn");
  }

  /** The device that it comes from. */
  get device(): DeviceRecord | undefined {
    return this.#device;
  }

  /** The measurement of its magnitude. */
  get magnitude(): MeasurementRecord | undefined {
    return this.#magnitude;
  }

  /** The measurement of its angle. */
  get angle(): MeasurementRecord | undefined {
    return this.#angle;
  }

  static {
    linkPhasor = (phasor, { device, magnitude, angle }) => {
      phasor.#device ??= device;
      phasor.#magnitude ??= magnitude;
      phasor.#angle ??= angle;
    };
  }
}

inspectable(
  PhasorRecord.prototype,
  (phasor) =>
    showFields(`Phasor ${phasor.deviceAcronym} ${phasor.sourceIndex}`, [
      ["label", phasor.label],
      ["type", phasor.type],
      ["phase", phasor.phase],
      ["magnitude", phasor.magnitude?.pointTag ?? ""],
      ["angle", phasor.angle?.pointTag ?? ""],
      ["baseKV", phasor.baseKV === undefined ? "" : String(phasor.baseKV)],
    ]),
  (phasor) =>
    oneLine(
      `Phasor ${phasor.deviceAcronym} ${phasor.sourceIndex} ${phasor.type}${phasor.phase} ${phasor.label}`,
      120,
    ),
);
