/** What a process sees: it stays alive as long as there is something to wait for, and no longer. */
import { assertEquals } from "@std/assert";
import { runChild } from "../support/child.ts";
import { Meeting, until } from "./support.ts";

Deno.test("after the end nothing keeps the process alive, although timers were set", async () => {
  await using meeting = await Meeting.start(4);
  await using child = runChild(async ({ Subscriber, all, say }, { address }) => {
    const subscriber = new Subscriber({ filter: all });
    const status = subscriber.status();
    await subscriber.connect(address);
    const { value } = await subscriber.measurements().next();
    say("measurement", { value: value?.value });
    await subscriber.disconnect();
    for await (const { kind } of status) say("status", { kind });
  }, { address: meeting.publisher.address });
  await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed === true);
  await meeting.publish(1);
  assertEquals((await child.next("measurement"))["value"], 0);
  assertEquals(await child.result(), { code: 0, errors: [] });
});

Deno.test("between two attempts to connect the process stays alive, and gives up after the last", async () => {
  // An address that no other test listens on: the port, free again, could become another test's meanwhile.
  await using meeting = await Meeting.start(4, { hostname: "127.0.0.77" });
  const { publisher } = meeting;
  await using child = runChild(
    async ({ Subscriber, say }, { address }) => {
      const subscriber = new Subscriber({ reconnect: { initialDelay: 100, maxDelay: 100, maxRetries: 3 } });
      await subscriber.connect(address, { retry: true });
      say("connected");
      for await (const _ of subscriber.batches());
      const { kind } = await subscriber.closed;
      say("closed", { kind, connections: subscriber.stats().connections });
    },
    { address: publisher.address },
    ["--allow-net=127.0.0.77"],
  );
  // Until the subscriber knows that it is connected, an end would be a failed attempt.
  await child.next("connected");
  publisher.disconnect(1);
  await until(() => publisher.stats().open[0]?.id === 2);
  await until(() => publisher.stats().open[0]?.state === "subscribed");
  await publisher.stop();
  assertEquals(await child.next("closed"), { event: "closed", kind: "lost", connections: 2 });
  assertEquals(await child.result(), { code: 0, errors: [] });
});
