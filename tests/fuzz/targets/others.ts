/**
 * What stands between the wire and the program: packets on either channel, recordings, and the admin.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createAdmin } from "../../../admin/mod.ts";
import { Conversation } from "../../../cli/capture/conversation.ts";
import { readRecording } from "../../../cli/capture/recording.ts";
import {
  ethernet,
  ip,
  packetsOf,
  pcap,
  pcapng,
  vlan,
} from "../../../cli/capture/testdata/network_recordings.ts";
import { CommandError } from "../../../cli/exit_codes.ts";
import { Publisher } from "../../../publisher/mod.ts";
import { checkOptions } from "../../../subscriber/options.ts";
import { FrameSorter } from "../../../subscriber/frames.ts";
import { PacketReader } from "../../../subscriber/packets.ts";
import { Counters } from "../../../subscriber/stats.ts";
import { cacheOf } from "../../../subscriber/testdata/scripted_publisher.ts";
import {
  BaseTimes,
  Command,
  decodeCacheUpdate,
  decodeSubscribe,
  encodeBaseTimes,
  encodeCacheUpdate,
  encodeCipherKeys,
  ManualClock,
  MeasurementBatch,
  Response as ResponseCode,
  SignalTable,
} from "../../../transport/mod.ts";
import { metadataOf } from "../../integration/support.ts";
import { commandBodies, recorded, responseBodies } from "../corpus.ts";
import { keys } from "../keys.ts";
import { damaged, joined, textOf } from "../mutate.ts";
import { type FuzzTarget, mustSucceed, target } from "../target.ts";

const keysBody = encodeCipherKeys({ cipherIndex: 1, ...keys });
const baseTimes = encodeBaseTimes(new BaseTimes(0, 638_000_000_000_000_000n, 638_000_000_600_000_000n));

/** A connection's packets, with caches, base times and keys in between, over TCP and UDP. */
const packets = target("packets", 150, () =>
  fc.record({
    version: fc.constantFrom(1, 2, 3),
    format: fc.record({ includeTime: fc.boolean(), useMillisecondResolution: fc.boolean() }),
    steps: fc.array(
      fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({
            kind: fc.constant("read" as const),
            body: damaged(responseBodies(ResponseCode.DataPacket)),
            isDatagram: fc.boolean(),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            kind: fc.constant("cache" as const),
            index: fc.constantFrom(0 as const, 1 as const),
          }),
        },
        { weight: 1, arbitrary: damaged([baseTimes]).map((body) => ({ kind: "baseTimes" as const, body })) },
        { weight: 1, arbitrary: damaged([keysBody]).map((body) => ({ kind: "keys" as const, body })) },
      ),
      { minLength: 1, maxLength: 30 },
    ),
  }), ({ version, format, steps }) => {
  const signals = new SignalTable();
  const limits = checkOptions({ limits: { packetMeasurements: 2_000, signals: 100 } }).limits;
  const reader = new PacketReader({
    version,
    limits,
    signals,
    clock: new ManualClock(),
    counters: new Counters(),
    drop: (): void => {},
  });
  const block = encodeCacheUpdate(cacheOf(Array.from({ length: 20 }, (_, n) => n)), {
    version: 2,
    cacheIndex: 0,
  });
  const { cache } = decodeCacheUpdate(block, { version: 2, gzip: false });
  const into = new MeasurementBatch();
  reader.installCache(0, cache, format);
  for (const step of steps) {
    if (step.kind === "cache") reader.installCache(step.index, cache, format);
    else if (step.kind === "baseTimes") reader.updateBaseTimes(step.body);
    else if (step.kind === "keys") reader.updateCipherKeys(step.body);
    else reader.read(step.body, into, step.isDatagram);
    for (let i = 0; i < into.length; i++) {
      assert(into.signals[i]! < signals.size, "a measurement of no signal");
    }
    assert(into.length <= 2_000);
    into.clear();
  }
});

/** Times that a publisher made up, sorted into frames. */
const alignedFrames = target("aligned-frames", 150, () => {
  const second = 10_000_000n;
  const since = fc.oneof(
    fc.bigInt({ min: -3n * second, max: 3n * second }),
    fc.bigInt({ min: -(638n * 10n ** 15n), max: 1n << 62n }),
    fc.constantFrom(-1n, 0n, 166_666n, 333_333n, -second, second),
  );
  return fc.record({
    options: fc.record({
      framesPerSecond: fc.constantFrom(1, 7, 30, 1000),
      lagTime: fc.constantFrom(0, 0.5, 2),
      leadTime: fc.constantFrom(0, 1, 3),
      useLocalClockAsRealTime: fc.boolean(),
    }),
    steps: fc.array(
      fc.record({
        measurements: fc.array(fc.tuple(fc.nat(200), since), { maxLength: 20 }),
        passes: fc.bigInt({ min: -2n * second, max: 5n * second }),
      }),
      { minLength: 1, maxLength: 15 },
    ),
  });
}, ({ options, steps }) => {
  const sorter = new FrameSorter(options);
  let now = 638_000_000_000_000_000n;
  let added = 0;
  let taken = 0;
  let last = -1n;
  const take = (flush: boolean): boolean => {
    const frame = sorter.take(now, flush);
    if (frame === undefined) return false;
    assert(frame.ticks > last, "a frame that is not after the one before");
    last = frame.ticks;
    taken += frame.measurements.length;
    return true;
  };
  for (const { measurements, passes } of steps) {
    const batch = new MeasurementBatch();
    for (const [signal, since] of measurements) batch.add(signal, now + since, 0);
    for (let from = 0; from < batch.length;) {
      const to = sorter.add(batch, from, now);
      added += to - from;
      if (to < batch.length) assert(take(false), "no room, and no frame is due");
      from = to;
    }
    now += passes;
    while (take(false));
    const due = sorter.dueIn(now);
    assert(due === undefined || due >= 0);
  }
  while (take(true));
  const { late, future, replaced } = sorter.stats();
  assertEquals(taken + late + future + replaced, added, "a measurement got lost without a reason");
});

