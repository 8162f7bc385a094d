/** What holds when the network, the machine or a process fails: the guarantees of docs/guarantees.md. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { type Connector, Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { type Clock, connectTcp, parseTarget, systemClock } from "../../transport/mod.ts";
import { runChild } from "../support/child.ts";
import { type Faults, TcpProxy } from "../support/tcp_proxy.ts";
import { sidesOver } from "../support/tls.ts";
import { all, dropped, Meeting, Received, roundOf, until } from "./support.ts";

const size = 40;
const quick = { initialDelay: 1, maxDelay: 10 };

/** A subscriber behind a network, and what it receives, live, in order. */
class Behind implements AsyncDisposable {
  readonly subscriber: Subscriber;
  readonly received = new Received();
  readonly #taking: Promise<void>;

  constructor(network: TcpProxy, options: SubscriberOptions = {}) {
    this.subscriber = new Subscriber({ filter: all, address: network.address, reconnect: quick, ...options });
    this.#taking = this.#take();
  }

  async #take(): Promise<void> {
    for await (const batch of this.subscriber.batches()) this.received.add(this.subscriber, batch);
  }

  async connect(): Promise<this> {
    await this.subscriber.connect(undefined, { retry: true });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    await this.#taking;
  }
}

/** Whether rounds follow each other, each once; with gaps where they are allowed. */
function assertOrder({ rounds }: Received, mayMiss = false): void {
  for (const [n, list] of rounds) {
    for (let i = 1; i < list.length; i++) {
      const step = (list[i]! - list[i - 1]! + 100) % 100;
      assert(mayMiss ? step > 0 && step < 50 : step === 1, `signal ${n}: ${list[i]} after ${list[i - 1]}`);
    }
  }
}

/** Publishes until something is so. */
async function publishUntil(meeting: Meeting, condition: () => boolean): Promise<void> {
  await until(() => {
    meeting.publisher.publish(roundOf(meeting.publisher, size, round++));
    return condition();
  });
}
let round = 0;

for (const transport of ["TCP", "TLS"] as const) {
  for (const compressPayload of [true, false]) {
    Deno.test(`split at every byte and late: nothing is lost, doubled or out of order; ${compressPayload ? "TSSC" : "compact"} over ${transport}`, async () => {
      const { publisher, subscriber } = await sidesOver(transport);
      await using meeting = await Meeting.start(size, publisher);
      await using network = await TcpProxy.open(meeting.publisher.port);
      network.toServer = { piece: 1 };
      network.toClient = { piece: 1 };
      await using behind = await new Behind(network, {
        ...subscriber,
        compressPayload,
        compressMetadata: true,
      }).connect();
      await meeting.confirmed();
      network.toClient = { piece: 7, delay: 1 };
      await meeting.publish(30);
      network.toClient = { piece: 1 };
      await meeting.publish(30);
      await until(() => behind.received.count === 60 * size);
      assertOrder(behind.received);
      assertEquals(dropped(behind.subscriber), {});
      assertEquals(network.connections, 1);
    });
  }

  Deno.test(`cut anywhere, again and again: each value at most once and in order, and data comes back; over ${transport}`, async () => {
    const { publisher, subscriber } = await sidesOver(transport);
    await using meeting = await Meeting.start(size, publisher);
    await using network = await TcpProxy.open(meeting.publisher.port);
    network.toClient = { cutAfter: 3_000 };
    await using behind = new Behind(network, { ...subscriber, autoRequestMetadata: false });
    const connecting = behind.connect();
    for (let i = 1; i <= 25; i++) {
      // At another byte each time: in a TLS handshake, in the modes' answer, in the cache, in a packet.
      network.toClient = { cutAfter: 20 + i * i * 17 };
      await publishUntil(meeting, () => network.connections >= i);
    }
    network.toClient = {};
    await connecting;
    const { count } = behind.received;
    await publishUntil(meeting, () => behind.received.count > count + 10 * size);
    assertOrder(behind.received, true);
    await until(() => meeting.publisher.stats().open.length === 1);
  });
}

