/** Subscribers of other encodings and versions, over TCP: each from the first command to the last. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DataSet } from "../../metadata/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import { ScriptedPeer } from "../../publisher/testdata/rig.ts";
import {
  Command,
  CompactDecoder,
  connectTcp,
  DataPacketFlags,
  decodeBaseTimes,
  decodePacketHeader,
  encodeMetadataRefresh,
  MeasurementBatch,
  openUdp,
  Response,
  type TextEncoding,
} from "../../transport/mod.ts";
import { runChild } from "../support/child.ts";
import { metadataOf, roundOf, signalId, until, valueOf } from "./support.ts";

const size = 12;

/** A publisher and a subscriber that speaks as the test says. */
class Fixture implements AsyncDisposable {
  readonly publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  peer!: ScriptedPeer;

  static async open(): Promise<Fixture> {
    const fixture = new Fixture();
    fixture.publisher.defineMetadata(metadataOf(size));
    await fixture.publisher.start();
    await fixture.connect();
    return fixture;
  }

  async connect(): Promise<void> {
    this.peer?.channel.close();
    this.peer = new ScriptedPeer(await connectTcp({ hostname: "127.0.0.1", port: this.publisher.port }));
  }

  publish(round: number): void {
    this.publisher.publish(roundOf(this.publisher, size, round));
  }

  async confirmed(): Promise<void> {
    await until(() =>
      this.publisher.stats().open.some(({ subscription }) => subscription?.confirmed === true)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.peer.channel.close();
    await this.publisher.stop({ drain: 0 });
  }
}

/** Takes a subscriber from the first command to the last, against a publisher of `size` signals. */
async function serveInFull(
  peer: ScriptedPeer,
  encoding: TextEncoding,
  version: number,
  publish: () => Promise<void>,
): Promise<void> {
  // As the C# subscriber: without the kind bit gzip has no effect.
  await peer.defineModes({
    encoding,
    version,
    gzip: false,
    compressMetadata: true,
    compressSignalIndexCache: true,
  });
  assertMatch(
    await peer.expectText(Response.Succeeded, Command.DefineOperationalModes),
    new RegExp(`version ${version}`),
  );

  await peer.send(
    Command.MetadataRefresh,
    encodeMetadataRefresh("FILTER MeasurementDetail WHERE Description = 'Straße «5»'", encoding),
  );
  const document = await peer.expect(Response.Succeeded, Command.MetadataRefresh);
  const metadata = await DataSet.fromXml(new TextDecoder(encoding).decode(document));
  assertEquals(metadata.table("MeasurementDetail")?.rowCount, size);
  assertEquals(metadata.table("MeasurementDetail")?.row(0).get("Description"), "Straße «5»");

  await peer.subscribe({
    filterExpression: "FILTER ActiveMeasurements WHERE Description LIKE 'Straße%'",
  });
  const update = await peer.expectCache();
  assertEquals([update.cache.size, update.cache.at(3).source], [size, "PPA"]);
  assertEquals(update.cache.at(3).signalId, signalId(3));
  assertMatch(await peer.expectText(Response.Succeeded, Command.Subscribe), /12 signals/);
  if (version > 1) {
    assertEquals(update.cacheIndex, 0);
    await peer.confirmCache();
  }
  await publish();
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [size, 0]);
  assertEquals(
    [...peer.data.values.subarray(0, size)],
    Array.from({ length: size }, (_, n) => valueOf(n, 0)),
  );

  await peer.subscribe({ filterExpression: "FILTER ActiveMeasurements WHERE ((" });
  assertMatch(await peer.expectText(Response.Failed, Command.Subscribe), /expect/i);
  await peer.send(0x42);
  assertMatch(await peer.expectText(Response.Failed, 0x42), /0x42/);
  await peer.send(Command.Unsubscribe);
  assertMatch(await peer.expectText(Response.Succeeded, Command.Unsubscribe), /unsubscribed/);
}

