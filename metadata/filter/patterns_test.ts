import { assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { DataSet } from "../data_set.ts";
import { systemClock } from "../../transport/clock.ts";
import { FilterError } from "./errors.ts";
import { evaluateExpression } from "./evaluate.ts";
import { workOfPattern } from "./pattern_work.ts";
import { Patterns } from "./patterns.ts";
import { selectRows, selectRowsSteps } from "./select.ts";
import { Stopwatch } from "./stopwatch.ts";

/** What the engine makes of a pattern, if it is one. */
function compiled(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}

/** Counts the patterns that the engine compiles meanwhile. */
function compilations(act: () => void): string[] {
  const { compile } = RE2JS;
  const patterns: string[] = [];
  RE2JS.compile = (pattern, flags) => {
    patterns.push(pattern);
    return compile.call(RE2JS, pattern, flags);
  };
  try {
    act();
  } finally {
    RE2JS.compile = compile;
  }
  return patterns;
}

function joined(count: number, item: (i: number) => string, by: string): string {
  return Array.from({ length: count }, (_, i) => item(i)).join(by);
}

/** A table T with a column A of texts. */
function texts(...values: string[]): DataSet {
  const dataSet = new DataSet();
  const table = dataSet.addTable("T");
  table.addColumn("A", "string");
  table.addRows({ A: values });
  return dataSet;
}

function patterns(): Patterns {
  return new Patterns(1_000, new Stopwatch(systemClock, 60_000));
}

const ORDINARY = [
  "",
  "^PMU[0-9]+-(FREQ|DFDT)$",
  "SHELBY.*:(V|I)PH[AM]",
  "(?i)shelby|cordova",
  "^[A-Z]{3}:\\d+$",
  "\\bVPHM\\b",
  "(?i)^(freq|dfdt|vphm|vpha|iphm|ipha)$",
  "^(?:\\d{1,3}\\.){3}\\d{1,3}$",
  "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  "^(?P<area>[a-z]+)_(?P<bus>[^:]{1,64}):",
  "^\\p{Lu}[\\p{L}\\p{N}_-]{0,63}$",
  "\\Qa.b*c\\E+",
  "[[:alpha:]_][[:alnum:]_]*",
  "(?s)^.{0,200}x",
  "(?:PMU1|PMU2|PMU3|PMU12){100}",
  "(?:a|b|c|d|e|f|g|h){500}",
  "(?i)[a-z\\d_]{1,500}",
  "(?i)[B-\\x{1e942}]",
  "^" + joined(150, (i) => `PMU${i}`, "|"),
  "[]a-]|\\x41|\\x{1f600}|\\101|\\.|{|a{,2}|a{1",
];

Deno.test("ordinary patterns are reckoned as the programs that they become, and compiled", () => {
  for (const pattern of ORDINARY) {
    const size = RE2JS.compile(pattern).programSize();
    const { size: reckoned } = workOfPattern(pattern);
    assertEquals(size <= reckoned && reckoned <= 1.5 * size, true, `${pattern}: ${reckoned} for ${size}`);
    assertEquals(patterns().compile(pattern, false).size, size, pattern);
  }
});

Deno.test("no program is bigger than was reckoned, whatever the pattern", () => {
  const { pattern } = fc.letrec<{ pattern: string; group: string }>((tie) => ({
    pattern: fc.array(
      fc.tuple(
        fc.oneof(
          { depthSize: "small", withCrossShrink: true },
          fc.constantFrom(
            ..."ab|^$.é{}]*-)",
            "PMU",
            "PMU1",
            "[a-c]",
            "[^a]",
            "[]-b]",
            "[[:alpha:]x-]",
            "[k]",
          ),
          fc.constantFrom(
            "\\d",
            "\\W",
            "\\pL",
            "\\p{^Lu}",
            "\\b",
            "\\A",
            "\\z",
            "\\x41",
            "\\n",
            "\\1",
            "\\12",
            "\\.",
          ),
          fc.constantFrom(
            "(?i)",
            "(?-i)",
            "(?s-i)",
            "(?i-)",
            "\\Qa|b\\E",
            "\\Q",
            "(?=a)",
            "[a-\\d]",
            "\\",
            "[",
            "(?P<",
          ),
          tie("group"),
        ),
        fc.constantFrom(
          "",
          "",
          "",
          "*",
          "+?",
          "?",
          "{2}",
          "{0,3}",
          "{3,}?",
          "{1}",
          "{0}",
          "{0,}",
          "{100}",
          "{1001}",
        ),
      ).map((parts) => parts.join("")),
      { maxLength: 5 },
    ).map((parts) => parts.join("")),
    group: fc.tuple(
      fc.constantFrom("(", "(?:", "(?i:", "(?P<a>"),
      fc.array(tie("pattern"), { minLength: 1, maxLength: 4 }),
    ).map(([open, parts]) => `${open}${parts.join("|")})`),
  }));
  fc.assert(
    fc.property(pattern, (pattern) => {
      const { size, folded } = workOfPattern(pattern);
      if (pattern.length > 1_000 || size > 20_000 || folded > 200_000) return;
      const program = compiled(pattern);
      if (program !== undefined) assertLess(program.programSize(), size + 1, pattern);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("patterns that take long to compile are refused before the engine sees them", () => {
  const refused = (pattern: string, problem: string) => {
    const seen = compilations(() => {
      const error = assertThrows(() => evaluateExpression(`REGEXMATCH('${pattern}', 'a')`), FilterError);
      assertEquals(error.kind, "limit");
      assertStringIncludes(error.message, `REGEXMATCH: ${problem} (at "'`);
    });
    assertEquals(seen, []);
  };
  refused("x{0,1000}".repeat(111), "a regular expression with too many repetitions");
  refused("(?:){0,1000}".repeat(76), "a regular expression with too many repetitions");
  refused("(x{0,500}){2}x{0,900}", "a regular expression with too many repetitions");
  for (
    const pattern of [
      `(?i)[${"B-\\x{1e942}".repeat(90)}]`,
      `(?i)[^${"B-\\x{1e942}".repeat(90)}]`,
      `(?i:a|(?s:${"[B-\\x{1e942}]".repeat(70)}))`,
      // Wrong, but not before it was gone through.
      `(?i)[${"B-\\x{1e942}".repeat(90)}`,
    ]
  ) refused(pattern, "a regular expression with too wide ranges under (?i)");
  assertEquals(evaluateExpression(`REGEXMATCH('[${"B-\\x{1e942}".repeat(90)}]', 'C')`).value, true);
  assertEquals(evaluateExpression(`REGEXMATCH('(?i)[B-\\x{1e942}]', 'b')`).value, true);
});

Deno.test("the engine does not look for choices in big patterns that begin with ^", () => {
  const letters = joined(100, (i) => `${String.fromCharCode(0x4e00 + 2 * i)}?`, "");
  const compare = (pattern: string, text: string) => {
    const { regex, size } = patterns().compile(pattern, false);
    const plain = RE2JS.compile(pattern);
    const [matcher, other] = [regex.matcher(text), plain.matcher(text)];
    assertEquals(matcher.find(), other.find(), pattern);
    if (other.find(0)) assertEquals(matcher.find(0) && matcher.group(), other.group(), pattern);
    assertEquals(size, plain.programSize(), pattern);
    return compilations(() => patterns().compile(pattern, false))[0];
  };
  for (const start of ["^", "\\A", "(?i)^", "(?:^", "x{0}^", "{{0}^"]) {
    const pattern = `${start}${letters}${start === "(?:^" ? ")" : ""}$`;
    for (const text of ["", "\u4e00\u4e04", "\u4e04\u4e00"]) {
      assertEquals(compare(pattern, text), start === "{{0}^" ? `()\\${pattern}` : `()${pattern}`);
    }
  }
  assertEquals(compare("^PMU[0-9]+-(FREQ|DFDT)$", "PMU1-FREQ"), "^PMU[0-9]+-(FREQ|DFDT)$");
  assertEquals(compare(letters, ""), letters);
  for (const wrong of ["*", "+", "?", "{3}", "{3,}", "("]) {
    const pattern = `${wrong}^${letters}`;
    const message = assertThrows(() => RE2JS.compile(pattern), Error).message;
    assertThrows(() => patterns().compile(pattern, false), Error, message);
  }
});

Deno.test("a pattern is compiled once in an expression, and each in a step of its own", () => {
  const rows = texts("a1", "b2");
  const text = joined(100, (i) => `REGEXMATCH('[a-z]${i % 10}', A)`, " OR ");
  const options = { primaryTable: "T" };
  const seen = compilations(() => assertEquals(selectRows(rows, `${text}; ${text}`, options).length, 2));
  assertEquals(seen.toSorted(), joined(10, (i) => `[a-z]${i}`, " ").split(" "));
  const stepped = (text: string) => {
    const steps = selectRowsSteps(rows, text, options);
    for (let done: boolean | undefined = false; !done;) {
      const patterns = compilations(() => done = steps.next().done);
      assertLess(patterns.length, 2, `${patterns} in one step`);
    }
  };
  stepped(joined(100, (i) => `REGEXMATCH('[a-z]${i}', A)`, " OR "));
  // In one another, where all calls end at once.
  stepped(`${joined(30, (i) => `REGEXVAL('.*${i}?', `, "")}A${")".repeat(30)} = 'a1'`);
  stepped(`${joined(5, (i) => `REGEXVAL(LOWER('.*${i}') + '?', `, "")}A${")".repeat(5)} = 'a1'`);
  // So many that they are not all kept.
  stepped(joined(60, (i) => `REGEXMATCH('x{1000}y{${900 + i}}', '')`, " OR "));
  // Where what is wrong does not matter.
  stepped(joined(50, (i) => `IIF(True, True, REGEXMATCH('(${i}', A))`, " OR "));
});

Deno.test("patterns that come from a row have its limit together", () => {
  const rows = texts("0,200", "0,201", "0,202");
  const condition = (count: number) => joined(count, (i) => `REGEXMATCH('${i}x{' + A + '}', 'a')`, " AND ");
  assertEquals(selectRows(rows, condition(7), { primaryTable: "T" }).length, 0);
  const big = texts("0,900", "0,901", "0,902");
  assertEquals(selectRows(big, condition(3), { primaryTable: "T" }).length, 0);
  const error = assertThrows(() => selectRows(big, condition(4), { primaryTable: "T" }), FilterError);
  assertEquals(error.kind, "limit");
  assertStringIncludes(error.message, "too many big regular expressions in one row");
});

Deno.test("searches that may take all instructions of their patterns fill a row sooner", () => {
  const rows = texts("a".repeat(400));
  const searches = (count: number) =>
    selectRows(rows, joined(count, (i) => `REGEXMATCH('(?:a?){240}[x${i}]', A)`, " OR "), {
      primaryTable: "T",
    });
  assertEquals(searches(2).length, 0);
  assertThrows(() => searches(3), FilterError, "too much work for a row of T");
});
