import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Clock, systemClock } from "../../transport/clock.ts";
import { DataSet } from "../data_set.ts";
import { sortSteps } from "../sort.ts";
import { decimalFromInteger } from "../decimal.ts";
import { finish, type Steps } from "../steps.ts";
import { Compilation } from "./code.ts";
import { FilterError, Lines } from "./errors.ts";
import { evaluateExpression } from "./evaluate.ts";
import { tokenize } from "./lexer.ts";
import { type FilterLimits, resolveLimits } from "./limits.ts";
import { filterMetadataSteps } from "./metadata_filter.ts";
import { parseFilterSteps } from "./parser.ts";
import { selectRows, selectRowsSteps } from "./select.ts";

/** A table T with a column A of so many texts. */
function texts(count: number, text: (row: number) => string): DataSet {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("A", "string");
  table.addRows({ A: Array.from({ length: count }, (_, row) => text(row)) });
  return dataSet;
}

function joined(count: number, item: (i: number) => string, by: string): string {
  return Array.from({ length: count }, (_, i) => item(i)).join(by);
}

/** How many steps a selection takes, whatever comes of it. */
function stepsOf(text: string, dataSet: DataSet): number {
  let steps = 0;
  try {
    const selection = selectRowsSteps(dataSet, text, { primaryTable: "T" });
    while (!selection.next().done) steps++;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
  }
  return steps;
}

Deno.test("whatever is long is read, compiled and evaluated in many steps", () => {
  const row = texts(1, String);
  // What there is much of, and how many steps it takes at least.
  const shapes: [string, number][] = [
    [joined(20_000, (i) => `A='${i}'`, " OR "), 500],
    [`${"(".repeat(400)}${joined(10_000, () => "A='1'", " AND ")}${")".repeat(400)}`, 250],
    [`A IN (${joined(20_000, (i) => `'${i}'`, ",")})`, 250],
    [`IIF(A = '1', 1, 2.5) IN (${joined(10_000, String, ",")})`, 150],
    [`IIF(True, A = '1', ${joined(10_000, () => "A='1'", " AND ")})`, 200],
    [joined(20_000, (i) => `x:${i}`, ";"), 80],
    ["FILTER T;".repeat(5_000), 100],
    [`FILTER T ORDER BY ${joined(20_000, () => "A", ",")}`, 90],
    [joined(400, (i) => `A = '${"x".repeat(5_000)}${i}'`, " OR "), 60],
    [`A IN (${joined(30, (i) => `'${"ŉ".repeat(65_530)}${i}'`, ",")})`, 60],
    [joined(30, () => `'${"α".repeat(65_530)}' < 'a'`, " AND "), 60],
    [joined(30, () => `A LIKE '%${"α".repeat(65_530)}'`, " AND "), 60],
    ["/**/".repeat(200_000) + "True", 20],
    [";".repeat(100_000), 300],
    [`NOT ${"A ".repeat(100_000)}`, 500],
    [`IIF(True, 1, 2.5) IN (${joined(2_000, () => "'1e1000'", ",")})`, 1_000],
    // Errors in what is constant, which may go on.
    [joined(5_000, () => "1%0=1", " OR "), 700],
    [joined(5_000, () => "IIF(True, A = '1', 'a' * 1)", " OR "), 900],
  ];
  for (const [text, least] of shapes) {
    const steps = stepsOf(text, row);
    assertEquals(steps >= least, true, `${text.slice(0, 40)}: ${steps} steps`);
  }
  const table = texts(20_000, (row) => `${row * 7_919 % 20_000}`);
  for (const [text, least] of [["A <> 'x'", 10], ["FILTER T ORDER BY A", 60]] as const) {
    const steps = stepsOf(text, table);
    assertEquals(steps >= least, true, `${text}: ${steps} steps`);
  }
});

Deno.test("expressions are parsed in steps of 1,500 tokens at most, however they are made up", () => {
  const limits = resolveLimits({});
  const steps = (work: Steps<unknown>): number => {
    let count = 0;
    while (!work.next().done) count++;
    return count;
  };
  for (
    const text of [
      joined(200, () => `${"NOT ".repeat(499)}A`, " OR "),
      joined(200, () => `${"NOT ".repeat(490)}A = 1`, ";"),
      joined(200, () => `NOT ${"+".repeat(498)}A`, " OR "),
      joined(200, () => `${"+".repeat(499)}A`, ";"),
      joined(100, () => joined(500, () => "A=1", " OR "), ";"),
      joined(100, () => `FILTER T ORDER BY ${joined(500, () => "A", ",")}`, ";"),
      joined(200, () => `NOT ${joined(490, () => "A", " + ")}`, " OR "),
    ]
  ) {
    const { length } = finish(tokenize(text, limits));
    const parsing = steps(parseFilterSteps(text)) - steps(tokenize(text, limits));
    assertLess(length / parsing, 1_500, `${text.slice(0, 40)}: tokens in a step`);
  }
});

