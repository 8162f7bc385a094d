import { assertEquals } from "@std/assert";
import { parseExpression } from "../../metadata/mod.ts";
import { RULES } from "./explained.ts";
import type { Outcome } from "./oracle.ts";

const error: Outcome = { error: "it is wrong" };

function outcome(type: string, value: string | null): Outcome {
  return { type, value };
}

function explained(text: string, parts: Outcome[], ours: Outcome, theirs: Outcome): string | undefined {
  return RULES.find((rule) => rule.explains({ node: parseExpression(text), parts, ours, theirs }))?.name;
}

const [yes, no] = [outcome("boolean", "true"), outcome("boolean", "false")];
const int = (value: string | null) => outcome("int32", value);
const text = (value: string | null) => outcome("string", value);
const day = 864_000_000_000n;
const leapDay = 638_447_616_000_000_000n;
const date = (ticks: bigint) => outcome("datetime", String(ticks));

Deno.test("wrong answers are not explained", () => {
  const wrong: [string, Outcome[], Outcome, Outcome][] = [
    ["12 > '7'", [int("12"), text("7")], error, yes],
    ["'a' = 'A'", [text("a"), text("A")], error, yes],
    ["CONVERT('12', 'int32')", [text("12"), text("int32")], error, int("12")],
    ["DATEADD(d, 1, 'Day')", [date(leapDay), int("1"), text("Day")], error, date(leapDay + day)],
    ["ISDATE('abc')", [text("abc")], yes, no],
    ["2.5 = '2.5'", [outcome("decimal", "2.5"), text("2.5")], no, yes],
    ["'2.5' = 2.5", [text("2.5"), outcome("decimal", "2.5")], no, yes],
    ["DATEDIFF(a, b, 'Day')", [date(leapDay), date(leapDay + 3n * day), text("Day")], int("2"), int("3")],
    ["'a' NOT LIKE 'a%'", [text("a"), text("a%")], yes, no],
    ["LEN(a)", [text(null)], outcome("guid", null), int(null)],
    ["1 IN (1, 2)", [int("1"), int("1"), int("2")], error, yes],
    ["SQRT(4)", [int("4")], outcome("double", "4008000000000000"), int("2")],
    ["-NULL", [outcome("undefined", null)], outcome("decimal", null), outcome("boolean", null)],
    ["'a' + 1e0", [text("a"), outcome("double", "3ff0000000000000")], text("a1.5"), text("a1.0")],
    ["DATEADD(d, 1, 'WeekDay')", [date(leapDay), int("1"), text("WeekDay")], date(leapDay), date(leapDay)],
  ];
  for (const [expression, parts, ours, theirs] of wrong) {
    assertEquals(explained(expression, parts, ours, theirs), undefined, expression);
  }
});

Deno.test("right answers are explained", () => {
  const right: [string, Outcome[], Outcome, Outcome][] = [
    ["ISDATE('12')", [text("12")], no, yes],
    ["DATEDIFF(a, b, 'Day')", [date(leapDay), date(leapDay + 3n * day), text("Day")], int("3"), int("4")],
    ["'a' NOT LIKE 'a%'", [text("a"), text("a%")], no, yes],
    ["SQRT(4)", [int("4")], outcome("double", "4000000000000000"), int("2")],
    ["-NULL", [outcome("undefined", null)], int(null), outcome("boolean", null)],
    ["'a' + 1e0", [text("a"), outcome("double", "3ff0000000000000")], text("a1"), text("a1.0")],
  ];
  for (const [expression, parts, ours, theirs] of right) {
    assertEquals(typeof explained(expression, parts, ours, theirs), "string", expression);
  }
});
