import { assertEquals, assertThrows } from "@std/assert";
import { Big, type BigDecimal, MC, RoundingMode } from "bigdecimal.js";
import fc from "fast-check";
import { CELL_PARSERS } from "./cell_text.ts";
import {
  addDecimals,
  type Decimal,
  decimalFromInteger,
  decimalFromNumber,
  decimalToNumber,
  divideDecimals,
  formatDecimal,
  multiplyDecimals,
  NUMBER,
  parseDecimal,
  raiseDecimal,
  roundDecimal,
  subtractDecimals,
  truncateDecimal,
} from "./decimal.ts";
import { parseDouble } from "./filter/convert.ts";

const of = (text: string) => parseDecimal(text)!;

Deno.test("a decimal keeps the scale it is written with", () => {
  for (
    const text of [
      "0",
      "1.",
      "2.50",
      "-89.803800",
      ".5",
      "+7",
      "0.0000001",
      "123456789012345678901234567890.10",
    ]
  ) {
    const plain = text.replace(/^\+/, "").replace(/\.$/, "").replace(/^\./, "0.");
    assertEquals(formatDecimal(of(text)), plain);
  }
  assertEquals(formatDecimal(of(" 1.5E3 ")), "1500");
});

Deno.test("what is not a decimal number reads as undefined", () => {
  for (
    const text of ["", " ", "a", "1a", "1e", "e5", ".", "1..2", "1_000", "0x1F", "NaN", "Infinity", "1 2"]
  ) {
    assertEquals(parseDecimal(text), undefined, text);
  }
});

