import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { KeptByAge } from "./kept_by_age.ts";

Deno.test("a value is made when it is first asked for, and again once it is too old or forgotten", () => {
  const clock = new ManualClock();
  const start = clock.monotonic();
  let made = 0;
  const kept = new KeptByAge(clock, 100, () => ++made);
  assertEquals(made, 0);
  assertEquals(kept.get(), { value: 1, at: start });
  clock.advance(99);
  assertEquals(kept.get(), { value: 1, at: start });
  clock.advance(1);
  assertEquals(kept.get(), { value: 2, at: start + 100 });
  kept.forget();
  assertEquals(made, 2);
  assertEquals(kept.get(), { value: 3, at: start + 100 });
});
