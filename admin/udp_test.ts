/** Data over UDP as operators see it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Grid } from "../grid/mod.ts";
import { Publisher } from "../publisher/mod.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { MeasurementBatch } from "../transport/mod.ts";
import { createAdmin } from "./mod.ts";

Deno.test("data over UDP: where it goes, what is lost, and whether it is encrypted", async () => {
  const grid = await Grid.create({ devices: 1 });
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", udp: { encrypt: true } });
  publisher.defineMetadata(grid.metadata());
  grid.bind(publisher.signals);
  await publisher.start();
  await using subscriber = new Subscriber({
    filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'",
    udp: true,
  });
  const admin = createAdmin({ grid: publisher, client: subscriber });
  const ask = async (path: string): Promise<string> =>
    await (await admin.fetch(new Request(`http://localhost${path}`))).text();
  await subscriber.connect(publisher.address);
  while (publisher.stats().groups.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const batch = new MeasurementBatch();
  const batches = subscriber.batches();
  let received = 0;
  for (let frame = 0; frame < 20; frame++) {
    // Frame 10 is as good as lost on the way.
    if (frame === 10) continue;
    batch.clear();
    grid.write(batch, 638_500_000_000_000_000n + BigInt(frame) * 400_000n);
    publisher.publish(batch);
    received += (await batches.next()).value!.length;
  }
  assertEquals(received, 19);
  const metrics = await ask("/metrics");
  for (const [outcome, value] of [["expected", 20], ["received", 19], ["lost", 1], ["late", 0]] as const) {
    const line = `sttp_subscriber_udp_measurements{system="client",outcome="${outcome}"} ${value}\n`;
    assertStringIncludes(metrics, line);
  }
  assertStringIncludes(metrics, 'sttp_subscriber_datagrams_total{system="client"} 19\n');
  assertStringIncludes(await ask("/"), "19 datagrams; 5.00 % lost, 0 late");
  const { connections: [connection] } = JSON.parse(await ask("/api/v1/connections"));
  assertEquals(connection.dataChannel.datagrams, 19);
  assertEquals(connection.cipher, { index: 0, rotations: 0 });
  assertStringIncludes(await ask(`/connections/${connection.id}`), "19 datagrams");
  admin.close();
});
