import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows, fail } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import type { PeerInfo } from "../transport/channel.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { gunzip } from "../transport/wire/gzip.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import type { SubscriptionOptions } from "../transport/wire/subscribe.ts";
import { Access } from "./access.ts";
import { type AccessOptions, checkAccess, type SignalRights } from "./access_options.ts";
import type { Definition } from "./definition.ts";
import type { PublisherOptions } from "./options.ts";
import { Publisher } from "./publisher.ts";
import type { AccessSnapshot } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";
import { grid, Rig, type ScriptedPeer, settle, signalId } from "./testdata/rig.ts";
import type { Visibility } from "./visibility.ts";

const all = "FILTER ActiveMeasurements WHERE True";
const stat = "FILTER ActiveMeasurements WHERE SignalType = 'STAT'";
const notStat = "FILTER ActiveMeasurements WHERE SignalType <> 'STAT'";

function certificate(name: string): PeerInfo {
  return {
    address: "192.0.2.1:1",
    certificate: { name, fingerprint: name.charCodeAt(0).toString(16).repeat(32), validTo: 0 },
  };
}

function start(access: AccessOptions, options: PublisherOptions = {}): Promise<Rig> {
  return Rig.start({ access, ...options });
}

function refused(rig: Rig): AccessSnapshot["refused"] {
  return rig.publisher.stats().access.refused;
}

async function isRefused(rig: Rig, peer: ScriptedPeer): Promise<string> {
  const text = await peer.expectText(Response.Failed, Command.Connect);
  rig.clock.advance(1000);
  await peer.expectEnd();
  await settle();
  assertEquals(rig.publisher.stats().recentlyClosed[0]?.closed?.reason, "denied");
  return text;
}

async function isServed(peer: ScriptedPeer): Promise<ScriptedPeer> {
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  return peer;
}

/** Subscribes. @returns The signals granted, and those not, by number. */
async function subscribe(
  peer: ScriptedPeer,
  filterExpression = all,
  options: SubscriptionOptions = {},
): Promise<[granted: number[], unauthorized: number[]]> {
  await peer.subscribe({ filterExpression, ...options });
  const { cache } = await peer.expectCache();
  await peer.expect(Response.Succeeded, Command.Subscribe);
  await peer.confirmCache();
  await settle();
  return [cache.signalIds.map(numberOf), cache.unauthorized.map(numberOf)];
}

function numberOf(id: string): number {
  return parseInt(id.slice(-12), 16);
}

async function metadata(peer: ScriptedPeer, filter = ""): Promise<DataSet> {
  await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filter, peer.modes.encoding!));
  return await DataSet.fromXml(
    gunzip(await peer.expect(Response.Succeeded, Command.MetadataRefresh), { maxLength: 1 << 24 }),
  );
}

/** Everything that happens until the publisher stops. */
async function statusOf(rig: Rig): Promise<PublisherStatus[]> {
  return await Array.fromAsync(rig.publisher.status());
}

function idsIn(dataSet: DataSet): number[] {
  return Array.from(
    dataSet.table("MeasurementDetail")!,
    (row) => numberOf(row.string("SignalID")!),
  );
}

Deno.test("what rules let somebody see is kept for the next, 64 MiB of it, and no more", () => {
  const rules = Array.from("abcde", (name) => ({ who: { certificates: [name] }, allow: [] }));
  // Each weighs a byte for a signal, and 107 besides.
  const signals = { size: 16 * 1024 ** 2 - 107 } as SignalTable;
  const access = new Access(checkAccess({ signals: rules }), {
    clock: new ManualClock(),
    signals,
    emit: (event) => fail(event.kind),
  });
  const definition = { handlesOf: () => new Int32Array(0) } as unknown as Definition;
  const visible = (name: string): Visibility => access.visibleByRules(certificate(name), definition);
  const [a, b] = Array.from("abcd", visible);
  assertStrictEquals(visible("a"), a);
  visible("e");
  // The one that was used the longest ago has gone.
  assert(visible("b") !== b);
  assertStrictEquals(visible("a"), a);
});

