/** `sttp bench` as a program. How fast it is is not for a test to judge. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Received } from "../../cli/bench/receiving.ts";
import { Publisher } from "../../mod.ts";
import { metadataOf } from "../integration/support.ts";
import { Sttp, sttp } from "../support/sttp.ts";

function rowsOf(stdout: string): (Received & { what: string })[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("bench measures with a publisher of its own, in two forms and at a rate", async () => {
  const { code, stdout, stderr } = await sttp([
    ...["bench", "--json", "--duration", "200ms", "--signals", "95", "--batch", "50", "--rate", "5000"],
  ]);
  assertEquals(code, 0, stderr);
  const rows = rowsOf(stdout);
  assertEquals(rows.map(({ what }) => what), [
    "TSSC, as fast as both can",
    "compact, as fast as both can",
    "TSSC, 5,000/s by 50",
  ]);
  for (const { measurements, rate, seconds, delay, dropped } of rows) {
    assert(seconds >= 0.2 && rate >= 0);
    assertEquals(delay === null, measurements === 0);
    assertEquals(dropped, {});
  }
});

Deno.test("bench measures what another bench publishes, and tells when nothing comes", async () => {
  await using publishing = Sttp.start(
    "bench",
    "--publish",
    "--port",
    "0",
    "--host",
    "127.0.0.1",
    "--rate",
    "2000",
  );
  const [, address] = await publishing.says(/publishing at (\S+)/);
  const { code, stdout, stderr } = await sttp(["bench", address!, "--duration", "200ms", "--compact"]);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^ +measurements\/s +bytes each/);
  assertMatch(stdout, /\ncompact, from 127\.0\.0\.1:\d+ +[\d,]+ /);
  assertEquals((await publishing.terminate()).code, 0);

  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(metadataOf(10));
  await publisher.start();
  const silent = await sttp(["bench", publisher.address, "--timeout", "3s"]);
  assertEquals(silent.code, 7);
  assertMatch(silent.stderr, /within 3000 ms/);
  assertEquals((await sttp(["bench", publisher.address, "--publish"])).code, 2);
});
