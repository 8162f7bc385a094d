/**
 * The codecs of the wire: bytes in, values out.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  BaseTimes,
  Command,
  CompactDecoder,
  CompactEncoder,
  DataPacketFlags,
  decodeBaseTimes,
  decodeBufferBlockConfirmation,
  decodeBufferBlockContent,
  decodeBufferBlockHead,
  decodeCacheUpdate,
  decodeCipherKeys,
  decodeDataStartTime,
  decodeMetadataRefresh,
  decodeNotification,
  decodeNotificationHash,
  decodeOperationalModes,
  decodePacketHeader,
  decodeSignalIndexCache,
  decodeSubscribe,
  decodeText,
  decryptPayload,
  encodeBaseTimes,
  encodeBufferBlock,
  encodeCipherKeys,
  encodeNotification,
  encodeSignalIndexCache,
  encodeText,
  FrameReader,
  gunzip,
  gzip,
  MeasurementBatch,
  readCommand,
  readResponses,
  Response,
  type TextEncoding,
  TsscDecoder,
  TsscEncoder,
} from "../../../transport/mod.ts";
import { decodeResponseText } from "../../../transport/wire/text.ts";
import { commandBodies, recorded, responseBodies } from "../corpus.ts";
import { keys } from "../keys.ts";
import { damaged, joined } from "../mutate.ts";
import { type FuzzTarget, target } from "../target.ts";

const encoding = fc.constantFrom<TextEncoding>("utf-8", "utf-16le", "utf-16be");
const encodings = ["utf-8", "utf-16le", "utf-16be"] as const;
/** Small enough to be met. */
const limits = {
  cacheLength: 65_536,
  gzipRatio: 50,
  cacheEntries: 500,
  signalIndex: 10_000,
  packetMeasurements: 2_000,
  connectionStringLength: 10_000,
  connectionStringPairs: 100,
  filterLength: 5_000,
};

const frames = target("frames", 300, () =>
  fc.record({
    stream: damaged(recorded().clientSessions),
    reads: fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 20 }),
    readSize: fc.integer({ min: 1, max: 4_096 }),
  }), ({ stream, reads, readSize }) => {
  const reader = new FrameReader({ maxLength: 8_197, readSize });
  const out: Uint8Array[] = [];
  let from = 0;
  for (let turn = 0; from < stream.length; turn++) {
    const room = reader.writable();
    const size = Math.min(room.length, reads[turn % reads.length]!, stream.length - from);
    room.set(stream.subarray(from, from + size));
    reader.commit(size);
    from += size;
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      out.push(frame.slice());
      if (frame.length > 0) readCommand(frame);
    }
    assert(reader.capacity <= 8_201 + 3 * readSize, `${reader.capacity} bytes held`);
  }
  // However it was cut, the frames are those of the stream.
  const view = new DataView(stream.buffer);
  let offset = 0;
  for (const frame of out) {
    assertEquals(frame.length, view.getUint32(offset));
    assertEquals(frame, stream.subarray(offset + 4, offset + 4 + frame.length));
    offset += 4 + frame.length;
  }
});

const responses = target(
  "responses",
  300,
  () => damaged(recorded().serverSessions.flat().map((frame) => frame.subarray(4))),
  (payload) => {
    let length = 0;
    for (const { code, body } of readResponses(payload)) {
      length += 6 + body.length;
      if (code === Response.DataPacket) decodePacketHeader(body);
    }
    assert(length <= payload.length);
  },
);

const modes = target(
  "modes",
  300,
  () => damaged(commandBodies(Command.DefineOperationalModes)),
  (body) => decodeOperationalModes(body),
);

const caches = target("caches", 300, () => {
  const bodies = responseBodies(Response.UpdateSignalIndexCache);
  const blocks = bodies.map((body) => joined(body.subarray(0, 1), unzipped(body.subarray(1))));
  return fc.record({
    body: damaged([...bodies, ...blocks]),
    zipped: fc.boolean(),
    version: fc.constantFrom(1, 2, 3),
    gzip: fc.boolean(),
    encoding,
  });
}, ({ body, zipped, version, gzip: isAgreed, encoding }) => {
  // Damage before compression reaches what damage to compressed bytes never would.
  const sent = zipped && body.length > 0
    ? joined(body.subarray(0, version > 1 ? 1 : 0), gzip(body.subarray(1)))
    : body;
  const { cache } = decodeCacheUpdate(sent, { version, gzip: isAgreed, encoding, limits });
  assert(cache.size <= limits.cacheEntries);
  assert(cache.indexes.every((index) => index <= limits.signalIndex));
  const again = decodeSignalIndexCache(encodeSignalIndexCache(cache));
  assertEquals(again.signalIds, cache.signalIds);
});

