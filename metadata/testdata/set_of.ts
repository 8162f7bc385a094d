/**
 * Small data sets.
 *
 * @module
 */
import { DataSet } from "../data_set.ts";
import type { CellInput, DataType } from "../data_type.ts";

/** A data set without a name. @param tables By name: the types of the columns by their names, and the rows. */
export function setOf(tables: Record<string, [Record<string, DataType>, ...CellInput[][]]>): DataSet {
  const dataSet = new DataSet();
  for (const [name, [columns, ...rows]] of Object.entries(tables)) {
    const table = dataSet.addTable(name);
    for (const [column, type] of Object.entries(columns)) table.addColumn(column, type);
    for (const row of rows) table.addRow(row);
  }
  return dataSet;
}
