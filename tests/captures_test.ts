/**
 * Recorded sessions between other implementations, read and written again by our codecs.
 * What the recordings are: fixtures/captures/README.md.
 */
import { assert, assertEquals, assertFalse, assertGreater, assertNotEquals } from "@std/assert";
import {
  CompactDecoder,
  CompactEncoder,
  DataPacketFlags,
  decodeBaseTimes,
  decodeCacheUpdate,
  decodeSubscribe,
  encodeBaseTimes,
  encodeCacheUpdate,
  encodeCommand,
  encodeDataStartTime,
  encodeOperationalModes,
  encodeResponse,
  encodeSignalIndexCache,
  fromCompactFlags,
  gunzip,
  isGzip,
  MeasurementBatch,
  readCommand,
  readResponses,
  toCompactFlags,
  TsscDecoder,
  TsscEncoder,
} from "../transport/mod.ts";
import { Capture, captureNames, type Faults, receivedLines } from "./support/capture.ts";
import { corruptEachByte, lengthsAccepted } from "./support/hostile.ts";

interface Expectation extends Faults {
  /** How many measurements there are. */
  readonly measurements: number;
  /** What they are, where the recording's subscriber could not tell (it has decoded nothing, or wrongly). */
  readonly expected?: () => string[];
}

const CPPAPI: Faults = { newestConfirmedCache: true };
const PYAPI: Faults = { noCount: true };

const CAPTURES: Readonly<Record<string, Expectation>> = {
  "cppsub-cpppub-compact": { ...CPPAPI, measurements: 600 },
  "cppsub-cpppub-compact-nogzip": { ...CPPAPI, measurements: 600 },
  "cppsub-cpppub-tssc": { ...CPPAPI, measurements: 600 },
  // No peer can read compact packets without a count: what was published is known from a TSSC recording.
  "cppsub-pypub-compact": { ...PYAPI, measurements: 600, expected: () => compacted("gosub-pypub-tssc", 600) },
  "cppsub-pypub-tssc": { ...PYAPI, measurements: 600 },
  "gosub-cpppub-compact": { ...CPPAPI, measurements: 600 },
  "gosub-cpppub-compact-ms-basetime": { ...CPPAPI, measurements: 7600 },
  "gosub-cpppub-compact-udp": { ...CPPAPI, measurements: 600 },
  "gosub-cpppub-tssc": { ...CPPAPI, measurements: 600 },
  "gosub-pypub-compact": { ...PYAPI, measurements: 100, expected: () => compacted("gosub-pypub-tssc", 100) },
  "gosub-pypub-tssc": { ...PYAPI, measurements: 600 },
  // The timestamps are not what was published, but they are what was sent.
  "gosub-pypub-tssc-fps30": { ...PYAPI, measurements: 3000 },
  // The subscriber gave up at the first packet.
  "pysub-cpppub-compact": { ...CPPAPI, measurements: 10, expected: () => compacted("gosub-cpppub-tssc", 10) },
  // The subscriber names the wrong signals: see the test of their own.
  "pysub-cpppub-resubscribe": { measurements: 720 },
  "pysub-cpppub-temporal": { ...CPPAPI, measurements: 244 },
  "pysub-cpppub-tssc": { ...CPPAPI, measurements: 600 },
  "pysub-cpppub-tssc-nogzip": { ...CPPAPI, measurements: 600 },
  "pysub-cpppub-tssc-v1": { ...CPPAPI, measurements: 600 },
  "pysub-pypub-compact": { ...PYAPI, measurements: 100, expected: () => compacted("gosub-pypub-tssc", 100) },
  // The subscriber loses all that comes after the resubscription: see the test of their own.
  "pysub-pypub-resubscribe": {
    ...PYAPI,
    measurements: 764,
    expected: () => followedUp("pysub-pypub-resubscribe"),
  },
  "pysub-pypub-tssc": { ...PYAPI, measurements: 600 },
  // The publisher's fourth packet is broken: flags over 127 need more bytes than it writes.
  "pysub-pypub-tssc-bigflags": { ...PYAPI, measurements: 30 },
  // The subscriber knew no cache 255 and made all signals the nil GUID.
  "pysub-pypub-tssc-nogzip": {
    ...PYAPI,
    measurements: 600,
    expected: () => receivedLines("pysub-pypub-tssc"),
  },
};

