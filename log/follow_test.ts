import { assert, assertEquals } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { metadataOf, until } from "../tests/integration/support.ts";
import { Publisher } from "../publisher/mod.ts";
import { Subscriber, SubscriberListener } from "../subscriber/mod.ts";
import { createChannelPair, ManualClock } from "../transport/mod.ts";
import type { DiagnosticsMessage } from "../transport/status_stream.ts";
import { levelOf } from "./events.ts";
import { eventNames, Logger, logListener, logPublisher, logSubscriber } from "./mod.ts";

type Line = Record<string, unknown> & { event: string };

function rig(): { log: Logger; lines: Line[]; events(): string[] } {
  const lines: Line[] = [];
  const log = new Logger({ level: "debug", output: (line) => lines.push(JSON.parse(line)) });
  return { log, lines, events: () => lines.map(({ event }) => event) };
}

Deno.test("a publisher and a subscriber are logged from one start to the next", async () => {
  const { log, lines, events } = rig();
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(metadataOf(4));
  using _publisher = logPublisher(log, publisher, { name: "p" });
  await using subscriber = new Subscriber({ filter: "FILTER ActiveMeasurements WHERE True" });
  using _subscriber = logSubscriber(log, subscriber, { name: "s" });

  for (let run = 1; run <= 2; run++) {
    const count = (event: string): number => events().filter((other) => other === event).length;
    await publisher.start();
    await subscriber.connect(publisher.address);
    await until(() => count("subscriber.subscribed") === run && count("publisher.subscribed") === run);
    await subscriber.disconnect();
    await until(() => count("publisher.disconnected") === run && count("subscriber.closed") === run);
    await publisher.stop();
    await until(() => count("publisher.stopped") === run);
  }
  const subscribed = lines.find(({ event }) => event === "publisher.subscribed")!;
  assertEquals([subscribed.system, subscribed.signals], ["p", 4]);
  assertEquals((subscribed.connection as { id: number }).id, 1);
  const known = new Set([...eventNames("publisher"), ...eventNames("subscriber")]);
  assertEquals(events().filter((event) => !known.has(event)), []);
});

Deno.test("filters and alerts can be written for names and levels: they stay as they are", () => {
  const byLevel = (role: "publisher" | "subscriber" | "listener"): Record<string, string> => {
    const found: Record<string, string[]> = {};
    for (const name of eventNames(role)) {
      const kind = name.slice(role.length + 1);
      (found[levelOf(role, { kind, reason: { kind: "refused" } } as never)] ??= []).push(kind);
    }
    return Object.fromEntries(
      Object.entries(found).map(([level, kinds]) => [level, kinds.toSorted().join(" ")]),
    );
  };
  assertEquals(byLevel("publisher"), {
    debug: "connecting",
    info: "connected disconnected linkClosed metadataDefined processingComplete resynchronised " +
      "signalsRevoked started stopped subscribed unsubscribed",
    warning: "commandFailed handshakeFailed missed notificationsGivenUp overflow reconnecting refused",
    error: "acceptFailed accessRuleFailed authorizationFailed internalError notificationsNotSaved",
  });
  assertEquals(byLevel("subscriber"), {
    debug: "cipherKeys connecting dataChannel dataStartTime modesAccepted signals",
    info: "configurationChanged connected listening metadata notification processingComplete reconnecting " +
      "recovered resumed subscribed unsubscribed",
    warning: "connectionLost dropped metadataFailed missed paused recoveryFailed refused",
    error: "acceptFailed closed gapGivenUp subscribeFailed",
  });
  assertEquals(levelOf("subscriber", { kind: "closed", reason: { kind: "disconnected" } }), "info");
  assertEquals(byLevel("listener"), {
    info: "connected started stopped",
    warning: "missed refused",
    error: "acceptFailed",
  });
});

Deno.test("who loads a program hears its publishers, subscribers and listeners on channels of their names", async () => {
  const heard: [channel: string, source: unknown, kind: string][] = [];
  const names = ["sttp:publisher", "sttp:subscriber", "sttp:listener"];
  const hear = (message: unknown, name: string | symbol): void => {
    const { source, event } = message as DiagnosticsMessage<{ kind: string }>;
    heard.push([String(name), source, event.kind]);
  };
  for (const name of names) subscribe(name, hear);
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  const subscriber = new Subscriber({ filter: "" });
  const listener = new SubscriberListener({ port: 0, hostname: "127.0.0.1" });
  await publisher.start();
  await subscriber.connect(publisher.address);
  await listener.start();
  await subscriber.disconnect();
  await listener.stop();
  await publisher.stop();
  for (const name of names) unsubscribe(name, hear);
  const sources = [publisher, subscriber, listener];
  names.forEach((name, i) => {
    const own = heard.filter(([channel]) => channel === name);
    assert(own.length > 1 && own.every(([, source]) => source === sources[i]), name);
    const kinds = own.map(([, , kind]) => `${name.slice("sttp:".length)}.${kind}`);
    assertEquals(kinds.filter((kind) => !eventNames(kind.split(".")[0] as "publisher").includes(kind)), []);
  });
  const { length } = heard;
  await publisher.start();
  await publisher.stop();
  assertEquals(heard.length, length);
});

Deno.test("a listener is logged", async () => {
  const { log, events } = rig();
  await using listener = new SubscriberListener({ port: 0, hostname: "127.0.0.1" });
  using _ = logListener(log, listener);
  await listener.start();
  await listener.stop();
  await until(() => events().includes("listener.stopped"));
  assertEquals(events(), ["listener.started", "listener.stopped"]);
});

Deno.test("what is no longer followed is not logged", async () => {
  const { log, events } = rig();
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  const following = logPublisher(log, publisher);
  await publisher.start();
  await until(() => events().length === 1);
  following[Symbol.dispose]();
  await publisher.stop();
  await publisher.start();
  assertEquals(events(), ["publisher.started"]);
});

Deno.test("strangers without end write few lines", async () => {
  const lines: string[] = [];
  const log = new Logger({
    clock: new ManualClock(),
    output: (line) => lines.push(line),
    rateLimit: { lines: 5 },
  });
  await using publisher = new Publisher({ listen: false });
  using _ = logPublisher(log, publisher);
  await publisher.start();
  for (let i = 0; i < 500; i++) {
    const [near, far] = createChannelPair();
    const served = publisher.serve(far);
    await near.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    await served;
    near.close();
  }
  await log.flush();
  const suppressed = lines.filter((line) => line.includes("log.suppressed"));
  assert(lines.length < 30, lines.join("\n"));
  assert(
    suppressed.some((line) => line.includes('"suppressed":"publisher.connected","count":495')),
    suppressed[0],
  );
});
