import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { Command, commandName, Response } from "../transport/wire/codes.ts";
import { encodeCommand } from "../transport/wire/frame.ts";
import { gunzip } from "../transport/wire/gzip.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import { DefaultOperationalModes, encodeOperationalModes } from "../transport/wire/operational_modes.ts";
import { Session } from "./session.ts";
import type { ConnectionSnapshot, GroupSnapshot } from "./snapshot.ts";
import type { DiagnosticsMessage } from "../transport/status_stream.ts";
import type { PublisherStatus } from "./status.ts";
import { grid, Rig, type ScriptedPeer, settle } from "./testdata/rig.ts";

function lastClosed(rig: Rig): ConnectionSnapshot["closed"] {
  return rig.publisher.stats().recentlyClosed[0]?.closed ?? null;
}

Deno.test("modes are always answered, for versions 1 to 3", async () => {
  await using rig = await Rig.start({ name: "Test bench" });
  for (const version of [1, 2, 3]) {
    const peer = rig.connect();
    await peer.defineModes({ version });
    const text = await peer.expectText(Response.Succeeded, Command.DefineOperationalModes);
    assertEquals(text, `Operational modes of STTP version ${version} are in force at Test bench.`);
  }
  assertEquals(rig.connection(1).modes, { ...DefaultOperationalModes, version: 1 });
});

Deno.test("a fault ends the connection that it is of, and is told", async () => {
  await using rig = await Rig.start();
  const other = await rig.subscribe();
  const status = rig.publisher.status();
  const cause = new TypeError("a fault");
  await rig.publisher.serve({
    peer: { address: "192.0.2.1:5000" },
    read: () => Promise.reject(cause),
    write: () => Promise.resolve(),
    close: () => {},
  });
  await settle();
  assertEquals(lastClosed(rig)?.reason, "internalError");
  assertEquals((await status.next()).value.kind, "connected");
  assertEquals((await status.next()).value, { kind: "internalError", message: "a fault", cause });
  await other.send(Command.Unsubscribe);
  await other.expect(Response.Succeeded, Command.Unsubscribe);
});

Deno.test("a fault while a command is carried out: the subscriber is told of it, and nothing of what is inside", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  const status = rig.publisher.status();
  const { unsubscribe } = Session.prototype;
  Session.prototype.unsubscribe = () => {
    throw new TypeError("/home/operator/secrets");
  };
  try {
    await peer.send(Command.Unsubscribe);
    const text = await peer.expectText(Response.Failed, Command.Unsubscribe);
    assertEquals(text, "Unsubscribe failed: internal error.");
  } finally {
    Session.prototype.unsubscribe = unsubscribe;
  }
  const { value } = await status.next();
  assertEquals([value.kind, value.message], ["internalError", "/home/operator/secrets"]);
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
});

Deno.test("another version is refused with a text, and disconnected a second later", async () => {
  await using rig = await Rig.start();
  for (const version of [0, 4, 31]) {
    const peer = rig.connect();
    await peer.defineModes({ version });
    const text = await peer.expectText(Response.Failed, Command.DefineOperationalModes);
    assertEquals(text, `STTP version ${version} is not supported: versions 1, 2, 3 are.`);
    // What it sends now is read and not listened to.
    await peer.subscribe({ filterExpression: "True" });
    await settle();
    rig.clock.advance(999);
    assertEquals(rig.connection().state, "leaving");
    rig.clock.advance(1);
    await peer.expectEnd();
    await settle();
    assertEquals(lastClosed(rig)?.reason, "unsupported");
  }
});

Deno.test("an encoding that does not exist is refused", async () => {
  await using rig = await Rig.start();
  const peer = rig.connect();
  await peer.send(Command.DefineOperationalModes, Uint8Array.of(0xe0, 0, 0x03, 0x62));
  assertStringIncludes(await peer.expectText(Response.Failed, Command.DefineOperationalModes), "0x300");
  rig.clock.advance(1000);
  await peer.expectEnd();
});

Deno.test("an unknown extension is refused by its name; without it the session goes on", async () => {
  await using rig = await Rig.start();
  const peer = rig.connect();
  await peer.defineModes({ extension: 7 });
  assertMatch(
    await peer.expectText(Response.Failed, Command.DefineOperationalModes),
    /^UNSUPPORTED EXTENSION: .*7/,
  );
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
});