function unzipped(bytes: Uint8Array): Uint8Array {
  try {
    return gunzip(bytes, { maxLength: 1 << 20 });
  } catch {
    return bytes;
  }
}

const compact = target("compact", 300, () => {
  const packets = dataPayloads(DataPacketFlags.Compact);
  return fc.record({
    payload: damaged(packets),
    count: fc.option(fc.oneof(fc.nat(3_000), fc.constantFrom(0xffffffff, 0x7fffffff)), {
      nil: undefined,
      freq: 1,
    }),
    includeTime: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
    useMillisecondResolution: fc.boolean(),
    baseTimes: fc.option(damaged([...responseBodies(Response.UpdateBaseTimes), new Uint8Array(20)])),
  });
}, ({ payload, count, baseTimes, ...format }) => {
  const decoder = new CompactDecoder(format, { maxMeasurements: limits.packetMeasurements });
  if (baseTimes !== null) decoder.baseTimes = decodeBaseTimes(baseTimes);
  const into = new MeasurementBatch();
  decoder.decode(payload, count, into);
  assert(into.length <= limits.packetMeasurements);
  if (into.length === 0) return;
  const out = new Uint8Array(into.length * 20);
  const encoder = new CompactEncoder({ includeTime: true, useMillisecondResolution: false });
  assertEquals(encoder.encode(into, 0, into.length, out, 0, out.length), into.length);
});

/** Payloads of data packets of a kind. */
function dataPayloads(flag: number): Uint8Array[] {
  return responseBodies(Response.DataPacket).filter((body) => body[0]! & flag).map((body) =>
    body.subarray(5)
  );
}

const tssc = target("tssc", 300, () =>
  fc.record({
    packets: fc.array(
      fc.tuple(
        damaged(dataPayloads(DataPacketFlags.Compressed)),
        fc.boolean(),
      ),
      { minLength: 1, maxLength: 8 },
    ),
  }), ({ packets }) => {
  const decoder = new TsscDecoder({
    maxSignalIndex: limits.signalIndex,
    maxSignals: limits.cacheEntries,
    maxMeasurements: limits.packetMeasurements,
  });
  for (const [packet, isNumbered] of packets) {
    const into = new MeasurementBatch();
    // With the number that is awaited, the state of before gets its share of damage.
    if (isNumbered && packet.length >= 3) {
      packet[0] = 85;
      packet[1] = decoder.expectedSequence >> 8;
      packet[2] = decoder.expectedSequence;
    }
    try {
      decoder.decode(packet, into);
    } catch (error) {
      assertEquals(into.length, 0, "a packet that was refused left measurements behind");
      throw error;
    }
    assert(into.length <= limits.packetMeasurements);
    assert(into.signals.subarray(0, into.length).every((index) => index <= limits.signalIndex));
  }
});

const tsscRoundTrip = target("tssc-round-trip", 100, () =>
  fc.array(
    fc.record({
      index: fc.oneof(fc.nat(20), fc.nat(4_194_303)),
      ticks: fc.oneof(
        fc.bigInt({ min: 638_000_000_000_000_000n, max: 638_000_000_000_100_000n }),
        fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      ),
      bits: fc.oneof(fc.nat(255), fc.nat(0xffffffff)),
      flags: fc.oneof(fc.nat(3), fc.nat(0xffffffff)),
    }),
    { minLength: 1, maxLength: 60 },
  ), (measurements) => {
  const batch = new MeasurementBatch(measurements.length);
  measurements.forEach(({ index, ticks, bits, flags }, i) => {
    batch.add(index, ticks, 0, flags);
    batch.valueBits[i] = bits;
  });
  const encoder = new TsscEncoder();
  const decoder = new TsscDecoder();
  const into = new MeasurementBatch();
  const out = new Uint8Array(512);
  for (let from = 0; from < batch.length;) {
    encoder.begin(out, 0, out.length);
    const taken = encoder.encode(batch, from, batch.length);
    assert(taken > from, "a packet with no room for one measurement");
    decoder.decode(out.slice(0, encoder.finish()), into);
    from = taken;
  }
  for (const column of ["signals", "ticks", "valueBits", "flags"] as const) {
    assertEquals(
      Array.from(into[column].subarray(0, into.length), String),
      Array.from(batch[column].subarray(0, batch.length), String),
    );
  }
});

