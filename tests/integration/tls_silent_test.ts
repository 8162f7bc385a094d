/** Peers that connect where TLS is spoken and say nothing, on every side that listens. */
import { assertEquals } from "@std/assert";
import { Publisher } from "../../publisher/mod.ts";
import { Subscriber, SubscriberListener } from "../../subscriber/mod.ts";
import { connectTcp, ManualClock } from "../../transport/mod.ts";
import { testCertificates } from "../support/tls.ts";
import { until } from "./support.ts";

const hostname = "127.0.0.1";

/** A second before the end of its time a silent peer is connected, and then it is refused. */
async function assertGivenUp(
  port: number,
  clock: ManualClock,
  seconds: number,
  refused: () => Readonly<Record<string, number>>,
): Promise<void> {
  const before = clock.pending;
  const silent = await connectTcp({ hostname, port });
  await until(() => clock.pending === before + 1);
  clock.advance(1000 * (seconds - 1));
  assertEquals(clock.pending, before + 1, "given up too early");
  clock.advance(1000);
  assertEquals(clock.pending, before, "still not given up");
  assertEquals(await silent.read(new Uint8Array(1)), null);
  await until(() => Object.keys(refused()).length > 0);
  assertEquals(refused(), { timeout: 1 });
  silent.close();
}

Deno.test("a silent peer of a TLS publisher is given up in time", async () => {
  const { server } = await testCertificates();
  for (const [settings, seconds] of [[{}, 10], [{ handshakeTimeout: 3000 }, 3]] as const) {
    const clock = new ManualClock(Date.now());
    await using publisher = new Publisher({ hostname, port: 0, tls: server, clock, ...settings });
    await publisher.start();
    const refused = () => publisher.stats().connections.handshakesFailed;
    await assertGivenUp(publisher.port, clock, seconds, refused);
  }
});

Deno.test("a silent peer of a listener with TLS is given up in time", async () => {
  const { server } = await testCertificates();
  for (const [settings, seconds] of [[{}, 10], [{ handshakeTimeout: 3000 }, 3]] as const) {
    const clock = new ManualClock(Date.now());
    await using listener = new SubscriberListener({ hostname, port: 0, tls: server, clock, ...settings });
    await listener.start();
    await assertGivenUp(listener.port, clock, seconds, () => listener.stats().refused);
  }
});

Deno.test("a silent peer of a subscriber that listens with TLS is given up in time", async () => {
  const { server } = await testCertificates();
  for (const [settings, seconds] of [[{}, 10], [{ connectTimeout: 3000 }, 3]] as const) {
    const clock = new ManualClock(Date.now());
    await using subscriber = new Subscriber({ tls: server, clock, ...settings });
    const { port } = await subscriber.listen({ hostname, port: 0 });
    await assertGivenUp(port, clock, seconds, () => subscriber.stats().refused);
  }
});
