import { assertEquals } from "@std/assert";
import { assertSttpError, hex } from "../../tests/support/hostile.ts";
import { BaseTimes, decodeBaseTimes, encodeBaseTimes } from "./base_times.ts";

Deno.test("encodeBaseTimes: time index and both bases, big-endian", () => {
  const body = encodeBaseTimes(new BaseTimes(1, 0x0123_4567_89ab_cdefn, -2n));
  assertEquals(body, hex("00000001 0123456789abcdef fffffffffffffffe"));
  const decoded = decodeBaseTimes(body);
  assertEquals(decoded.timeIndex, 1);
  assertEquals(decoded.base(0), 0x0123_4567_89ab_cdefn);
  assertEquals(decoded.base(1), -2n);
});

Deno.test("BaseTimes: words are the bases' halves, low first", () => {
  const { words } = new BaseTimes(0, 0x0000_0001_8000_0000n, -2n);
  assertEquals([...words], [-0x8000_0000, 1, -2, -1]);
});

Deno.test("BaseTimes: rotating takes the base that the subscriber has and replaces the other", () => {
  const first = new BaseTimes(0, 10n, 20n);
  const second = first.rotate(30n);
  assertEquals([second.timeIndex, second.base(0), second.base(1)], [1, 30n, 20n]);
  const third = second.rotate(40n);
  assertEquals([third.timeIndex, third.base(0), third.base(1)], [0, 30n, 40n]);
  assertEquals([first.timeIndex, first.base(0), first.base(1)], [0, 10n, 20n], "the old one stays as it is");
});

Deno.test("decodeBaseTimes: a short body or an unknown time index is malformed", () => {
  const body = encodeBaseTimes(new BaseTimes(0, 1n, 2n));
  assertSttpError("MalformedFrame", () => decodeBaseTimes(body.subarray(0, 19)), "19 bytes, 20 expected");
  body[3] = 2;
  assertSttpError("MalformedFrame", () => decodeBaseTimes(body), "time index 2");
});
