import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Clock } from "../../transport/clock.ts";
import { DataSet } from "../data_set.ts";
import { DataTable } from "../data_table.ts";
import { FilterError } from "./errors.ts";
import { compileExpression, evaluateExpression } from "./evaluate.ts";
import type { FilterLimits } from "./limits.ts";
import { parseFilter } from "./parser.ts";
import { formatFilter } from "./print.ts";
import { compilePredicate, selectRows } from "./select.ts";

const MILLION = 1_000_000;

function refused(text: string, problem: string, limits?: Partial<FilterLimits>): void {
  const error = assertThrows(() => parseFilter(text, { limits }), FilterError, problem);
  assertEquals(error.kind, "limit");
  assertEquals(error.message.length < 300, true, "the message stays short");
}

Deno.test("expressions that are too long are refused before they are read", () => {
  refused("a".repeat(10 * MILLION), "filter expression of 10000000 characters");
  refused("'".repeat(10 * MILLION), "at most 4194304");
  refused("True", "4 characters", { maxLength: 3 });
});

Deno.test("expressions of too many words are refused", () => {
  refused("1+".repeat(MILLION), "too many words and signs");
  refused("a;".repeat(MILLION), "too many words and signs");
  refused("a + b", "too many words", { maxTokens: 2 });
});

Deno.test("brackets and operators that nest too deeply are refused without exhausting the stack", () => {
  for (const unit of ["(", "f("]) refused(unit.repeat(MILLION), "nested too deeply");
  for (const unit of ["((", "a IN (", "NOT ("]) refused(unit.repeat(100_000), "nested too deeply");
  for (const unit of ["- ", "NOT ", "! ", "+ - "]) refused(unit.repeat(100_000) + "1", "nested too deeply");
  refused("NOT NOT NOT A = 1", `nested too deeply (at "NOT", line 1, column 5)`, { maxDepth: 2 });
  refused("1 + ".repeat(100_000) + "1", "nested too deeply");
  refused("a LIKE ".repeat(10_000) + "1", "nested too deeply");
  refused("a = (b + (c * (d)))", "nested too deeply", { maxDepth: 3 });
  assertThrows(() => parseFilter("1", { limits: { maxDepth: 1e6 } }), RangeError, "at most 1000");
  assertThrows(() => parseFilter("1", { limits: { maxDepth: 0 } }), RangeError, "positive integer");
});

Deno.test("what is as deep as may be is parsed, compiled, evaluated and printed", () => {
  const shapes: ((n: number) => string)[] = [
    (n) => "(".repeat(n) + "1" + ")".repeat(n),
    (n) => "-(".repeat(n / 2) + "1" + ")".repeat(n / 2),
    (n) => "ABS(".repeat(n) + "1" + ")".repeat(n),
    (n) => "1 + ".repeat(n) + "1",
    (n) => "1 + (".repeat(n / 2) + "1" + ")".repeat(n / 2),
    (n) => "IIF(True, ".repeat(n) + "1" + ", 2)".repeat(n),
    (n) => "True OR True AND True = (".repeat(n / 4) + "True" + ")".repeat(n / 4),
  ];
  for (const shape of shapes) {
    for (const maxDepth of [500, 1_000]) {
      const options = { limits: { maxDepth } };
      const text = shape(maxDepth - 4);
      const printed = formatFilter(parseFilter(text, options));
      assertEquals(formatFilter(parseFilter(printed, options)), printed);
      assertEquals(evaluateExpression(text, undefined, options).value === null, false);
    }
  }
});

Deno.test("long chains of AND and OR do not nest", () => {
  const table = new DataTable("T");
  table.addColumn("A", "int32");
  table.addRow([19_999]);
  const text = Array.from({ length: 20_000 }, (_, i) => `A=${i}`).join(" OR ");
  assertEquals(compilePredicate(table, text)(0), true);
  assertEquals(compilePredicate(table, text.replaceAll(" OR ", " && "))(0), false);
});

