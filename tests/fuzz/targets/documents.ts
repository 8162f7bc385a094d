/**
 * Texts and documents: connection strings, times, filter expressions, metadata.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { mergeMetadata } from "../../../cli/relay/merge_metadata.ts";
import {
  compareDataSets,
  compileExpression,
  DataSet,
  filterMetadata,
  formatFilter,
  formatSignalReference,
  FUNCTION_NAMES,
  Metadata,
  parseFilter,
  parseSignalReference,
  selectSignalIds,
} from "../../../metadata/mod.ts";
import { deriveActiveMeasurements } from "../../../metadata/active_measurements.ts";
import { finish } from "../../../metadata/steps.ts";
import { parseConnectionString, Ticks, tryParseTicks } from "../../../transport/mod.ts";
import { parseBoolean, parseNumber } from "../../../transport/wire/connection_string.ts";
import { gunzip, isGzip } from "../../../transport/wire/gzip.ts";
import { parseTimeConstraint } from "../../../transport/wire/time_constraint.ts";
import { metadataOf } from "../../integration/support.ts";
import { recorded } from "../corpus.ts";
import { damaged, damagedText, rearranged, textOf } from "../mutate.ts";
import { type FuzzTarget, target } from "../target.ts";

const connectionStrings = target(
  "connection-strings",
  300,
  () =>
    textOf([
      "=",
      ";",
      "{",
      "}",
      "dataChannel",
      "localport",
      "9191",
      "filterExpression",
      "true",
      " ",
      "includeTime",
      "-1",
    ]),
  (
    text,
  ) => {
    for (const [name, value] of parseConnectionString(text, { maxLength: 5_000, maxPairs: 50 })) {
      assertEquals(name, name.toLowerCase());
      parseBoolean(value);
      parseNumber(value);
    }
  },
);

const someTimes = [
  "2026-11-22T10:30:00.1234567Z",
  "2026-11-22 10:30:00",
  "0001-01-01",
  "9999-12-31T23:59:59.9Z",
];

const times = target(
  "times",
  300,
  () => damagedText([...someTimes, "2026-11-22T10:30:.5Z", "11/22/2026"]),
  (text) => {
    const ticks = tryParseTicks(text);
    if (ticks === undefined) return void Ticks.parse(text);
    assertEquals(tryParseTicks(Ticks.format(ticks)), ticks);
  },
);

const timeConstraints = target(
  "time-constraints",
  300,
  () =>
    fc.oneof(
      damagedText([...someTimes, "*", "*-1.5h", "*+10s", "*-7d", "10 minutes"]),
      textOf(["*", "-", "+", "1", "5", "s", "m", "h", "d", "2026-", "11-", "22", "T", "10:", "30:", "Z"], 8),
    ),
  (text) => {
    const ticks = parseTimeConstraint(text, Ticks.UnixEpoch);
    assertEquals(typeof ticks, "bigint");
  },
);

const signalReferences = target(
  "signal-references",
  200,
  () => textOf(["SHELBY", "-", "PA", "PM", "FQ", "SF", "1", "!", ":", "AV"], 8),
  (text) => {
    const reference = parseSignalReference(text);
    assertEquals(parseSignalReference(formatSignalReference(reference)), reference);
  },
);

/** Expressions that mostly hold together. */
const expression = fc.letrec<{ value: string; any: string; list: string }>((tie) => ({
  value: fc.oneof(
    fc.constantFrom(
      "SignalID",
      "PointTag",
      "Device",
      "SignalType",
      "[ID]",
      "Enabled",
      "NULL",
      "true",
      "'FREQ'",
    ),
    fc.constantFrom("1", "-1", "0", "1.5", "1e308", "9223372036854775807", "#2026-11-22#", "''", "'PPA:1'"),
    fc.integer().map(String),
    fc.double().map(String),
    fc.string({ maxLength: 8 }).map((text) => `'${text.replaceAll("'", "''")}'`),
    fc.uuid().map((id) => `{${id}}`),
  ),
  any: fc.oneof(
    { maxDepth: 5, depthIdentifier: "expression" },
    tie("value"),
    fc.tuple(
      tie("any"),
      fc.constantFrom(
        "+",
        "-",
        "*",
        "/",
        "%",
        "=",
        "<>",
        "!=",
        "<",
        ">=",
        "AND",
        "OR",
        "&",
        "|",
        "^",
        "<<",
        ">>",
        "===",
      ),
      tie("any"),
    ).map((parts) => `(${parts.join(" ")})`),
    fc.tuple(fc.constantFrom("NOT", "-", "~", "!"), tie("any")).map((parts) => parts.join(" ")),
    fc.tuple(tie("any"), fc.constantFrom("IS NULL", "IS NOT NULL")).map((parts) => parts.join(" ")),
    fc.tuple(
      tie("any"),
      fc.constantFrom("LIKE", "NOT LIKE", "LIKE BINARY"),
      fc.constantFrom("'%1'", "'P%:_'", "'%'"),
    )
      .map((parts) => parts.join(" ")),
    fc.tuple(tie("any"), fc.constantFrom("IN", "NOT IN", "IN EXACT"), tie("list")).map(([a, b, c]) =>
      `${a} ${b} (${c})`
    ),
    fc.tuple(fc.constantFrom(...FUNCTION_NAMES), tie("list")).map(([name, list]) => `${name}(${list})`),
  ),
  list: fc.array(tie("any"), { minLength: 0, maxLength: 4 }).map((list) => list.join(", ")),
}));

