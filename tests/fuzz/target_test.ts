import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { SttpError } from "../../transport/errors.ts";
import { target } from "./target.ts";

/** Runs a greedy target. @param how What it does with its memory. */
async function assertFound(how: "released" | "reserved"): Promise<void> {
  // In a process of its own, as memory is that of a process.
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("./testdata/greedy.ts", import.meta.url).href, how],
    stderr: "inherit",
  }).output();
  const found = new TextDecoder().decode(stdout);
  assertEquals(code, 0);
  assertMatch(found, /^greedy: Error: memory grew by [34]\d\d MiB, by at most 256 expected$/m);
  assertMatch(found, /^replay: deno task fuzz --target greedy --seed 1 --path \d+$/m);
  assertMatch(found, /^input: \[true\]$/m);
}

Deno.test({
  name: "fuzzing finds an input that takes too much memory, even when it is released again",
  // Elsewhere what was released does not show.
  ignore: Deno.build.os !== "linux",
  fn: () => assertFound("released"),
});

Deno.test(
  "fuzzing finds an input that reserves too much memory, even when it is never used",
  () => assertFound("reserved"),
);

Deno.test("fuzzing counts what was taken, and takes for a finding what is no refusal or says nothing", async () => {
  const even = (n: number): void => {
    if (n % 2 === 1) throw new SttpError("MalformedText", "odd");
  };
  const { runs, accepted, finding } = await target("even", 0, () => fc.nat(), even).check(1, 50);
  assertEquals([runs, accepted > 0 && accepted < runs, finding], [50, true, undefined]);
  for (const error of [new TypeError("not expected"), new SttpError("MalformedText", "")]) {
    const thrower = target("thrower", 0, () => fc.nat(), () => {
      throw error;
    });
    const { accepted, finding = "" } = await thrower.check(1, 50);
    assertEquals(accepted, 0);
    assertMatch(
      finding,
      error instanceof TypeError ? /TypeError: not expected/ : /a refusal without a message/,
    );
    assertMatch(finding, /^input: \[0\]$/m);
  }
});
