import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readOptions } from "./options.ts";

Deno.test("soak: what it is told, and what stands for the rest", () => {
  assertEquals(readOptions([]), { minutes: 30, report: "dist/soak" });
  assertEquals(readOptions(["--minutes", "0.5", "--report=there"]), { minutes: 0.5, report: "there" });
});

Deno.test("soak: help", () => {
  for (const flag of ["--help", "-h"]) {
    const answer = readOptions([flag]);
    assert("exitCode" in answer);
    assertEquals(answer.exitCode, 0);
    assertStringIncludes(answer.text, "--minutes");
  }
});

for (
  const args of [
    ["--minutes", "0"],
    ["--minutes", "-1"],
    ["--minutes", "many"],
    ["--minutes", "Infinity"],
    ["--minutes="],
    ["--minutes"],
    ["--report="],
    ["--rate", "5"],
    ["there"],
  ]
) {
  Deno.test(`soak: wrong options, ${args.join(" ")}`, () => {
    const answer = readOptions(args);
    assert("exitCode" in answer);
    assertEquals(answer.exitCode, 2);
    assertStringIncludes(answer.text, "deno task soak [options]");
  });
}