const statement = fc.oneof(
  fc.tuple(
    fc.constantFrom("", "TOP 3 ", "TOP 0 ", "TOP -1 "),
    fc.constantFrom("ActiveMeasurements", "MeasurementDetail", "DeviceDetail", "Nowhere"),
    fc.oneof(
      fc.constantFrom("True", "Name LIKE 'D%'", "SignalID IS NOT NULL", "SignalType = 'FREQ'"),
      expression.any,
    ),
    fc.constantFrom("", " ORDER BY PointTag", " ORDER BY BINARY Device DESC, ID", " ORDER BY Nothing"),
  ).map(([top, table, where, order]) => `FILTER ${top}${table} WHERE ${where}${order}`),
  fc.uuid(),
  fc.constantFrom("PPA:1", "DEVICE0:1", ""),
  expression.any,
);

const filterText = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(statement, { minLength: 1, maxLength: 3 }).map((list) => list.join("; ")),
  },
  {
    weight: 1,
    arbitrary: textOf([
      "FILTER",
      "ActiveMeasurements",
      "WHERE",
      "ORDER BY",
      "TOP",
      "(",
      ")",
      "'",
      "#",
      "{",
      "}",
      "[",
      "]",
      ",",
      ";",
      "SignalType",
      "=",
      "IN",
      "LIKE",
      "REGEXMATCH",
      "--",
      "/*",
    ]),
  },
);

const filterLimits = { maxWork: 1_000_000, maxMilliseconds: 500, maxTextLength: 2_000, maxTokens: 5_000 };
let dataSet: DataSet | undefined;

function metadata(): DataSet {
  if (dataSet === undefined) {
    dataSet = deriveActiveMeasurements(metadataOf(20));
  }
  return dataSet;
}

const filters = target("filters", 300, () => filterText, (text) => {
  const statements = parseFilter(text, { limits: filterLimits });
  const printed = formatFilter(statements);
  assertEquals(formatFilter(parseFilter(printed)), printed, "what is printed reads as something else");
  const ids = selectSignalIds(metadata(), text, { limits: filterLimits });
  assertEquals(new Set(ids).size, ids.length, "a signal twice");
});

/** What narrows a table of metadata: conditions and orders that it has the columns for. */
function narrowing(
  table: string,
  conditions: readonly string[],
  orders: readonly string[],
): fc.Arbitrary<string> {
  return fc.tuple(
    fc.constantFrom("", "", "TOP 3 ", "TOP 0 "),
    fc.constantFrom("True", "1 = 2", ...conditions),
    fc.constantFrom("", ...orders.map((order) => ` ORDER BY ${order}`)),
  ).map(([top, where, order]) => `FILTER ${top}${table} WHERE ${where}${order}`);
}

