import { count, displayTicks, inspectable, oneLine, showFields } from "./inspect.ts";
import type { RowReader } from "./known_columns.ts";
import type { MeasurementRecord } from "./measurement_record.ts";
import type { PhasorRecord } from "./phasor_record.ts";

/** The lists that a device has, to be filled. */
export let partsOf: (device: DeviceRecord) => { measurements: MeasurementRecord[]; phasors: PhasorRecord[] };

/** A row of DeviceDetail: where signals come from. */
export class DeviceRecord {
  /** The device's GUID; empty where there is none. */
  readonly uniqueId: string;
  /** The GUID of the node that has the device; empty where there is none. */
  readonly nodeId: string;
  /** The name that measurements and phasors refer to. */
  readonly acronym: string;
  /** A name for people. */
  readonly name: string;
  /** Where the device was defined first; empty when here. */
  readonly originalSource: string;
  /** Whether it is a concentrator, which has devices of its own. */
  readonly isConcentrator: boolean;
  /** Its number in its own protocol, such as the ID code of a PMU. */
  readonly accessId: number;
  /** The acronym of the concentrator that it belongs to; empty when to none. */
  readonly parentAcronym: string;
  /** The protocol that it speaks. */
  readonly protocolName: string;
  /** How many frames it sends a second; 30 unless given. */
  readonly framesPerSecond: number;
  /** Whose it is. */
  readonly companyAcronym: string;
  /** Who made it. */
  readonly vendorAcronym: string;
  /** What its maker calls it. */
  readonly vendorDeviceName: string;
  /** Degrees east. */
  readonly longitude: number | undefined;
  /** Degrees north. */
  readonly latitude: number | undefined;
  /** The interconnection that it is in. */
  readonly interconnectionName: string;
  /** Whom to ask. */
  readonly contactList: string;
  /** Whether it is in use. */
  readonly enabled: boolean;
  /** When the row was changed last, in ticks. */
  readonly updatedOn: bigint | undefined;
  readonly #measurements: MeasurementRecord[] = [];
  readonly #phasors: PhasorRecord[] = [];

  /** Records are made by {@linkcode Metadata}. */
  constructor(row: RowReader) {
    this.uniqueId = row.guid("UniqueID") ?? "";
    this.nodeId = row.guid("NodeID") ?? "";
    this.acronym = row.text("Acronym");
    this.name = row.text("Name");
    this.originalSource = row.text("OriginalSource");
    this.isConcentrator = row.truth("IsConcentrator", false);
    this.accessId = row.number("AccessID") ?? 0;
    this.parentAcronym = row.text("ParentAcronym");
    this.protocolName = row.text("ProtocolName");
    this.framesPerSecond = row.number("FramesPerSecond") || 30;
    this.companyAcronym = row.text("CompanyAcronym");
    this.vendorAcronym = row.text("VendorAcronym");
    this.vendorDeviceName = row.text("VendorDeviceName");
    this.longitude = row.number("Longitude");
    this.latitude = row.number("Latitude");
    this.interconnectionName = row.text("InterconnectionName");
    this.contactList = row.text("ContactList");
    this.enabled = row.truth("Enabled", true);
    this.updatedOn = row.ticks("UpdatedOn");
  }

  /** Its measurements, in the order of MeasurementDetail. */
  get measurements(): readonly MeasurementRecord[] {
    return this.#measurements;
  }

  /** Its phasors, by source index. */
  get phasors(): readonly PhasorRecord[] {
    return this.#phasors;
  }

  static {
    partsOf = (device) => ({ measurements: device.#measurements, phasors: device.#phasors });
  }
}

inspectable(
  DeviceRecord.prototype,
  (device) =>
    showFields(`Device ${device.acronym}`, [
      ["uniqueId", device.uniqueId],
      ["name", device.name],
      ["parent", device.parentAcronym],
      ["protocol", device.protocolName],
      ["framesPerSecond", String(device.framesPerSecond)],
      ["company", device.companyAcronym],
      ["vendor", `${device.vendorAcronym} ${device.vendorDeviceName}`.trim()],
      ["position", device.latitude === undefined ? "" : `${device.latitude}, ${device.longitude}`],
      ["interconnection", device.interconnectionName],
      ["measurements", String(device.measurements.length)],
      ["phasors", device.phasors.map((phasor) => phasor.label).join(", ")],
      ["enabled", device.enabled ? "" : "false"],
      ["updatedOn", device.updatedOn === undefined ? "" : displayTicks(device.updatedOn)],
    ]),
  (device) => oneLine(`Device ${device.acronym} (${count(device.measurements.length, "measurement")})`, 120),
);
