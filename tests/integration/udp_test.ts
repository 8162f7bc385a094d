/** Data over UDP: publisher and subscriber on real sockets, with a network between them that does as it likes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Publisher } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { fromCompactFlags, ManualClock, openUdp, SttpError, toCompactFlags } from "../../transport/mod.ts";
import { measurementsIn, UdpProxy, type UdpProxyOptions } from "../support/udp_proxy.ts";
import {
  all,
  dropped,
  Meeting,
  metadataOf,
  numberOf,
  receive,
  Received,
  roundOf,
  signalId,
  ticksOf,
  until,
  valueOf,
} from "./support.ts";

const size = 40;
const hasIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1");

const formats: readonly SubscriberOptions[] = [
  {},
  { useMillisecondResolution: true },
  { includeTime: false },
];

for (const format of formats) {
  for (const encrypt of [false, true]) {
    for (const version of [1, 2, 3] as const) {
      for (const hostname of version === 2 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
        const name = `UDP on ${hostname}, version ${version}, ${encrypt ? "encrypted" : "plain"}, ` +
          JSON.stringify(format);
        Deno.test(name, { ignore: hostname === "::1" && !hasIpv6 }, async () => {
          await using meeting = await Meeting.start(size, { hostname, udp: { encrypt } });
          const subscriber = await meeting.subscribed({ udp: true, version, ...format });
          const publishing = meeting.publish(30);
          let count = 0;
          for await (const batch of subscriber.batches()) {
            for (const { signalId: id, ticks, value, flags } of subscriber.measurementsOf(batch)) {
              const round = Math.floor(count / size);
              const n = (count % size + round) % size;
              assertEquals([id, value], [signalId(n), valueOf(n, round)]);
              assertEquals(flags, fromCompactFlags(toCompactFlags(n % 5 === 0 ? 0x8000_0001 : 0)));
              if (format.includeTime !== false) assertEquals(ticks, ticksOf(round));
              count++;
            }
            if (count === 30 * size) break;
          }
          await publishing;
          assertEquals(dropped(subscriber), {});
          const { udp, cipherKeys } = subscriber.stats();
          assertEquals([udp.datagrams, udp.lost, udp.late, cipherKeys], [30, 0, 0, encrypt ? 1 : 0]);
          assertEquals(udp.received, format.includeTime === false ? 0 : 30 * size);
          const [connection] = meeting.publisher.stats().open;
          assertEquals(connection!.dataChannel!.datagrams, 30);
          assertEquals(connection!.cipher, encrypt ? { index: 0, rotations: 0 } : null);
        });
      }
    }
  }
}

/** A meeting through a proxy, over IPv4. */
async function through(
  proxy: UdpProxy,
  udp: { encrypt?: boolean; maxDatagramLength?: number } = {},
  options: SubscriberOptions = {},
): Promise<{ meeting: Meeting; subscriber: Subscriber }> {
  const meeting = await Meeting.start(size, { udp });
  const subscriber = await meeting.subscribed({ udp: true, connector: proxy.connect, ...options });
  return { meeting, subscriber };
}

Deno.test("subscribers over UDP and TCP share an encoder where the form is the same", async () => {
  await using meeting = await Meeting.start(size);
  const over: Subscriber[] = [
    await meeting.subscribed({ udp: true }),
    await meeting.subscribed({ compressPayload: false }),
    await meeting.subscribed({ udp: true, compressPayload: false }),
  ];
  const tssc = await meeting.subscribed();
  await meeting.publish(10);
  for (const subscriber of [...over, tssc]) await receive(subscriber, 10 * size);
  const { groups, open } = meeting.publisher.stats();
  assertEquals(groups.map(({ members, format }) => [members, format]), [
    [3, "compact format"],
    [1, "TSSC compression"],
  ]);
  // All of the publisher's datagrams leave from one port.
  assertEquals(open[0]!.dataChannel!.from, open[2]!.dataChannel!.from);
  assertEquals([open[1]!.dataChannel, open[3]!.dataChannel], [null, null]);
  assertEquals(tssc.stats().udp.datagrams, 0);
});

