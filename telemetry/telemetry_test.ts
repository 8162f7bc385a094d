import type { Meter, Tracer } from "@opentelemetry/api";
import { assert, assertEquals } from "@std/assert";
import { nameSystems } from "../admin/system.ts";
import type { PublisherStatus } from "../publisher/status.ts";
import { all, metadataOf, roundOf, until } from "../tests/integration/support.ts";
import { Collector } from "../tests/support/collector.ts";
import { Publisher } from "../publisher/mod.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { SystemMetrics } from "./metrics.ts";
import { instrument } from "./mod.ts";
import { PublisherSpans, SubscriberSpans } from "./spans.ts";

Deno.test("metrics and spans arrive at a collector", async () => {
  await using collector = new Collector();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--quiet",
      "--allow-net=127.0.0.1",
      new URL("./testdata/program.ts", import.meta.url).pathname,
    ],
    env: { ...collector.env, OTEL_METRIC_EXPORT_INTERVAL: "100", OTEL_BSP_SCHEDULE_DELAY: "100" },
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  await until(() => collector.metrics.has("sttp_publisher_connections_accepted"));
  await until(() =>
    collector.span("sttp.publisher.connection") !== undefined &&
    collector.span("sttp.subscriber.connection") !== undefined
  );
  assert(collector.metrics.has("sttp_subscriber_received_bytes"));
  assert(collector.span("sttp.subscriber.metadata") !== undefined);
  assert(collector.span("sttp.publisher.connection")!.events!.some(({ name }) => name === "subscribed"));
  await child.stdin.close();
  assertEquals((await child.status).success, true);
});

Deno.test("while OpenTelemetry is off, nobody reads the events, and the counters only to see what there is", async () => {
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(metadataOf(1));
  let statusAsked = 0;
  let statsAsked = 0;
  const watched = {
    stats: () => {
      statsAsked++;
      return publisher.stats();
    },
    status: () => {
      statusAsked++;
      return publisher.status();
    },
  };
  using _ = instrument({ east: watched });
  const atSetUp = statsAsked;
  await publisher.start();
  const subscriber = new Subscriber({ filter: all });
  await subscriber.connect(publisher.address);
  await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
  publisher.publish(roundOf(publisher, 1, 0));
  await until(() => subscriber.stats().measurements === 1);
  await subscriber.disconnect();
  assertEquals([statusAsked, atSetUp, statsAsked], [0, 2, 2]);
});

Deno.test("what is no longer instrumented is not measured any more, and its spans are ended", () => {
  let callbacks = 0;
  const observed: number[] = [];
  const instrument = {
    addCallback: (callback: (result: { observe(value: number): void }) => void): void => {
      callbacks++;
      callback({ observe: (value) => void observed.push(value) });
    },
    removeCallback: (): void => void callbacks--,
  };
  const create = (): typeof instrument => instrument;
  const meter = { createObservableCounter: create, createObservableGauge: create };
  const publisher = new Publisher({ listen: false });
  const measured = new SystemMetrics(nameSystems({ east: publisher }), meter as unknown as Meter);
  assert(callbacks > 10 && observed.length > 10);
  measured[Symbol.dispose]();
  assertEquals(callbacks, 0);

  let open = 0;
  const startSpan = (): unknown => {
    open++;
    return { end: (): unknown => open--, addEvent: (): void => {}, setStatus: (): void => {} };
  };
  const tracer = { startSpan } as unknown as Tracer;
  const publishing = new PublisherSpans(tracer, "east");
  const subscribing = new SubscriberSpans(tracer, "west");
  for (const id of [1, 2]) publishing.take({ kind: "connected", connection: { id, address: "192.0.2.1:5" } });
  subscribing.take({ kind: "connected", peer: "192.0.2.2:5" });
  assertEquals(open, 3);
  publishing[Symbol.dispose]();
  subscribing[Symbol.dispose]();
  assertEquals(open, 0);
});

Deno.test("whoever causes events without end does not make a span grow without end", () => {
  const events: string[] = [];
  const attributes: Record<string, unknown> = {};
  const span = {
    addEvent: (name: string): unknown => events.push(name),
    setAttribute: (name: string, value: unknown): unknown => attributes[name] = value,
    setStatus: (): void => {},
    end: (): void => {},
  };
  const spans = new PublisherSpans({ startSpan: () => span } as unknown as Tracer, "east");
  const connection = { id: 1, address: "192.0.2.1:5000" };
  const take = (kind: PublisherStatus["kind"]): void =>
    spans.take({ kind, connection, reason: "peerClosed" } as PublisherStatus);
  take("connected");
  for (let i = 0; i < 1_000; i++) take("commandFailed");
  take("disconnected");
  assertEquals(events.length, 128);
  assertEquals(attributes["sttp.events_left_out"], 872);
});
