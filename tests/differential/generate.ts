/**
 * Generates expressions: every operator over every pair of types and nulls, every function over edge values, and nested
 * ones at random.
 *
 * @module
 */
import type { ExpressionNode } from "../../metadata/mod.ts";
import { call, literal, membership, nullTest, operation, prefix } from "./nodes.ts";
import type { Random } from "./random.ts";
import { OPERAND_CLASSES, type OperandClass, operandsOf, ROW_COUNT } from "./values.ts";

/** An expression and the row that it is evaluated in. */
export interface Sample {
  readonly node: ExpressionNode;
  readonly row: number;
}

const POOLS: ReadonlyMap<OperandClass, readonly ExpressionNode[]> = new Map(
  OPERAND_CLASSES.map((kind) => [kind, operandsOf(kind)]),
);

function any(random: Random, kinds: readonly OperandClass[] = OPERAND_CLASSES): ExpressionNode {
  return random.pick(POOLS.get(random.pick(kinds))!);
}

const OPERATORS = [
  ..."* / % + - << >> & | ^ < <= > >= = === != !==".split(" "),
  ...["AND", "OR", "LIKE", "NOT LIKE", "LIKE BINARY"],
];

/** Every operator over every pair of classes of operands. */
export function operatorSamples(random: Random): Sample[] {
  const samples: Sample[] = [];
  const add = (node: ExpressionNode) => samples.push({ node, row: random.below(ROW_COUNT) });
  for (const left of OPERAND_CLASSES) {
    for (const operator of ["+", "-", "!"] as const) {
      for (let i = 0; i < 4; i++) add(prefix(operator, any(random, [left])));
    }
    for (const negated of [false, true]) add(nullTest(any(random, [left]), negated));
    for (const right of OPERAND_CLASSES) {
      for (const operator of OPERATORS) add(operation(operator, any(random, [left]), any(random, [right])));
      for (const operator of ["IN", "NOT IN", "IN BINARY"]) {
        add(membership(operator, any(random, [left]), [any(random, [right]), any(random, [right, "NULL"])]));
      }
    }
  }
  return samples;
}

/** What each parameter of a function takes; the last of those marked `?` and after may be left out. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  ABS: "number",
  CEILING: "number",
  COALESCE: "any any any?",
  CONVERT: "any type",
  CONTAINS: "text part flag?",
  DATEADD: "time count interval",
  DATEDIFF: "time time interval",
  DATEPART: "time interval",
  ENDSWITH: "text part flag?",
  FLOOR: "number",
  IIF: "condition any any",
  INDEXOF: "text part flag?",
  ISDATE: "any",
  ISGUID: "any",
  ISINTEGER: "any",
  ISNULL: "any any",
  ISNUMERIC: "any",
  LASTINDEXOF: "text part flag?",
  LEN: "text",
  LOWER: "text",
  MAXOF: "number number any?",
  MINOF: "number number any?",
  NTHINDEXOF: "text part index flag?",
  POWER: "number exponent",
  REGEXMATCH: "pattern text",
  REGEXVAL: "pattern text",
  REPLACE: "text part part flag?",
  REVERSE: "text",
  ROUND: "number",
  SPLIT: "text part index flag?",
  SQRT: "number",
  STARTSWITH: "text part flag?",
  STRCMP: "text part flag?",
  STRCOUNT: "text part flag?",
  SUBSTR: "text index index?",
  TRIM: "text",
  TRIMLEFT: "text",
  TRIMRIGHT: "text",
  UPPER: "text",
};

const SPECIAL: Readonly<Record<string, readonly string[]>> = {
  text: [
    "'abcABCabc'",
    "'a,b,,c'",
    "'  padded\t'",
    "'aaaa'",
    "'\u00e9t\u00e9'",
    "'\u{1f600}x\u{1f600}'",
    "'-'",
    "'FREQ'",
  ],
  part: ["'a'", "'AB'", "','", "'aa'", "''", "'x'", "'\u00c9'", "'\u{1f600}'", "'c'"],
  index: ["0", "1", "2", "3", "9", "True", "4294967296"],
  count: ["0", "1", "13", "-1", "-25", "400", "True"],
  exponent: ["0", "1", "2", "3", "0.5", "2.0", "-1", "10", "31", "0.5e0", "2e0"],
  flag: ["True", "False", "1", "NULL"],
  interval: "Year Month DayOfYear Day Week WeekDay Hour Minute Second Millisecond year MONTH".split(" ").map(
    (name) => `'${name}'`,
  ),
  type: "boolean bool int32 int64 int uint decimal single float double string guid uuid datetime DateTime"
    .split(" ")
    .map((name) => `'${name}'`),
  pattern: ["'a+'", "'^[A-Z]+$'", "'b|c'", "'\\d+\\.?\\d*'", "'x*'", "'(a)(b)'", "'[^a]'", "'.'"],
  condition: ["True", "False", "NULL"],
  time: [
    "'2024-01-31'",
    "'2021-09-09 12:00'",
    "#2020-02-29#",
    "#2023-12-31 23:59:59.999#",
    "#2024-03-03#",
    "#2024-03-01 00:00:00.25#",
  ],
};

const KINDS: Readonly<Record<string, readonly OperandClass[]>> = {
  text: ["string", "null string", "NULL"],
  part: ["string", "null string", "NULL"],
  index: ["int32", "null int32", "NULL"],
  count: ["int32", "NULL"],
  exponent: ["int32", "decimal", "double", "int64", "boolean", "NULL", "null int32", "null double"],
  flag: ["boolean", "null boolean"],
  interval: ["NULL", "null string"],
  type: ["NULL"],
  pattern: ["NULL", "null string"],
  condition: ["boolean", "null boolean"],
  time: ["datetime", "null datetime", "NULL"],
  number: [
    "boolean",
    "int32",
    "int64",
    "decimal",
    "double",
    "NULL",
    "null int32",
    "null decimal",
    "null double",
  ],
  any: OPERAND_CLASSES,
};

function literalOf(text: string): ExpressionNode {
  return text.startsWith("-") ? prefix("-", literal(text.slice(1))) : literal(text);
}

function argument(random: Random, parameter: string, wrong: number): ExpressionNode {
  if (random.chance(wrong)) return any(random);
  const special = SPECIAL[parameter];
  if (special !== undefined && random.chance(0.7)) return literalOf(random.pick(special));
  return any(random, KINDS[parameter]);
}

function callOf(
  random: Random,
  name: string,
  argumentFor: (parameter: string) => ExpressionNode,
): ExpressionNode {
  const parameters = FUNCTIONS[name]!.split(" ");
  const taken = parameters.filter((parameter) => !parameter.endsWith("?") || random.chance(0.5));
  return call(name, ...taken.map((parameter) => argumentFor(parameter.replace("?", ""))));
}

/** Every function over edge values, some of a wrong type or count. */
export function functionSamples(random: Random, each: number): Sample[] {
  const samples: Sample[] = [];
  for (const name of Object.keys(FUNCTIONS)) {
    for (let i = 0; i < each; i++) {
      const wrong = i % 3 === 0 ? 0.2 : 0;
      const node = callOf(random, name, (parameter) => argument(random, parameter, wrong));
      samples.push({ node, row: random.below(ROW_COUNT) });
    }
    for (const count of [0, 5]) {
      samples.push({ node: call(name, ...Array.from({ length: count }, () => any(random))), row: 0 });
    }
  }
  return samples;
}