for (const encrypt of [false, true]) {
  Deno.test(`no datagram is longer than asked for, ${encrypt ? "encrypted" : "plain"}`, async () => {
    await using proxy = await UdpProxy.open();
    proxy.record = [];
    const { meeting, subscriber } = await through(proxy, { encrypt, maxDatagramLength: 600 });
    await using _meeting = meeting;
    const publishing = meeting.publish(10);
    const received = await receive(subscriber, 10 * size);
    await publishing;
    assertEquals(received.count, 10 * size);
    const longest = Math.max(...proxy.record.map(({ length }) => length));
    assert(longest <= 600 && longest > 560, `the longest datagram has ${longest} bytes`);
  });
}

const network: UdpProxyOptions = { loss: 0.02, reorder: 0.03, double: 0.01 };

for (const encrypt of [false, true]) {
  for (const seed of [1, 2, 3]) {
    const name = `2 % loss and disorder, ${encrypt ? "encrypted" : "plain"}, seed ${seed}`;
    Deno.test(`${name}: the rest arrives, and the loss shown is the loss made`, async () => {
      await using proxy = await UdpProxy.open({ ...network, seed });
      const { meeting, subscriber } = await through(proxy, { encrypt });
      await using _meeting = meeting;
      const rounds = 600;
      proxy.transparent = true;
      const received = new Received();
      const receiving = (async () => {
        for await (const batch of subscriber.batches()) received.add(subscriber, batch);
      })();
      // Slowly enough that no socket's buffer overflows, here and at the proxy: all loss is the proxy's.
      const publish = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          const before = proxy.count;
          await meeting.publish(1);
          await until(() => proxy.count > before);
          // But for those that it holds back.
          await until(() => subscriber.stats().udp.datagrams > proxy.count - proxy.lost.length - 10);
        }
      };
      await publish(1);
      proxy.transparent = false;
      await publish(rounds - 2);
      proxy.transparent = true;
      await publish(1);
      proxy.flush();
      const arriving = rounds - proxy.lost.length + proxy.doubled.length;
      await until(() => subscriber.stats().udp.datagrams === arriving);
      await subscriber.disconnect();
      await receiving;

      assert(proxy.lost.length > 3 && proxy.reordered.length > 3 && proxy.doubled.length > 0);
      if (!encrypt) { for (const datagram of proxy.lost) assertEquals(measurementsIn(datagram), size); }
      const lost = size * proxy.lost.length;
      const { udp } = subscriber.stats();
      assertEquals(udp.lost, lost);
      assertEquals(udp.expected, rounds * size);
      assertEquals(udp.received, rounds * size - lost);
      assert(udp.late > 0 && udp.late <= size * proxy.reordered.length, `${udp.late} late`);
      assertEquals([udp.repeated, udp.silent, udp.unmeasured], [0, 0, 0]);
      assertEquals(dropped(subscriber), { repeatedDatagram: proxy.doubled.length });
      assertEquals(received.count, rounds * size - lost);
      assertEquals(received.signals().length, size);
    });
  }
}