const ofMeasurements = ["SignalAcronym <> 'STAT'", "SignalID IS NOT NULL", "PointTag LIKE '%1'"];
const metadataFilterText = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: narrowing("MeasurementDetail", ofMeasurements, ["PointTag DESC", "SignalID"]) },
    { weight: 3, arbitrary: narrowing("DeviceDetail", ["Acronym > 'A'", "Name IS NULL"], ["Acronym"]) },
    { weight: 1, arbitrary: statement },
  ),
  { minLength: 1, maxLength: 3 },
).map((list) => list.join(";"));

const metadataFilters = target(
  "metadata-filters",
  150,
  () => fc.oneof(metadataFilterText, filterText),
  (text) => {
    const narrowed = filterMetadata(metadata(), text, { limits: filterLimits });
    assertEquals(narrowed.tables.length, metadata().tables.length);
  },
);

const expressions = target("expressions", 300, () => expression.any, (text) => {
  const table = metadata().table("ActiveMeasurements")!;
  const compiled = compileExpression(text, table, { limits: filterLimits });
  for (let row = 0; row < table.rowCount; row++) compiled.evaluate(row);
});

const xmlLimits = {
  maxLength: 1 << 20,
  maxRows: 2_000,
  maxCells: 50_000,
  maxColumns: 200,
  maxDepth: 20,
  maxNames: 500,
  maxNameLength: 100,
  maxTagLength: 5_000,
  maxTextLength: 10_000,
};

const xmlBytes = target("metadata-xml", 60, () => {
  const documents = recorded().metadata.map((body) =>
    isGzip(body) ? gunzip(body, { maxLength: 1 << 22 }) : body
  );
  const small = new TextEncoder().encode(metadataOf(2).toXml());
  return fc.record({ xml: damaged([small, small, ...documents.slice(0, 2)]), lenient: fc.boolean() });
}, readXml);

async function readXml(
  { xml, lenient }: { xml: Uint8Array<ArrayBuffer> | string; lenient: boolean },
): Promise<void> {
  const read = await DataSet.fromXml(xml, { ...xmlLimits, ...lenient && { invalidValues: "null" } });
  const rows = read.tables.reduce((sum, { rowCount }) => sum + rowCount, 0);
  assert(rows <= xmlLimits.maxRows);
  // What is made of it: records, what is subscribed to, how it differs from what was there, and both in one.
  new Metadata(read);
  deriveActiveMeasurements(read);
  String(compareDataSets(metadata(), read));
  const merged = finish(mergeMetadata([metadata(), read])).dataSet;
  assert(merged.tables.length >= metadata().tables.length);
  const again = await DataSet.fromXml(read.toXml());
  assertEquals(
    again.tables.map(({ name, rowCount }) => [name, rowCount]),
    read.tables.map(({ name, rowCount }) => [
      name,
      rowCount,
    ]),
  );
}

const xmlTags = target("metadata-tags", 100, () => {
  const tokens = metadataOf(2).toXml().match(/<[^>]*>|[^<]+/g)!;
  const others = [
    "&amp;",
    "&#x41;",
    "&#0;",
    "&e;",
    "<!--",
    "-->",
    "<!-- a comment -->",
    "<![CDATA[a < b]]>",
    "]]>",
    "<!DOCTYPE x [",
    "<!ENTITY e 'e'>",
    "<?xml version='1.0'?>",
    '<xs:element name="A" type="xs:int" minOccurs="0"/>',
    '<xs:element name="MeasurementDetail">',
    ' a="',
    '"',
    "<A/>",
    "</A>",
    "\0",
    "\ufeff",
    "text",
  ];
  return fc.record({ xml: rearranged(tokens, others), lenient: fc.boolean() });
}, readXml);

/** All targets of texts and documents. */
export const documentTargets: readonly FuzzTarget[] = [
  connectionStrings,
  times,
  timeConstraints,
  signalReferences,
  filters,
  metadataFilters,
  expressions,
  xmlBytes,
  xmlTags,
];
