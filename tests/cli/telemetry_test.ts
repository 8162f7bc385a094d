/** What commands export by OpenTelemetry: each in a process of its own, with no more permissions than otherwise. */
import { assert, assertEquals } from "@std/assert";
import { until } from "../integration/support.ts";
import { Collector } from "../support/collector.ts";
import { Sttp } from "../support/sttp.ts";

const listen = ["--host", "127.0.0.1", "--port", "0", "--drain", "0"];

/** Metrics often; of spans those that are ended as the process ends, and all together. */
const often = { OTEL_METRIC_EXPORT_INTERVAL: "100", OTEL_BSP_SCHEDULE_DELAY: "3600000" };

/** Starts a command that exports to a collector. */
function start(collector: Collector, ...args: string[]): Sttp {
  return Sttp.startWith({ ...collector.env, ...often }, ...args);
}

Deno.test("publish, relay and subscribe export metrics and traces where OpenTelemetry is switched on", async () => {
  await using published = new Collector();
  await using relayed = new Collector();
  await using subscribed = new Collector();
  await using publisher = start(published, "publish", ...listen, "--grid", "1");
  const [, source] = await publisher.says(/publisher\.started address=(\S+)/);
  await using relay = start(relayed, "relay", source!, ...listen);
  const [, address] = await relay.says(/publisher\.started system=publisher address=(\S+)/);
  await relay.says(/relay\.live/);
  await using subscriber = start(subscribed, "subscribe", address!, "-o", "ndjson");
  await until(() => subscriber.stdout.length > 0);

  const systems = (metric: string): string[][] =>
    [published, relayed, subscribed].map((collector) => collector.systemsOf(metric));
  const sent = "sttp_publisher_published_measurements";
  await until(() => systems(sent)[0]!.length > 0 && systems(sent)[1]!.length > 0);
  assertEquals(systems(sent), [["publisher"], ["publisher"], []]);
  const received = "sttp_subscriber_received_measurements";
  await until(() => systems(received)[1]!.length > 0 && systems(received)[2]!.length > 0);
  assertEquals(systems(received), [[], ["upstream"], ["subscriber"]]);

  // A span of a connection ends with it, or else with the process, which exports it before it is gone.
  for (const running of [subscriber, relay, publisher]) {
    const { code, stderr } = await running.terminate();
    assertEquals(code, 0, stderr);
  }
  const spans = [published, relayed, subscribed].map((collector) =>
    [...new Set(collector.spans.map(({ name }) => name))].filter((name) => name.startsWith("sttp.")).sort()
  );
  const [ofPublisher, ...ofSubscriber] = [
    "sttp.publisher.connection",
    "sttp.subscriber.connection",
    "sttp.subscriber.metadata",
  ] as const;
  assertEquals(spans, [[ofPublisher], [ofPublisher, ...ofSubscriber], [...ofSubscriber]]);
  assert(published.span(ofPublisher)!.events!.some(({ name }) => name === "subscribed"));
});

Deno.test("while OpenTelemetry is off, nothing of it is loaded", async () => {
  const main = new URL("../../cli/main.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", main] }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: Module[] };
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const atOnce = new Set([main]);
  for (const specifier of atOnce) {
    for (const { code, isDynamic } of known.get(specifier)?.dependencies ?? []) {
      if (code !== undefined && !isDynamic) atOnce.add(code.specifier);
    }
  }
  const isTelemetry = (specifier: string): boolean => /opentelemetry|\/telemetry\//.test(specifier);
  assert(atOnce.size > 100);
  assertEquals([...atOnce].filter(isTelemetry), []);
  assert([...known.keys()].some(isTelemetry));
});

/** A module, as `deno info` tells of it. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly { readonly code?: { readonly specifier: string }; isDynamic?: boolean }[];
}