Deno.test("addresses: who is allowed, who is denied, and a deny wins", async () => {
  await using rig = await start({
    allow: { addresses: ["10.0.0.0/8", "2001:db8::/32"] },
    deny: [{ addresses: ["10.9.0.0/16"] }, { addresses: ["2001:db8::bad"] }],
  });
  await isServed(rig.connectAs({ address: "10.1.2.3:4" }));
  await isServed(rig.connectAs({ address: "[::ffff:10.1.2.3]:4" }));
  await isServed(rig.connectAs({ address: "[2001:db8::1]:4" }));
  for (
    const address of [
      "10.9.0.1:4",
      "[::ffff:10.9.0.1]:4",
      "[2001:db8::bad]:4",
      "192.0.2.1:4",
      "[::1]:4",
      "memory",
    ]
  ) {
    const text = await isRefused(rig, rig.connectAs({ address }));
    assertEquals(text, "Connection refused: this publisher does not serve you.", address);
  }
  assertEquals(refused(rig), { denied: 3, notAllowed: 3 });
});

Deno.test("certificates by name or fingerprint, alone and together with addresses", async () => {
  await using rig = await start({
    allow: [
      { certificates: ["historian", "64:".repeat(31) + "64"] },
      { certificates: ["roamer"], addresses: ["10.0.0.0/8"] },
    ],
    deny: { certificates: ["hacked"] },
  });
  await isServed(rig.connectAs(certificate("historian")));
  await isServed(rig.connectAs(certificate("d, known by its fingerprint")));
  await isServed(rig.connectAs({ ...certificate("roamer"), address: "10.0.0.1:1" }));
  await isRefused(rig, rig.connectAs(certificate("roamer")));
  await isRefused(rig, rig.connectAs(certificate("Historian")));
  await isRefused(rig, rig.connectAs(certificate("hacked")));
  await isRefused(rig, rig.connectAs({ address: "192.0.2.1:1" }));
});

Deno.test("connections from one address are counted, whatever their ports, and given back", async () => {
  await using rig = await start({ maxConnectionsPerAddress: 2 }, { maxConnections: 3 });
  const first = await isServed(rig.connectAs({ address: "192.0.2.1:1" }));
  await isServed(rig.connectAs({ address: "[::ffff:192.0.2.1]:2" }));
  assertEquals(
    await isRefused(rig, rig.connectAs({ address: "192.0.2.1:3" })),
    "Connection refused: 192.0.2.1 has 2 connections, and may have no more.",
  );
  await isServed(rig.connectAs({ address: "192.0.2.2:1" }));
  first.channel.close();
  await settle();
  await isServed(rig.connectAs({ address: "192.0.2.1:4" }));
  const last = rig.connectAs({ address: "192.0.2.3:1" });
  assertMatch(await last.expectText(Response.Failed, Command.Connect), /3 subscribers are connected/);
  assertEquals(refused(rig), { perAddress: 1, tooMany: 1 });
});

Deno.test("the application decides about connections: at once, later, with a text, by throwing, or not at all", async () => {
  const decisions = new Map<string, () => boolean | string | Promise<boolean | string>>([
    ["10.0.0.1:1", () => true],
    ["10.0.0.2:1", () => Promise.resolve(true)],
    ["10.0.0.3:1", () => false],
    ["10.0.0.4:1", () => Promise.resolve("come back on Monday")],
    ["10.0.0.5:1", () => {
      throw new Error("the database is away");
    }],
    ["10.0.0.6:1", () => Promise.reject(new Error("the database is away"))],
    ["10.0.0.7:1", () => undefined as unknown as boolean],
    ["10.0.0.8:1", () => new Promise(() => {})],
    ["10.0.0.9:1", () => true],
  ]);
  const asked: string[] = [];
  const signals: AbortSignal[] = [];
  await using rig = await start({
    deny: { addresses: ["10.0.0.9"] },
    authorizeConnection: ({ address, direction, id }, signal) => {
      asked.push(`${id} ${direction} ${address}`);
      signals.push(signal);
      return decisions.get(address)!();
    },
  });
  const events = statusOf(rig);
  for (const n of [1, 2]) await isServed(rig.connectAs({ address: `10.0.0.${n}:1` }));
  const texts: string[] = [];
  for (const n of [3, 4, 5, 6, 7]) {
    texts.push(await isRefused(rig, rig.connectAs({ address: `10.0.0.${n}:1` })));
  }
  const notServed = "Connection refused: this publisher does not serve you.";
  assertEquals(texts, [
    notServed,
    "Connection refused: come back on Monday",
    notServed,
    notServed,
    notServed,
  ]);

  const late = rig.connectAs({ address: "10.0.0.8:1" });
  await late.defineModes();
  await settle();
  assertEquals(rig.connection(8).modes, null, "nothing is served before it is decided");
  rig.clock.advance(5000);
  assertEquals(await isRefused(rig, late), notServed);
  assert(signals.at(-1)!.aborted);

  await isRefused(rig, rig.connectAs({ address: "10.0.0.9:1" }));
  assertEquals(asked.length, 8, "who is denied is not asked about");
  assertEquals(asked[0], "1 incoming 10.0.0.1:1");
  const { access } = rig.publisher.stats();
  assertEquals(access.refused, { authorizer: 2, authorizerFailed: 4, denied: 1 });
  assertEquals(access.failed, { connection: 4 });
  await rig.publisher.stop({ drain: 0 });
  const failures = (await events).filter((event) => event.kind === "authorizationFailed");
  assertEquals(failures.map(({ connection, about, message }) => [connection.id, about, message]), [
    [5, "connection", "the database is away"],
    [6, "connection", "the database is away"],
    [7, "connection", "authorizeConnection gave undefined, a boolean or a text expected"],
    [8, "connection", "no decision within 5000 ms"],
  ]);
});

