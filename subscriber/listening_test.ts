/** A subscriber whose connections publishers make: `listen()` and `serve()`. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createTestCertificates } from "../transport/certificates.ts";
import type { Channel } from "../transport/channel.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import { connectTcp, listenTcp } from "../transport/tcp.ts";
import type { TlsOptions } from "../transport/tls_options.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import type { SubscriberOptions } from "./options.ts";
import type { SubscriberStatus } from "./status.ts";
import { until } from "../tests/integration/support.ts";
import { Subscriber } from "./subscriber.ts";
import {
  batchOf,
  compactFrame,
  responseFrame,
  ScriptedPublisher,
  settle,
} from "./testdata/scripted_publisher.ts";

/** A subscriber with its events, which asks for no metadata. */
function observed(options: SubscriberOptions = {}): { subscriber: Subscriber; events: SubscriberStatus[] } {
  const subscriber = new Subscriber({ autoRequestMetadata: false, filter: "x", ...options });
  const events: SubscriberStatus[] = [];
  const status = subscriber.status();
  (async () => {
    for await (const event of status) events.push(event);
  })();
  return { subscriber, events };
}

/** The kinds of events, without those of every session. */
function kindsOf(events: readonly SubscriberStatus[]): string[] {
  return events.map(({ kind }) => kind).filter((kind) => kind !== "signals" && kind !== "modesAccepted");
}

/** A publisher that connects over TCP. */
async function dial(port: number): Promise<ScriptedPublisher> {
  return new ScriptedPublisher(await connectTcp({ hostname: "127.0.0.1", port }));
}

/** Hands a channel to a subscriber. @returns The publisher at its other end. */
function serve(subscriber: Subscriber): ScriptedPublisher {
  const [near, far] = createChannelPair();
  subscriber.serve(near);
  return new ScriptedPublisher(far);
}

async function accepted(publisher: ScriptedPublisher): Promise<ScriptedPublisher> {
  await publisher.accept([1, 2]);
  await settle();
  return publisher;
}

Deno.test("listen(): a publisher that connects is subscribed to; when it is lost, the next one is", async () => {
  const { subscriber, events } = observed();
  const { address, port } = await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  assertEquals([address, subscriber.state], [`127.0.0.1:${port}`, "listening"]);
  const received = subscriber.batches();
  for (const first of [10, 20]) {
    const publisher = await accepted(await dial(port));
    assertEquals([subscriber.state, subscriber.peer !== undefined], ["connected", true]);
    await publisher.send(compactFrame(batchOf([0, 1], first)));
    const { value } = await received.next();
    assertEquals([...value!.values.subarray(0, 2)], [first, first + 1]);
    publisher.channel.close();
    await settle();
  }
  assertEquals([subscriber.state, subscriber.peer], ["listening", undefined]);
  await subscriber.disconnect();
  await settle();
  assertEquals(await subscriber.closed, { kind: "disconnected" });
  const session = ["listening", "connected", "subscribed", "connectionLost"];
  assertEquals(kindsOf(events), [...session, ...session, "listening", "closed"]);
  assertEquals(subscriber.stats().connections, 2);
  // The port is free again.
  listenTcp({ hostname: "127.0.0.1", port }).close();
});

Deno.test("listen(): a second publisher is turned away while the first is there, and counted", async () => {
  const { subscriber, events } = observed();
  const { port } = await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  const first = await accepted(await dial(port));
  const second = await dial(port);
  assertEquals(await second.nextOrEnd(), undefined);
  assertEquals(subscriber.stats().refused, { busy: 1 });
  const refusal = events.find(({ kind }) => kind === "refused");
  assert(refusal?.kind === "refused");
  assertEquals([refusal.reason, refusal.certificate], ["busy", null]);
  assert(refusal.address.startsWith("127.0.0.1:"));
  await first.respond(Response.NoOP, Command.Subscribe);
  await settle();
  assertEquals(subscriber.state, "connected");
  first.channel.close();
  second.channel.close();
  await settle();
  const third = await accepted(await dial(port));
  assertEquals(subscriber.stats().connections, 2);
  await subscriber.disconnect();
  third.channel.close();
});

