/**
 * The admin's metrics as Prometheus reads them: `deno task metrics`, with Debian's `promtool`, which is installed where
 * it is missing and that can be.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createAdmin } from "../../admin/mod.ts";
import { Meeting } from "../integration/support.ts";
import { ensureProgram } from "../support/debian.ts";

const promtool = await ensureProgram(["promtool"], ["prometheus"]);

/** What promtool has to say of metrics; nothing when all is well. */
async function check(metrics: string): Promise<{ success: boolean; text: string }> {
  const command = new Deno.Command(promtool, {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(metrics));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("promtool accepts the metrics of a publisher and a subscriber at work, and has nothing to say of them", async () => {
  await using meeting = await Meeting.start(10, { udp: { encrypt: true } });
  const subscriber = await meeting.subscribed({ onBatch: () => {} });
  await meeting.publish(5);
  const admin = createAdmin({ publisher: meeting.publisher, subscriber });
  const metrics = await (await admin.fetch(new Request("http://localhost/metrics"))).text();
  admin.close();
  assertStringIncludes(metrics, "sttp_publisher_published_measurements_total");
  assertStringIncludes(metrics, "sttp_subscriber_received_measurements_total");
  assertEquals(await check(metrics), { success: true, text: "" });
});

Deno.test("promtool does find what is wrong", async () => {
  assert(!(await check('sttp_wrong{ 5"\n')).success);
  assert((await check("# TYPE sttp_bytes counter\nsttp_bytes 5\n")).text.includes("_total"));
});
