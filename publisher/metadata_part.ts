import { DataSet } from "../metadata/data_set.ts";
import { type DataTable, pickSteps } from "../metadata/data_table.ts";
import { KnownColumns, nameOf, textOf, truthOf } from "../metadata/known_columns.ts";
import type { Steps } from "../metadata/steps.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";

/** So many rows are a step: less than a millisecond. */
const STEP = 1_024;
/** Bytes that a row takes in a list of rows. */
const LISTED = 8;

/** Metadata of the publisher's own signals, of those that it has from elsewhere, or of both. */
export type MetadataPart = "all" | "internal" | "external";

/** What a subscriber's modes ask for (§2). Who asks for neither does not know of the difference, and gets all. */
export function partAskedFor(
  { receiveInternalMetadata, receiveExternalMetadata }: OperationalModes,
): MetadataPart {
  if (receiveInternalMetadata === receiveExternalMetadata) return "all";
  return receiveInternalMetadata ? "internal" : "external";
}

/**
 * A part of metadata. What tells is, of a measurement, whether it is `Internal`; of a device, whether it has no
 * `OriginalSource`; and of a phasor, its device. A table without the column that tells stays whole.
 */
export function* partOf(dataSet: DataSet, part: MetadataPart): Steps<DataSet> {
  if (part === "all") return dataSet;
  const isWanted = (isInternal: boolean): boolean => isInternal === (part === "internal");
  const left = yield* devicesLeftOut(dataSet, isWanted);
  const result = new DataSet(dataSet.name);
  for (const table of dataSet.tables) {
    const keeps = rule(table, left, isWanted);
    const rows: number[] = [];
    for (let row = 0; row < table.rowCount; row++) {
      if (keeps(row)) rows.push(row);
      if (row % STEP === STEP - 1) yield STEP * LISTED;
    }
    result.addTable(rows.length === table.rowCount ? table : yield* pickSteps(table, rows));
  }
  return result;
}

type IsWanted = (isInternal: boolean) => boolean;

/** Whether a row stays. */
function rule(table: DataTable, left: ReadonlySet<string>, isWanted: IsWanted): (row: number) => boolean {
  const columns = new KnownColumns(table);
  switch (table.name.toLowerCase()) {
    case "measurementdetail": {
      const internal = columns.values("Internal");
      return (row) => internal[row] === undefined || isWanted(truthOf(internal[row], true));
    }
    case "devicedetail":
      return deviceRule(columns, isWanted);
    case "phasordetail": {
      const acronyms = columns.values("DeviceAcronym");
      return (row) => !left.has(nameOf(acronyms[row]));
    }
  }
  return () => true;
}

function deviceRule(columns: KnownColumns, isWanted: IsWanted): (row: number) => boolean {
  const sources = columns.values("OriginalSource");
  return (row) => sources[row] === undefined || isWanted(textOf(sources[row]) === "");
}

/** The names of devices of which no row stays. */
function* devicesLeftOut(dataSet: DataSet, isWanted: IsWanted): Steps<Set<string>> {
  const columns = new KnownColumns(dataSet.table("DeviceDetail"));
  const keeps = deviceRule(columns, isWanted);
  const acronyms = columns.values("Acronym");
  const kept = new Set<string>();
  const left = new Set<string>();
  for (let row = 0; row < acronyms.length; row++) {
    (keeps(row) ? kept : left).add(nameOf(acronyms[row]));
    if (row % STEP === STEP - 1) yield;
  }
  for (const name of kept) left.delete(name);
  return left;
}