Deno.test("reset in mid-frame, again and again: both sides count it, and data comes back", async () => {
  // Nobody else in these processes, whose end shows what nobody caught.
  await using publishing = runChild(
    async ({ Publisher, metadataOf, roundOf, say, heard }, { size }) => {
      const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
      publisher.defineMetadata(metadataOf(size));
      await publisher.start();
      say("ready", { port: publisher.port });
      let round = 0;
      let isOver = false;
      const faults: string[] = [];
      (async (): Promise<void> => {
        for await (const event of publisher.status()) {
          if (event.kind === "internalError") faults.push(event.message);
        }
      })();
      const over = heard().then(() => isOver = true);
      while (!isOver) {
        // Nothing meanwhile, as many rounds in a row that nobody gets look like disorder.
        const isServed = publisher.stats().open.some(({ subscription }) => subscription?.confirmed);
        if (isServed) publisher.publish(roundOf(publisher, size, round++));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await over;
      say("done", { closed: publisher.stats().connections.closed, faults });
      await publisher.stop({ drain: 0 });
    },
    { size },
  );
  const { port } = await publishing.next("ready") as unknown as { port: number };
  await using network = await TcpProxy.open(port);
  // Hardly any of these is where a frame ends.
  network.toClient = { resetAfter: 2_503 };
  await using subscribing = runChild(async ({ Subscriber, Received, all, say, heard }, { address }) => {
    const subscriber = new Subscriber({ filter: all, address, reconnect: { initialDelay: 1, maxDelay: 10 } });
    const lost: string[] = [];
    (async (): Promise<void> => {
      for await (const event of subscriber.status()) {
        if (event.kind !== "connectionLost") continue;
        const { cause } = event.error;
        lost.push(cause instanceof Error ? cause.name : String(cause));
      }
    })();
    const received = new Received();
    const taking = (async (): Promise<void> => {
      for await (const batch of subscriber.batches()) received.add(subscriber, batch);
    })();
    await subscriber.connect(undefined, { retry: true });
    while (await heard() === "look") {
      say("look", { count: received.count, connections: subscriber.stats().connections, lost });
    }
    await subscriber.disconnect();
    await taking;
    say("done", { rounds: Object.fromEntries(received.rounds) });
  }, { address: network.address });
  const look = async (): Promise<{ count: number; connections: number; lost: string[] }> => {
    await subscribing.send("look");
    return await subscribing.next("look") as unknown as Awaited<ReturnType<typeof look>>;
  };
  for (let i = 1; i <= 15; i++) {
    network.toClient = { resetAfter: 2_503 + 997 * i };
    await until(() => network.connections > 2 * i);
  }
  network.toClient = {};
  network.reset();
  const { count } = await look();
  await until(async () => (await look()).count > count + 5 * size);
  const { lost, connections } = await look();
  await subscribing.send("quit");
  const { rounds } = await subscribing.next("done") as unknown as { rounds: Record<string, number[]> };
  const received = new Received();
  for (const [n, list] of Object.entries(rounds)) received.rounds.set(Number(n), list);
  assertOrder(received, true);
  await subscribing.result();
  await publishing.send("quit");
  const { closed, faults } = await publishing.next("done") as unknown as {
    closed: Record<string, number>;
    faults: string[];
  };
  await publishing.result();
  assert(lost.includes("ConnectionReset"), `no reset came: ${lost}`);
  assertGreater(connections, 15);
  assertEquals(faults, []);
  assertGreater(closed.connectionLost ?? 0, 15);
});

/** Changes a byte of each piece. */
function corrupt(bytes: Uint8Array, offset: number): void {
  bytes[Math.floor(bytes.length * 0.7)]! ^= 1 + offset % 255;
}

/** What a network does to a publisher's bytes is never more than an error, or wrong data, for who gets them. */
async function assertHarmless(toClient: Faults): Promise<void> {
  await using meeting = await Meeting.start(size);
  await using network = await TcpProxy.open(meeting.publisher.port);
  await using subscriber = new Subscriber({ filter: all, address: network.address, reconnect: quick });
  const errors: unknown[] = [];
  const watching = (async () => {
    for await (const event of subscriber.status()) if ("error" in event) errors.push(event.error);
  })();
  const taking = (async () => {
    for await (const _ of subscriber.batches());
  })();
  network.toClient = toClient;
  const connecting = subscriber.connect(undefined, { retry: true }).catch((error) => errors.push(error));
  for (let i = 0; i < 200; i++) {
    meeting.publisher.publish(roundOf(meeting.publisher, size, i));
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (i % 20 === 19) network.cut();
  }
  network.toClient = {};
  network.cut();
  await connecting;
  await subscriber.disconnect();
  await Promise.all([watching, taking]);
  for (const error of errors) assertEquals((error as Error).name, "SttpError", String(error));
  assertGreater(errors.length, 0);

  await using behind = await new Behind(network).connect();
  await meeting.confirmed();
  await meeting.publish(5);
  await until(() => behind.received.count === 5 * size);
  assertOrder(behind.received);
}

Deno.test("corrupted bytes: never more than an SttpError, and right again with the next connection", () =>
  assertHarmless({ corrupt }));

Deno.test("bytes out of order: never more than an SttpError, and right again with the next connection", () =>
  assertHarmless({ piece: 97, swap: () => true }));

/** The length of the first command. */
const modes = 9;

for (
  const [what, toServer] of Object.entries<Faults>({
    corrupted: { corrupt: (bytes, offset) => offset < modes || corrupt(bytes, offset) },
    "out of order": { piece: modes, swap: (offset) => offset >= modes },
  })
) {
  Deno.test(`nobody else notices, and the publisher has no fault of its own: commands that are ${what}`, async () => {
    await using meeting = await Meeting.start(size);
    await using network = await TcpProxy.open(meeting.publisher.port);
    const faults: string[] = [];
    const watching = (async () => {
      for await (const event of meeting.publisher.status()) {
        if (event.kind === "internalError") faults.push(event.message);
      }
    })();
    const witness = await meeting.subscribed();
    const seen = new Received();
    const taking = (async () => {
      for await (const batch of witness.batches()) seen.add(witness, batch);
    })();
    // Who was served once is not put off by what a publisher answers to commands that were changed on their way.
    await using behind = await new Behind(network, { commandTimeout: 50 }).connect();
    network.toServer = toServer;
    network.cut();
    const isHarmed = (): boolean => {
      const { connections, recentlyClosed } = meeting.publisher.stats();
      if ((connections.closed.frameTooLong ?? 0) > 0) return true;
      return recentlyClosed.some(({ events }) =>
        Object.keys(events).some((name) => name.endsWith(" failed"))
      );
    };
    let rounds = 0;
    await until(async () => {
      await meeting.publish(1);
      if (++rounds % 20 === 0) network.cut();
      return network.connections > 10 && isHarmed();
    });
    network.toServer = {};
    network.cut();
    const { count } = behind.received;
    await until(async () => {
      await meeting.publish(1);
      rounds++;
      return behind.received.count >= count + 5 * size;
    });
    await until(() => seen.count === rounds * size);
    assertOrder(seen);
    await witness.disconnect();
    await taking;
    await meeting.publisher.stop();
    await watching;
    assertEquals(faults, []);
  });
}

for (
  const [what, toClient] of Object.entries<Faults>({
    corrupted: { corrupt },
    "out of order": { piece: 97, swap: () => true },
  })
) {
  Deno.test(`under TLS, nothing wrong is ever handed over: bytes that are ${what}`, async () => {
    const { publisher, subscriber } = await sidesOver("TLS");
    await using meeting = await Meeting.start(size, publisher);
    await using network = await TcpProxy.open(meeting.publisher.port);
    await using behind = await new Behind(network, subscriber).connect();
    await meeting.confirmed();
    for (let i = 0; i < 5; i++) {
      // `Received` fails on a value under a wrong name.
      await publishUntil(meeting, () => behind.received.count > 0);
      network.toClient = toClient;
      const { connections } = network;
      await publishUntil(meeting, () => network.connections > connections);
      network.toClient = {};
      network.cut();
      const { count } = behind.received;
      await publishUntil(meeting, () => behind.received.count > count + size);
    }
    assertOrder(behind.received, true);
    assertGreater(behind.subscriber.stats().connections, 5);
  });
}

for (const transport of ["TCP", "TLS"] as const) {
  Deno.test(`a network that goes silent: the publisher leaves, and serves who comes back; over ${transport}`, async () => {
    const { publisher, subscriber } = await sidesOver(transport);
    await using meeting = await Meeting.start(1_000, {
      ...publisher,
      heartbeatInterval: 20,
      stallTimeout: 200,
    });
    await using network = await TcpProxy.open(meeting.publisher.port);
    // Not the one who leaves: it waits for ever.
    await using behind = await new Behind(network, {
      ...subscriber,
      heartbeatTimeout: 0,
      compressPayload: false,
    }).connect();
    await meeting.confirmed();
    network.stall();
    // Until what the systems between hold back for it is full.
    await until(async () => {
      await meeting.publish(1);
      return meeting.publisher.stats().connections.closed.stalled === 1;
    });
    assertEquals(meeting.publisher.stats().open, []);
    assertGreater(meeting.publisher.stats().dropped.closed!, 0);
    network.cut();
    await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed === true);
    const { count } = behind.received;
    await meeting.publish(3);
    await until(() => behind.received.count >= count + 3 * meeting.size);
    assertOrder(behind.received, true);
  });

  Deno.test(`a network that goes silent: the subscriber leaves, comes back, and nobody else notices; over ${transport}`, async () => {
    const { publisher, subscriber } = await sidesOver(transport);
    await using meeting = await Meeting.start(size, {
      ...publisher,
      heartbeatInterval: 20,
      stallTimeout: 500,
    });
    await using network = await TcpProxy.open(meeting.publisher.port);
    const witness = await meeting.subscribed(subscriber);
    const seen = new Received();
    const taking = (async () => {
      for await (const batch of witness.batches()) seen.add(witness, batch);
    })();
    await using behind = await new Behind(network, {
      ...subscriber,
      heartbeatTimeout: 1000,
      connectTimeout: 1000,
    }).connect();
    await meeting.confirmed();
    await meeting.publish(3);
    await until(() => behind.received.count === 3 * size);
    network.stall();
    await until(() => behind.subscriber.state !== "connected");
    network.cut();
    await until(() => behind.subscriber.state === "connected");
    await meeting.confirmed();
    await meeting.publish(3);
    await until(() => behind.received.count === 6 * size);
    await until(() => seen.count === 6 * size);
    assertOrder(behind.received);
    assertOrder(seen);
    await witness.disconnect();
    await taking;
  });
}

