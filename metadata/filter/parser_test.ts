import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FilterError } from "./errors.ts";
import { parseExpression, parseFilter } from "./parser.ts";
import { formatExpression, formatFilter } from "./print.ts";
import { parseDecimal } from "../decimal.ts";
import type { ExpressionNode, FilterStatement } from "./tree.ts";

/** A tree without the places of its nodes; decimals as text. */
function bare(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part) => {
    if (key === "start" || key === "end") return undefined;
    if (typeof part === "bigint") return `${part}n`;
    return typeof part === "number" && !Number.isFinite(part) ? String(part) : part;
  }));
}

function printed(text: string): string {
  return formatFilter(parseFilter(text));
}

function fails(text: string, problem: string, column?: number): FilterError {
  const error = assertThrows(() => parseFilter(text), FilterError, problem);
  assertEquals(error.kind, "syntax", text);
  if (column !== undefined) assertEquals(error.column, column, text);
  return error;
}

Deno.test("a FILTER statement with all of its parts", () => {
  const [statement] = parseFilter(
    "FILTER TOP 10 ActiveMeasurements WHERE SignalType = 'FREQ' ORDER BY BINARY PointTag DESC, [ID] ASC, === Device",
  );
  assertEquals(bare(statement), {
    kind: "filter",
    table: "ActiveMeasurements",
    top: 10,
    where: {
      kind: "binary",
      operator: "=",
      left: { kind: "column", name: "SignalType" },
      right: { kind: "literal", type: "string", value: "FREQ" },
    },
    orderBy: [
      { column: "PointTag", descending: true, exact: true },
      { column: "ID", descending: false, exact: false },
      { column: "Device", descending: false, exact: true },
    ],
  });
});

Deno.test("statements are split by ; outside of strings, names and comments", () => {
  const guid = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
  const statements = parseFilter(`;; ${guid}; '${guid}' ;{${guid.toUpperCase()}};PPA:4; "GPA;X:FREQ";
    Device = 'a;b' /* ; */ -- ; and so on
    ; FILTER [odd;name];`);
  assertEquals(statements.map((statement) => [statement.kind, "by" in statement ? statement.by : ""]), [
    ["signal", "guid"],
    ["signal", "guid"],
    ["signal", "guid"],
    ["signal", "key"],
    ["signal", "tag"],
    ["condition", ""],
    ["filter", ""],
  ]);
  assertEquals(statements.slice(0, 5).map((statement) => "value" in statement && statement.value), [
    guid,
    guid,
    guid,
    "PPA:4",
    "GPA;X:FREQ",
  ]);
  assertEquals((statements[6] as { table?: string }).table, "odd;name");
  assertEquals(parseFilter(""), []);
  assertEquals(parseFilter(" ;; /* nothing */"), []);
});

Deno.test("measurement keys may have the characters of acronyms", () => {
  for (
    const key of ["PPA:4", "_SHELBY-PA1:12", "A.B!C@D#E$F:1", "1X:2", "-x:3", "#1:4", "!#2021-01-01T00:00"]
  ) {
    assertEquals(parseFilter(key), [{ kind: "signal", by: "key", value: key, start: 0, end: key.length }]);
  }
});

Deno.test("TOP, WHERE and ORDER BY are optional; TOP may be negative", () => {
  const top = (text: string) => (parseFilter(text)[0] as { top?: number }).top;
  assertEquals(top("FILTER T"), undefined);
  assertEquals(top("FILTER TOP -1 T WHERE True"), undefined);
  assertEquals(top("FILTER TOP +3 T"), 3);
  assertEquals(top("filter top 0 T order by A"), 0);
  assertEquals(top("FILTER TOP 4294967296 T"), 4294967296);
  assertEquals((parseFilter("FILTER Top WHERE True")[0] as { table?: string }).table, "Top");
  assertEquals((parseFilter("FILTER Top")[0] as { table?: string }).table, "Top");
  assertEquals(printed("FILTER T ORDER BY Binary"), "FILTER T ORDER BY Binary");
  assertEquals(printed("FILTER T ORDER BY Binary desc"), "FILTER T ORDER BY Binary DESC");
});

Deno.test("keywords of statements may name columns", () => {
  assertEquals(
    printed("Top = 1 AND Asc = 2 AND By = 3 AND Filter = 4"),
    "Top = 1 AND Asc = 2 AND By = 3 AND Filter = 4",
  );
  assertEquals(printed("[Where] = 1 and `Null` is null"), "[Where] = 1 AND [Null] IS NULL");
  assertEquals(printed("`a]b` = 1"), "`a]b` = 1");
});

