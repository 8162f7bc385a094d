/** Who may connect and who may see what, over sockets: subscribers with different certificates and addresses. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SignalRule } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { SttpError, type TlsOptions } from "../../transport/mod.ts";
import type { Program } from "../interop/program.ts";
import { runChild } from "../support/child.ts";
import { connectFrom } from "../support/connect_from.ts";
import { testCertificates } from "../support/tls.ts";
import { all, Meeting, metadataOf, numberOf, receive, Received, until } from "./support.ts";

const size = 40;
const frequencies = Array.from({ length: 10 }, (_, i) => 4 * i);
const everything = Array.from({ length: size }, (_, n) => n);

/** What the partner may see before, and what afterwards. */
const before: readonly SignalRule[] = [
  { who: { certificates: ["historian"] }, allow: all },
  { who: { certificates: ["partner"] }, allow: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" },
];
const after: readonly SignalRule[] = [
  ...before,
  {
    who: { certificates: ["partner"] },
    deny: "FILTER ActiveMeasurements WHERE Device IN ('DEVICE0', 'DEVICE1')",
  },
];
const kept = frequencies.filter((n) => n >= 20);

/** A publisher that publishes ten rounds at each command, the first word of which may put other rules in force. */
function publisherProcess(tls: TlsOptions): Program {
  return runChild(async ({ Publisher, metadataOf, roundOf, say, heard }, { tls, size, before, after }) => {
    const allow = { certificates: ["historian", "partner"] };
    const publisher = new Publisher({
      port: 0,
      hostname: "127.0.0.1",
      tls,
      access: { allow, signals: before },
    });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    say("listening", { address: publisher.address });
    let round = 0;
    for (let command = await heard(); command !== undefined && command !== "quit"; command = await heard()) {
      if (command === "subscriptions") {
        say("subscriptions", { all: publisher.stats().open.map(({ subscription }) => subscription) });
        continue;
      }
      if (command === "change") publisher.setAccess({ allow, signals: after });
      for (const end = round + 10; round < end; round++) {
        publisher.publish(roundOf(publisher, size, round));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    say("ended", { access: publisher.stats().access });
    await publisher.stop({ drain: 0 });
  }, { tls, size, before, after });
}

/** Waits until the publisher has these many subscriptions, all confirmed. */
async function confirmed(publisher: Program, count: number): Promise<void> {
  for (;;) {
    await publisher.send("subscriptions");
    const { all } = await publisher.next("subscriptions");
    const subscriptions = all as ({ readonly confirmed: boolean } | null)[];
    if (subscriptions.filter((subscription) => subscription?.confirmed).length === count) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The signals in a subscriber's metadata, by number. */
function shownTo({ metadata }: Subscriber): number[] {
  const rows = metadata?.table("MeasurementDetail") ?? [];
  return Array.from(rows, (row) => numberOf(row.string("SignalID")!));
}

/** Takes in what comes, until the subscriber is disconnected. */
function collect(subscriber: Subscriber, received: Received = new Received()): Received {
  (async () => {
    for await (const batch of subscriber.batches()) received.add(subscriber, batch);
  })();
  return received;
}

Deno.test("two processes: what a certificate's holder may see, and what it may see no more from a moment on", async () => {
  const { ca, authority, server, client } = await testCertificates();
  const [historian, partner] = [
    await authority.issue({ name: "historian" }),
    await authority.issue({ name: "partner" }),
  ];
  await using publisher = publisherProcess({ ...server, ca });
  const address = String((await publisher.next("listening"))["address"]);
  const connect = async (tls: TlsOptions, options: SubscriberOptions = {}): Promise<Subscriber> => {
    const subscriber = new Subscriber({ address, filter: all, tls: { ...tls, ca }, ...options });
    await subscriber.connect();
    return subscriber;
  };

  const error = await assertRejects(() => connect(client), SttpError, "this publisher does not serve you");
  assertEquals(error.code, "Refused");

  await using one = await connect(historian);
  await using other = await connect(partner);
  assertEquals(shownTo(one), everything);
  assertEquals(shownTo(other), frequencies);
  assertEquals(other.unauthorized.map(numberOf), everything.filter((n) => n % 4 !== 0));
  const [forOne, forOther] = [collect(one), collect(other)];
  await confirmed(publisher, 2);
  await publisher.send("publish");
  await until(() => forOne.count === 10 * size && forOther.count === 10 * frequencies.length);
  assertEquals(forOther.signals(), frequencies);

  await publisher.send("change");
  // It is told that there is other metadata, asks for that, and subscribes again.
  await until(() => shownTo(other).length === kept.length);
  await publisher.send("publish");
  const rounds = Array.from({ length: 30 }, (_, round) => round);
  await until(() => forOne.count === 30 * size && forOther.rounds.get(36)?.length === 30);
  for (const n of everything) assertEquals(forOne.rounds.get(n), rounds);
  for (const n of frequencies) {
    assertEquals(forOther.rounds.get(n), kept.includes(n) ? rounds : rounds.slice(0, 10), `signal ${n}`);
  }
  assertEquals(forOther.signals(), frequencies);
  await one.disconnect();
  await other.disconnect();
  await publisher.send("quit");
  const { access } = await publisher.next("ended");
  assertEquals(access, { rules: 3, refused: { notAllowed: 1 }, failed: {}, revoked: 5 });
  assertEquals(await publisher.result(), { code: 0, errors: [] });
});

Deno.test("addresses decide who may connect, how often, and what is seen", async () => {
  await using meeting = await Meeting.start(size, {
    hostname: "0.0.0.0",
    access: {
      deny: { addresses: ["127.0.0.3"] },
      maxConnectionsPerAddress: 1,
      signals: [
        { who: { addresses: ["127.0.0.1"] }, allow: all },
        {
          who: { addresses: ["127.0.0.2/31"] },
          allow: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'",
        },
      ],
    },
  });
  const { publisher } = meeting;
  const from = (address: string): Subscriber =>
    meeting.subscriber({ address: "127.0.0.1:1", connector: () => connectFrom(address, publisher.port) });
  const [one, two] = [from("127.0.0.1"), from("127.0.0.2")];
  await one.connect();
  await two.connect();
  await meeting.confirmed();
  await meeting.publish(3);
  assertEquals((await receive(one, 3 * size)).signals(), everything);
  assertEquals((await receive(two, 3 * frequencies.length)).signals(), frequencies);

  for (
    const [address, text] of [["127.0.0.3", "does not serve you"], ["127.0.0.2", "has 1 connection"]] as const
  ) {
    const refused = from(address);
    await assertRejects(() => refused.connect(), SttpError, text);
    assertEquals((await refused.closed).kind, "refused", "and does not come back");
  }
  assertEquals(publisher.stats().access.refused, { denied: 1, perAddress: 1 });

  await two.disconnect();
  await until(() => publisher.stats().connections.open === 1);
  const again = from("127.0.0.2");
  await again.connect();
  assertEquals(shownTo(again), frequencies);
});

Deno.test("fifty subscribers with equal rights share one encoder, one cache and one document", async () => {
  await using meeting = await Meeting.start(size, {
    access: { signals: [{ deny: "FILTER ActiveMeasurements WHERE SignalType = 'STAT'" }] },
  }, "memory");
  const subscribers = await Promise.all(Array.from({ length: 50 }, () => meeting.subscribed()));
  const [group, ...others] = meeting.publisher.stats().groups;
  assertEquals([group?.members, group?.signals, others.length], [50, 30, 0]);
  for (const subscriber of subscribers) assertEquals(subscriber.unauthorized.length, 10);

  // Those whose metadata comes to something else by the same rules.
  meeting.publisher.defineMetadata(metadataOf(size + 4));
  await until(() => subscribers.every((subscriber) => shownTo(subscriber).length === 33));
  await until(() => meeting.publisher.stats().groups.length === 1);
  await until(() => meeting.publisher.stats().groups[0]?.signals === 33);
  assert(meeting.publisher.stats().open.every(({ rights }) => rights?.hidden === 11));
});

Deno.test("over UDP and encrypted: nothing that is taken away comes any more, and the rest goes on", async () => {
  await using meeting = await Meeting.start(size, { udp: { encrypt: true } });
  const { publisher } = meeting;
  const subscriber = await meeting.subscribed({ udp: true });
  await meeting.publish(5);
  const received = await receive(subscriber, 5 * size);
  publisher.setAccess({ signals: [{ deny: "FILTER ActiveMeasurements WHERE SignalType <> 'FREQ'" }] });
  // While it waits for the new cache to be confirmed, and afterwards.
  await meeting.publish(5);
  await until(() => shownTo(subscriber).length === frequencies.length);
  await until(() => publisher.stats().open[0]?.subscription?.signals === frequencies.length);
  await meeting.confirmed();
  await meeting.publish(5);
  const collected = collect(subscriber, received);
  await until(() => frequencies.every((n) => collected.rounds.get(n)?.at(-1) === 14));
  for (const n of everything.filter((n) => n % 4 !== 0)) {
    assertEquals(collected.rounds.get(n), [0, 1, 2, 3, 4]);
  }
});
