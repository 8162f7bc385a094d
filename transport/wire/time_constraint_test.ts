import { assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../errors.ts";
import { formatTicks, MaxTicks, parseTicks } from "./ticks.ts";
import { parseTimeConstraint } from "./time_constraint.ts";

const NOW = parseTicks("2024-03-01T12:00:00Z");

Deno.test("times absolute and relative", () => {
  const expected: Record<string, string> = {
    "*": "2024-03-01T12:00:00Z",
    " *-20s ": "2024-03-01T11:59:40Z",
    "*-5m": "2024-03-01T11:55:00Z",
    "*-1.5H": "2024-03-01T10:30:00Z",
    "* - 1d": "2024-02-29T12:00:00Z",
    "*+1d": "2024-03-02T12:00:00Z",
    "2024-02-29 14:00:00.5+02:00": "2024-02-29T12:00:00.5Z",
    "03/01/2024 11:00:00": "2024-03-01T11:00:00Z",
  };
  for (const [text, time] of Object.entries(expected)) {
    assertEquals(formatTicks(parseTimeConstraint(text, NOW)), time, text);
  }
  assertEquals(parseTimeConstraint("*-999999999d", NOW), 0n);
  assertEquals(parseTimeConstraint("*+999999999d", NOW), MaxTicks);
});

Deno.test("what is no time", () => {
  for (
    const text of ["", "*-5", "*5m", "*-5y", "-5m", "*-1e3s", "now", "*-".padEnd(1e6, "1"), " ".repeat(1e6)]
  ) {
    const error = assertThrows(() => parseTimeConstraint(text, NOW), SttpError, "is no time");
    assertEquals([error.code, error.message.length < 200], ["MalformedText", true]);
  }
});