/** The first `count` measurements that another recording received, with what the compact format keeps of flags. */
function compacted(name: string, count: number): string[] {
  return receivedLines(name).slice(0, count).map((line) => {
    const [signalId, ticks, flags, bits] = line.split(" ");
    return `${signalId} ${ticks} ${fromCompactFlags(toCompactFlags(Number(flags)))} ${bits}`;
  });
}

/** What the subscriber received, and after it what we read. */
function followedUp(name: string): string[] {
  const received = receivedLines(name);
  return [...received, ...Capture.read(name, PYAPI).lines().slice(received.length)];
}

function read(name: string): Capture {
  return Capture.read(name, CAPTURES[name]!);
}

function byCppapi(name: string): boolean {
  return name.includes("-cpppub-");
}

Deno.test("every recording has its expectation", () => {
  assertEquals(captureNames(), Object.keys(CAPTURES));
});

for (const [name, { measurements, expected }] of Object.entries(CAPTURES)) {
  Deno.test(`${name}: every measurement is read as it was sent`, () => {
    const lines = read(name).lines();
    assertEquals(lines.length, measurements);
    assertEquals(lines, expected === undefined ? receivedLines(name) : expected());
  });

  Deno.test(`${name}: everything around the measurements is read`, () => {
    const capture = read(name);
    const { modes } = capture.modes;
    const compact = name.includes("compact");
    const gzipped = !name.includes("nogzip");
    assertEquals(modes.version, name.endsWith("v1") ? 1 : 2);
    assertEquals([modes.compressPayloadData, modes.tssc], [!compact, !compact]);
    assertEquals(modes.compressMetadata, gzipped);
    // One subscriber names the kind whether it wants it or not.
    assert(modes.gzip || !gzipped);
    assertGreater(capture.metadata.length, 0);
    for (const xml of capture.metadata) {
      assert(xml.startsWith("<?xml"));
      assertEquals(xml.split("<MeasurementDetail>").length - 1 >= 4, true);
    }
    for (const text of capture.texts) assertFalse(text.startsWith("\0"), "no length in front");
    assert(capture.texts[0]?.startsWith(`STTP v${modes.version} client connection accepted`));
    for (const { cache } of capture.caches) {
      assertGreater(cache.size, 0);
      assertEquals(new Set(cache.signalIds).size, cache.size);
      assertEquals(new Set(cache.sources), new Set([byCppapi(name) ? "PPA" : ""]));
      assertEquals([cache.unauthorized, cache.duplicates], [[], 0]);
    }
    const first = capture.packets[0]?.batch.ticks[0];
    assertEquals(capture.startTimes, byCppapi(name) ? [first!] : []);
    for (const { flags, count, batch, error } of capture.packets) {
      assertEquals(flags, compact ? DataPacketFlags.Compact : DataPacketFlags.Compressed);
      if (error === undefined && !(compact && !byCppapi(name))) assertEquals(batch.length, count);
    }
  });

  Deno.test(`${name}: the subscriptions are read`, () => {
    const client = name.slice(0, 5);
    for (const request of read(name).subscriptions) {
      const { assemblyInfo, dataChannel, extra, filterExpression } = request;
      assertEquals(request.flags, 2);
      assertEquals([request.throttled, request.includeTime, request.requestNaNValueFilter], [
        false,
        true,
        false,
      ]);
      assertEquals(request.enableTimeReasonabilityCheck, false);
      assertEquals(request.useMillisecondResolution, client === "cppsu" || name.includes("-ms-"));
      assertEquals(request.processingInterval, name.endsWith("temporal") ? 10 : -1);
      assertEquals(request.lagTime, client === "cppsu" ? 3 : 10);
      assertEquals(request.publishInterval, client === "cppsu" ? 3 : 1);
      assertEquals(request.leadTime, client === "cppsu" ? 1 : 5);
      assertEquals(
        assemblyInfo,
        {
          cppsu: { source: "STTP C++ Library", version: "1.1.2", updatedOn: "2023-03-24" },
          gosub: { source: "STTP Go Library", version: "0.9.0", updatedOn: "2022-12-09" },
          pysub: { source: "STTP Python Library", version: "0.7.4", updatedOn: "2026-01-28" },
        }[client],
      );
      assert(filterExpression.startsWith("FILTER "), filterExpression);
      assertEquals(dataChannel?.localPort, name.endsWith("udp") ? 9611 : undefined);
      assertEquals(request.startTimeConstraint !== "", name.endsWith("temporal"));
      assertEquals(extra.size, 0);
    }
  });

  Deno.test(`${name}: frames, modes, caches and times are written byte for byte`, () => {
    const capture = read(name);
    for (const frame of capture.clientFrames) {
      const { code, body } = readCommand(frame.subarray(4));
      assertEquals(encodeCommand(code, body), frame);
    }
    for (const frame of capture.serverFrames) {
      const [only, ...others] = readResponses(frame.subarray(4));
      assertEquals(others, []);
      assertEquals(encodeResponse(only!.code, only!.inResponseTo, only!.body), frame);
    }
    const { modes, bits } = capture.modes;
    assertEquals(new DataView(encodeOperationalModes(modes).buffer).getUint32(0), bits);
    for (const { body, cacheIndex, cache } of capture.caches) {
      const sent = body.subarray(modes.version > 1 ? 1 : 0);
      const block = isGzip(sent) ? gunzip(sent, { maxLength: 10_000 }) : sent;
      const ours = encodeSignalIndexCache(cache);
      if (byCppapi(name)) {
        assertEquals(ours, block);
        assertEquals(encodeCacheUpdate(sent, { version: modes.version, cacheIndex }), body);
      } else {
        // Its length leaves itself out, and it has no list of unauthorized signals.
        assertEquals(ours.subarray(4, -4), block.subarray(4));
      }
    }
    for (const ticks of capture.startTimes) {
      const frame = encodeResponse(0x86, 2, encodeDataStartTime(ticks)).toHex();
      assert(capture.serverFrames.some((other) => other.toHex() === frame));
    }
    for (const body of capture.baseTimes) assertEquals(encodeBaseTimes(decodeBaseTimes(body)), body);
  });

  // The other publisher finds its time deltas in doubles and writes longer codes where they do not come out even.
  if (byCppapi(name)) {
    Deno.test(`${name}: data packets are written byte for byte`, () => {
      const capture = read(name);
      const tssc = new TsscEncoder();
      const { useMillisecondResolution } = capture.subscriptions[0]!;
      const compact = new CompactEncoder({ includeTime: true, useMillisecondResolution });
      const out = new Uint8Array(32_768);
      for (const { batch, payload, flags, hadBaseTimes } of capture.packets) {
        if (flags & DataPacketFlags.Compressed) {
          if (payload[1] === 0 && payload[2] === 0) tssc.reset();
          tssc.begin(out, 0, out.length);
          assertEquals(tssc.encode(batch, 0, batch.length), batch.length);
          assertEquals(out.slice(0, tssc.finish()), payload);
        } else {
          if (hadBaseTimes) compact.baseTimes = decodeBaseTimes(capture.baseTimes[0]!);
          assertEquals(compact.encode(batch, 0, batch.length, out, 0, out.length), batch.length);
          assertEquals(out.slice(0, compact.end), payload);
        }
      }
    });
  }
}