Deno.test("listen(): what a publisher refuses or does wrong ends its connection, never the listening", async () => {
  const { subscriber, events } = observed();
  const { port } = await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  const ends: [number, Uint8Array][] = [
    [Command.Connect, responseFrame(Response.Failed, Command.Connect, "too many")],
    [Command.DefineOperationalModes, responseFrame(Response.Failed, Command.DefineOperationalModes, "no")],
    [0, new Uint8Array([0xff, 0xff, 0xff, 0xff, 0])],
  ];
  for (const [, frame] of ends) {
    const publisher = await dial(port);
    await publisher.next(Command.DefineOperationalModes);
    await publisher.send(frame);
    assertEquals(
      await publisher.next(Command.Subscribe).then(() => publisher.nextOrEnd(), () => undefined),
      undefined,
    );
    publisher.channel.close();
    await settle();
    assertEquals(subscriber.state, "listening");
  }
  const errors = events.flatMap((event) => event.kind === "connectionLost" ? [event.error.code] : []);
  assertEquals([errors.length, ...errors.slice(0, 2)], [3, "Refused", "UnsupportedVersion"]);
  // A subscription that is refused leaves the connection.
  const publisher = await dial(port);
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "bad filter");
  await settle();
  assertEquals(subscriber.state, "connected");
  assertEquals(kindsOf(events).at(-1), "subscribeFailed");
  await subscriber.disconnect();
  publisher.channel.close();
});