Deno.test("the machine's clock is set, forwards and backwards: connections and data stay", async () => {
  let jump = 0;
  const clock: Clock = { ...systemClock, now: () => Date.now() + jump };
  await using meeting = await Meeting.start(size, { clock, heartbeatInterval: 20 });
  await using network = await TcpProxy.open(meeting.publisher.port);
  const heartbeatTimeout = 500;
  await using behind = await new Behind(network, { clock, heartbeatTimeout }).connect();
  await meeting.confirmed();
  let expected = 0;
  for (const hours of [0, 24 * 365, -24 * 365 * 3]) {
    jump = hours * 3_600_000;
    await meeting.publish(3);
    expected += 3 * size;
    await until(() => behind.received.count === expected);
    // And when there is no data, signs of life; for so long that the time-outs were looked at since.
    const { frames } = behind.subscriber.stats();
    const jumped = performance.now();
    await until(() =>
      behind.subscriber.stats().frames > frames + 2 && performance.now() - jumped > 2 * heartbeatTimeout
    );
  }
  assertOrder(behind.received);
  assertEquals(network.connections, 1);
});

Deno.test("a machine has slept, and hours have passed at once: data comes on, each value at most once", async () => {
  let slept = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => Date.now() + slept,
    monotonic: () => performance.now() + slept,
  };
  await using meeting = await Meeting.start(size, { clock, heartbeatInterval: 20 });
  await using network = await TcpProxy.open(meeting.publisher.port);
  await using behind = await new Behind(network, { clock, heartbeatTimeout: 100 }).connect();
  await meeting.confirmed();
  for (let hours = 1; hours <= 24; hours *= 2) {
    const { count } = behind.received;
    await publishUntil(meeting, () => behind.received.count > count + 2 * size);
    const { frames } = behind.subscriber.stats();
    slept += hours * 3_600_000;
    // With and without data.
    await until(() => behind.subscriber.stats().frames > frames + 2);
  }
  const { count } = behind.received;
  await publishUntil(meeting, () => behind.received.count > count + 2 * size);
  assertOrder(behind.received, true);
  await until(() => meeting.publisher.stats().open.length === 1);
});

