/** Data over UDP between two processes. */
import { assertEquals } from "@std/assert";
import type { SubscriberStats } from "../../subscriber/mod.ts";
import { Meeting, until, valueOf } from "./support.ts";

const size = 40;
const rounds = 60;
const config = new URL("../../deno.json", import.meta.url).pathname;

/** Subscribes over UDP and takes so many measurements; then prints their sum and what it counted. */
const program = `
  const subscriber = new Subscriber({
    filter: "FILTER ActiveMeasurements WHERE True",
    udp: { interface: "127.0.0.1" },
    ...options,
  });
  await subscriber.connect(address);
  let sum = 0;
  let count = 0;
  for await (const { value } of subscriber.measurements()) {
    sum += value;
    if (++count === expected) break;
  }
  console.log(JSON.stringify({ sum, stats: subscriber.stats() }));
  await subscriber.disconnect();
`;

function run(address: string, options: object): Deno.ChildProcess {
  const module = JSON.stringify(new URL("../../subscriber/mod.ts", import.meta.url).href);
  const constants = { address, options, expected: size * rounds };
  const text = `import { Subscriber } from ${module};` +
    Object.entries(constants).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`).join("") +
    program;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--quiet",
      "--allow-net=127.0.0.1",
      `--config=${config}`,
      `data:text/typescript,${encodeURIComponent(text)}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

for (const encrypt of [false, true]) {
  for (const options of [{}, { useMillisecondResolution: true }, { includeTime: false }]) {
    const name = `${encrypt ? "encrypted" : "plain"}, ${JSON.stringify(options)}`;
    Deno.test(`another process gets every measurement over UDP, ${name}`, async () => {
      await using meeting = await Meeting.start(size, {
        udp: { encrypt, maxDatagramLength: 1400, keyRotationInterval: 1000 },
      });
      const child = run(meeting.publisher.address, options);
      await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed === true);
      for (let round = 0; round < rounds; round++) {
        await meeting.publish(1);
        // No faster than the other process takes it: a full buffer would be loss.
        if (round % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const { code, stdout } = await child.output();
      const { sum, stats }: { sum: number; stats: SubscriberStats } = JSON.parse(
        new TextDecoder().decode(stdout),
      );
      let expected = 0;
      for (let round = 0; round < rounds; round++) {
        for (let n = 0; n < size; n++) expected += valueOf(n, round);
      }
      assertEquals([code, sum], [0, expected]);
      const { udp, dropped } = stats;
      assertEquals(Object.values(dropped).reduce((all, count) => all + count), 0);
      assertEquals([udp.datagrams, udp.lost, udp.late, udp.repeated], [rounds, 0, 0, 0]);
      assertEquals(udp.received, "includeTime" in options ? 0 : size * rounds);
    });
  }
}
