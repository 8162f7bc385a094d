/** Data over UDP between two processes. */
import { assertEquals } from "@std/assert";
import type { SubscriberOptions, SubscriberStats } from "../../subscriber/mod.ts";
import type { Program } from "../interop/program.ts";
import { runChild } from "../support/child.ts";
import { Meeting, until, valueOf } from "./support.ts";

const size = 40;
const rounds = 60;

/** A process that subscribes over UDP, takes so many measurements, and tells their sum and what it counted. */
function subscriberProcess(address: string, options: SubscriberOptions): Program {
  return runChild(async ({ Subscriber, all, say }, { address, options, expected }) => {
    const subscriber = new Subscriber({ filter: all, udp: { interface: "127.0.0.1" }, ...options });
    await subscriber.connect(address);
    let [sum, count, told] = [0, 0, 0];
    for await (const batch of subscriber.batches()) {
      for (const value of batch.values.subarray(0, batch.length)) sum += value;
      count += batch.length;
      if (count > told) say("taken", { count: told = count });
      if (count === expected) break;
    }
    say("complete", { sum, stats: subscriber.stats() });
    await subscriber.disconnect();
  }, { address, options, expected: size * rounds });
}

for (const encrypt of [false, true]) {
  for (const options of [{}, { useMillisecondResolution: true }, { includeTime: false }]) {
    const name = `${encrypt ? "encrypted" : "plain"}, ${JSON.stringify(options)}`;
    Deno.test(`another process gets every measurement over UDP, ${name}`, async () => {
      await using meeting = await Meeting.start(size, {
        udp: { encrypt, maxDatagramLength: 1400, keyRotationInterval: 1000 },
      });
      await using child = subscriberProcess(meeting.publisher.address, options);
      await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed === true);
      for (let round = 0; round < rounds; round++) {
        await meeting.publish(1);
        // No faster than the other process takes it: a full buffer would be loss.
        if (round % 10 === 9) await child.next("taken", ({ count }) => count === (round + 1) * size);
      }
      const complete = await child.next("complete");
      const stats = complete["stats"] as SubscriberStats;
      assertEquals(await child.result(), { code: 0, errors: [] });
      let expected = 0;
      for (let round = 0; round < rounds; round++) {
        for (let n = 0; n < size; n++) expected += valueOf(n, round);
      }
      assertEquals(complete["sum"], expected);
      const { udp, dropped } = stats;
      assertEquals(Object.values(dropped).reduce((all, count) => all + count), 0);
      assertEquals([udp.datagrams, udp.lost, udp.late, udp.repeated], [rounds, 0, 0, 0]);
      assertEquals(udp.received, "includeTime" in options ? 0 : size * rounds);
    });
  }
}