Deno.test("a recording has everything that another does not", () => {
  const all = captureNames().map(read);
  assert(all.some(({ datagrams }) => datagrams.length === 60));
  assert(all.some(({ baseTimes }) => baseTimes.length === 1));
  assert(
    all.some(({ packets }) =>
      packets.some(({ hadBaseTimes, payload }) => hadBaseTimes && payload.length === 110)
    ),
  );
  assert(all.some(({ caches }) => caches.some(({ body }) => body[0] === 0xff)));
  assert(all.some(({ processingComplete }) => processingComplete !== undefined));
  assert(all.some(({ texts }) => texts.includes("Unsubscribe successful")));
});

Deno.test("the packet that its publisher broke is malformed and takes no other with it", () => {
  const { packets } = read("pysub-pypub-tssc-bigflags");
  assertEquals(packets.map(({ error }) => error?.code), [undefined, undefined, undefined, "MalformedPacket"]);
});

Deno.test("after a resubscription data belongs to the newest confirmed cache, whatever its flag says", () => {
  const name = "pysub-cpppub-resubscribe";
  const capture = Capture.read(name, { newestConfirmedCache: true });
  assertEquals(capture.caches.map(({ cacheIndex, cache }) => [cacheIndex, cache.size]), [[0, 10], [1, 2], [
    0,
    4,
  ]]);
  const lines = capture.lines();
  const received = receivedLines(name);
  assertEquals(lines.filter((line, i) => line !== received[i]).length, 30, "misnamed by the subscriber");
  // Another publisher sent the same values at the same times, under names that are not in doubt.
  const published = new Map(read("pysub-pypub-resubscribe").lines().map(valueBySignalAndTime));
  const agreement = (lines: string[]): boolean[] =>
    lines.map(valueBySignalAndTime).filter(([key]) => published.has(key)).map(([key, value]) =>
      published.get(key) === value
    );
  const ours = agreement(lines.slice(530));
  assertGreater(ours.length, 0);
  assertEquals(ours.filter((agrees) => !agrees).length, 0);
  assertNotEquals(agreement(received.slice(530)).filter((agrees) => !agrees).length, 0);
});