Deno.test("who leaves before the application has decided leaves nothing behind", async () => {
  const signals: AbortSignal[] = [];
  await using rig = await start({
    authorizeConnection: (_, signal) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  rig.connectAs({ address: "10.0.0.1:1" });
  await settle();
  assert(rig.publisher.disconnect(1));
  await settle();
  assert(signals[0]!.aborted);
  assertEquals(rig.publisher.stats().access.failed, {});
  assertEquals(rig.clock.pending, 0);
});

Deno.test("rules: as soon as something is allowed to somebody, only what is allowed is seen; a deny wins", async () => {
  const denyStat = { deny: stat };
  const forHistorian = { who: { certificates: ["historian"] }, allow: all };
  const rules: [AccessOptions["signals"] & object, stranger: number[], historian: number[]][] = [
    [[denyStat], [0, 1, 2, 4, 5, 6], [0, 1, 2, 4, 5, 6]],
    [[{ who: { certificates: ["historian"] }, deny: stat }], [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 4, 5, 6]],
    [[forHistorian], [], [0, 1, 2, 3, 4, 5, 6, 7]],
    [[forHistorian, denyStat], [], [0, 1, 2, 4, 5, 6]],
    [[{ allow: stat }, forHistorian], [3, 7], [0, 1, 2, 3, 4, 5, 6, 7]],
    [[{ allow: [signalId(5), signalId(99)] }], [5], [5]],
    [[{ allow: all, deny: [`{${signalId(0).toUpperCase()}}`] }], [1, 2, 3, 4, 5, 6, 7], [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
    ]],
    [[{ allow: `PPA:2; "SHELBY:2"; ${signalId(3)}` }], [1, 2, 3], [1, 2, 3]],
    [[{ allow: "FILTER TOP 2 ActiveMeasurements ORDER BY PointTag DESC" }], [7, 6], [7, 6]],
  ];
  for (const [signals, stranger, historian] of rules) {
    await using rig = await start({ signals });
    const who = [await rig.agree(), await isServed(rig.connectAs(certificate("historian")))] as const;
    for (const [i, expected] of [stranger, historian].entries()) {
      const [granted, unauthorized] = await subscribe(who[i]!);
      assertEquals([...granted].sort(), [...expected].sort());
      assertEquals([...granted, ...unauthorized].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
      assertEquals(rig.connection(i + 1).rights, { visible: expected.length, hidden: 8 - expected.length });
      const { signals, unauthorized: count } = rig.connection(i + 1).subscription!;
      assertEquals([signals, count], [expected.length, 8 - expected.length]);
      assertEquals(idsIn(await metadata(who[i]!)).sort(), [...expected].sort());
    }
  }
});

Deno.test("nothing of what is denied gets out, in whatever way it is asked for", async () => {
  await using rig = await start({ signals: [{ deny: stat }], unauthorized: "named" });
  const peer = await rig.agree();
  const ways: [filter: string, granted: number[], unauthorized: number[]][] = [
    [signalId(3), [], [3]],
    ["PPA:4", [], [3]],
    ['"SHELBY:3"', [], [3]],
    [`${signalId(3)}; PPA:8; PPA:1`, [0], [3, 7]],
    [stat, [], []],
    [all, [0, 1, 2, 4, 5, 6], []],
    ["FILTER TOP 1 ActiveMeasurements ORDER BY SignalType DESC, PointTag", [0], []],
    ["FILTER TOP 4 ActiveMeasurements ORDER BY PointTag", [0, 1, 2, 4], []],
    ["FILTER MeasurementDetail WHERE SignalAcronym = 'STAT'", [], []],
    [`FILTER ActiveMeasurements WHERE SignalID = '${signalId(3)}'`, [], []],
    [`SignalType = 'STAT'`, [], []],
    // Fails in the rows that are hidden only, which must not show.
    ["FILTER ActiveMeasurements WHERE 1 / IIF(SignalType = 'STAT', 0, 1) = 1", [0, 1, 2, 4, 5, 6], []],
  ];
  for (const [filter, granted, unauthorized] of ways) {
    assertEquals(await subscribe(peer, filter), [granted, unauthorized], filter);
  }
  for (
    const [filter, expected] of [
      ["", [0, 1, 2, 4, 5, 6]],
      ["FILTER MeasurementDetail WHERE SignalAcronym = 'STAT'", []],
      ["FILTER TOP 1 MeasurementDetail ORDER BY SignalAcronym DESC, PointTag", [0]],
      ["FILTER TOP 4 MeasurementDetail ORDER BY PointTag", [0, 1, 2, 4]],
      ["FILTER MeasurementDetail WHERE 1 / IIF(SignalAcronym = 'STAT', 0, 1) = 1", [0, 1, 2, 4, 5, 6]],
    ] as const
  ) assertEquals(idsIn(await metadata(peer, filter)), [...expected], filter);
  await subscribe(peer);
  await rig.publish([3]);
  assertEquals(rig.publisher.publishBufferBlock(signalId(3), Uint8Array.of(1)), 0);
  assertEquals(rig.publisher.publishBufferBlock(signalId(2), Uint8Array.of(1)), 1);
  await peer.expect(Response.BufferBlock);
});

Deno.test("rules are about disabled measurements, too: metadata does not show those that they hide", async () => {
  for (const [rule, expected] of [[{ deny: stat }, [0, 1, 2]], [{ allow: stat }, [3]]] as const) {
    await using rig = await start({ signals: [rule] });
    const dataSet = grid(4);
    for (const row of [2, 3]) dataSet.table("MeasurementDetail")!.set(row, "Enabled", false);
    rig.publisher.defineMetadata(dataSet);
    assertEquals(idsIn(await metadata(await rig.agree())), [...expected]);
  }
});

Deno.test("what a subscriber is told of: all that it asked for, what it named, or nothing", async () => {
  const filter = `${signalId(3)}; FILTER TOP 4 ActiveMeasurements WHERE SignalType = 'STAT'; PPA:1`;
  for (
    const [unauthorized, expected] of [[undefined, [3, 7]], ["requested", [3, 7]], ["named", [3]], [
      "none",
      [],
    ]] as const
  ) {
    await using rig = await start({ signals: [{ deny: stat }], ...unauthorized && { unauthorized } });
    assertEquals(await subscribe(await rig.agree(), filter), [[0], [...expected]]);
  }
});

Deno.test("history gives what may be seen, and no more", async () => {
  const requested: number[][] = [];
  await using rig = await Rig.start({
    access: { signals: [{ deny: stat }] },
    history: {
      range: () => undefined,
      close: () => Promise.resolve(),
      // deno-lint-ignore require-yield
      async *read({ handles }): AsyncGenerator<never> {
        requested.push([...handles]);
      },
    },
  });
  const peer = await rig.agree();
  await peer.subscribe({ filterExpression: `PPA:3; PPA:4`, startTimeConstraint: "*-1h" });
  const { cache } = await peer.expectCache();
  assertEquals([cache.signalIds, cache.unauthorized], [[signalId(2)], [signalId(3)]]);
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await peer.expect(Response.ProcessingComplete);
  assertEquals(requested, [[2]]);
});

Deno.test("a rule that does not fit the metadata allows nothing, or denies everything", async () => {
  for (const rule of [{ allow: "Nonsense = 1" }, { allow: all, deny: "Nonsense = 1" }]) {
    await using rig = await start({ signals: [rule] });
    const events = statusOf(rig);
    assertEquals(await subscribe(await rig.agree()), [[], [0, 1, 2, 3, 4, 5, 6, 7]]);
    assertEquals(rig.publisher.stats().access.failed, { rule: 1 });
    await rig.publisher.stop({ drain: 0 });
    const failure = (await events).find((event) => event.kind === "accessRuleFailed");
    assertEquals(failure?.rule, "Nonsense = 1");
    assertMatch(failure?.message ?? "", /no column Nonsense/);
  }
});

Deno.test("the application decides about signals, within the rules, once for each definition", async () => {
  const answers = new Map<string, () => boolean | SignalRights | Promise<boolean | SignalRights>>([
    ["all", () => true],
    ["none", () => false],
    ["allow", () => Promise.resolve({ allow: [signalId(0), signalId(3)] })],
    ["deny", () => ({ deny: "PPA:1" })],
    ["wrong filter", () => ({ allow: "FILTER" })],
    ["wrong answer", () => 1 as unknown as boolean],
    ["throws", () => {
      throw new SttpError("Refused", "no");
    }],
  ]);
  let asked = 0;
  await using rig = await start({
    signals: [{ deny: stat }],
    authorizeSignals: ({ certificate }) => {
      asked++;
      return answers.get(certificate!.name)!();
    },
  });
  const granted: Record<string, number[]> = {};
  for (const name of answers.keys()) {
    const peer = await isServed(rig.connectAs(certificate(name)));
    [granted[name]] = await subscribe(peer);
    assertEquals(idsIn(await metadata(peer)), granted[name]);
  }
  const rest = [0, 1, 2, 4, 5, 6];
  assertEquals(granted, {
    all: rest,
    none: [],
    allow: [0],
    deny: rest.slice(1),
    "wrong filter": [],
    "wrong answer": [],
    throws: [],
  });
  assertEquals(asked, 7);
  assertEquals(rig.publisher.stats().access.failed, { signals: 3 });
  rig.publisher.defineMetadata(grid(8));
  await settle();
  assertEquals(asked, 14);
});

Deno.test("subscribers with the same rights share an encoder, whatever their rules are", async () => {
  await using rig = await start({
    signals: [
      { who: { certificates: ["one"] }, allow: notStat },
      { who: { certificates: ["two"] }, allow: [0, 1, 2, 4, 5, 6].map(signalId) },
      { who: { certificates: ["three"] }, allow: all },
    ],
  });
  for (const name of ["one", "two", "three", "three"]) {
    await subscribe(await isServed(rig.connectAs(certificate(name))), notStat);
  }
  assertEquals(rig.publisher.stats().groups.map(({ members, signals }) => [members, signals]), [[4, 6]]);
});

Deno.test("wrong options are refused at once", () => {
  const wrong: [AccessOptions, RegExp][] = [
    [{ allow: {} }, /access.allow names neither addresses nor certificates/],
    [{ deny: { addresses: ["somewhere"] } }, /"somewhere" is neither an IP address nor a range/],
    [{ deny: { addresses: "10.0.0.1" as unknown as string[] } }, /"addresses" must be an object/],
    [{ deny: { certificates: [1 as unknown as string] } }, /must be an array of texts/],
    [{ signals: [{}] }, /access.signals\[0\] neither allows nor denies anything/],
    [{ signals: [{ allow: ["x"] }] }, /access.signals\[0\].allow: "x" is no signal ID/],
    [{ signals: [{ allow: 5 as unknown as string }] }, /must be a filter expression or an array/],
    [{ unauthorized: "some" as "none" }, /one of requested, named, none expected/],
    [{ maxConnectionsPerAddress: 0 }, /maxConnectionsPerAddress/],
    [{ whitelist: [] } as AccessOptions, /access has no option "whitelist"/],
  ];
  for (const [access, message] of wrong) {
    assertMatch(assertThrows(() => new Publisher({ access: access }), Error).message, message);
  }
  const error = assertThrows(() => new Publisher({ access: { signals: [{ deny: "FILTER" }] } }), SttpError);
  assertEquals(error.code, "InvalidFilter");
  assertMatch(error.message, /^access\.signals\[0\]\.deny: /);
});

Deno.test("the application may take longer than a handshake; the subscriber may not, once it is let in", async () => {
  const decisions: ((answer: boolean) => void)[] = [];
  await using rig = await start({
    authorizeConnection: () => new Promise((resolve) => decisions.push(resolve)),
    authorizeTimeout: 60_000,
  });
  const peers = [rig.connect(), rig.connect()];
  rig.clock.advance(30_000);
  for (const decide of decisions) decide(true);
  await settle();
  await isServed(peers[0]!);
  rig.clock.advance(10_000);
  await peers[1]!.expectEnd();
  await settle();
  assertEquals(rig.publisher.stats().connections.closed, { handshakeTimeout: 1 });
});