Deno.test("printing puts brackets only where they are needed", () => {
  for (
    const [text, expected] of [
      ["((1 + 2)) * 3", "(1 + 2) * 3"],
      ["1 + (2 * 3)", "1 + 2 * 3"],
      ["1 - (2 - 3)", "1 - (2 - 3)"],
      ["(1 - 2) - 3", "1 - 2 - 3"],
      ["(a OR b) AND c", "(a OR b) AND c"],
      ["a OR (b AND c)", "a OR b AND c"],
      ["a OR (b OR c)", "a OR (b OR c)"],
      ["-(-1)", "-(-1)"],
      ["a - -1", "a - -1"],
      ["- - -a", "-(-(-a))"],
      ["NOT (a = b)", "NOT a = b"],
      ["(NOT a) = b", "!a = b"],
      ["!(a = b) AND c", "NOT a = b AND c"],
      ["(NOT a = b) = c", "(NOT a = b) = c"],
      ["NOT NOT a LIKE 'x'", "NOT NOT a LIKE 'x'"],
      ["NOT (a AND b)", "!(a AND b)"],
      ["a in(1,2) is null", "a IN (1, 2) IS NULL"],
      ["(a LIKE 'x') LIKE 'y'", "a LIKE 'x' LIKE 'y'"],
      ["a LIKE ('x' LIKE 'y')", "a LIKE ('x' LIKE 'y')"],
      ["(a = b) = c", "a = b = c"],
      ["a = (b < c)", "a = b < c"],
      ["a ! like === 'x'", "a NOT LIKE BINARY 'x'"],
      ["f( 1 , 'a' )", "f(1, 'a')"],
      ["1. + 1e3 + 0x10", "1. + 1e+3 + 16"],
    ] as const
  ) assertEquals(printed(text), expected);
});

Deno.test("mistakes are told with their place and what was expected", () => {
  fails("1 +", "ends too early", 4);
  fails("(1", "( is not closed", 1);
  fails("1)", "unexpected text", 2);
  fails("a b", "unexpected text", 3);
  fails("'abc", "string without its closing quote", 1);
  fails("[abc", "name is not closed", 1);
  fails("1 /* one", "comment is not closed", 3);
  fails("1 < #2021", "date and time is not closed", 5);
  fails("a = ``", "empty name", 5);
  fails("{abc}", "not a GUID", 1);
  fails("#soon#", "not a date and time", 1);
  fails("1 ? 2", "has no meaning here", 3);
  fails("a IS 1", "unexpected text", 6);
  fails("a NOT = 1", "unexpected text", 7);
  fails("a IN 1", "unexpected text", 6);
  fails("a IN ()", "unexpected text", 7);
  fails("a AND AND b", "unexpected text", 7);
  fails("WHERE a", "unexpected text", 1);
  fails("FILTER", "ends too early", 7);
  fails("FILTER TOP x T", "unexpected text", 12);
  fails("FILTER TOP 1.5 T", "unexpected text", 12);
  fails("FILTER T a = 1", "unexpected text", 10);
  fails("FILTER T ORDER a", "unexpected text", 16);
  fails("FILTER T ORDER BY", "ends too early", 18);
  fails("FILTER T WHERE a = PPA:4", "a measurement key only as a statement of its own", 23);
  fails('a = "tag"', "a point tag can't be part of an expression", 5);
  const error = fails("FILTER ActiveMeasurements\n  WHERE Device LIKE ;", "unexpected text", 21);
  assertEquals([error.line, error.offset, error.found, error.expected], [2, 46, ";", "a value"]);
  assertEquals(error.message, 'unexpected text (at ";", line 2, column 21); expected a value');
});

// --- property: what is printed is parsed into the same tree