for (const by of ["a proxy", "a connector"]) {
  Deno.test(`the publisher is somewhere else when it is back: the subscriber finds it, and signals keep their handles; by ${by}`, async () => {
    await using old = await Meeting.start(size);
    await using network = await TcpProxy.open(old.publisher.port);
    let { address } = old.publisher;
    const connector: Connector = (_, { signal }) => connectTcp({ ...parseTarget(address, 7165), signal });
    await using behind = await new Behind(network, by === "a connector" ? { connector } : {}).connect();
    await old.confirmed();
    await old.publish(2);
    await until(() => behind.received.count === 2 * size);
    const id = behind.subscriber.signals.idOf(3)!;
    // All of 127.0.0.0/8 is this machine, on Linux; elsewhere only the port is another.
    const host = by === "a connector" && Deno.build.os === "linux" ? "127.0.0.2" : "127.0.0.1";
    await using fresh = await Meeting.start(size, { hostname: host });
    assertEquals(fresh.publisher.address, `${host}:${fresh.publisher.port}`);
    ({ address } = fresh.publisher);
    network.target = fresh.publisher.port;
    await old.publisher.stop();
    await until(() => fresh.publisher.stats().open[0]?.subscription?.confirmed === true);
    await fresh.publish(2);
    await until(() => behind.received.count === 4 * size);
    assertEquals(behind.subscriber.signals.handleOf(id), 3);
    assertEquals(behind.subscriber.signals.size, size);
    assertEquals(network.connections > 0, by === "a proxy");
  });
}