Deno.test("lists are as long as may be, and not longer", () => {
  refused(`a IN (${Array.from({ length: 200_001 }, () => 1).join()})`, "IN with too many values");
  refused("f(1, 2, 3)", "f with too many values", { maxListSize: 2 });
  const list = Array.from({ length: 50_000 }, (_, i) => i).join();
  assertEquals(evaluateExpression(`49999 IN (${list})`).value, true);
});

Deno.test("regular expressions that make others run for years are answered", () => {
  const text = "a".repeat(1_900) + "!";
  for (const pattern of ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"]) {
    assertEquals(evaluateExpression(`REGEXMATCH('${pattern}', '${text}')`).value, false, pattern);
  }
});

Deno.test("regular expressions that are too big are refused", () => {
  const message = (text: string, limits?: Partial<FilterLimits>) =>
    assertThrows(() => evaluateExpression(text, undefined, { limits }), FilterError).message;
  assertStringIncludes(message(`REGEXMATCH('${"a".repeat(1001)}', 'a')`), "1001 characters");
  assertStringIncludes(message("REGEXMATCH('aa', 'a')", { maxPatternLength: 1 }), "at most 1");
  assertStringIncludes(message("REGEXMATCH('((a{100}){100}){100}', 'a')"), "repe");
  const many = Array.from("abcdefghij", (letter) => `${letter}{999}`).join("|");
  assertStringIncludes(message(`REGEXMATCH('${many}', 'a')`), "too many repetitions");
  // The first comes to 2,000 instructions, the second to one more.
  assertEquals(evaluateExpression("REGEXMATCH('a{1000}a{998}', 'a')").value, false);
  assertStringIncludes(message("REGEXMATCH('a{1000}a{999}', 'a')"), "too many repetitions");
});

Deno.test("texts and numbers that multiply are refused before they are made", () => {
  const bomb = (depth: number) => "REPLACE(".repeat(depth) + "'a'" + ", 'a', 'aaaaaaaaaa')".repeat(depth);
  assertEquals(evaluateExpression(`LEN(${bomb(4)})`).value, 10_000);
  assertThrows(() => evaluateExpression(bomb(12)), FilterError, "at most 65536");
  assertThrows(
    () => evaluateExpression("REPLACE('aa', '', 'bbbb')", undefined, { limits: { maxTextLength: 9 } }),
    FilterError,
  );
  assertThrows(
    () => evaluateExpression("'aa' + 'bb'", undefined, { limits: { maxTextLength: 3 } }),
    FilterError,
  );
  for (
    const text of [
      "POWER(10, 2147483647)",
      "POWER(POWER(10, 1000), 1000)",
      "POWER(9.9, 2147483647)",
      "CONVERT('1e999999999', 'decimal') + 1",
      `1 = '1e999999999'`,
    ]
  ) assertThrows(() => evaluateExpression(text), FilterError, undefined, text);
  assertThrows(() => parseFilter("9".repeat(5_000)), FilterError, "number of 5000 digits");
  assertThrows(() => parseFilter(`1.${"9".repeat(5_000)}`), FilterError, "number of 5002 digits");
});

Deno.test("texts that are no dates are not searched for one", () => {
  const spaces = " ".repeat(50_000);
  assertEquals(evaluateExpression(`ISDATE('2024-01-01 00:00${spaces}x')`).value, false);
});

Deno.test("selections that would take minutes are refused", () => {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("A", "string");
  for (let i = 0; i < 1_000; i++) table.addRow([`${i}`]);
  // By work alone: the limit of time would come first on a machine that has other things to do.
  const select = (text: string, limits?: Partial<FilterLimits>) =>
    selectRows(dataSet, text, { primaryTable: "T", limits: { ...limits, maxMilliseconds: 600_000 } });
  const work = (text: string, limits?: Partial<FilterLimits>) => {
    const error = assertThrows(
      () => select(text, limits),
      FilterError,
      "too much work for the 1000 rows of T",
    );
    assertEquals(error.kind, "limit");
  };
  work("FILTER T;".repeat(100_000), { maxWork: 10_000_000 });
  work(Array.from({ length: 20_000 }, (_, i) => `A='${i}'`).join(" OR "), { maxWork: 10_000_000 });
  work("REGEXMATCH('a', A)", { maxWork: 10_000 });
  work(`UPPER('${"x".repeat(60_000)}' + A) = 'b'`, { maxWork: 500_000 });
  work(`FILTER T ORDER BY ${Array.from({ length: 1_000 }, () => "A").join()}`, { maxWork: 10_000_000 });
  const list = Array.from({ length: 20_000 }, (_, i) => `'${i + 990}'`).join();
  assertEquals(select(`A IN (${list})`, { maxWork: 10_000 }).length, 10);
  assertEquals(select(`FILTER T ORDER BY ${Array.from({ length: 1_000 }, () => "A").join()}`).length, 1_000);
});