const small = target("small-bodies", 400, () => {
  const seeds: Uint8Array[] = [
    encodeBaseTimes(new BaseTimes(1, 1n, 638_000_000_000_000_000n)),
    encodeBufferBlock(0xfffffffe, 0x0b, 3, new Uint8Array(9)),
    encodeCipherKeys({ cipherIndex: 1, ...keys }),
    encodeNotification({ hash: 7, text: "Line 7 tripped" }, "utf-8"),
    ...responseBodies(Response.UpdateBaseTimes),
    ...responseBodies(Response.DataStartTime),
    ...responseBodies(Response.Succeeded),
  ];
  return fc.record({ body: damaged(seeds), decoder: fc.nat(smallDecoders.length - 1) });
}, ({ body, decoder }) => smallDecoders[decoder]!(body));

const smallDecoders: readonly ((body: Uint8Array) => unknown)[] = [
  decodeBaseTimes,
  (body): unknown => decodeBufferBlockContent(decodeBufferBlockHead(body, "standard").rest),
  (body): unknown => decodeBufferBlockContent(decodeBufferBlockHead(body, "older").rest),
  decodeBufferBlockConfirmation,
  decodeCipherKeys,
  decodeDataStartTime,
  decodeNotificationHash,
  ...encodings.flatMap((encoding) => [
    (body: Uint8Array): unknown => decodeNotification(body, encoding),
    (body: Uint8Array): unknown => decodeResponseText(body, encoding),
  ]),
];

const encrypted = target(
  "encrypted",
  200,
  () => fc.oneof(damaged(dataPayloads(DataPacketFlags.Compact)), fc.uint8Array({ maxLength: 100 })),
  (payload) => decryptPayload(payload, keys.even),
);

const compressed = target("gzip", 200, () => {
  const zipped = [...recorded().metadata, ...responseBodies(Response.UpdateSignalIndexCache)]
    .flatMap((body) => [body, body.subarray(1)]).filter((body) => body[0] === 0x1f);
  const bomb = gzip(new Uint8Array(1 << 20));
  return damaged([...zipped, bomb]);
}, (bytes) => {
  const out = gunzip(bytes, { maxLength: 300_000, maxRatio: 50 });
  assert(out.length <= 300_000);
});

const texts = target(
  "texts",
  200,
  () =>
    fc.record({
      bytes: fc.oneof(
        damaged(["hello", "Stra\u00dfe \u{1f600}", "\ufeffbom"].flatMap((text) =>
          encodings.map((encoding) => encodeText(text, encoding))
        )),
        fc.uint8Array({ maxLength: 40 }),
      ),
      encoding,
    }),
  ({ bytes, encoding }) => {
    const text = decodeText(bytes, encoding);
    if (text.isWellFormed() && !text.startsWith("\ufeff")) {
      assertEquals(decodeText(encodeText(text, encoding), encoding), text);
    }
  },
);

const subscribeBodies = target(
  "subscribe",
  300,
  () => fc.record({ body: damaged(commandBodies(Command.Subscribe)), encoding }),
  ({ body, encoding }) => decodeSubscribe(body, encoding, limits),
);

const metadataRefresh = target("metadata-refresh", 200, () => {
  const text = encodeText("FILTER MeasurementDetail WHERE SignalAcronym <> 'STAT'", "utf-8");
  return fc.record({ body: damaged([joined(new Uint8Array([0, 0, 0, text.length]), text)]), encoding });
}, ({ body, encoding }) => decodeMetadataRefresh(body, encoding, limits));

/** All targets of the wire. */
export const wireTargets: readonly FuzzTarget[] = [
  frames,
  responses,
  modes,
  caches,
  compact,
  tssc,
  tsscRoundTrip,
  small,
  encrypted,
  compressed,
  texts,
  subscribeBodies,
  metadataRefresh,
];