for (const udp of [false, true]) {
  Deno.test(`the subscriber is somewhere else when it is back: it is served there; over ${udp ? "UDP" : "TCP"}`, async () => {
    await using meeting = await Meeting.start(size, { hostname: "0.0.0.0" });
    await using network = await TcpProxy.open(meeting.publisher.port);
    await using behind = await new Behind(network, { udp, compressPayload: false }).connect();
    await meeting.confirmed();
    await publishUntil(meeting, () => behind.received.count >= size);
    // All of 127.0.0.0/8 is this machine, on Linux; elsewhere it comes back from where it was.
    if (Deno.build.os === "linux") network.source = "127.0.0.2";
    network.cut();
    await until(() => network.connections === 2);
    const { count } = behind.received;
    await publishUntil(meeting, () => behind.received.count >= count + 2 * size);
    const [open] = meeting.publisher.stats().open;
    assertEquals(open?.address.split(":")[0], network.source);
    if (!udp) assertOrder(behind.received, true);
  });
}

Deno.test("a publisher process that is killed and started again: each value at most once, and data comes back", async () => {
  const serve = (port: number): ReturnType<typeof runChild> =>
    runChild(async ({ Publisher, metadataOf, roundOf, say, until }, { port, size }) => {
      const publisher = new Publisher({ port, hostname: "127.0.0.1" });
      publisher.defineMetadata(metadataOf(size));
      await publisher.start();
      say("ready", { port: publisher.port });
      let round = 0;
      await until(() => {
        publisher.publish(roundOf(publisher, size, round++));
        return false;
      });
    }, { port, size });
  await using first = serve(0);
  const { port } = await first.next("ready") as unknown as { port: number };
  await using network = await TcpProxy.open(port);
  await using behind = await new Behind(network).connect();
  await until(() => behind.received.count > 5 * size);
  await first.kill();
  await until(() => behind.subscriber.state !== "connected");
  await until(() => behind.subscriber.stats().measurements === behind.received.count);
  assertOrder(behind.received);
  behind.received.rounds.clear();
  await using second = serve(port);
  await second.next("ready");
  const { count } = behind.received;
  await until(() => behind.received.count > count + 5 * size);
  assertOrder(behind.received);
});

Deno.test("a subscriber process that is killed: the publisher lets go of it, and others miss nothing", async () => {
  await using meeting = await Meeting.start(size);
  const witness = await meeting.subscribed();
  const seen = new Received();
  const taking = (async () => {
    for await (const batch of witness.batches()) seen.add(witness, batch);
  })();
  await using child = runChild(async ({ Subscriber, all, say }, { address }) => {
    const subscriber = new Subscriber({ filter: all });
    await subscriber.connect(address);
    say("connected");
    for await (const _ of subscriber.batches());
  }, { address: meeting.publisher.address });
  await child.next("connected");
  await meeting.confirmed();
  await meeting.publish(5);
  await child.kill();
  await until(() => meeting.publisher.stats().open.length === 1);
  await meeting.publish(5);
  await until(() => seen.count === 10 * size);
  assertOrder(seen);
  await witness.disconnect();
  await taking;
});
