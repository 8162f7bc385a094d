import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatDecimal, truncateDecimal } from "../decimal.ts";
import {
  absoluteExact,
  addExact,
  compareExact,
  divideExact,
  type ExactNumber,
  multiplyExact,
  negateExact,
  raiseInteger,
  remainderExact,
  subtractExact,
} from "./numbers.ts";

const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 2147483647, -2147483648));
const int64 = fc.oneof(
  fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
  fc.constantFrom(0n, 1n, -1n, (1n << 63n) - 1n, -(1n << 63n)),
);
const integer = fc.oneof(int32, int64);

/** Checks a value, and that its type is the narrowest from that of the operands on. */
function expect(actual: ExactNumber, value: bigint, ...operands: (number | bigint)[]): void {
  const wide = operands.some((operand) => typeof operand === "bigint");
  if (!wide && BigInt.asIntN(32, value) === value) assertEquals(actual, Number(value));
  else if (BigInt.asIntN(64, value) === value) assertEquals(actual, value);
  else {
    assertEquals(typeof actual, "object");
    assertEquals(truncateDecimal(actual as Exclude<ExactNumber, number | bigint>), value);
  }
}

Deno.test("arithmetic of integers is exact and widens only where it must", () => {
  fc.assert(
    fc.property(integer, integer, (a, b) => {
      const [x, y] = [BigInt(a), BigInt(b)];
      expect(addExact(a, b), x + y, a, b);
      expect(subtractExact(a, b), x - y, a, b);
      expect(multiplyExact(a, b), x * y, a, b);
      expect(negateExact(a), -x, a);
      expect(absoluteExact(a), x < 0n ? -x : x, a);
      assertEquals(Math.sign(compareExact(a, b)), x < y ? -1 : x > y ? 1 : 0);
      if (y === 0n) return;
      expect(divideExact(a, b), x / y, a, b);
      expect(remainderExact(a, b), x % y, a, b);
    }),
    { numRuns: 5000, seed: 2664 },
  );
});

Deno.test("no zero is negative", () => {
  for (const zero of [multiplyExact(0, -5), divideExact(-1, 2), remainderExact(-4, 2), negateExact(0)]) {
    assertEquals(Object.is(zero, 0), true);
  }
});

Deno.test("whole powers are exact as far as decimals go", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: -100, max: 100 }), fc.bigInt(-100n, 100n)),
      fc.nat(45),
      (base, exponent) => {
        expect(raiseInteger(base, exponent), BigInt(base) ** BigInt(exponent), base);
      },
    ),
    { numRuns: 1000, seed: 2664 },
  );
  assertEquals(formatDecimal(raiseInteger(10, 300) as never), `1${"0".repeat(300)}`);
});