Deno.test("bytes behind the modes are read and never a reason to fail", async () => {
  await using rig = await Rig.start();
  const peer = rig.connect();
  const algorithms = "BufferBlockPayloadCompressionAlgorithms=Gzip";
  await peer.send(
    Command.DefineOperationalModes,
    encodeOperationalModes(DefaultOperationalModes, algorithms),
  );
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  assertEquals(rig.connection().algorithms, algorithms);
});

Deno.test("modes may change while there is no subscription, and not while there is one", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.defineModes({ version: 1, encoding: "utf-16be" });
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  await peer.subscribe({ filterExpression: "True" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.send(Command.DefineOperationalModes, encodeOperationalModes(DefaultOperationalModes));
  assertEquals(
    await peer.expectText(Response.Failed, Command.DefineOperationalModes),
    "Operational modes can't be changed while there is a subscription.",
  );
  assertEquals(rig.connection().modes?.version, 1);
});

for (
  const [what, bytes] of [
    ["Subscribe", encodeCommand(Command.Subscribe)],
    ["an unknown command", encodeCommand(0x77)],
    ["an empty frame", new Uint8Array(4)],
  ] as const
) {
  Deno.test(`${what} before the modes: not STTP, disconnected without an answer`, async () => {
    await using rig = await Rig.start();
    const peer = rig.connect();
    await peer.channel.write(bytes);
    await peer.expectEnd();
    await settle();
    assertEquals(lastClosed(rig)?.reason, "notSttp");
    assertEquals(rig.publisher.stats().connections, {
      open: 0,
      accepted: 1,
      closed: { notSttp: 1 },
      handshakesFailed: {},
    });
  });
}

Deno.test("modes of fewer than four bytes are answered Failed", async () => {
  await using rig = await Rig.start();
  const peer = rig.connect();
  await peer.send(Command.DefineOperationalModes, new Uint8Array(3));
  assertStringIncludes(await peer.expectText(Response.Failed, Command.DefineOperationalModes), "at least 4");
});

Deno.test("a web browser is disconnected at its first bytes", async () => {
  await using rig = await Rig.start();
  const peer = rig.connect();
  await peer.channel.write(new TextEncoder().encode("GET / HTTP/1.1\r\n"));
  await peer.expectEnd();
  await settle();
  assertEquals(lastClosed(rig)?.reason, "notSttp");
  assertMatch(
    lastClosed(rig)!.message,
    /^the first frame of \d+ bytes, at most 8197 expected: this is not STTP$/,
  );
});

Deno.test("before the modes a frame has at most 8,197 bytes, after them as many as the limit", async () => {
  await using rig = await Rig.start({ limits: { commandFrameLength: 20_000 } });
  const tooLong = rig.connect();
  await tooLong.send(Command.DefineOperationalModes, new Uint8Array(8197));
  await tooLong.expectEnd();
  const peer = rig.connect();
  const modes = new Uint8Array(8196);
  modes.set(encodeOperationalModes(DefaultOperationalModes));
  await peer.send(Command.DefineOperationalModes, modes);
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  await peer.send(0x42, new Uint8Array(19_999));
  await peer.expect(Response.Failed, 0x42);
  await peer.send(0x42, new Uint8Array(20_000));
  await peer.expectEnd();
  await settle();
  assertEquals(lastClosed(rig), {
    at: rig.clock.now(),
    reason: "frameTooLong",
    message: "frame of 20001 bytes, at most 20000 expected",
  });
});

Deno.test("who does not define modes in time is disconnected", async () => {
  await using rig = await Rig.start({ handshakeTimeout: 3000 });
  const silent = rig.connect();
  const slow = rig.connect();
  await slow.channel.write(encodeCommand(Command.DefineOperationalModes, new Uint8Array(4)).subarray(0, 6));
  await settle();
  rig.clock.advance(2999);
  assertEquals(rig.publisher.stats().connections.open, 2);
  rig.clock.advance(1);
  await silent.expectEnd();
  await slow.expectEnd();
  await settle();
  assertEquals(rig.publisher.stats().connections.closed, { handshakeTimeout: 2 });
});

Deno.test("unknown and unsupported commands are answered Failed, counted, and never disconnect", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  for (let i = 0; i < 100; i++) await peer.send(0x42, new Uint8Array(i));
  for (let i = 0; i < 100; i++) {
    assertEquals(await peer.expectText(Response.Failed, 0x42), "Command 0x42 is not known here.");
  }
  for (
    const command of [
      Command.Connect,
      Command.RotateCipherKeys,
      Command.UpdateProcessingInterval,
      Command.UserCommand00,
      Command.UserCommand15,
    ]
  ) {
    await peer.send(command);
    assertStringIncludes(await peer.expectText(Response.Failed, command), commandName(command));
  }
  const { events } = rig.connection();
  assertEquals(events["unknown command"], 101);
  assertEquals(events["RotateCipherKeys failed"], 1);
});