Deno.test("after a resubscription without a reset the state goes on under the new cache", () => {
  const name = "pysub-pypub-resubscribe";
  const received = receivedLines(name);
  const lines = read(name).lines().slice(received.length);
  assertEquals(lines.length, 174, "measurements that the subscriber lost");
  const frequency = new Set(["9ae6dd95-bddb-5dd8-8717-57da1268b9ca", "6c048eb9-7889-58a1-ba9d-2b6ce1828489"]);
  const value = new DataView(new ArrayBuffer(4));
  for (const line of lines) {
    const [signalId, , , bits] = line.split(" ");
    value.setUint32(0, parseInt(bits!, 16));
    assertEquals(Math.abs(value.getFloat32(0) - 60) < 0.1, frequency.has(signalId!), line);
  }
});

Deno.test("damage to what was recorded gives a value or an SttpError", () => {
  for (const name of ["cppsub-cpppub-tssc", "gosub-cpppub-compact-ms-basetime", "pysub-pypub-tssc-nogzip"]) {
    const capture = read(name);
    const { version } = capture.modes.modes;
    const { body } = capture.caches[0]!;
    for (const gzip of [true, false]) {
      const decode = (bytes: Uint8Array): unknown => decodeCacheUpdate(bytes, { version, gzip });
      assertEquals(lengthsAccepted(body, decode), []);
      corruptEachByte(body, decode);
    }
    const subscribe = capture.clientFrames.map((frame) => readCommand(frame.subarray(4))).find(({ code }) =>
      code === 2
    )!;
    corruptEachByte(subscribe.body, (bytes) => decodeSubscribe(bytes, "utf-8"));
    const packets = [...capture.packets.slice(0, 3), ...capture.packets.slice(-3)];
    const decode = (bytes: Uint8Array): void => {
      const tssc = new TsscDecoder();
      const compact = new CompactDecoder({ includeTime: true, useMillisecondResolution: true });
      if (capture.baseTimes[0]) compact.baseTimes = decodeBaseTimes(capture.baseTimes[0]);
      const into = new MeasurementBatch();
      if (packets[0]!.flags & DataPacketFlags.Compact) compact.decode(bytes, packets[0]!.count, into);
      else {for (const payload of [bytes, ...capture.packets.slice(1, 4).map(({ payload }) => payload)]) {
          tssc.decode(payload, into);
        }}
    };
    for (const { payload } of packets) {
      lengthsAccepted(payload, decode);
      corruptEachByte(payload, decode);
    }
  }
});

function valueBySignalAndTime(line: string): [key: string, value: string] {
  const [signalId, ticks, flags, bits] = line.split(" ");
  return [`${signalId} ${ticks}`, `${flags} ${bits}`];
}