/** A clock that is looked at once in so many milliseconds. */
function ticking(milliseconds: number): Clock & { looks: number } {
  return {
    looks: 0,
    now: () => 0,
    monotonic(): number {
      return this.looks++ * milliseconds;
    },
    schedule: () => () => {},
  };
}

/** A table T with a column A of so many texts. */
function texts(count: number, text: (row: number) => string): DataSet {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("A", "string");
  for (let row = 0; row < count; row++) table.addRow([text(row)]);
  return dataSet;
}

Deno.test("the work that is reckoned grows with texts, patterns, digits and lists", () => {
  const dataSet = texts(100, () => "x".repeat(6_400));
  const least = (text: string) => {
    let [low, high] = [1, 2 ** 40];
    while (low < high) {
      const maxWork = Math.floor((low + high) / 2);
      try {
        selectRows(dataSet, text, { primaryTable: "T", limits: { maxWork } });
        high = maxWork;
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        low = maxWork + 1;
      }
    }
    return low;
  };
  const plain = least("FILTER TOP 0 T WHERE A = 'a'");
  assertEquals(least("FILTER TOP 0 T WHERE UPPER(A) = 'a'") > plain + 100 * 100, true);
  const search = least("FILTER TOP 0 T WHERE REGEXMATCH('abc', A)");
  assertEquals(search > 100 * 6_400, true);
  assertEquals(least("FILTER TOP 0 T WHERE REGEXMATCH('(abc){20}', A)") > 10 * search, true);
  assertEquals(least("FILTER TOP 0 T WHERE REGEXMATCH(A, 'abc')") > 100 * 20_000, true);
  const many = "1".repeat(900);
  assertEquals(least(`FILTER TOP 0 T WHERE ${many} * ${many} > LEN(A)`) > plain + 100 * 1_000, true);
  assertEquals(Math.round(least("FILTER TOP 0 T WHERE A = 'a';".repeat(3)) / plain), 3);
  // Characters that are several in upper case take longer where that is asked for, each as long as a short value.
  const more = (test: (text: string) => string) =>
    least(`FILTER TOP 0 T WHERE ${test("ŉ".repeat(1_000))}`) -
    least(`FILTER TOP 0 T WHERE ${test("ä".repeat(1_000))}`);
  const tests: [string, number][] = [
    ["A + 'X' = 'a'", 1_000],
    ["A < 'X'", 1_000],
    ["A LIKE '%X%'", 1_000],
    ["A + 'X' IN ('a', 'b')", 1_000],
    ["UPPER(A + 'X') === 'a'", 1_000],
    ["CONTAINS(A, 'X', True)", 1_000],
    ["UPPER(REPLACE(A, 'X', '')) === 'a'", 1_000],
    ["UPPER(REPLACE(A, 'a', 'X')) === 'a'", 66_536],
    ["A === 'X'", 0],
    ["A LIKE BINARY '%X%'", 0],
    ["A IN BINARY ('X', A)", 0],
    ["A IN ('X', 'b')", 0],
  ];
  for (const [text, count] of tests) {
    assertEquals(more((some) => text.replace("X", some)), 100 * count, text);
  }
  const list = (item: (i: number) => string) =>
    least(`FILTER TOP 0 T WHERE LEN(A) IN (${Array.from({ length: 500 }, (_, i) => item(i)).join()})`);
  assertEquals(list((i) => `LEN('a') + ${i}`) > 10 * list((i) => `${i}.5`), true);
  // Each value that is no constant is compared with what is looked for.
  const found = least("FILTER TOP 0 T WHERE A IN (A, A, A)") - least("FILTER TOP 0 T WHERE A IN (A, A)");
  assertEquals(found, 100 * (1 + 6_400 / 16));
});

