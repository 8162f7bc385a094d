import { assert, assertEquals, assertRejects } from "@std/assert";
import { hex } from "../tests/support/hostile.ts";
import { SttpError } from "../transport/errors.ts";
import { DefaultLimits } from "../transport/limits.ts";
import { readMetadata } from "./metadata.ts";

Deno.test("timers get their turn while metadata is decompressed that comes to nothing", async () => {
  const blocks = 2_000_000;
  const zipped = new Uint8Array(10 + 5 * blocks + 8);
  zipped.set(hex("1f8b08 00 00000000 00 ff"));
  for (let i = 0; i < blocks; i++) zipped.set([i === blocks - 1 ? 1 : 0, 0, 0, 0xff, 0xff], 10 + 5 * i);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  try {
    const error = await assertRejects(() => readMetadata(zipped, DefaultLimits), SttpError);
    assertEquals(error.code, "InvalidMetadata");
    assert(turns > 0);
  } finally {
    clearInterval(timer);
  }
});
