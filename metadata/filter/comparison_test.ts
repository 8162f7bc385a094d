import { assertEquals } from "@std/assert";
import { check, sampleRow } from "./testdata/cases.ts";
import type { Clock } from "../../transport/clock.ts";
import { evaluateExpression } from "./evaluate.ts";
import {
  compareText,
  endsWithFolded,
  equalsFolded,
  equalsOneFolded,
  fold,
  startsWithFolded,
} from "./text.ts";

const GUID = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";

Deno.test("strings compare without case, unless it is asked for", () => {
  check([
    ["'abc' = 'ABC'", "boolean true"],
    ["'abc' == 'ABC'", "boolean true"],
    ["'abc' === 'ABC'", "boolean false"],
    ["'abc' === 'abc'", "boolean true"],
    ["'abc' <> 'ABC'", "boolean false"],
    ["'abc' !== 'ABC'", "boolean true"],
    ["Acronym = 'SHELBY'", "boolean true"],
    ["'SHELBY' = Acronym", "boolean true"],
    ["Acronym != 'shelby '", "boolean true"],
    ["'a' < 'B'", "boolean true"],
    ["'a' < '_'", "boolean true"],
    ["'stra\u00dfe' = 'STRASSE'", "boolean true"],
    ["'\u{1f600}' > '\uffee'", "boolean true"],
    ["'' < 'a'", "boolean true"],
    ["AlternateTag = 'x'", "boolean null"],
    ["AlternateTag != 'x'", "boolean null"],
  ]);
});

Deno.test("numbers and booleans widen", () => {
  check([
    ["1 = 1.0", "boolean true"],
    ["1 = True", "boolean true"],
    ["False < True", "boolean true"],
    ["2 > True", "boolean true"],
    ["2.50 = 2.5", "boolean true"],
    ["0.1 = 0.1e0", "boolean true"],
    ["Big = 9007199254740993", "boolean true"],
    ["Big = 9007199254740992", "boolean false"],
    ["Big = 9007199254740992e0", "boolean true"],
    ["Huge > 9223372036854775807", "boolean true"],
    ["Longitude <= -89.8", "boolean true"],
    ["NullInt = 1", "boolean null"],
    ["NullInt <> 1", "boolean null"],
  ]);
});

Deno.test("with a string on the right, it is read as the left's type", () => {
  check([
    ["12 > '7'", "boolean true"],
    ["1 = '1.0'", "boolean true"],
    ["1 = ' 1 '", "boolean true"],
    ["1 = '1.5'", "boolean false"],
    ["2.5 = '2.50'", "boolean true"],
    ["1e0 = '1e0'", "boolean true"],
    ["True = 'TRUE'", "boolean true"],
    ["False = 'false'", "boolean true"],
    [`SignalID = '{${GUID.toUpperCase()}}'`, "boolean true"],
    ["UpdatedOn > '2024-02-29'", "boolean true"],
    ["UpdatedOn = '2024-02-29T12:34:56.789Z'", "boolean true"],
    ["1 = 'abc'", 'error "abc" can\'t be compared with an integer'],
    ["NullInt = 'abc'", 'error "abc" can\'t be compared with an integer'],
    ["1e0 = 'abc'", "error a number"],
    ["True = 'abc'", "error expected true or false"],
    ["True = '1'", "error expected true or false"],
    ["SignalID = 'abc'", "error expected a GUID"],
    ["UpdatedOn = '12'", "error expected a date and time"],
    ["AccessID = Acronym", 'error "Shelby" can\'t be compared'],
    ["AccessID = AlternateTag", "boolean null"],
  ]);
});

Deno.test("with a string on the left, both are strings", () => {
  check([
    ["'12' > 7", "boolean false"],
    ["'7' = 7", "boolean true"],
    ["'1' = True", "boolean true"],
    ["'true' = True", "boolean false"],
    ["'2.5' = 2.50", "boolean false"],
    ["'2.50' = 2.50", "boolean true"],
    ["'1500' = 1500e0", "boolean true"],
    ["Acronym > 99", "boolean true"],
    [`'${GUID.toUpperCase()}' = SignalID`, "boolean true"],
    [`'{${GUID}}' = SignalID`, "boolean true"],
    ["'abc' = SignalID", "boolean false"],
    ["'2024-02-29 12:34:56.789' = UpdatedOn", "boolean true"],
    ["'2024-03-01' > UpdatedOn", "boolean true"],
    ["'12' > UpdatedOn", "boolean false"],
    ["'abc' > UpdatedOn", "boolean true"],
  ]);
});

