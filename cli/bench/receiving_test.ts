import { assertEquals } from "@std/assert";
import { Delays } from "./receiving.ts";

Deno.test("delays: shares of all measurements, in bounded memory", () => {
  const delays = new Delays();
  assertEquals(delays.summary(), null);
  delays.add(1, 500);
  delays.add(2.5, 490);
  delays.add(10, 9);
  delays.add(30_000, 1);
  assertEquals(delays.summary(), { p50: 1, p99: 2.5, p999: 10, max: 30_000 });
  delays.add(90_000, 10_000);
  delays.add(1_500.2, 10_000);
  assertEquals(delays.summary(), { p50: 1_501, p99: 90_000, p999: 90_000, max: 90_000 });
  delays.clear();
  delays.add(0.004, 10);
  delays.add(-5, 1);
  assertEquals(delays.summary(), { p50: 0.004, p99: 0.004, p999: 0.004, max: 0.004 });
});