/** A recording as `sttp decode` reads it. */
const recordings = target("recordings", 60, () => {
  const records = recorded().clientSessions.map((bytes, i) =>
    joined(
      record("c", bytes),
      ...recorded().serverSessions[i]!.map((frame) => record("s", frame)),
    )
  );
  const overNetwork = recorded().clientSessions.slice(0, 6).flatMap((client, i) =>
    networkRecordings(client, recorded().serverSessions[i]!)
  );
  return damaged([...records, ...overNetwork]);
}, async (file) => {
  const conversation = new Conversation();
  for await (const event of readRecording(ReadableStream.from([file]))) {
    if (event.kind !== "bytes") continue;
    for await (const { name, problems } of conversation.add(event.from, event.bytes, event.ticks)) {
      assert(name !== "" || problems.length > 0, "a message without name and problem");
    }
  }
}, [CommandError]);

/** A session as it went over a network, in all that a recording of it may be: formats of files, links, IP. */
function networkRecordings(client: Uint8Array, server: readonly Uint8Array[]): Uint8Array[] {
  // Short ones, so that a good deal of the file is headers.
  const answers = server.filter(({ length }) => length < 1000);
  const packets = packetsOf([
    { from: "subscriber", bytes: client },
    ...answers.map((bytes) => ({ from: "publisher" as const, bytes })),
    ...answers.slice(-1).map((bytes) => ({ from: "datagram" as const, bytes: bytes.subarray(4) })),
  ], 200);
  const onEthernet = packets.map((packet) => ethernet(ip(packet)));
  return [
    pcapng(onEthernet),
    pcap(onEthernet, { isLittle: false, isNano: true }),
    pcap(packets.map((packet) => vlan(ip(packet, 6)))),
    pcap(packets.map((packet) => ip(packet)), { linkType: 101 }),
  ];
}

function record(kind: string, bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(5);
  head[0] = kind.charCodeAt(0);
  new DataView(head.buffer).setUint32(1, bytes.length);
  return joined(head, bytes);
}

/** What goes into a Subscribe comes back from it. */
const subscribeFields = target(
  "subscribe-fields",
  150,
  () => damaged(commandBodies(Command.Subscribe)),
  (body) => {
    const request = decodeSubscribe(body, "utf-8");
    assertEquals(typeof request.filterExpression, "string");
    for (const number of [request.lagTime, request.leadTime, request.publishInterval]) {
      assert(Number.isFinite(number), `${number}`);
    }
  },
);

const secret = "a-long-random-text";
let admin: ReturnType<typeof createAdmin> | undefined;

function theAdmin(): ReturnType<typeof createAdmin> {
  if (admin !== undefined) return admin;
  const publisher = new Publisher({ port: 0, listen: false });
  publisher.defineMetadata(metadataOf(30));
  return admin = createAdmin(publisher, {
    credentials: [{ name: "somebody", role: "operator", secret }],
    actions: true,
    onAction: () => {},
  });
}

/** Requests to the admin: never an error of its own. */
const requests = target(
  "admin-requests",
  100,
  () =>
    fc.record({
      path: textOf([
        "/api/v1/",
        "status",
        "connections",
        "connections/1",
        "/",
        "metadata",
        "metadata/MeasurementDetail",
        "events",
        "trend",
        "signals",
        "openapi.json",
        "metrics",
        "disconnect",
        "bans",
        "..",
        "%2e%2e",
        "%00",
        "%",
        "__proto__",
      ], 6),
      query: textOf([
        "limit=",
        "offset=",
        "filter=",
        "search=",
        "where=",
        "sort=",
        "system=",
        "table=",
        "page=",
        "&",
        "FILTER TOP 5 MeasurementDetail WHERE True",
        "SignalAcronym = 'FREQ'",
        "-1",
        "1e9",
        "%00",
        "constructor",
      ], 8),
      method: fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
      accept: fc.constantFrom("application/json", "text/html", "*/*", ""),
      body: fc.oneof(
        textOf(["{", "}", '"reason"', ":", '"x"', "1", "null", "[", "]", "__proto__"], 12),
        fc.constant("{}"),
      ),
      origin: fc.constantFrom(undefined, "http://localhost", "http://elsewhere", "null"),
    }),
  mustSucceed(async ({ path, query, method, accept, body, origin }) => {
    const url = `http://localhost/${path}?${query}`;
    if (!URL.canParse(url)) return;
    const hasBody = method !== "GET" && method !== "HEAD";
    const headers = new Headers({
      authorization: `Bearer ${secret}`,
      accept,
      "content-type": "application/json",
    });
    if (origin !== undefined) headers.set("origin", origin);
    const request = new Request(url, { method, headers, ...hasBody && { body } });
    const response = await theAdmin().fetch(request);
    assert(response.status < 500 || response.status === 503, `${response.status} for ${method} ${url}`);
    assert(response.headers.has("content-security-policy"), "no content security policy");
    await response.body?.cancel();
  }),
);

/** All of these targets. */
export const otherTargets: readonly FuzzTarget[] = [
  packets,
  alignedFrames,
  recordings,
  subscribeFields,
  requests,
];