Deno.test("hostile datagrams, strangers' and old ones do not disturb the data", async () => {
  await using proxy = await UdpProxy.open();
  proxy.record = [];
  const { meeting, subscriber } = await through(proxy);
  await using _meeting = meeting;
  const received = await receiveInBackground(subscriber);
  let state = 1;
  let injected = 0;
  for (let round = 0; round < 50; round++) {
    await meeting.publish(1);
    await until(() => proxy.record!.length === round + 1);
    const good = proxy.record.at(-1)!;
    const noise = new Uint8Array(1 + round * 3);
    for (let i = 0; i < noise.length; i++) {
      noise[i] = (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 24;
    }
    const cut = good.slice(0, round * 7);
    for (const datagram of [noise, cut, good, proxy.record[round >> 1]!]) {
      proxy.inject(datagram);
      injected++;
    }
    await until(() => subscriber.stats().udp.datagrams === round + 1 + injected);
  }
  assertEquals(received.count, 50 * size);
  const { stranger: _, ...rest } = subscriber.stats().dropped;
  const total = Object.values(rest).reduce((sum, count) => sum + count);
  assertEquals(total, injected);
  assert(rest.repeatedDatagram >= 99, `${rest.repeatedDatagram} repeated`);
  await meeting.publish(1);
  await until(() => received.count === 51 * size);
});

/** Notes what comes, without being waited for. */
function receiveInBackground(subscriber: Subscriber): Received {
  const received = new Received();
  (async () => {
    for await (const batch of subscriber.batches()) received.add(subscriber, batch);
  })();
  return received;
}

Deno.test("without keys encrypted datagrams can't be forged: what is made up is undecipherable", async () => {
  await using proxy = await UdpProxy.open();
  proxy.record = [];
  const { meeting, subscriber } = await through(proxy, { encrypt: true });
  await using _meeting = meeting;
  const received = receiveInBackground(subscriber);
  await meeting.publish(1);
  await until(() => received.count === size);
  const good = proxy.record[0]!;
  // Nothing of the measurements is legible: not even the same bytes at the same place twice.
  await meeting.publish(1);
  await until(() => received.count === 2 * size);
  assert(good.subarray(11).some((byte, i) => byte !== proxy.record![1]![11 + i]));
  for (let i = 0; i < 20; i++) {
    const forged = good.slice();
    forged.set(crypto.getRandomValues(new Uint8Array(forged.length - 7)), 7);
    proxy.inject(forged);
  }
  await until(() => subscriber.stats().udp.datagrams === 22);
  assertEquals(dropped(subscriber), { undecipherable: 20 });
  assertEquals(received.count, 2 * size);
});

Deno.test("keys are rotated in the middle of a burst: nothing is lost, nothing is misread", async () => {
  const clock = new ManualClock();
  await using meeting = await Meeting.start(size, {
    clock,
    udp: { encrypt: true, keyRotationInterval: 1000 },
  });
  const subscriber = await meeting.subscribed({ udp: true });
  const events: number[] = [];
  (async () => {
    for await (const event of subscriber.status()) {
      if (event.kind === "cipherKeys") events.push(event.cipherIndex);
    }
  })();
  const received = receiveInBackground(subscriber);
  const used = new Set<number>();
  for (let rotation = 1; rotation <= 6; rotation++) {
    const publishing = meeting.publish(20);
    clock.advance(1000);
    await publishing;
    await until(() => received.count === 20 * rotation * size);
    const { cipher } = meeting.publisher.stats().open[0]!;
    assertEquals(cipher!.rotations, rotation);
    used.add(cipher!.index);
  }
  assertEquals(dropped(subscriber), {});
  assertEquals([events, used.size], [[1, 0, 1, 0, 1, 0], 2]);
});

Deno.test("a subscriber asks for new keys; too soon after the last it is refused", async () => {
  const clock = new ManualClock();
  await using meeting = await Meeting.start(size, { clock, udp: { encrypt: true } });
  const subscriber = await meeting.subscribed({ udp: true });
  const early = await assertRejects(() => subscriber.rotateCipherKeys(), SttpError, "within the last second");
  assertEquals(early.code, "Refused");
  clock.advance(1000);
  await subscriber.rotateCipherKeys();
  await until(() => meeting.publisher.stats().open[0]!.cipher!.index === 1);
  const publishing = meeting.publish(3);
  await receive(subscriber, 3 * size);
  await publishing;
  assertEquals([subscriber.stats().cipherKeys, dropped(subscriber)], [2, {}]);
  const plain = await meeting.subscribed();
  await assertRejects(() => plain.rotateCipherKeys(), SttpError, "not encrypted");
});

Deno.test("resubscribing while data flows: what stays subscribed to goes on, under its own name", async () => {
  await using meeting = await Meeting.start(size, { udp: { encrypt: true } });
  const subscriber = await meeting.subscribed({ udp: true });
  const received = receiveInBackground(subscriber);
  const stop = new AbortController();
  const publishing = (async () => {
    while (!stop.signal.aborted) await meeting.publish(1);
  })();
  for (
    const filter of [
      "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'",
      "FILTER ActiveMeasurements WHERE SignalType <> 'FREQ' ORDER BY PointTag DESC",
      all,
      "FILTER TOP 7 ActiveMeasurements WHERE True",
    ]
  ) {
    await subscriber.subscribe({ filter });
    const before = received.count;
    await until(() => received.count > before + 200);
  }
  await subscriber.subscribe({ useMillisecondResolution: true, filter: all });
  const before = received.count;
  await until(() => received.count > before + 200);
  stop.abort();
  await publishing;
  assertEquals(dropped(subscriber), {});
  assertEquals(received.signals().length, size);
});

Deno.test("after the connection is lost data comes over UDP again, on another port", async () => {
  await using meeting = await Meeting.start(size, { udp: { encrypt: true } });
  const subscriber = await meeting.subscribed({ udp: true, reconnect: { initialDelay: 1, maxDelay: 1 } });
  const received = receiveInBackground(subscriber);
  await meeting.publish(3);
  await until(() => received.count === 3 * size);
  meeting.publisher.disconnect(1);
  await until(() => {
    const [connection] = meeting.publisher.stats().open;
    return connection?.id === 2 && connection.subscription?.confirmed === true;
  });
  await meeting.publish(3);
  await until(() => received.count === 6 * size);
  assertEquals([subscriber.stats().cipherKeys, dropped(subscriber)], [2, {}]);
});

Deno.test("a slow consumer loses datagrams, counted one by one, and the connection lives", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed({ udp: true, deliveryBuffer: 3 * size });
  await meeting.publish(10);
  await until(() => subscriber.stats().udp.datagrams === 10);
  const { waiting } = subscriber.stats();
  assertEquals(waiting, 3 * size);
  assertEquals(dropped(subscriber), { overflow: 7 * size });
  assertEquals(subscriber.stats().measurements, 3 * size);
  // They were not lost on the way.
  assertEquals([subscriber.stats().udp.lost, subscriber.stats().udp.received], [0, 10 * size]);
});

