import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assertSttpError, outcome } from "../../tests/support/hostile.ts";
import {
  formatConnectionString,
  parseBoolean,
  parseConnectionString,
  parseNumber,
} from "./connection_string.ts";

function parsed(text: string): Record<string, string> {
  return Object.fromEntries(parseConnectionString(text));
}

Deno.test("pairs are split at ; and their first =", () => {
  assertEquals(parsed("a=1;b=2"), { a: "1", b: "2" });
  assertEquals(parsed("a=1;b=2;"), { a: "1", b: "2" });
  assertEquals(parsed(" a = 1 ;\tb =\n2 "), { a: "1", b: "2" });
  assertEquals(parsed("a=x=y"), { a: "x=y" });
  assertEquals(parsed("a="), { a: "" });
  assertEquals(parsed(""), {});
  assertEquals(parsed(" ;; ; "), {});
});

Deno.test("keys lose their case, the last of a key wins, order stays", () => {
  assertEquals(parsed("FilterExpression=x"), { filterexpression: "x" });
  assertEquals([...parseConnectionString("A=1;b=2;a=3").entries()], [["a", "3"], ["b", "2"]]);
});

Deno.test("a pair without = or without a key is ignored", () => {
  assertEquals(parsed("processingInterval=-1;requestNaNValueFilterfalse;a=1"), {
    processinginterval: "-1",
    a: "1",
  });
  assertEquals(parsed("=1;a=2; =3"), { a: "2" });
  assertEquals(parsed("{a=1};b=2"), { b: "2" });
});

Deno.test("a value in braces loses them and keeps its delimiters", () => {
  assertEquals(parsed("a={x;y=z};b=1"), { a: "x;y=z", b: "1" });
  assertEquals(parsed("a={ x };b={}"), { a: " x ", b: "" });
  assertEquals(parsed("a={{x=1;y={z=2;w=3}};v=4};b=5"), { a: "{x=1;y={z=2;w=3}};v=4", b: "5" });
  assertEquals(parsed("a={{x}}"), { a: "{x}" });
});

Deno.test("braces within a value only keep it together", () => {
  assertEquals(parsed("a=x{;}y;b=1"), { a: "x{;}y", b: "1" });
  assertEquals(parsed("a={x};{y};b=1"), { a: "x", b: "1" });
  assertEquals(parsed("a={x}{y};b=1"), { a: "{x}{y}", b: "1" });
  assertEquals(parsed("a={x} OR {y};b=1"), { a: "{x} OR {y}", b: "1" });
});

Deno.test("braces that do not pair are malformed", () => {
  assertSttpError("MalformedText", () => parsed("a={x;b=1"), "does not close its brace at character 2");
  assertSttpError("MalformedText", () => parsed("a={x{y};b=1"), "character 2");
  assertSttpError("MalformedText", () => parsed("a=x};b=1"), "character 3 that is not open");
  assertSttpError("MalformedText", () => parsed("a={x}};b=1"), "character 5");
});

Deno.test("length and number of pairs have limits", () => {
  const limited = (text: string) => () => parseConnectionString(text, { maxLength: 7, maxPairs: 2 });
  assertEquals(limited("a=1;b=2")().size, 2);
  assertSttpError("LimitExceeded", limited("a=1;b=2;"), "8 characters, at most 7");
  assertSttpError("LimitExceeded", limited("a=;b=;c="), "8 characters");
  assertSttpError(
    "LimitExceeded",
    () => parseConnectionString("a=;b=;c=", { maxPairs: 2 }),
    "more than 2 pairs",
  );
});

Deno.test("pairs count whether or not they come to anything", () => {
  for (const pair of ["a=;", "=;", ";", "a;", "{};"]) {
    assertEquals(parseConnectionString(pair.repeat(1024)).size <= 1, true, pair);
    assertSttpError("LimitExceeded", () => parseConnectionString(pair.repeat(1025)), "more than 1024 pairs");
  }
});

Deno.test("keys and the depth of braces have limits", () => {
  const key = "k".repeat(1024);
  assertEquals(parsed(` ${key} =1`), { [key]: "1" });
  assertSttpError("LimitExceeded", () => parsed(`${key}k=1`), "a key of 1025 characters, at most 1024");
  const nested = (depth: number): string => `a=${"{".repeat(depth)}${"}".repeat(depth)}`;
  assertEquals(parsed(nested(32)), { a: nested(31).slice(2) });
  assertSttpError("LimitExceeded", () => parsed(nested(33)), "more than 32 deep at character 34");
  assertEquals(outcome(() => parsed("{".repeat(100_000))), "LimitExceeded");
});