Deno.test("where errors stand is found by going through a text once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20_000)), fc.array(fc.nat(20_001)), (newlines, offsets) => {
      const units: string[] = new Array(20_001).fill(" ");
      for (const at of newlines) units[at] = "\n";
      const text = units.join("");
      const lines = new Lines(text);
      for (const offset of offsets) {
        const before = text.slice(0, offset).split("\n");
        assertEquals(lines.positionOf(offset), { line: before.length, column: before.at(-1)!.length + 1 });
      }
    }),
    { numRuns: 20 },
  );
  let read = 0;
  const text = {
    charCodeAt: () => (read++, 0x20),
    slice: () => "0",
  } as unknown as string;
  const context = new Compilation(text, undefined, resolveLimits({}), systemClock);
  for (let i = 0; i < 100; i++) {
    const error = context.error("value", "division by zero", { start: 2_000_000 + i, end: 2_000_001 + i });
    assertEquals([error.line, error.column], [1, 2_000_001 + i]);
  }
  assertLess(read, 2_000_000 + 100 * 4_096 + 1);
});

Deno.test("the time between steps does not count", () => {
  let now = 0;
  const clock: Clock = { now: () => 0, monotonic: () => now, schedule: () => () => {} };
  const select = (told: boolean) => {
    const selection = selectRowsSteps(texts(20_000, String), "A = '19999'", { primaryTable: "T", clock });
    for (let waited = 0;;) {
      const step = selection.next(told ? waited : 0);
      if (step.done) return step.value.map((row) => row.get("A"));
      waited = 1_500;
      now += waited;
    }
  };
  assertEquals(select(true), ["19999"]);
  assertThrows(() => select(false), FilterError, "it took longer than 2000 ms");
});

Deno.test("conditions that take long in one row are refused, however few rows there are", () => {
  const row = texts(1, () => "x".repeat(1_000));
  const refused = (text: string, limits: Partial<FilterLimits> = {}) => {
    const options = { primaryTable: "T", limits: { ...limits, maxMilliseconds: 600_000 } };
    const error = assertThrows(() => selectRows(row, text, options), FilterError);
    assertStringIncludes(error.message, "too much work for a row of T");
    assertEquals([error.kind, error.message.length < 300], ["limit", true]);
  };
  const lengths = (count: number) => joined(count, () => "LEN(A) = 1", " OR ");
  assertEquals(selectRows(row, lengths(2_000), { primaryTable: "T" }).length, 0);
  refused(lengths(4_000));
  refused(`MAXOF(${joined(30_000, String, ",")}) = LEN(A)`);
  refused(joined(70_000, () => "True", " OR ") + " OR A = 'x'".repeat(30_000));
  refused(`LEN(${"REVERSE(".repeat(300)}A${")".repeat(300)}) = 1`);
  refused("A = 'x' AND A = 'y'", { maxRowWork: 2 });
  // Decimals take the longer the more digits they may have, whatever is written of them.
  const decimals = (count: number, term: string) => joined(count, () => term, " OR ");
  const numbers = new DataSet();
  const table = numbers.addTable("T");
  table.addColumn("A", "int32");
  table.addRow([3]);
  const most: [number, string][] = [
    [25_000, "A*1.5=2"],
    [2_000, "A/7.0=2"],
    [1_000, `A*1.${"1".repeat(90)}*1.5=2`],
    [25, `POWER(A*1.1,60)${"*1.1".repeat(200)}=2`],
    [300, "CONVERT('1e1000','decimal')+CONVERT('1e-1000','decimal')*A=1"],
    [500, "''+CONVERT('1e1000','decimal')*A='a'"],
    [400, `CONVERT(A+'${"1".repeat(1_190)}','decimal')*1.5=2`],
    [1_000, `A=A+'${"1".repeat(1_190)}'`],
    [400, "POWER(A,60)=2"],
    [100, "POWER(A*0.0+1.0000000001,2147483647)=2"],
  ];
  for (const [count, term] of most) {
    assertEquals(selectRows(numbers, decimals(count, term), { primaryTable: "T" }).length, 0, term);
    const error = assertThrows(
      () => selectRows(numbers, decimals(count * 2, term), { primaryTable: "T" }),
      FilterError,
      undefined,
      term,
    );
    assertStringIncludes(error.message, "too much work for a row of T", term);
  }
  assertEquals(
    selectRows(numbers, decimals(5_000, "CONVERT(A*1.5,'int')=1"), { primaryTable: "T" }).length,
    0,
  );
});