type Want = "boolean" | "number" | "integer" | "string" | "datetime";

const LEAVES: Readonly<Record<Want, readonly OperandClass[]>> = {
  boolean: ["boolean", "boolean", "null boolean", "NULL"],
  number: ["int32", "int32", "int64", "decimal", "double", "null decimal"],
  integer: ["int32", "int32", "int32", "int64", "null int32"],
  string: ["string", "string", "null string"],
  datetime: ["datetime", "datetime", "null datetime"],
};

const MAKERS: Readonly<Record<Want, readonly string[]>> = {
  boolean: [
    ..."= != < <= > >= = <".split(" "),
    ..."AND OR AND OR ! IN LIKE NULL CONTAINS STARTSWITH ISNUMERIC IIF COALESCE".split(" "),
  ],
  number: [
    ..."+ - * / + - *".split(" "),
    ..."neg ABS ROUND FLOOR CEILING SQRT POWER COALESCE MAXOF IIF".split(" "),
  ],
  integer: [
    ..."+ - * / % & | ^ << >>".split(" "),
    ..."! neg LEN INDEXOF STRCOUNT DATEPART DATEDIFF STRCMP ISNULL IIF".split(" "),
  ],
  string: [..."cat UPPER LOWER TRIM SUBSTR REPLACE REVERSE SPLIT COALESCE IIF REGEXVAL CONVERT".split(" ")],
  datetime: [..."DATEADD COALESCE IIF MAXOF".split(" ")],
};

const WANTED: Readonly<Record<string, Want>> = {
  text: "string",
  part: "string",
  index: "integer",
  count: "integer",
  number: "number",
  exponent: "integer",
  time: "datetime",
  condition: "boolean",
};

function nested(random: Random, want: Want, depth: number): ExpressionNode {
  if (depth === 0 || random.chance(0.1)) return any(random, LEAVES[want]);
  const inner = (kind: Want) => nested(random, kind, depth - 1);
  const maker = random.pick(MAKERS[want]);
  switch (maker) {
    case "!":
      return prefix("!", inner(want));
    case "neg":
      return prefix("-", inner(want));
    case "NULL":
      return nullTest(inner(random.pick(["number", "string", "boolean"])), random.chance(0.5));
    case "cat":
      return operation("+", inner("string"), inner(random.pick(["string", "integer", "number", "boolean"])));
    case "LIKE":
      return operation(
        random.pick(["LIKE", "NOT LIKE"]),
        inner("string"),
        literal(random.pick(["'a%'", "'%B%'", "'12'"])),
      );
    case "IN": {
      const kind = random.pick(["integer", "string"] as const);
      return membership(random.pick(["IN", "NOT IN"]), inner(kind), [inner(kind), inner(kind), inner(kind)]);
    }
    case "AND":
    case "OR":
      return operation(maker, inner("boolean"), inner("boolean"));
    case "COALESCE":
    case "ISNULL":
    case "MAXOF":
      return call(maker, inner(want), inner(want));
    case "IIF":
      return call(maker, inner("boolean"), inner(want), inner(want));
    case "CONVERT":
      return call(maker, inner("number"), literal("'string'"));
  }
  if (/[a-z]/i.test(maker)) {
    return callOf(random, maker, (parameter) => {
      const kind = WANTED[parameter];
      return kind === undefined || random.chance(0.4) ? argument(random, parameter, 0) : inner(kind);
    });
  }
  const operands = want === "boolean" ? random.pick(["number", "string", "integer"] as const) : want;
  return operation(maker, inner(operands), inner(operands));
}

/** Nested expressions at random. */
export function nestedSamples(random: Random, count: number): Sample[] {
  const samples: Sample[] = [];
  for (let i = 0; i < count; i++) {
    const want = random.pick(["boolean", "boolean", "number", "integer", "string", "datetime"] as const);
    const row = random.below(ROW_COUNT);
    samples.push({ node: nested(random, want, 3), row });
  }
  return samples;
}
