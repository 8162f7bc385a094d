/** `sttp relay` as a program, between our publisher and our subscriber. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createTestCertificates, Publisher, Subscriber } from "../../mod.ts";
import {
  all,
  Meeting,
  metadataOf,
  numberOf,
  Received,
  roundOf,
  signalId,
  until,
} from "../integration/support.ts";
import { withFolder } from "../support/folder.ts";
import { Sttp, sttp } from "../support/sttp.ts";

/** Where a relay that has just started listens. */
async function listening(relay: Sttp): Promise<string> {
  const [, port] = await relay.says(/publisher\.started .*address=\S+:(\d+)/);
  return `127.0.0.1:${port}`;
}

const anyPort = ["--port", "0", "--host", "127.0.0.1"];

Deno.test("a relay carries every measurement, and goes on when its publisher has been away", async () => {
  await using first = await Meeting.start(20);
  const { port } = first.publisher;
  await using relay = Sttp.start("relay", `127.0.0.1:${port}`, ...anyPort);
  const address = await listening(relay);
  await relay.says(/relay\.live/);
  await first.confirmed();
  await relay.says(/relay\.metadata upstreams=1 signals=20/);
  const received = new Received();
  await using subscriber: Subscriber = new Subscriber({
    filter: all,
    onBatch: (batch) => received.add(subscriber, batch),
  });
  await subscriber.connect(address);
  // What comes before the relay knows that the subscriber is ready is not for it: round 0, until it comes.
  const publish = ({ publisher }: Meeting, from: number, to: number): void => {
    for (let round = from; round <= to; round++) publisher.publish(roundOf(publisher, 20, round));
  };
  while (received.count === 0) {
    publish(first, 0, 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const rounds = (): number[][] =>
    [...received.rounds.values()].map((list) => list.filter((round) => round > 0));
  publish(first, 1, 10);
  await until(() => rounds().every(({ length }) => length >= 10));

  await first.publisher.stop({ drain: 0 });
  await relay.says(/relay\.lost/);
  await using second = await Meeting.start(20, { port });
  await until(() => second.publisher.stats().open[0]?.subscription?.confirmed === true);
  publish(second, 11, 25);
  await until(() => rounds().every(({ length }) => length >= 25));
  assertEquals(rounds(), Array.from({ length: 20 }, () => Array.from({ length: 25 }, (_, i) => 1 + i)));
  assertEquals(subscriber.stats().connections, 1);
  const { code, stderr } = await relay.terminate();
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /relay\.live .*[^]*relay\.lost .*[^]*relay\.live/);
});

Deno.test("a relay with TLS on both sides, rights and history of its own", () =>
  withFolder(async (folder) => {
    const { authority, server, client } = await createTestCertificates();
    const files = {
      "ca.pem": authority.certificate,
      "server.pem": server.certificate,
      "server.key": server.key,
      "client.pem": client.certificate,
      "client.key": client.key,
      "rights.yaml": `signals:\n  - who: { certificates: [client] }\n    deny: ${signalId(3)}\n`,
    };
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    const ca = authority.certificate;
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", tls: { ...server, ca } });
    publisher.defineMetadata(metadataOf(10));
    await publisher.start();
    await using relay = Sttp.start(
      ...["relay", publisher.address, ...anyPort],
      ...[
        "--ca",
        `${folder}/ca.pem`,
        "--certificate",
        `${folder}/client.pem`,
        "--key",
        `${folder}/client.key`,
      ],
      ...["--listen-certificate", `${folder}/server.pem`, "--listen-key", `${folder}/server.key`],
      ...["--listen-ca", `${folder}/ca.pem`],
      ...["--access", `${folder}/rights.yaml`, "--history", `${folder}/history.db`],
    );
    const address = await listening(relay);
    await relay.says(/relay\.metadata/);
    await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
    assertEquals(publisher.stats().open[0]?.certificate?.name, "client");
    for (let round = 0; round < 5; round++) publisher.publish(roundOf(publisher, 10, round));

    await using subscriber = new Subscriber({ filter: all, tls: { ...client, ca } });
    await subscriber.connect(address);
    assertEquals([subscriber.stats().signals, subscriber.unauthorized], [9, [signalId(3)]]);
    // The past is what was recorded here.
    const seen = new Set<number>();
    let count = 0;
    while (count < 45) {
      count = 0;
      for await (const batch of subscriber.history({ start: "2024-01-01T00:00:00Z", stop: "*" })) {
        count += batch.length;
        for (const { signalId } of subscriber.measurementsOf(batch)) seen.add(numberOf(signalId));
      }
    }
    assertEquals(count, 45);
    assert(!seen.has(3));
    assertEquals((await relay.terminate()).code, 0);
  }));

Deno.test("a relay tells what does not go on: blocks as they come, and all of it at the end", async () => {
  await using meeting = await Meeting.start(2);
  const filter = `FILTER MeasurementDetail WHERE SignalID = '${signalId(0)}'`;
  await using relay = Sttp.start(
    ...["relay", meeting.publisher.address, ...anyPort, "--metadata-filter", filter, "--json"],
  );
  await relay.says(/relay\.live/);
  await meeting.confirmed();
  meeting.publisher.publish(roundOf(meeting.publisher, 2, 0));
  meeting.publisher.publishBufferBlock(signalId(1), Uint8Array.of(1));
  await relay.says(new RegExp(`relay\\.blockDropped.*upstream.*${signalId(1)}.*undescribed`));
  const { code, stderr } = await relay.terminate();
  assertEquals(code, 0, stderr);
  const { result } = JSON.parse(stderr.trim().split("\n").findLast((line) => line.startsWith('{"result"'))!);
  const { published, unknown, elsewhere, undescribedBlocks, elsewhereBlocks } = result;
  assertEquals([published, unknown, elsewhere, undescribedBlocks, elsewhereBlocks], [1, 1, 0, 1, 0]);
});

Deno.test("a relay ends with the reason when no publisher is left", async () => {
  await using full = new Publisher({ port: 0, hostname: "127.0.0.1", maxConnections: 0 });
  await full.start();
  const { code, stderr } = await sttp(["relay", full.address, ...anyPort]);
  assertEquals(code, 4);
  assertMatch(stderr, /relay\.closed upstream=upstream/);
  for (
    const [args, expected] of [
      [["relay"], /publisher/i],
      [["relay", "somewhere:0"], /nobody can be connected to at port 0/],
      [["relay", "x", "--listen-key", "k"], /--listen-key needs --listen-certificate/],
      [["relay", "x", "--history", ":memory:", "--history-size", "7"], /maxBytes/],
      [["relay", "x", "--history-size", "7"], /--history-size needs --history/],
    ] as const
  ) {
    const wrong = await sttp([...args, ...anyPort]);
    assertEquals(wrong.code, 2, wrong.stderr);
    assertMatch(wrong.stderr, expected);
  }
});
