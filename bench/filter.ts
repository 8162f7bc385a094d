/**
 * How fast filter expressions are parsed, tested on rows and selected by:
 * `deno task bench --only filter`.
 *
 * The selection that sttpapi does beside this one is in metadata.ts.
 *
 * @module
 */
import {
  compileExpression,
  compilePredicate,
  type DataTable,
  deriveActiveMeasurements,
  parseFilter,
  selectRows,
} from "../metadata/mod.ts";
import { type Case, measure } from "./harness/measure.ts";
import { whole } from "./harness/format.ts";
import type { Findings, Section, Settings } from "./harness/report.ts";
import { generateMetadata } from "./metadata/generate.ts";

const PREDICATES: Readonly<Record<string, string>> = {
  "a string equal": "SignalType = 'FREQ'",
  "IN two, and LIKE a beginning": "SignalType IN ('FREQ','VPHM') AND Device LIKE 'A%'",
  "IN twenty": `Device IN (${Array.from({ length: 20 }, (_, i) => `'DEVICE${i}'`).join(", ")})`,
  "LIKE a part": "PointTag LIKE '%FREQ%'",
  "an integer compared": "FramesPerSecond >= 30",
  "decimals multiplied": "Longitude * 2 < -180.5",
  "dates compared": "UpdatedOn > #2020-01-01#",
  "functions of strings": "LEN(TRIM(PointTag)) > 10 AND UPPER(SUBSTR(Device, 0, 1)) = 'A'",
  "a regular expression": "REGEXMATCH('^[A-M].*FREQ', PointTag)",
};

const TWO = "select: two comparisons, 10,000 rows, parse included";
/** What TWO selects by: as was measured of the reference implementations; see README.md. */
const COMPARED = "FILTER ActiveMeasurements WHERE SignalType = 'FREQ' AND FramesPerSecond >= 30";

const SELECTIONS: Readonly<Record<string, string>> = {
  "all rows": "FILTER ActiveMeasurements WHERE True",
  "TOP 1000 by PointTag": "FILTER TOP 1000 ActiveMeasurements WHERE SignalType IN ('FREQ','VPHM') AND " +
    "Device LIKE 'A%' ORDER BY PointTag",
  "TOP 1000 of all by PointTag": "FILTER TOP 1000 ActiveMeasurements ORDER BY PointTag",
  "all by PointTag": "FILTER ActiveMeasurements ORDER BY PointTag",
  "all by type and tag": "FILTER ActiveMeasurements ORDER BY SignalType DESC, PointTag",
};

function rowsOf(table: DataTable, test: (row: number) => unknown): () => number {
  return () => {
    for (let row = 0; row < table.rowCount; row++) test(row);
    return table.rowCount;
  };
}

function run({ quick }: Settings): Findings {
  const active = deriveActiveMeasurements(generateMetadata(quick ? 10_000 : 100_000));
  const table = active.table("ActiveMeasurements")!;
  const ids = table.column("SignalID")!.values.slice(0, 20_000).join(";");
  const long = Array.from({ length: 2_000 }, (_, i) => `(SignalType = 'T${i}' AND Adder + ${i}.5 > 0)`).join(
    " OR ",
  );

  const cases: Case[] = [
    ...Object.entries(PREDICATES).map(([name, text]) => ({
      name: `test: ${name}`,
      run: rowsOf(table, compilePredicate(table, text)),
    })),
    {
      name: "value: a text made",
      run: rowsOf(table, compileExpression("Device + ':' + ID", table).evaluate),
    },
    ...Object.entries(SELECTIONS).map(([name, text]) => ({
      name: `select: ${name}`,
      run: () => {
        selectRows(active, text);
        return table.rowCount;
      },
    })),
    { name: "select: 20,000 GUIDs", run: () => selectRows(active, ids).length },
    { name: "parse: 2,000 conditions, characters", run: () => parseFilter(long).length * long.length },
    {
      name: "compile: the same, characters",
      run: () => {
        compilePredicate(table, long);
        return long.length;
      },
    },
  ];
  const small = deriveActiveMeasurements(generateMetadata(10_000));
  cases.push({
    name: TWO,
    run: () => {
      selectRows(small, COMPARED);
      return small.table("ActiveMeasurements")!.rowCount;
    },
  });
  const results = measure(cases, quick ? { turns: 3, duration: 100 } : { turns: 5, duration: 200 });
  return {
    tables: [{
      title: `Filter expressions: ${whole(table.rowCount)} rows`,
      header: ["", "rate", "slowest", "fastest"],
      rows: results.map(({ name, rate, slowest, fastest }) => [name, ...[rate, slowest, fastest].map(whole)]),
    }],
    figures: {
      ...Object.fromEntries(results.map(({ name, rate }) => [name, rate])),
      filterTwo: 10_000 / results.find(({ name }) => name === TWO)!.rate * 1000,
    },
    notes: ["Rows or characters for each second on the processor."],
  };
}

/** Parsing, testing and selecting. */
export const filterExpressions: Section = { name: "filter", title: "Filter expressions", run };