Deno.test("other mixed pairs are errors", () => {
  check([
    ["SignalID = 1", "error = can't be applied to a guid and an int32"],
    ["UpdatedOn > 1.5", "error > can't be applied to a datetime and a decimal"],
    ["SignalID = UpdatedOn", "error two values of one kind"],
    ["True = SignalID", "error = can't be applied to a boolean and a guid"],
    ["NullID = 1", "error = can't be applied to a guid and an int32"],
  ]);
});

Deno.test("IN compares like =, and nulls match nothing", () => {
  check([
    ["Acronym IN ('a', 'SHELBY')", "boolean true"],
    ["Acronym IN BINARY ('a', 'SHELBY')", "boolean false"],
    ["Acronym IN === ('Shelby')", "boolean true"],
    ["Acronym NOT IN ('a')", "boolean true"],
    ["Acronym !IN ('a')", "boolean true"],
    ["2 IN (1, 2.0)", "boolean true"],
    ["AccessID IN (1, '2')", "boolean true"],
    ["Big IN (9007199254740992, 9007199254740993)", "boolean true"],
    ["Big IN (9007199254740992)", "boolean false"],
    ["Serial IN (7)", "boolean true"],
    ["AccessID IN (2147483648, 2)", "boolean true"],
    ["Longitude IN (1, -89.80380)", "boolean true"],
    ["Adder IN (0.5, 1)", "boolean true"],
    ["Enabled IN (0, 1)", "boolean true"],
    ["'12' IN (7, 12)", "boolean true"],
    [`SignalID IN ({${GUID}})`, "boolean true"],
    [`SignalID IN ('{${GUID}}', NULL)`, "boolean true"],
    ["UpdatedOn IN (#2024-02-29 12:34:56.789#)", "boolean true"],
    ["1 IN (2, NULL)", "boolean false"],
    ["1 NOT IN (2, NULL)", "boolean true"],
    ["NullInt IN (1, 2)", "boolean null"],
    ["NULL NOT IN (1, 2)", "boolean null"],
    ["AccessID IN (NullInt, AccessID)", "boolean true"],
    ["1 IN ('abc')", 'error "abc" can\'t be compared'],
    ["1 IN (1, NULL, 2)", "boolean true"],
    ["2.50 IN (1, 2.5)", "boolean true"],
    ["2.5 IN (1, 2.25, 2)", "boolean false"],
    ["Longitude IN ('-89.8038')", "boolean true"],
    ["0.1 IN (1e-1)", "boolean true"],
    ["1 IN (1.5e0, 1e0)", "boolean true"],
    ["1 IN (1.5e0, 2)", "boolean false"],
    ["-0e0 IN (0)", "boolean true"],
    ["CONVERT('nan', 'double') IN (CONVERT('nan', 'double'))", "boolean false"],
    ["Enabled IN (1.0)", "boolean true"],
    ["Enabled IN (2, 'false')", "boolean false"],
    ["Huge IN (18446744073709551615)", "boolean true"],
    ["Huge IN (18446744073709551614)", "boolean false"],
    ["'2.50' IN (2.5, 2.50)", "boolean true"],
    ["'2.5' IN (2.50)", "boolean false"],
    [`'{${GUID}}' IN (1, SignalID)`, "boolean true"],
    [`'{${GUID.toUpperCase()}}' IN (1, {${GUID}})`, "boolean true"],
    ["'2021/9/9' IN ('a', #2021-09-09#)", "boolean true"],
    ["'a' IN (#2021-09-09#, True)", "boolean false"],
    ["'1' IN (#2021-09-09#, True)", "boolean true"],
    ["1 IN (1, SignalID)", "error can't be applied to an int32 and a guid"],
    [`Acronym IN (${Array.from({ length: 50 }, (_, i) => `'T${i}'`).join()}, 'shelby')`, "boolean true"],
    [`AccessID IN (${Array.from({ length: 50 }, (_, i) => i + 10).join()})`, "boolean false"],
  ]);
});

