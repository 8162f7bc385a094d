/** What a process sees: it stays alive as long as there is something to wait for, and no longer. */
import { assertEquals } from "@std/assert";
import { Meeting, until } from "./support.ts";

const config = new URL("../../deno.json", import.meta.url).pathname;

/** Runs a program that has `Subscriber` and the publisher's address. */
function run(program: string, address: string): Deno.ChildProcess {
  const module = JSON.stringify(new URL("../../subscriber/mod.ts", import.meta.url).href);
  const text = `import { Subscriber } from ${module}; const address = ${JSON.stringify(address)}; ${program}`;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--quiet",
      `--allow-net=${new URL(`tcp://${address}`).hostname}`,
      `--config=${config}`,
      `data:text/typescript,${encodeURIComponent(text)}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function outcome(child: Deno.ChildProcess): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  return { code, out: out!, err: err! };
}

Deno.test("after the end nothing keeps the process alive, although timers were set", async () => {
  await using meeting = await Meeting.start(4);
  const child = run(
    `const subscriber = new Subscriber({ filter: "FILTER ActiveMeasurements WHERE True" });
     const status = subscriber.status();
     await subscriber.connect(address);
     const { value } = await subscriber.measurements().next();
     console.log(value.value);
     await subscriber.disconnect();`,
    meeting.publisher.address,
  );
  const publishing = (async () => {
    await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed === true);
    await meeting.publish(1);
  })();
  assertEquals(await outcome(child), { code: 0, out: "0", err: "" });
  await publishing;
});

Deno.test("between two attempts to connect the process stays alive, and gives up after the last", async () => {
  // An address that no other test listens on: the port, free again, could become another test's meanwhile.
  await using meeting = await Meeting.start(4, { hostname: "127.0.0.77" });
  const { publisher } = meeting;
  const child = run(
    `const subscriber = new Subscriber({ reconnect: { initialDelay: 100, maxDelay: 100, maxRetries: 3 } });
     await subscriber.connect(address, { retry: true });
     console.log("connected");
     for await (const batch of subscriber.batches());
     console.log((await subscriber.closed).kind, subscriber.stats().connections);`,
    publisher.address,
  );
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).values();
  // Until the subscriber knows that it is connected, an end would be a failed attempt.
  assertEquals((await lines.next()).value, "connected\n");
  publisher.disconnect(1);
  await until(() => publisher.stats().open[0]?.id === 2);
  await until(() => publisher.stats().open[0]?.state === "subscribed");
  await publisher.stop();
  assertEquals((await lines.next()).value, "lost 2\n");
  assertEquals((await lines.next()).done, true);
  assertEquals(await new Response(child.stderr).text(), "");
  assertEquals((await child.status).code, 0);
});
