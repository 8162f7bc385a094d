/** Tables of expressions and what they are, for the tests beside. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatTicks } from "../../../transport/wire/ticks.ts";
import type { DataRow } from "../../data_row.ts";
import { DataTable } from "../../data_table.ts";
import { formatDecimal } from "../../decimal.ts";
import { FilterError } from "../errors.ts";
import { evaluateExpression } from "../evaluate.ts";
import type { CompileOptions } from "../compile.ts";

/** An expression, and `type value`, or `error` with words of its message. */
export type Case = readonly [expression: string, expected: string];

/** Evaluates an expression into `type value`, or `error message`. */
export function evaluated(expression: string, row?: DataRow, options?: CompileOptions): string {
  try {
    const { type, value } = evaluateExpression(expression, row, options);
    if (value === null) return `${type} null`;
    if (type === "datetime") return `${type} ${formatTicks(value as bigint, { suffix: "" })}`;
    const right = { int32: "number", double: "number", int64: "bigint", boolean: "boolean" }[type as string];
    if (right !== undefined) assertEquals(typeof value, right, `${expression} is ${type}`);
    return `${type} ${
      typeof value === "object" ? formatDecimal(value) : Object.is(value, -0) ? "-0" : value
    }`;
  } catch (error) {
    if (error instanceof FilterError) return `error ${error.message}`;
    throw error;
  }
}

/** Checks each expression; of an error that the message has the words expected. */
export function check(cases: readonly Case[], row: DataRow = sampleRow()): void {
  for (const [expression, expected] of cases) {
    const actual = evaluated(expression, row);
    if (expected.startsWith("error")) {
      assertEquals(actual.slice(0, 5), "error", `${expression} is ${actual}`);
      assertStringIncludes(actual, expected.slice(6), expression);
    } else {
      assertEquals(actual, expected, expression);
    }
  }
}

/** A row with a column of each kind, and a null of each. */
export function sampleRow(): DataRow {
  const table = new DataTable("DeviceDetail");
  table.addColumn("Acronym", "string");
  table.addColumn("AlternateTag", "string");
  table.addColumn("AccessID", "int32");
  table.addColumn("NullInt", "int32");
  table.addColumn("Big", "int64");
  table.addColumn("NullBig", "int64");
  table.addColumn("Huge", "uint64");
  table.addColumn("Serial", "uint32");
  table.addColumn("Longitude", "decimal");
  table.addColumn("NullDecimal", "decimal");
  table.addColumn("Adder", "double");
  table.addColumn("Small", "single");
  table.addColumn("Enabled", "boolean");
  table.addColumn("NullFlag", "boolean");
  table.addColumn("SignalID", "guid");
  table.addColumn("NullID", "guid");
  table.addColumn("UpdatedOn", "dateTime");
  table.addColumn("NullTime", "dateTime");
  table.addColumn("Order", "string");
  return table.addRow({
    Acronym: "Shelby",
    AccessID: 2,
    Big: 9007199254740993n,
    Huge: 18446744073709551615n,
    Serial: 7,
    Longitude: "-89.8038",
    Adder: 0.5,
    Small: 0.1,
    Enabled: true,
    SignalID: "9ae6dd95-bddb-5dd8-8717-57da1268b9ca",
    UpdatedOn: new Date("2024-02-29T12:34:56.789Z"),
    Order: "first",
  });
}