Deno.test("LIKE has wildcards at its ends only", () => {
  check([
    ["Acronym LIKE 'sh%'", "boolean true"],
    ["Acronym LIKE '*BY'", "boolean true"],
    ["Acronym LIKE '%ELB*'", "boolean true"],
    ["Acronym LIKE 'elb%'", "boolean false"],
    ["Acronym LIKE BINARY 'SH%'", "boolean false"],
    ["Acronym LIKE === 'Sh*'", "boolean true"],
    ["Acronym LIKE BINARY '%by'", "boolean true"],
    ["Acronym LIKE BINARY '%ELB%'", "boolean false"],
    ["Acronym NOT LIKE 'sh%'", "boolean false"],
    ["Acronym LIKE 'shelby'", "boolean true"],
    ["Acronym LIKE 'shel'", "boolean false"],
    ["Acronym LIKE BINARY 'shelby'", "boolean false"],
    ["'' LIKE ''", "boolean true"],
    ["'a' LIKE ''", "boolean false"],
    ["'a' LIKE '%'", "boolean true"],
    ["'a' LIKE '**'", "boolean true"],
    ["'a' LIKE 'a%b'", "error wildcard within"],
    ["'a' LIKE '%%%'", "error wildcard within"],
    ["'abc' LIKE LOWER('A') + '%'", "boolean true"],
    ["'Shelby' LIKE Acronym", "boolean true"],
    ["'Shelby County' LIKE Acronym + '%'", "boolean true"],
    ["AlternateTag LIKE 'a%'", "boolean null"],
    ["'a' LIKE NULL", "boolean null"],
    ["'a' NOT LIKE AlternateTag", "boolean null"],
    ["123 LIKE '1%'", "error LIKE can't be applied to an int32 and a string"],
    ["NullInt LIKE '1%'", "error LIKE can't be applied to an int32 and a string"],
    ["'a' LIKE 1", "error expected strings"],
  ]);
});

Deno.test("IS NULL is the test for nulls", () => {
  check([
    ["NULL IS NULL", "boolean true"],
    ["AlternateTag IS NULL", "boolean true"],
    ["AlternateTag IS NOT NULL", "boolean false"],
    ["Acronym IS !NULL", "boolean true"],
    ["NullInt + 1 IS NULL", "boolean true"],
    ["IIF(Enabled, NullInt, 'a') IS NULL", "boolean true"],
    ["'' IS NULL", "boolean false"],
  ]);
});

Deno.test("text order follows code points", () => {
  const words = ["", "a", "b", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "\u{10000}a"];
  const sorted = words.toSorted(compareText);
  const codePoints = (text: string) => Array.from(text, (character) => character.codePointAt(0)!);
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [codePoints(sorted[i - 1]!), codePoints(sorted[i]!)];
    const at = b.findIndex((point, j) => point !== a[j]);
    assertEquals((a[at] ?? -1) < b[at]!, true, sorted.join());
  }
});

Deno.test("comparing without case is comparing in upper case", () => {
  const words = [
    "",
    "a",
    "A",
    "ab",
    "AB",
    "stra\u00dfe",
    "STRASSE",
    "\u0131",
    "I",
    "\u017f",
    "S",
    "\u{10428}",
    "a_",
    "_a",
    "z",
    ...["a", "B", "\u00df", "ss", "A\u00df"].map((end) => "x".repeat(64) + end),
  ];
  for (const text of words) {
    for (const other of words) {
      const folded = fold(other);
      assertEquals(equalsFolded(text, folded), fold(text) === folded, `${text} = ${other}`);
      assertEquals(equalsOneFolded(text, ["A", folded, "ẞ"]), ["A", folded, "ẞ"].includes(fold(text)));
      assertEquals(
        startsWithFolded(text, folded),
        fold(text).startsWith(folded),
        `${text} begins with ${other}`,
      );
      assertEquals(endsWithFolded(text, folded), fold(text).endsWith(folded), `${text} ends with ${other}`);
    }
  }
});

Deno.test("what IN looks for is evaluated once, whatever it is compared with", () => {
  let looks = 0;
  const clock: Clock = { now: () => ++looks, monotonic: () => 0, schedule: () => () => {} };
  const values = Array.from({ length: 20 }, () => "UpdatedOn").join();
  const value = evaluateExpression(`UTCNOW() IN (${values})`, sampleRow(), { clock });
  assertEquals([value.value, looks], [false, 1]);
});
