import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { DefaultLimits, type Limits } from "./limits.ts";

Deno.test("the default limits are whole numbers that nobody can change", () => {
  for (const [name, limit] of Object.entries(DefaultLimits)) {
    assertEquals(Number.isInteger(limit), true, name);
    assertGreater(limit, 0, name);
  }
  assertThrows(
    () => (DefaultLimits as { -readonly [K in keyof Limits]: number }).cacheEntries = 1,
    TypeError,
  );
});

Deno.test("a frame before the handshake is as long as the protocol says", () => {
  assertEquals(DefaultLimits.handshakeFrameLength, 8_192 + 5);
});

Deno.test("what fits inside something has no higher limit than that", () => {
  assertGreater(DefaultLimits.commandFrameLength, DefaultLimits.connectionStringLength);
  assertGreater(DefaultLimits.connectionStringLength, DefaultLimits.filterLength);
  assertGreater(DefaultLimits.signalIndex, DefaultLimits.cacheEntries);
});