Deno.test("two processes: a publisher serves subscribers of every encoding and version in full", async () => {
  await using publisher = runChild(
    async ({ Publisher, metadataOf, roundOf, until, say, heard }, { size }) => {
      const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
      publisher.defineMetadata(metadataOf(size));
      await publisher.start();
      say("listening", { port: publisher.port });
      while (await heard() === "publish") {
        await until(() =>
          publisher.stats().open.some(({ subscription }) => subscription?.confirmed === true)
        );
        publisher.publish(roundOf(publisher, size, 0));
      }
      await publisher.stop();
    },
    { size },
  );
  const port = Number((await publisher.next("listening"))["port"]);
  for (const encoding of ["utf-16le", "utf-16be", "utf-8"] as const) {
    for (const version of [1, 2, 3]) {
      const peer = new ScriptedPeer(await connectTcp({ hostname: "127.0.0.1", port }));
      await serveInFull(peer, encoding, version, () => publisher.send("publish"));
      peer.channel.close();
    }
  }
  assertEquals(await publisher.quit(), 0);
});

for (const encoding of ["utf-16le", "utf-16be", "utf-8"] as const) {
  for (const version of [1, 2, 3]) {
    Deno.test(`a subscriber of version ${version} that speaks ${encoding} is served in full`, async () => {
      await using fixture = await Fixture.open();
      await serveInFull(fixture.peer, encoding, version, async () => {
        await fixture.confirmed();
        fixture.publish(0);
      });
      assertEquals(fixture.publisher.stats().open[0]!.modes?.encoding, encoding);
    });
  }

  Deno.test(`a refusal of operational modes is in the encoding that they name: ${encoding}`, async () => {
    await using fixture = await Fixture.open();
    await fixture.peer.defineModes({ encoding, extension: 3 });
    const extension = await fixture.peer.expectText(Response.Failed, Command.DefineOperationalModes);
    assertMatch(extension, /^UNSUPPORTED EXTENSION: .*3/);
    // That was no reason to disconnect.
    await fixture.peer.defineModes({ encoding });
    await fixture.peer.expect(Response.Succeeded, Command.DefineOperationalModes);

    for (const version of [0, 4, 31]) {
      await fixture.connect();
      await fixture.peer.defineModes({ encoding, version });
      const text = await fixture.peer.expectText(Response.Failed, Command.DefineOperationalModes);
      assertMatch(text, new RegExp(`^STTP version ${version} is not supported`));
    }
  });
}

Deno.test("version 1: a single cache, in force at once, whatever is flagged or confirmed", async () => {
  await using fixture = await Fixture.open();
  const { peer } = fixture;
  await peer.defineModes({ version: 1 });
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  for (const [round, top] of [5, 2, 7, 12].entries()) {
    await peer.subscribe({
      filterExpression: `FILTER TOP ${top} ActiveMeasurements WHERE True ORDER BY SignalID`,
    });
    const { cache } = await peer.expectCache();
    assertEquals(cache.size, top);
    await peer.expect(Response.Succeeded, Command.Subscribe);
    // Confirmed or not: it makes no difference here.
    if (round === 2) await peer.confirmCache();
    fixture.publish(round);
    await peer.expect(Response.DataStartTime);
    peer.data.clear();
    const [count, cacheIndex] = await peer.expectData();
    assertEquals([count, cacheIndex], [top, 0]);
    const ids = Array.from({ length: count }, (_, i) => cache.at(peer.data.signals[i]!).signalId);
    assertEquals(ids.sort(), Array.from({ length: top }, (_, n) => signalId(n)));
  }
});

Deno.test("version 1 over UDP, in UTF-16, without TSSC bits", async () => {
  await using fixture = await Fixture.open();
  const { peer } = fixture;
  const arrived = Promise.withResolvers<Uint8Array>();
  const socket = await openUdp({ hostname: "127.0.0.1", onDatagram: arrived.resolve });
  await peer.defineModes({ version: 1, encoding: "utf-16le", tssc: false, compressPayloadData: false });
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  await peer.subscribe({
    filterExpression: "FILTER ActiveMeasurements WHERE True",
    dataChannel: { localPort: socket.port, interface: "0.0.0.0" },
  });
  const { cache } = await peer.expectCache();
  const bases = decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes));
  assert(bases.base(1) - bases.base(0) === 4_200_000_000n);
  assertMatch(
    await peer.expectText(Response.Succeeded, Command.Subscribe),
    /compact format over UDP with 12 signals/,
  );
  fixture.publish(0);
  const { flags, count, payload } = decodePacketHeader((await arrived.promise).subarray(6));
  assertEquals([flags, count], [DataPacketFlags.Compact, size]);
  const batch = new MeasurementBatch();
  new CompactDecoder({ includeTime: true, useMillisecondResolution: false }).decode(payload, count, batch);
  assertEquals(cache.at(batch.signals[4]!).signalId, signalId(4));
  await socket.close();
});