Deno.test("an empty frame and confirmations of nothing are counted and not answered", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.channel.write(new Uint8Array(4));
  for (const command of [0x07, 0x08, 0x09, 0x0a, 0x0b]) await peer.send(command, new Uint8Array(4));
  await peer.send(0x42);
  await peer.expect(Response.Failed, 0x42);
  const { events } = rig.connection();
  assertEquals(events["empty frame"], 1);
  assertEquals(events["confirmation without a cache"], 1);
  assertEquals(events["ConfirmBufferBlock"], 1);
});

Deno.test("NoOP every five seconds while nothing else is on its way", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  rig.clock.advance(4999);
  rig.clock.advance(1);
  await peer.expect(Response.NoOP);
  rig.clock.advance(5000);
  await peer.expect(Response.NoOP);
  // Not one on top of another for who does not read: the first fills the channel, the second write waits.
  const [stalled] = [await rig.agree({}, 40)];
  for (let i = 0; i < 20; i++) {
    rig.clock.advance(5000);
    await settle();
  }
  assertEquals(rig.connection(2).queue.frames <= 1, true);
  stalled.channel.close();
});

Deno.test("who reads nothing for longer than the stall time-out is disconnected", async () => {
  await using rig = await Rig.start({ stallTimeout: 60_000 });
  const peer = await rig.agree({}, 100);
  await peer.subscribe({ filterExpression: "True" });
  await settle();
  for (let seconds = 0; seconds < 60; seconds += 5) {
    assertEquals(rig.publisher.stats().connections.open, 1);
    rig.clock.advance(5000);
    await settle();
  }
  assertEquals(rig.publisher.stats().connections.closed, { stalled: 1 });
});

Deno.test("commands wait while their answers are not read", async () => {
  await using rig = await Rig.start({}, 2000);
  const peer = await rig.agree({ compressMetadata: false }, 1000);
  for (let i = 0; i < 10; i++) await peer.send(Command.MetadataRefresh);
  await settle();
  await settle();
  // The first answer fills the connection; the others are not even begun.
  assertEquals(rig.connection().events["MetadataRefresh"], 1);
  for (let i = 0; i < 10; i++) await peer.expect(Response.Succeeded, Command.MetadataRefresh);
  assertEquals(rig.connection().events["MetadataRefresh"], 10);
});

Deno.test("of answers that are not read there are 256 KiB, and the one that was too much", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree({}, 1000);
  const sending = (async (): Promise<void> => {
    for (let i = 0; i < 20_000; i++) await peer.send(0x77);
  })();
  let done = -1;
  for (let before = -2; before !== done;) {
    before = done;
    for (let i = 0; i < 5; i++) await settle();
    done = rig.connection().events["unknown command"] ?? 0;
  }
  const { controlBytes } = rig.connection().queue;
  assert(done < 20_000 && controlBytes > 262_144 && controlBytes < 262_144 + 200, `${done}: ${controlBytes}`);
  peer.channel.close();
  await sending.catch(() => {});
});

Deno.test("metadata, plain and compressed, comes from one cache for each form", async () => {
  await using rig = await Rig.start({}, 50);
  const plain = await rig.agree({ compressMetadata: false });
  const gzipped = await rig.agree();
  const unkind = await rig.agree({ gzip: false });
  const bodies: Uint8Array[] = [];
  for (const peer of [plain, gzipped, unkind]) {
    await peer.send(Command.MetadataRefresh);
    bodies.push(await peer.expect(Response.Succeeded, Command.MetadataRefresh));
  }
  assertEquals(gunzip(bodies[1]!, { maxLength: 1_000_000 }), bodies[0]!);
  assertEquals(bodies[2], bodies[0], "a compression bit needs its kind bit");
  const received = await DataSet.fromXml(bodies[0]!);
  assertEquals(received.table("MeasurementDetail")?.rowCount, 50);
  assertEquals(received.table("ActiveMeasurements"), undefined);
});

