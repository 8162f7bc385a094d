import { DataSet } from "../metadata/data_set.ts";
import { type DataTable, pickSteps } from "../metadata/data_table.ts";
import { KnownColumns, nameOf, numberOf } from "../metadata/known_columns.ts";
import type { Steps } from "../metadata/steps.ts";

/** So many rows are a step: less than a millisecond. */
const STEP = 1_024;

/** Which signals somebody may see, by ID. */
export type IsVisible = (signalId: string) => boolean;

/**
 * Metadata as somebody sees it who may not see all signals: the measurements that it may see, the phasors and devices
 * that lead to one of them, and the devices in front of those (`ParentAcronym`). In other tables, rows are left out that
 * are about a signal (`SignalID`) or device (`DeviceAcronym`) that is.
 *
 * @param dataSet All of it; tables that lose nothing are shared with the result.
 */
export function* visibleMetadata(dataSet: DataSet, isVisible: IsVisible): Steps<DataSet> {
  const shown = new Shown(isVisible);
  yield* shown.read(dataSet);
  const result = new DataSet(dataSet.name);
  for (const table of dataSet.tables) {
    const rows = yield* shown.rowsOf(table);
    result.addTable(rows.length === table.rowCount ? table : yield* pickSteps(table, rows));
  }
  return result;
}

/** What is left of each table. */
class Shown {
  readonly #isVisible: IsVisible;
  readonly #devices = new Set<string>();
  /** `undefined` when measurements do not tell their phasors. */
  #phasors: Set<string> | undefined;

  constructor(isVisible: IsVisible) {
    this.#isVisible = isVisible;
  }

  /** Finds out which devices and phasors lead to what is visible. */
  *read(dataSet: DataSet): Steps<void> {
    const table = dataSet.table("MeasurementDetail");
    const columns = new KnownColumns(table);
    const signalIds = columns.guids("SignalID");
    const devices = columns.values("DeviceAcronym");
    const phasors = columns.values("PhasorSourceIndex");
    if (table?.column("PhasorSourceIndex") !== undefined) this.#phasors = new Set();
    for (let row = 0; row < columns.rowCount; row++) {
      if (row % STEP === STEP - 1) yield;
      const signalId = signalIds[row];
      if (!signalId || !this.#isVisible(signalId)) continue;
      const device = nameOf(devices[row]);
      if (device !== "") this.#devices.add(device);
      const phasor = numberOf(phasors[row]);
      if (phasor !== undefined) this.#phasors?.add(`${phasor} ${device}`);
    }
    yield;
    this.#addParents(new KnownColumns(dataSet.table("DeviceDetail")));
  }

  #addParents(columns: KnownColumns): void {
    const acronyms = columns.values("Acronym");
    const parents = columns.values("ParentAcronym");
    const parentOf = new Map<string, string>();
    for (let row = 0; row < columns.rowCount; row++) {
      const parent = nameOf(parents[row]);
      if (parent !== "") parentOf.set(nameOf(acronyms[row]), parent);
    }
    // A set is walked together with what is added on the way, each once: circles end.
    for (const device of this.#devices) {
      const parent = parentOf.get(device);
      if (parent !== undefined) this.#devices.add(parent);
    }
  }

  *rowsOf(table: DataTable): Steps<number[]> {
    const keeps = this.#rule(table);
    const rows: number[] = [];
    for (let row = 0; row < table.rowCount; row++) {
      if (keeps(row)) rows.push(row);
      if (row % STEP === STEP - 1) yield;
    }
    return rows;
  }

  #rule(table: DataTable): (row: number) => boolean {
    const columns = new KnownColumns(table);
    const devices = this.#devices;
    switch (table.name.toLowerCase()) {
      case "measurementdetail":
      case "activemeasurements": {
        const signalIds = columns.guids("SignalID");
        return (row) => {
          const signalId = signalIds[row];
          return !!signalId && this.#isVisible(signalId);
        };
      }
      case "devicedetail": {
        const acronyms = columns.values("Acronym");
        return (row) => devices.has(nameOf(acronyms[row]));
      }
      case "phasordetail": {
        const phasors = this.#phasors;
        const acronyms = columns.values("DeviceAcronym");
        const indexes = columns.values("SourceIndex");
        return (row) => {
          const device = nameOf(acronyms[row]);
          return phasors?.has(`${numberOf(indexes[row])} ${device}`) ?? devices.has(device);
        };
      }
    }
    const signalIds = columns.guids("SignalID");
    const acronyms = columns.values("DeviceAcronym");
    return (row) => {
      const device = nameOf(acronyms[row]);
      const signalId = signalIds[row];
      return (device === "" || devices.has(device)) && (!signalId || this.#isVisible(signalId));
    };
  }
}
