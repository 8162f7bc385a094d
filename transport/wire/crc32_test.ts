import { assertEquals } from "@std/assert";
import { crc32 } from "./crc32.ts";

const digits = new TextEncoder().encode("123456789");

Deno.test("the check value is that of the catalogue", () => {
  assertEquals(crc32(digits), 0xcbf43926);
  assertEquals(crc32(new Uint8Array(0)), 0);
});

Deno.test("pieces one after another have the CRC of the whole", () => {
  for (let cut = 0; cut <= digits.length; cut++) {
    assertEquals(crc32(digits.subarray(cut), crc32(digits.subarray(0, cut))), 0xcbf43926);
  }
});