Deno.test("metadata in UTF-16 has a byte order mark", async () => {
  await using rig = await Rig.start();
  for (const [encoding, mark] of [["utf-16le", [0xff, 0xfe]], ["utf-16be", [0xfe, 0xff]]] as const) {
    const peer = await rig.agree({ encoding, compressMetadata: false });
    await peer.send(Command.MetadataRefresh);
    const body = await peer.expect(Response.Succeeded, Command.MetadataRefresh);
    assertEquals([...body.subarray(0, 2)], [...mark]);
    const text = new TextDecoder(encoding).decode(body);
    const received = await DataSet.fromXml(text);
    assertEquals(received.table("MeasurementDetail")?.rowCount, 8);
  }
});

Deno.test("metadata filters narrow the tables that they name", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree({ compressMetadata: false });
  const filter = "FILTER MeasurementDetail WHERE SignalAcronym <> 'STAT'";
  for (let i = 0; i < 2; i++) {
    await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filter, "utf-8"));
    const received = await DataSet.fromXml(await peer.expect(Response.Succeeded, Command.MetadataRefresh));
    assertEquals(received.table("MeasurementDetail")?.rowCount, 6);
    assertEquals(received.table("DeviceDetail")?.rowCount, 1);
  }
});

Deno.test("a bad metadata filter is answered with what is wrong", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.send(Command.MetadataRefresh, encodeMetadataRefresh("FILTER DeviceDetail WHERE (", "utf-8"));
  assertMatch(await peer.expectText(Response.Failed, Command.MetadataRefresh), /expect/i);
  await peer.send(Command.MetadataRefresh, Uint8Array.of(0, 0, 0, 9, 65));
  assertMatch(await peer.expectText(Response.Failed, Command.MetadataRefresh), /9 bytes, 1 are left/);
});

Deno.test("a publisher may forbid that metadata is asked for", async () => {
  await using rig = await Rig.start({ allowMetadataRefresh: false });
  const peer = await rig.agree();
  await peer.send(Command.MetadataRefresh);
  assertMatch(await peer.expectText(Response.Failed, Command.MetadataRefresh), /does not allow/);
});

Deno.test("texts are in the session's encoding", async () => {
  await using rig = await Rig.start();
  for (const encoding of ["utf-16le", "utf-16be"] as const) {
    const peer = await rig.agree({ encoding });
    await peer.subscribe({ filterExpression: "PPA:1; PPA:2" });
    const { cache } = await peer.expectCache();
    assertEquals(cache.at(1).source, "PPA");
    assertEquals(
      await peer.expectText(Response.Succeeded, Command.Subscribe),
      "Client subscribed using TSSC compression over TCP with 2 signals.",
    );
  }
});

Deno.test("who connects beyond the limit is refused in answer to Connect, and disconnected", async () => {
  await using rig = await Rig.start({ maxConnections: 2 });
  await rig.agree();
  const second = await rig.agree();
  const third = rig.connect();
  await third.defineModes();
  const text = await third.expectText(Response.Failed, Command.Connect);
  assertEquals(text, "Connection refused: 2 subscribers are connected, and no more are allowed.");
  rig.clock.advance(1000);
  await third.expectEnd();
  await settle();
  assertEquals(rig.publisher.stats().connections.closed, { refused: 1 });
  // One that hangs up by itself was refused all the same.
  const fourth = rig.connect();
  await fourth.expectText(Response.Failed, Command.Connect);
  fourth.channel.close();
  await settle();
  assertEquals(rig.publisher.stats().connections.closed, { refused: 2 });
  // There is room again when one of the others leaves.
  second.channel.close();
  await settle();
  await rig.agree();
});

Deno.test("a flood of connections beyond the limit is not given time", async () => {
  await using rig = await Rig.start({ maxConnections: 0 });
  for (let i = 0; i < 70; i++) rig.connect();
  await settle();
  assertEquals(rig.publisher.stats().connections, {
    open: 64,
    accepted: 70,
    closed: { refused: 6 },
    handshakesFailed: {},
  });
});

Deno.test("ConfigurationChanged is sent when metadata is defined anew, once to who does not read", async () => {
  await using rig = await Rig.start();
  const early = rig.connect();
  const peer = await rig.agree({}, 200);
  for (let i = 0; i < 50; i++) {
    rig.publisher.defineMetadata(grid(9));
    await settle();
  }
  const { controlBytes } = rig.connection(2).queue;
  assertEquals(controlBytes <= 20, true, `${controlBytes} bytes`);
  await peer.expect(Response.ConfigurationChanged);
  assertEquals(rig.connection(1).sent.bytes, 0, "not before the modes");
  early.channel.close();
});

