import { assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { Watchdog } from "./fleet.ts";
import type { ShortResult } from "./short.ts";

/** The share of its inputs that a target has to take: inputs that are all refused at once get nowhere. */
const LEAST_TAKEN = 0.05;

Deno.test("fuzzing finds nothing in a short run of every target", async (test) => {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("./short.ts", import.meta.url).href],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const watchdog = new Watchdog(child.pid, () => child.kill("SIGKILL"));
  let tried = 0;
  try {
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      watchdog.reset();
      const { target, finding, taken }: ShortResult = JSON.parse(line);
      await test.step(target, () => {
        if (finding !== undefined) throw new Error(finding);
        assertGreaterOrEqual(taken, LEAST_TAKEN, "its inputs are too wild to get anywhere");
      });
      tried++;
    }
  } finally {
    watchdog.stop();
  }
  assertGreater(tried, 0);
  assertEquals((await child.status).code, 0, `its process ended after ${tried} targets`);
});