Deno.test("each character is looked at once, whatever it is", () => {
  const { charCodeAt } = String.prototype;
  const { test, exec } = RegExp.prototype;
  let steps = 0;
  const looks = (text: string): number => {
    steps = 0;
    String.prototype.charCodeAt = function (index): number {
      steps++;
      return charCodeAt.call(this, index);
    };
    RegExp.prototype.test = function (text): boolean {
      steps++;
      return test.call(this, text);
    };
    RegExp.prototype.exec = function (text): RegExpExecArray | null {
      steps++;
      return exec.call(this, text);
    };
    try {
      parseConnectionString(text);
    } finally {
      Object.assign(String.prototype, { charCodeAt });
      Object.assign(RegExp.prototype, { test, exec });
    }
    return steps;
  };
  for (const part of ["{}", "=", "{=;}", "x"]) {
    for (
      const text of [`a=${part.repeat(2500)}`, `a={${part.repeat(2500)}}`, `a=1;b={x={${part.repeat(2500)}}}`]
    ) {
      assertEquals(looks(text) <= text.length, true, `${part}: ${steps} steps for ${text.length} characters`);
    }
  }
});

Deno.test("values that need braces get them", () => {
  assertEquals(formatConnectionString({ a: 1, b: true, c: "x", d: undefined, e: "" }), "a=1;b=true;c=x;e=");
  assertEquals(
    formatConnectionString({ a: "x;y", b: "p=q", c: " x", d: "{x}" }),
    "a={x;y};b={p=q};c={ x};d={{x}}",
  );
  assertEquals(formatConnectionString({}), "");
});

Deno.test("what the format can't hold is refused", () => {
  for (const key of ["", "a=b", "a;b", "{a", " a", "a "]) {
    assertThrows(() => formatConnectionString({ [key]: "1" }), TypeError, "key");
  }
  for (const value of ["{", "}", "}{", "a{b", "a = '}'"]) {
    assertThrows(() => formatConnectionString({ a: value }), TypeError, "braces");
  }
});

Deno.test("anything that can be written is read back", () => {
  const key = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  // `__proto__` and its like are no keys of a plain object; they can't match the pattern above.
  const value = fc.string({ unit: fc.constantFrom(..."ab {}=;'\n"), maxLength: 12 }).filter((value) =>
    outcomeOf(() => formatConnectionString({ a: value }))
  );
  fc.assert(fc.property(fc.dictionary(key, value), (settings) => {
    assertEquals(parsed(formatConnectionString(settings)), { ...settings });
  }));
  fc.assert(fc.property(fc.dictionary(key, value), key, (inner, outer) => {
    const nested = parsed(formatConnectionString({ [outer]: formatConnectionString(inner) }))[outer];
    assertEquals(parsed(nested!), { ...inner });
  }));
});

function outcomeOf(format: () => string): boolean {
  try {
    format();
    return true;
  } catch {
    return false;
  }
}

Deno.test("any text is settings or malformed", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."a=;{} "), maxLength: 30 }), (text) => {
    const code = outcome(() => parsed(text));
    if (code !== undefined) assertEquals(code, "MalformedText");
  }));
});

Deno.test("booleans have eight spellings in any case", () => {
  for (const text of ["true", "True", "TRUE", "1", "yes", "Yes", "on", "ON", " on "]) {
    assertEquals(parseBoolean(text), true, text);
  }
  for (const text of ["false", "False", "FALSE", "0", "no", "No", "off", "OFF", "\toff"]) {
    assertEquals(parseBoolean(text), false, text);
  }
  for (const text of ["", "2", "t", "y", "-1", "true1", "undefined"]) {
    assertEquals(parseBoolean(text), undefined);
  }
});

Deno.test("numbers are decimal and finite", () => {
  const numbers: [string, number][] = [
    ["1.000000", 1],
    ["-1", -1],
    ["+5", 5],
    ["0.25", 0.25],
    [".5", 0.5],
    ["5.", 5],
    ["1e3", 1000],
    ["1.5E-3", 0.0015],
    [" 10 ", 10],
  ];
  for (const [text, value] of numbers) assertEquals(parseNumber(text), value, text);
  for (
    const text of ["", ".", "-", "0x10", "1,5", "NaN", "Infinity", "1e999", "1e", "1 2", "1".repeat(400)]
  ) {
    assertEquals(parseNumber(text), undefined, text);
  }
});
