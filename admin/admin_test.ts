import { assert, assertEquals } from "@std/assert";
import { Grid } from "../grid/mod.ts";
import { Publisher } from "../publisher/mod.ts";
import { MeasurementBatch } from "../transport/mod.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { createAdmin } from "./mod.ts";
import { forgetfulClock, Secrets } from "./testdata/systems.ts";

Deno.test("a real publisher and subscriber are seen, and the one is disconnected", async () => {
  const grid = await Grid.create({ devices: 3 });
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(grid.metadata());
  grid.bind(publisher.signals);
  await publisher.start();
  await using subscriber = new Subscriber({
    filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'",
    reconnect: false,
  });
  const admin = createAdmin({ grid: publisher, client: subscriber }, {
    credentials: [{ name: "otto", role: "operator", secret: Secrets.operator }],
    actions: true,
    onAction: () => {},
    clock: forgetfulClock(),
  });
  const ask = (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${Secrets.operator}`, "content-type": "application/json" };
    return admin.fetch(new Request(`http://localhost${path}`, { ...init, headers }));
  };
  // deno-lint-ignore no-explicit-any
  const json = async (path: string): Promise<any> => await (await ask(path)).json();

  assertEquals((await json("/readyz")).ready, false, "nobody is connected");
  await subscriber.connect(publisher.address);
  const batch = new MeasurementBatch();
  const batches = subscriber.batches();
  grid.write(batch, 638_500_000_000_000_000n);
  // The subscription is there; its data flows when the publisher has heard that the cache is.
  while (publisher.stats().groups.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  publisher.publish(batch);
  assertEquals((await batches.next()).value?.length, 3);
  // What has come has been written; that it was is known a moment later.
  while (publisher.stats().sent.measurements < 3) await new Promise((resolve) => setTimeout(resolve, 1));

  assertEquals((await json("/readyz")).ready, true);
  const { systems } = await json("/api/v1/status");
  assertEquals(systems.map(({ system, kind, state }: Record<string, string>) => [system, kind, state]), [
    ["grid", "publisher", "running"],
    ["client", "subscriber", "connected"],
  ]);
  const { connections: [connection] } = await json("/api/v1/connections?search=freq");
  assertEquals(connection.subscription.signals, 3);
  assertEquals(connection.sent.measurements, 3);
  assertEquals((await json("/api/v1/groups")).groups[0].connections, [connection.id]);
  for (const system of ["grid", "client"]) {
    const filter = encodeURIComponent("SignalAcronym = 'FREQ'");
    const page = await json(`/api/v1/metadata/MeasurementDetail?system=${system}&filter=${filter}`);
    assertEquals(page.total, 3);
  }
  assert((await (await ask("/metrics")).text()).includes(
    '\nsttp_subscriber_received_measurements_total{system="client"} 3\n',
  ));
  for (const path of ["/", "/connections", `/connections/${connection.id}`, "/metadata?system=client"]) {
    assertEquals((await ask(path)).status, 200, path);
  }

  for (
    const path of [
      "/groups",
      "/signals?system=client",
      "/devices",
      "/security",
      "/operate",
      "/metadata-changes",
    ]
  ) {
    assertEquals((await ask(path)).status, 200, path);
  }
  const { signals } = await json("/api/v1/signals?system=client");
  assertEquals(signals.map(({ type }: { type: string }) => type), ["FREQ", "FREQ", "FREQ"]);

  const path = `/api/v1/connections/${connection.id}/disconnect?system=grid`;
  assertEquals((await ask(path, { method: "POST", body: '{"reason":"test"}' })).status, 200);
  assertEquals((await subscriber.closed).kind, "lost");
  while (publisher.stats().open.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const { connections: [ended] } = await json("/api/v1/connections?state=closed");
  assertEquals(ended.closed.message, "disconnected by otto: test");
  admin.close();
});