Deno.test("listen(): while running, and where nobody may listen", async () => {
  const { subscriber } = observed();
  const { port, address } = await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  for (const attempt of [() => subscriber.listen({ port: 0 }), () => subscriber.connect("localhost:1")]) {
    const { code } = await assertRejects(attempt, SttpError, `running already, with ${address}`);
    assertEquals(code, "InvalidState");
  }
  const other = new Subscriber();
  const { code } = await assertRejects(() => other.listen({ port, hostname: "127.0.0.1" }), SttpError);
  assertEquals([code, other.state], ["ConnectFailed", "idle"]);
  await assertRejects(() => other.listen({ port: 70_000 }), RangeError);
  await subscriber.disconnect();

  // Two calls at once: only one of them listens.
  const results = await Promise.allSettled(
    [0, 1].map(() => other.listen({ port: 0, hostname: "127.0.0.1" })),
  );
  assertEquals(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  await other.disconnect();
});

Deno.test("serve(): a channel that was handed over is used like any other", async () => {
  const clock = new ManualClock();
  const { subscriber, events } = observed({ clock });
  const publisher = await accepted(serve(subscriber));
  assertEquals([subscriber.state, subscriber.peer?.address], ["connected", "memory:1"]);
  publisher.channel.close();
  await settle();
  assertEquals([subscriber.state, clock.pending], ["listening", 0]);
  await accepted(serve(subscriber));
  assertEquals(subscriber.stats().connections, 2);
  await subscriber.disconnect();
  assertEquals(clock.pending, 0);
  await settle();
  const session = ["listening", "connected", "subscribed"];
  assertEquals(kindsOf(events), [...session, "connectionLost", ...session, "closed"]);
});

Deno.test("serve(): the newest channel takes the place of the one there is, wherever that stands", async () => {
  const { subscriber } = observed();
  const connected = await accepted(serve(subscriber));
  const preparing = serve(subscriber);
  assertEquals(await connected.nextOrEnd(), undefined);
  await preparing.next(Command.DefineOperationalModes);
  // Of several at once, only the last is used.
  const [skipped, last] = [serve(subscriber), serve(subscriber)];
  while (await preparing.nextOrEnd() !== undefined);
  assertEquals(await skipped.nextOrEnd(), undefined);
  await accepted(last);
  assertEquals([subscriber.state, subscriber.stats().connections], ["connected", 3]);
  await subscriber.disconnect();
  assertEquals(await last.nextOrEnd(), undefined);
});

Deno.test("serve(): not while the subscriber makes its own connections, or listens", async () => {
  const { subscriber } = observed();
  await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  const [near, far] = createChannelPair();
  assertThrows(() => subscriber.serve(near), SttpError, "from elsewhere");
  assertEquals(await far.read(new Uint8Array(1)), null);
  await subscriber.disconnect();

  const dialling = new Subscriber({
    connector: (_, { signal }) =>
      new Promise<Channel>((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(new Error("aborted")))
      ),
  });
  const connecting = dialling.connect("somewhere").catch(() => {});
  assertThrows(() => dialling.serve(createChannelPair()[0]), SttpError, "from elsewhere");
  await dialling.disconnect();
  await connecting;
});

Deno.test("options of listen() and history() that do not exist, or of a wrong kind", async () => {
  const subscriber = new Subscriber();
  await assertRejects(
    () => subscriber.listen({ prot: 1 } as never),
    TypeError,
    'listen() has no option "prot"',
  );
  await assertRejects(() => subscriber.listen({ port: "1" } as never), TypeError, '"port" must be a number');
  const read = (options: object): unknown => subscriber.history(options as never);
  assertThrows(() => read({ start: "*", begin: "*" }), TypeError, 'history() has no option "begin"');
  assertThrows(() => read({ stop: "*" }), TypeError, "start is undefined, ticks or a text expected");
});

Deno.test("disconnect() while waiting, and serving again afterwards", async () => {
  const { subscriber } = observed();
  const publisher = await accepted(serve(subscriber));
  publisher.channel.close();
  await settle();
  await subscriber.disconnect();
  assertEquals(subscriber.state, "idle");
  await accepted(serve(subscriber));
  assertEquals(subscriber.state, "connected");
  await subscriber.disconnect();
});

Deno.test("channels that are handed over at the same moment: the last is served, none stays open", async () => {
  const { subscriber } = observed();
  (await accepted(serve(subscriber))).channel.close();
  await settle();
  assertEquals(subscriber.state, "listening");
  const [first, second] = [serve(subscriber), serve(subscriber)];
  assertEquals(await first.nextOrEnd(), undefined);
  await accepted(second);
  assertEquals(subscriber.state, "connected");
  second.channel.close();
  await settle();
  // The last moment.
  const ending = subscriber.disconnect();
  const late = serve(subscriber);
  await ending;
  while (await late.nextOrEnd() !== undefined);
  assertEquals(late.ended, true);
});

Deno.test("disconnect() while listen() is about to listen: it does not, and another one may meanwhile", async () => {
  const { server: { certificate, key } } = await createTestCertificates();
  const given = [Promise.withResolvers<TlsOptions>(), Promise.withResolvers<TlsOptions>()];
  let asked = 0;
  const subscriber = new Subscriber({ tls: () => given[asked++]!.promise });
  const anywhere = { port: 0, hostname: "127.0.0.1" };
  const listening = assertRejects(() => subscriber.listen(anywhere), SttpError);
  await until(() => asked === 1);
  let isOver = false;
  const ended = subscriber.disconnect().then(() => isOver = true);
  const another = subscriber.listen(anywhere);
  await until(() => asked === 2);
  await settle();
  assertEquals(isOver, false);
  given[0]!.resolve({ certificate, key });
  assertEquals((await listening).code, "Closed");
  await ended;
  given[1]!.resolve({ certificate, key });
  await another;
  assertEquals(subscriber.state, "listening");
  await subscriber.disconnect();
});

Deno.test("disconnect() right after listen(): nothing listens", async () => {
  const subscriber = new Subscriber();
  const listening = subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  await subscriber.disconnect();
  const { port } = await listening;
  assertEquals(subscriber.state, "idle");
  listenTcp({ hostname: "127.0.0.1", port }).close();
});