Deno.test("limits on connection strings and filters are answered Failed", async () => {
  await using rig = await Rig.start({ limits: { connectionStringLength: 500, filterLength: 50 } });
  const peer = await rig.agree();
  for (const length of [51, 600]) {
    await peer.subscribe({ filterExpression: "x".repeat(length) });
    assertMatch(await peer.expectText(Response.Failed, Command.Subscribe), /at most (50|500) expected/);
  }
});

Deno.test("whatever bytes come, there is an answer or an end, and never an internal error", async () => {
  await using rig = await Rig.start();
  const status = rig.publisher.status();
  // xorshift32
  let state = 0x9e3779b9;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const codes = [1, 2, 3, 5, 6, 7, 8, 10, 12, 0xd0, 0x42];
  const peers = await Promise.all(Array.from({ length: 20 }, () => rig.agree()));
  for (let i = 0; i < 1000; i++) {
    const peer = peers[random(peers.length)]!;
    const body = Uint8Array.from({ length: random(60) }, () => random(4) === 0 ? random(256) : 0);
    // Now and then a length that fits, so that what follows is looked at.
    if (random(2) === 0 && body.length >= 5) new DataView(body.buffer).setUint32(random(2), body.length - 5);
    await peer.send(codes[random(codes.length)]!, body).catch(() => {});
  }
  await settle();
  const { open } = rig.publisher.stats();
  assertEquals(open.length, 20, "commands, however wrong, never disconnect");
  const answers = open.reduce((sum, { events }) => sum + (events["Subscribe failed"] ?? 0), 0);
  assertEquals(answers > 10, true);
  await rig.publisher.stop({ drain: 0 });
  for await (const event of status) {
    if (event.kind === "internalError") throw event.cause;
  }
});

Deno.test("latency: from sending the latest cache to its confirmation", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.subscribe({ filterExpression: "FILTER ActiveMeasurements WHERE True" });
  await peer.expectCache();
  assertEquals(rig.connection(1).latency, null);
  rig.clock.advance(25);
  await peer.confirmCache();
  await settle();
  assertEquals(rig.connection(1).latency, 25);
  await peer.confirmCache();
  await settle();
  assertEquals(rig.connection(1).latency, 25, "nothing was to be confirmed");
});

/** Reads whatever comes, to the end. */
async function readOn(peer: ScriptedPeer): Promise<void> {
  while (await peer.receive() !== undefined);
}

for (const kind of ["overflow", "resynchronised"] as const) {
  Deno.test(`a listener to the diagnostics channel that disconnects at "${kind}" takes nobody else's data`, async () => {
    await using rig = await Rig.start({ outboundQueueLimit: 262_144 }, 2000);
    const { publisher } = rig;
    const peers = [
      await rig.subscribe(),
      await rig.subscribe(),
      await rig.subscribe(),
      await rig.subscribe(),
    ];
    let disconnected: number | undefined;
    const listener = (message: unknown): void => {
      const { source, event } = message as DiagnosticsMessage<PublisherStatus>;
      if (source !== publisher || event.kind !== kind || disconnected !== undefined) return;
      disconnected = event.connection.id;
      publisher.disconnect(disconnected, "too slow");
    };
    const reading = kind === "overflow" ? peers.slice(1).map(readOn) : [];
    const overflowed = (): number => {
      return publisher.stats().open.filter(({ dropped }) => dropped["overflow"] !== undefined).length;
    };
    subscribe("sttp:publisher", listener);
    try {
      let round = 0n;
      if (kind === "resynchronised") {
        while (overflowed() < 4) await rig.publishNoise(2000, ++round);
        reading.push(...peers.map(readOn));
        await settle();
      }
      while (disconnected === undefined) {
        rig.clock.advance(1000);
        await rig.publishNoise(2000, ++round);
      }
      await settle();
      rig.clock.advance(1000);
      const sent = (): number[] => publisher.stats().open.map(({ sent }) => sent.measurements);
      const before = sent();
      await rig.publishNoise(2000, ++round);
      await settle();
      assertEquals(sent().map((measurements, i) => measurements - before[i]!), [2000, 2000, 2000]);
      const [{ members, detachedMembers }] = publisher.stats().groups as [GroupSnapshot];
      assertEquals([disconnected, members, detachedMembers], [1, 3, 0]);
    } finally {
      unsubscribe("sttp:publisher", listener);
      for (const peer of peers) peer.channel.close();
    }
    await Promise.all(reading);
  });
}
