/** A publisher and a subscriber over TLS, whoever connects to whom; who is refused, and how that shows. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Publisher, type PublisherOptions, type PublisherStatus } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions, type SubscriberStatus } from "../../subscriber/mod.ts";
import {
  certificateFingerprint,
  connectTcp,
  SttpError,
  type TestCertificate,
  TlsError,
  type TlsOptions,
} from "../../transport/mod.ts";
import { testCertificates } from "../support/tls.ts";
import { all, metadataOf, receive, type Received, roundOf, until } from "./support.ts";

const hostname = "127.0.0.1";
const size = 40;

/** A running publisher with its events. */
class Publishing implements AsyncDisposable {
  readonly publisher: Publisher;
  readonly events: PublisherStatus[] = [];

  private constructor(options: PublisherOptions) {
    this.publisher = new Publisher({ hostname, port: 0, ...options });
    const status = this.publisher.status();
    (async () => {
      for await (const event of status) this.events.push(event);
    })();
  }

  static async start(options: PublisherOptions): Promise<Publishing> {
    const publishing = new Publishing(options);
    publishing.publisher.defineMetadata(metadataOf(size));
    await publishing.publisher.start();
    return publishing;
  }

  /** Waits until the only subscription is confirmed, then publishes so many rounds. */
  async publish(rounds: number): Promise<void> {
    const { publisher } = this;
    await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
    for (let round = 0; round < rounds; round++) {
      publisher.publish(roundOf(publisher, size, round));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Who failed at TLS: reason and the name in the certificate. */
  failures(): [string, string | undefined][] {
    return this.events.flatMap((event) =>
      event.kind === "handshakeFailed" ? [[event.reason, event.certificate?.name] as const] : []
    ).map(([reason, name]) => [reason, name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher.stop({ drain: 0 });
  }
}

function subscriberTo(publisher: Publisher, tls: TlsOptions, options: SubscriberOptions = {}): Subscriber {
  return new Subscriber({ address: publisher.address, filter: all, tls, ...options });
}

/** All rounds of all signals, in order. */
function assertComplete(received: Received, rounds: number): void {
  assertEquals(received.signals(), Array.from({ length: size }, (_, n) => n));
  for (const list of received.rounds.values()) {
    assertEquals(list, Array.from({ length: rounds }, (_, round) => round));
  }
}

Deno.test("all four roles: every measurement arrives, and either side knows the other's certificate", async (t) => {
  const { ca, server, client } = await testCertificates();
  for (const secure of [false, true]) {
    for (const reverse of [false, true]) {
      const name = `${reverse ? "the publisher" : "the subscriber"} connects ${
        secure ? "over TLS" : "without TLS"
      }`;
      await t.step(name, async () => {
        const tls = (own: TestCertificate): { tls?: TlsOptions } => secure ? { tls: { ...own, ca } } : {};
        await using publishing = await Publishing.start({
          ...tls(reverse ? client : server),
          ...(reverse && { listen: false }),
        });
        const { publisher } = publishing;
        await using subscriber = new Subscriber({ filter: all, ...tls(reverse ? server : client) });
        if (reverse) publisher.connect((await subscriber.listen({ port: 0, hostname })).address);
        else await subscriber.connect(publisher.address);
        const publish = publishing.publish(50);
        assertComplete(await receive(subscriber, 50 * size), 50);
        await publish;

        const [connection] = publisher.stats().open;
        const [near, far] = [reverse ? "client" : "server", reverse ? "server" : "client"];
        assertEquals(connection?.direction, reverse ? "outgoing" : "incoming");
        assertEquals(connection?.certificate?.name, secure ? far : undefined);
        assertEquals(subscriber.peer?.certificate?.name, secure ? near : undefined);
        assertEquals(publisher.stats().sent.measurements, 50 * size);
        assertEquals(subscriber.stats().measurements, 50 * size);
        assertEquals([subscriber.stats().connections, publisher.stats().connections.accepted], [1, 1]);
      });
    }
  }
});

Deno.test("subscribers that are not trusted: each with its reason in status, counters and certificate", async () => {
  const { ca, server, client, expired, foreign, selfSigned } = await testCertificates();
  let trusted = [client, expired, foreign];
  await using publishing = await Publishing.start({
    tls: () => ({ ...server, ca, trustedCertificates: trusted.map(({ certificate }) => certificate) }),
  });
  const { publisher, events } = publishing;
  const attempt = async (own: TlsOptions, hint = "it may not trust our certificate"): Promise<void> => {
    await using subscriber = subscriberTo(publisher, { ...own, ca });
    await assertRejects(() => subscriber.connect(), SttpError, hint);
  };
  await attempt({}, "it may ask for a certificate");
  await attempt(foreign);
  await attempt(expired);
  await attempt(selfSigned);
  await using subscriber = subscriberTo(publisher, { ...client, ca }, { reconnect: false });
  await subscriber.connect();
  // Taken off the list: the connection that there is goes on until it is ended, and then it does not come back.
  trusted = [expired];
  publisher.disconnect(publisher.stats().open[0]!.id);
  await subscriber.closed;
  await attempt(client);
  await until(() => publishing.failures().length === 5);
  assertEquals(publishing.failures(), [
    ["noCertificate", undefined],
    ["untrusted", "client"],
    ["expired", "expired"],
    ["untrusted", "alone"],
    ["untrusted", "client"],
  ]);
  const { connections } = publisher.stats();
  assertEquals(connections.handshakesFailed, { noCertificate: 1, untrusted: 3, expired: 1 });
  assertEquals([connections.accepted, connections.open], [1, 0]);
  const [first] = events.filter(({ kind }) => kind === "handshakeFailed");
  assert(first?.kind === "handshakeFailed");
  assertMatch(first.message, /^127\.0\.0\.1:\d+ showed no certificate$/);
});

Deno.test("a publisher that is not who it should be gets not a word", async () => {
  const { ca, server, client, foreign } = await testCertificates();
  const cases: [TlsOptions, TlsOptions, SubscriberOptions, string][] = [
    [foreign, { ...client, ca }, {}, "untrusted"],
    [server, { ca, serverName: "pdc.example" }, {}, "wrongName"],
    [server, { trustedCertificates: [foreign.certificate] }, {}, "untrusted"],
    [server, {}, {}, "untrusted"],
  ];
  for (const [theirs, ours, options, reason] of cases) {
    await using publishing = await Publishing.start({ tls: theirs });
    await using subscriber = subscriberTo(publishing.publisher, ours, options);
    const error = await assertRejects(() => subscriber.connect(), TlsError);
    assertEquals([error.code, error.reason], ["HandshakeFailed", reason]);
    assertEquals(publishing.publisher.stats().connections.accepted, 0);
  }
});

Deno.test("a pinned certificate that vouches for itself is enough, for either side", async () => {
  const { selfSigned, foreign } = await testCertificates();
  await using publishing = await Publishing.start({
    tls: { ...selfSigned, trustedCertificates: [certificateFingerprint(foreign.certificate)] },
  });
  const tls = { ...foreign, trustedCertificates: [certificateFingerprint(selfSigned.certificate)] };
  await using subscriber = subscriberTo(publishing.publisher, tls);
  await subscriber.connect();
  const certificate = publishing.publisher.stats().open[0]?.certificate;
  assertEquals(certificate?.fingerprint, certificateFingerprint(foreign.certificate));
});

Deno.test("plain subscribers at a TLS publisher, TLS subscribers at a plain one: a clear end", async () => {
  const { ca, server } = await testCertificates();
  await using secure = await Publishing.start({ tls: server });
  await using plainSubscriber = new Subscriber({ filter: all });
  await assertRejects(() => plainSubscriber.connect(secure.publisher.address), SttpError);
  await until(() => secure.publisher.stats().connections.handshakesFailed.notTls === 1);

  await using plain = await Publishing.start({});
  await using secureSubscriber = subscriberTo(plain.publisher, { ca });
  const { reason } = await assertRejects(() => secureSubscriber.connect(), TlsError);
  assertEquals(reason, "closed");
  await until(() => plain.publisher.stats().connections.open === 0);
  assertMatch(Object.keys(plain.publisher.stats().connections.closed).join(), /^(frameTooLong|notSttp)$/);
});

Deno.test("a lost connection comes back over TLS, with the certificate that is in force then", async () => {
  const { ca, authority, server } = await testCertificates();
  const renewed = await authority.issue({ name: "renewed" });
  let own: TestCertificate = server;
  await using publishing = await Publishing.start({ tls: () => own });
  const { publisher } = publishing;
  await using subscriber = subscriberTo(publisher, { ca }, { reconnect: { initialDelay: 1, maxDelay: 1 } });
  await subscriber.connect();
  assertEquals(subscriber.peer?.certificate?.name, "server");
  assertEquals(publisher.stats().certificate?.name, "server");
  own = renewed;
  publisher.disconnect(1);
  await until(() => subscriber.stats().connections === 2 && subscriber.state === "connected");
  assertEquals(subscriber.peer?.certificate?.name, "renewed");
  const { certificate } = publisher.stats();
  assertEquals(certificate?.fingerprint, certificateFingerprint(renewed.certificate));
  assertEquals(certificate, subscriber.peer?.certificate);
});

Deno.test("a publisher that can't be trusted any more is tried again, and comes back with a good certificate", async () => {
  const { ca, server, foreign } = await testCertificates();
  let own: TestCertificate = server;
  await using publishing = await Publishing.start({ tls: () => own });
  const { publisher } = publishing;
  await using subscriber = subscriberTo(publisher, { ca }, { reconnect: { initialDelay: 1, maxDelay: 1 } });
  const errors: string[] = [];
  const status: AsyncIterable<SubscriberStatus> = subscriber.status();
  (async () => {
    for await (const event of status) {
      if (event.kind === "connectionLost" && event.error instanceof TlsError) errors.push(event.error.reason);
    }
  })();
  await subscriber.connect();
  own = foreign;
  publisher.disconnect(1);
  await until(() => errors.length >= 2);
  own = server;
  await until(() => subscriber.state === "connected");
  assertEquals(new Set(errors), new Set(["untrusted"]));
});

Deno.test("a subscriber over TLS that does not read loses its own data only, and its queue stays bounded", async () => {
  const { ca, server } = await testCertificates();
  const limit = 300_000;
  await using publishing = await Publishing.start({ tls: server, outboundQueueLimit: limit });
  const { publisher } = publishing;
  const options = { compressPayload: false, deliveryBuffer: 1000 };
  await using slow = subscriberTo(publisher, { ca }, options);
  await slow.connect();
  await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
  let round = 0;
  while ((publisher.stats().open[0]?.dropped.overflow ?? 0) === 0) {
    for (let i = 0; i < 100; i++) publisher.publish(roundOf(publisher, size, round++));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert(publisher.stats().open[0]!.queue.dataBytes <= limit);
  }
  await using quick = subscriberTo(publisher, { ca });
  await quick.connect();
  await until(() => publisher.stats().open[1]?.subscription?.confirmed === true);
  const publishMore = publishing.publish(3);
  await receive(quick, 3 * size);
  await publishMore;
});

Deno.test("silent and rude peers do not keep subscribers from a TLS publisher", async () => {
  const { ca, server } = await testCertificates();
  await using publishing = await Publishing.start({ tls: server, handshakeTimeout: 60_000 });
  const { publisher } = publishing;
  const silent = await Promise.all(
    Array.from({ length: 50 }, () => connectTcp({ hostname, port: publisher.port })),
  );
  for (const [i, channel] of silent.entries()) {
    if (i % 2 === 1) await channel.write(crypto.getRandomValues(new Uint8Array(100 * i)));
  }
  await using subscriber = subscriberTo(publisher, { ca });
  await subscriber.connect();
  for (const channel of silent) channel.close();
  await until(() => {
    const { handshakesFailed } = publisher.stats().connections;
    return Object.values(handshakesFailed).reduce((sum, count) => sum + count, 0) === 50;
  });
  assertEquals(publisher.stats().connections.accepted, 1);
});

Deno.test("a certificate is needed where one listens", async () => {
  const { ca } = await testCertificates();
  for (const tls of [{ ca }, () => ({ ca })]) {
    await assertRejects(
      async () => await new Publisher({ hostname, port: 0, tls }).start(),
      TypeError,
      "needs a certificate",
    );
    await assertRejects(
      () => new Subscriber({ tls }).listen({ hostname, port: 0 }),
      TypeError,
      "needs a certificate",
    );
  }
  // Not where it only connects.
  await using publisher = new Publisher({ tls: { ca }, listen: false });
  await publisher.start();
});