const name = fc.oneof(
  fc.constantFrom("Device", "ID", "_x1", "Null", "order", "odd name", "a]b", "IN", "Len"),
  fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }).filter((text) => !/[`\]]/.test(text)),
);
const nowhere = { start: 0, end: 0 };

const literal = fc.oneof(
  fc.boolean().map((value) => ({ type: "boolean", value })),
  fc.constant({ type: "undefined", value: null }),
  fc.nat().map((value) => ({ type: "int32", value })),
  fc.bigInt(2147483648n, (1n << 63n) - 1n).map((value) => ({ type: "int64", value })),
  fc.tuple(fc.bigInt(0n, 10n ** 30n), fc.nat(12)).map(([digits, scale]) => ({
    type: "decimal",
    value: parseDecimal(`${digits}e-${scale}`),
  })).filter(({ value }) => value!.scale() > 0),
  fc.double({ min: 0, noNaN: true }).filter((value) => !Object.is(value, -0)).map((value) => ({
    type: "double",
    value,
  })),
  fc.string({ unit: "binary" }).map((value) => ({ type: "string", value })),
  fc.uuid().map((value) => ({ type: "guid", value })),
  fc.bigInt(0n, 3_155_378_975_999_999_999n).map((value) => ({ type: "datetime", value })),
).map((node) => ({ kind: "literal", ...node, ...nowhere }) as ExpressionNode);

const { expression } = fc.letrec<{ expression: ExpressionNode }>((tie) => {
  const inner = tie("expression");
  const list = (minLength: number) => fc.array(inner, { minLength, maxLength: 3 });
  const node = (fields: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(fields).map((value) => ({ ...value, ...nowhere }) as unknown as ExpressionNode);
  const operators = "* / % + - << >> & | ^ < <= > >= = === != !==".split(" ");
  return {
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      literal,
      node({ kind: fc.constant("column"), name }),
      node({ kind: fc.constant("unary"), operator: fc.constantFrom("+", "-", "!"), operand: inner }),
      node({
        kind: fc.constant("binary"),
        operator: fc.constantFrom(...operators),
        left: inner,
        right: inner,
      }),
      node({ kind: fc.constant("logical"), operator: fc.constantFrom("AND", "OR"), operands: list(2) }),
      node({
        kind: fc.constant("in"),
        operand: inner,
        list: list(1),
        negated: fc.boolean(),
        exact: fc.boolean(),
      }),
      node({
        kind: fc.constant("like"),
        operand: inner,
        pattern: inner,
        negated: fc.boolean(),
        exact: fc.boolean(),
      }),
      node({ kind: fc.constant("isNull"), operand: inner, negated: fc.boolean() }),
      node({ kind: fc.constant("call"), name: fc.constantFrom("LEN", "f", "Top"), args: list(0) }),
    ),
  };
});

/** Without AND within AND, which the parser has as one. */
function flattened(node: ExpressionNode): ExpressionNode {
  const parts = (nodes: readonly ExpressionNode[]) => nodes.map(flattened);
  switch (node.kind) {
    case "logical": {
      const [first, ...rest] = parts(node.operands);
      const inner = first?.kind === "logical" && first.operator === node.operator ? first.operands : [first!];
      return { ...node, operands: [...inner, ...rest] };
    }
    case "unary":
    case "isNull":
      return { ...node, operand: flattened(node.operand) };
    case "binary":
      return { ...node, left: flattened(node.left), right: flattened(node.right) };
    case "in":
      return { ...node, operand: flattened(node.operand), list: parts(node.list) };
    case "like":
      return { ...node, operand: flattened(node.operand), pattern: flattened(node.pattern) };
    case "call":
      return { ...node, args: parts(node.args) };
    default:
      return node;
  }
}

Deno.test("an expression that is printed is parsed into the same tree", () => {
  fc.assert(
    fc.property(expression, (node) => {
      const tree = flattened(node);
      const text = formatExpression(tree);
      assertEquals(bare(parseExpression(text)), bare(tree), text);
    }),
    { numRuns: 1500, seed: 2664 },
  );
});

Deno.test("statements that are printed are parsed into the same statements", () => {
  const order = fc.record({ column: name, descending: fc.boolean(), exact: fc.boolean() });
  const select = fc.record({
    kind: fc.constant("filter" as const),
    table: name,
    top: fc.option(fc.nat(), { nil: undefined }),
    where: fc.option(expression.map(flattened), { nil: undefined }),
    orderBy: fc.array(order, { maxLength: 3 }),
  });
  const signal = fc.constantFrom(
    { kind: "signal" as const, by: "key" as const, value: "PPA:4" },
    { kind: "signal" as const, by: "tag" as const, value: "A B:C" },
    { kind: "signal" as const, by: "guid" as const, value: "9ae6dd95-bddb-5dd8-8717-57da1268b9ca" },
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(select, signal), { maxLength: 4 }), (statements) => {
      const text = formatFilter(statements as unknown as FilterStatement[]);
      assertEquals(bare(parseFilter(text)), bare(statements), text);
    }),
    { numRuns: 300, seed: 2664 },
  );
});