Deno.test("a publisher that does not send over UDP refuses, and says so", async () => {
  await using meeting = await Meeting.start(size, { udp: false });
  const subscriber = meeting.subscriber({ udp: true });
  await assertRejects(() => subscriber.connect(), SttpError, "over TCP only");
});

Deno.test("a port that is taken fails the subscription by name", async () => {
  await using meeting = await Meeting.start(size);
  const first = await meeting.subscribed({ udp: { interface: "127.0.0.1" } });
  const port = Number(meeting.publisher.stats().open[0]!.dataChannel!.to.split(":")[1]);
  const second = meeting.subscriber({ udp: { interface: "127.0.0.1", port } });
  await assertRejects(() => second.connect(), SttpError, `127.0.0.1:${port}`);
  assertEquals(first.state, "connected");
});

Deno.test("a publisher that is not permitted to send over UDP refuses, and serves others", {
  permissions: { net: ["127.0.0.1"] },
}, async () => {
  await using meeting = await Meeting.start(size, { udp: { hostname: "0.0.0.0" } });
  const refused = meeting.subscriber({ udp: { interface: "127.0.0.1" } });
  await assertRejects(() => refused.connect(), SttpError, "--allow-net=0.0.0.0:0");
  await meeting.subscribed();
});

Deno.test("a publisher that is not permitted to send to a subscriber's UDP port refuses, and serves others", {
  permissions: { net: ["127.0.0.88", "127.0.0.1:0"] },
}, async () => {
  const hostname = "127.0.0.88";
  await using meeting = await Meeting.start(size, { hostname, udp: { hostname } });
  const refused = meeting.subscriber({ udp: { interface: "127.0.0.1" } });
  await assertRejects(() => refused.connect(), SttpError, "UDP datagrams to 127.0.0.1:");
  await meeting.subscribed();
});

Deno.test("a subscriber that is not permitted to receive over UDP fails by name", {
  permissions: { net: ["127.0.0.1"] },
}, async () => {
  await using meeting = await Meeting.start(size, { udp: { hostname: "127.0.0.1" } });
  const subscriber = meeting.subscriber({ udp: true });
  const error = await assertRejects(() => subscriber.connect(), SttpError, "--allow-net=0.0.0.0:0");
  assertEquals(error.code, "ConnectFailed");
});

Deno.test("a publisher on every address, IPv6 included, serves both families over UDP", {
  ignore: !hasIpv6,
}, async () => {
  const free = await openUdp({ hostname: "::" });
  await free.close();
  const publisher = new Publisher({ port: 0, hostname: "::", udp: { port: free.port } });
  publisher.defineMetadata(metadataOf(size));
  await publisher.start();
  const subscribers = ["127.0.0.1", "[::1]"].map((host) => {
    return new Subscriber({ filter: all, udp: true, address: `${host}:${publisher.port}` });
  });
  for (const subscriber of subscribers) await subscriber.connect();
  await until(() => publisher.stats().open.every(({ subscription }) => subscription?.confirmed));
  publisher.publish(roundOf(publisher, size, 0));
  for (const subscriber of subscribers) {
    const { value } = await subscriber.measurements().next();
    assertEquals(numberOf(value!.signalId), 0);
    const from = publisher.stats().open.map(({ dataChannel }) => dataChannel!.from);
    assert(from.every((address) => address.endsWith(`:${free.port}`)), from.join());
    await subscriber.disconnect();
  }
  await publisher.stop();
});