Deno.test("what takes too long stops, whatever was reckoned", () => {
  const slow = (text: string, rows: number, maxMilliseconds?: number) => {
    const clock = ticking(1_000);
    // By time alone.
    const limits = { maxRowWork: 1e9, ...maxMilliseconds !== undefined && { maxMilliseconds } };
    const options = { primaryTable: "T", clock, limits };
    const error = assertThrows(() => selectRows(texts(rows, String), text, options), FilterError);
    assertStringIncludes(error.message, `it took longer than ${maxMilliseconds ?? 2_000} ms`);
    assertEquals(error.kind, "limit");
    assertEquals(clock.looks, Math.floor((maxMilliseconds ?? 2_000) / 1_000) + 2);
  };
  slow("A = 'a'", 20_000);
  slow("A = 'a'", 30_000, 5_000);
  slow("FILTER T ORDER BY A", 5_000);
  slow("FILTER T;".repeat(200), 1);
  // Within one row, and in what is constant.
  slow(
    Array.from({ length: 50 }, (_, i) => `REGEXMATCH('${"[a-f]".repeat(50)}${i}', A + '${"x".repeat(500)}')`)
      .join(" OR "),
    1,
  );
  slow(Array.from({ length: 50 }, (_, i) => `REGEXMATCH('${i}', '${"x".repeat(5_000)}')`).join(" OR "), 0);
  slow(`LEN(${"REPLACE(".repeat(40)}A + '${"x".repeat(20_000)}'${", 'x', 'y')".repeat(40)}) > 0`, 20);
  slow(
    `IIF(True, 1, ${
      Array.from({ length: 50 }, () => `REGEXVAL('x', '${"x".repeat(5_000)}')`).join("+")
    }) = 1`,
    0,
  );
});

Deno.test("an expression that is compiled once has its time in each row", () => {
  const table = texts(50_000, String).table("T")!;
  const clock = ticking(1_000);
  const matches = compilePredicate(table, "A = '49999'", { clock });
  const { evaluate } = compileExpression("A + 'x'", table, { clock });
  for (let row = 0; row < table.rowCount; row++) {
    assertEquals(matches(row), row === 49_999);
    assertEquals(evaluate(row).value, `${row}x`);
  }
});

Deno.test("a text too long for its regular expression is refused before it is searched", () => {
  const error = assertThrows(
    () => evaluateExpression(`REGEXMATCH('(abcdefghi){100}', '${"a".repeat(60_000)}')`),
    FilterError,
    "REGEXMATCH: a text of 60000 characters",
  );
  assertEquals(error.kind, "limit");
  assertEquals(evaluateExpression(`REGEXMATCH('abc', '${"a".repeat(40_000)}')`).value, false);
  assertThrows(
    () => evaluateExpression(`REGEXMATCH('abc', '${"a".repeat(40_001)}')`),
    FilterError,
    "at most 40000 for this regular expression",
  );
});

Deno.test("choices of many types do not multiply", () => {
  const table = new DataTable("T");
  table.addColumn("B", "boolean");
  table.addRow([true]);
  const choice = "IIF(B, 1, IIF(B, 2.5, IIF(B, 3e0, 4294967296)))";
  const sum = Array.from({ length: 200 }, () => choice).join(" + ");
  const { types, evaluate } = compileExpression(sum, table);
  assertEquals(types.toSorted(), ["decimal", "double", "int32", "int64"]);
  assertEquals(evaluate(0), { type: "int32", value: 200 });
  const most = compileExpression(`MAXOF(${Array.from({ length: 2_000 }, () => choice).join()})`, table);
  assertEquals(most.evaluate(0), { type: "int32", value: 1 });
});
