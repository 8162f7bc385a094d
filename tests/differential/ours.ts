import {
  type DataRow,
  type DataSet,
  evaluateExpression,
  FilterError,
  type FilterValue,
  formatDecimal,
  selectRows,
  type TypedValue,
} from "../../metadata/mod.ts";
import type { Outcome, SelectionOutcome } from "./oracle.ts";

/** Evaluates an expression here. */
export function evaluateHere(
  text: string,
  row: DataRow,
): { outcome: Outcome; typed: TypedValue | undefined } {
  try {
    const typed = evaluateExpression(text, row);
    return { outcome: { type: typed.type, value: canonical(typed) }, typed };
  } catch (error) {
    if (!(error instanceof FilterError)) {
      throw new Error(`${text}: ${(error as Error).message}`, { cause: error });
    }
    return { outcome: { error: error.message }, typed: undefined };
  }
}

/** Selects rows here. */
export function selectHere(dataSet: DataSet, text: string, primaryTable: string): SelectionOutcome {
  try {
    return { rows: selectRows(dataSet, text, { primaryTable }).map((row) => row.index) };
  } catch (error) {
    if (!(error instanceof FilterError)) {
      throw new Error(`${text}: ${(error as Error).message}`, { cause: error });
    }
    return { error: error.message };
  }
}

/** A value in the spelling of oracle.py. */
function canonical({ type, value }: TypedValue): string | null {
  if (value === null) return null;
  if (type === "double") return doubleBits(value as number);
  return typeof value === "object" ? formatDecimal(value) : String(value as Exclude<FilterValue, null>);
}

function doubleBits(value: number): string {
  if (Number.isNaN(value)) return "nan";
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value + 0);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}