Deno.test("what is a double is not reckoned as a decimal, and signs do not make constants costly", () => {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("D", "double");
  table.addColumn("N", "decimal");
  table.addRows({ D: [7], N: [decimalFromInteger(7n)] });
  const work = (condition: string, maxRowWork: number): void => {
    assertEquals(selectRows(dataSet, condition, { primaryTable: "T", limits: { maxRowWork } }).length, 1);
  };
  const refused = (condition: string, maxRowWork: number): void =>
    void assertThrows(() => work(condition, maxRowWork), FilterError, "too much work for a row");
  work("D / 3 > 2", 20);
  work("-D / N / N < 0", 20);
  refused("N / 3 > 2", 20);
  work("POWER(D, N) > 2", 600);
  work("POWER(10, D / 20) > 2", 600);
  work("POWER(N, 0.5) > 2", 600);
  work("POWER(N, -2.0) < 2", 600);
  refused("POWER(N, N) > 2", 600);
  refused("POWER(N, 100.0) > 2", 600);
  work(`D NOT IN (${joined(500, (i) => `-${i}`, ",")})`, 20);
  refused(`D NOT IN (${joined(500, () => "-N", ",")})`, 20);
});

Deno.test("texts and numbers that are written out have their limits, too", () => {
  const message = (text: string) => assertThrows(() => evaluateExpression(text), FilterError).message;
  assertStringIncludes(message(`'${"x".repeat(65_537)}'`), "string too long");
  assertEquals(evaluateExpression(`LEN('${"x".repeat(65_536)}')`).value, 65_536);
  assertEquals(evaluateExpression(`'${"''".repeat(3)}a''b'`).value, "'''a'b");
  assertStringIncludes(message("9".repeat(1_001)), "number of 1001 digits");
  for (const name of ["x".repeat(1_001), `[${"x".repeat(1_001)}]`]) {
    assertStringIncludes(message(name), "name of 1001 characters");
  }
  assertStringIncludes(
    message(`REGEXMATCH('${"\\p{L}".repeat(11)}', 'a')`),
    "11 classes of Unicode characters",
  );
});

Deno.test("rows are in the same order whether they are sorted in one run or merged of many", () => {
  const stretches = texts(20_000, (row) => `PMU${Math.floor(row / 10)}`).table("T")!;
  const names = stretches.column("A")!.values as readonly string[];
  const dataSet = new DataSet();
  dataSet.addTable(stretches);
  assertEquals(
    selectRows(dataSet, "FILTER T ORDER BY A").map((row) => row.get("A")),
    names.toSorted(),
  );
  for (const count of [0, 1, 4_095, 4_096, 4_097, 8_192, 19_999]) {
    // Half of them at random, half in long stretches.
    const dataSet = texts(count, (row) => `${row % 2 === 0 ? row * 7_919 % 500 : Math.floor(row / 700) % 9}`);
    const values = dataSet.table("T")!.column("A")!.values as readonly string[];
    const descending = (a: number, b: number) => values[a]! > values[b]! ? -1 : 1;
    // Equals stay in the table's order.
    const expected = values.map((_, row) => row).sort((a, b) =>
      values[a] === values[b] ? a - b : descending(a, b)
    );
    assertEquals(selectRows(dataSet, "FILTER T ORDER BY A DESC").map((row) => row.index), expected);
  }
});

Deno.test("the more terms there are to sort by, the fewer rows are compared in a step", () => {
  for (const [terms, count] of [[1, 20_000], [24, 20_000], [500, 4_096]] as const) {
    const values = Array.from({ length: count }, (_, i) => i * 7_919 % count);
    let compared = 0;
    const sorting = sortSteps(values, (left, right) => (compared += terms, left - right), terms);
    let most = 0;
    for (;;) {
      const before = compared;
      const step = sorting.next();
      most = Math.max(most, compared - before);
      if (!step.done) continue;
      assertEquals(step.value, Array.from({ length: count }, (_, i) => i));
      break;
    }
    assertLess(most, Math.max(4 * 4_096, 64 * terms) * 12);
  }
  const rows = new DataSet();
  const table = rows.addTable("T");
  const names = Array.from({ length: 24 }, (_, i) => `A${i}`);
  for (const name of names) table.addColumn(name, "int32");
  table.addColumn("B", "int32");
  table.addRows({
    ...Object.fromEntries(names.map((name) => [name, new Array(4_096).fill(1)])),
    B: Array.from({ length: 4_096 }, (_, row) => row * 7_919 % 4_096),
  });
  const by = `ORDER BY ${names.join(", ")}, B`;
  for (const [text, least] of [[`FILTER T ${by}`, 180], [`FILTER TOP 9 T ${by}`, 170]] as const) {
    const steps = stepsOf(text, rows);
    assertLess(least, steps, text);
  }
});

Deno.test("the rows of a table are told apart in memory that is told of, once for each table", () => {
  const table = texts(20_000, String);
  const text = "FILTER TOP 1 T WHERE True;".repeat(3);
  for (const steps of [selectRowsSteps(table, text), filterMetadataSteps(table, text)]) {
    let bytes = 0;
    for (let step = steps.next(); !step.done; step = steps.next()) bytes += step.value ?? 0;
    assertEquals(bytes, 20_000);
  }
});