Deno.test("there is one way only to read a number, so that refusing one takes no longer than reading it", () => {
  const runs = (lazy: string) => new RegExp(NUMBER.source.replaceAll(/\\d[+*]/g, `($&${lazy})`));
  const [greedy, reluctant] = [runs(""), runs("?")];
  const simple = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const small = /^[^e]*(e[+-]?\d{1,6})?$/i;
  const number = fc.tuple(
    ...["+", "-", "1", "20", ".", "3", ".", "e", "E", "-", "4", "1234567", "x"].map((part) =>
      fc.constantFrom("", part)
    ),
  ).map((parts) => parts.join(""));
  const mixed = fc.string({ unit: fc.constantFrom(..."+-.0159eEx \n"), maxLength: 8 });
  fc.assert(
    fc.property(fc.oneof(number, mixed), (text) => {
      assertEquals(greedy.exec(text)?.slice(), reluctant.exec(text)?.slice());
      const trimmed = text.trim();
      const expected = simple.test(trimmed);
      assertEquals(parseDouble(text), expected ? Number(trimmed) : undefined);
      const bytes = new TextEncoder().encode(text);
      assertEquals(CELL_PARSERS.double(bytes, 0, bytes.length), simple.test(text) ? Number(text) : undefined);
      const exponent = Number(/e(.*)/i.exec(trimmed)?.[1] ?? 0);
      const isDecimal = expected && small.test(trimmed) && Math.abs(exponent) <= 1000;
      assertEquals(parseDecimal(text) !== undefined, isDecimal);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("texts that would make gigabytes of digits are refused", () => {
  assertEquals(parseDecimal("1e1001"), undefined);
  assertEquals(parseDecimal("1e-1001"), undefined);
  assertEquals(parseDecimal("1e999999999"), undefined);
  assertEquals(parseDecimal("9".repeat(1201)), undefined);
  assertEquals(parseDecimal("1e1000")?.precision(), 1);
});

Deno.test("sums, differences and products are exact", () => {
  assertEquals(formatDecimal(addDecimals(of("0.1"), of("0.20"))), "0.30");
  assertEquals(
    formatDecimal(subtractDecimals(of("1"), of("0.999999999999999999999999999999999"))),
    `0.${"0".repeat(32)}1`,
  );
  const long = decimalFromInteger(9223372036854775807n);
  assertEquals(formatDecimal(multiplyDecimals(long, long)), "85070591730234615847396907784232501249");
});

Deno.test("a quotient is exact where it ends, and has 28 digits where it does not", () => {
  assertEquals(formatDecimal(divideDecimals(of("1.00"), of("4"))), "0.25");
  assertEquals(formatDecimal(divideDecimals(of("1"), of("3"))), "0." + "3".repeat(28));
  assertEquals(formatDecimal(divideDecimals(of("2"), of("3"))), "0." + "6".repeat(27) + "7");
  assertEquals(
    formatDecimal(divideDecimals(of("1"), of("1099511627776"))),
    "0.0000000000009094947017729282379150390625",
  );
});

Deno.test("results are bounded in digits and exponent", () => {
  const nines = of("9".repeat(100));
  assertEquals(multiplyDecimals(nines, nines).precision(), 100);
  let tiny = of("1e-1000");
  assertThrows(
    () => {
      for (let i = 0; i < 10; i++) tiny = multiplyDecimals(tiny, tiny);
    },
    RangeError,
    "exponent",
  );
});

Deno.test("long and far numbers are added, multiplied and written as by the library, without its detours", () => {
  const kept = MC(100, RoundingMode.HALF_EVEN);
  const digits = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: 500 }),
    fc.tuple(
      fc.constantFrom("1", "5", "9", "49", "105"),
      fc.constantFrom("0", "9"),
      fc.nat(300),
      fc.constantFrom("", "1"),
    )
      .map(([head, unit, count, tail]) => head + unit.repeat(count) + tail),
  );
  const number = fc.tuple(fc.constantFrom("", "-"), digits, fc.integer({ min: -1000, max: 1000 }))
    .map(([sign, whole, exponent]) => `${sign}${whole}e${exponent}`);
  const same = (actual: Decimal, exact: BigDecimal) => {
    const expected = exact.precision() > 100 ? exact.round(kept) : exact;
    assertEquals([actual.unscaledValue(), actual.scale()], [expected.unscaledValue(), expected.scale()]);
    assertEquals(formatDecimal(actual), expected.toPlainString());
  };
  fc.assert(
    fc.property(number, number, (one, other) => {
      const [left, right] = [of(one), of(other)];
      assertEquals([left.unscaledValue(), left.scale()], [Big(one).unscaledValue(), Big(one).scale()]);
      same(addDecimals(left, right), Big(one).add(other));
      same(subtractDecimals(left, right), Big(one).subtract(other));
      same(multiplyDecimals(left, right), Big(one).multiply(other));
      if (right.signum() === 0) return;
      const quotient = Big(one).divideWithMathContext(other, kept);
      if (quotient.multiply(other).compareTo(one) === 0) same(divideDecimals(left, right), quotient);
    }),
    { numRuns: 500 },
  );
});

Deno.test("powers", () => {
  assertEquals(formatDecimal(raiseDecimal(of("1.1"), 2)), "1.21");
  assertEquals(formatDecimal(raiseDecimal(of("2"), -2)), "0.25");
  assertEquals(formatDecimal(raiseDecimal(of("2"), 0)), "1");
  assertEquals(raiseDecimal(of("7"), 400).precision(), 100);
  assertThrows(() => raiseDecimal(of("7"), 2 ** 40), RangeError, "exponent");
});

Deno.test("a double becomes a decimal with every binary digit", () => {
  assertEquals(
    formatDecimal(decimalFromNumber(0.1)),
    "0.1000000000000000055511151231257827021181583404541015625",
  );
  assertEquals(formatDecimal(decimalFromNumber(-2.5)), "-2.5");
  assertEquals(formatDecimal(decimalFromNumber(1e22)), "10000000000000000000000");
  assertEquals(decimalToNumber(decimalFromNumber(5e-324)), 5e-324);
  assertThrows(() => decimalFromNumber(NaN), RangeError);
});

Deno.test("rounding to integers", () => {
  assertEquals(
    ["floor", "ceiling", "half-even"].map((how) => formatDecimal(roundDecimal(of("-2.5"), how as "floor"))),
    [
      "-3",
      "-2",
      "-2",
    ],
  );
  assertEquals(truncateDecimal(of("-12.7")), -12n);
  assertEquals(truncateDecimal(of("1e3")), 1000n);
});
