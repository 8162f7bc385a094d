/**
 * Metadata: the DataSet and its XML, typed records of devices, measurements and phasors, and filter expressions.
 *
 * @module
 */
export { DataSet } from "./data_set.ts";
export { DataTable } from "./data_table.ts";
export { DataColumn } from "./data_column.ts";
export { DataRow } from "./data_row.ts";
export type { CellInput, CellValue, DataType } from "./data_type.ts";
export { type Decimal, decimalToNumber, formatDecimal, parseDecimal } from "./decimal.ts";
export * from "./filter/mod.ts";
