/**
 * What other implementations of STTP get wrong, bug by bug, and that this one does not. Where another test shows it
 * already, that test is named, and must exist.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DataSet } from "../metadata/mod.ts";
import { Rig, type ScriptedPeer, settle, signalId } from "../publisher/testdata/rig.ts";
import {
  Command,
  CompactDecoder,
  DataPacketFlags,
  decodePacketHeader,
  decodeText,
  encodeSubscribe,
  MeasurementBatch,
  parseConnectionString,
  readResponses,
  Response,
  Ticks,
} from "../transport/mod.ts";

const all = "FILTER ActiveMeasurements WHERE True";

/** Bug, file, test. */
const elsewhere: readonly (readonly [bug: string, file: string, test: string])[] = [
  [
    "a second Subscribe disturbs the session",
    "publisher/publisher_test.ts",
    "two Subscribes in a row, as one peer sends them, and confirmations late and twice",
  ],
  [
    "an Unsubscribe between two Subscribes is mistaken",
    "publisher/publisher_test.ts",
    "Unsubscribe ends data; between two Subscribes it does not confuse caches",
  ],
  [
    "a subscriber insists on the order of cache and Succeeded",
    "subscriber/subscription_test.ts",
    "the order of cache and Succeeded does not matter, nor an answer that is late",
  ],
  [
    "the length of a cache leaves its own four bytes out",
    "transport/wire/signal_index_cache_test.ts",
    "a cache is written byte for byte",
  ],
  [
    "a subscriber takes cache index 255 for a third cache",
    "transport/wire/signal_index_cache_test.ts",
    "a cache index that is not 0 or 1 means 0",
  ],
  [
    "the TSSC sequence stops at 65,535",
    "transport/wire/tssc/encoder_test.ts",
    "TsscEncoder and TsscDecoder: 65,535 is followed by 1",
  ],
  [
    "time deltas are computed in doubles, so that irregular times arrive wrong",
    "transport/wire/tssc/round_trip_test.ts",
    "any measurements, cut and reset anywhere: the reference's bytes, and back bit for bit",
  ],
  [
    "a connection string is split at ; within braces",
    "transport/wire/connection_string_test.ts",
    "a value in braces loses them and keeps its delimiters",
  ],
  [
    "a pair without = breaks a connection string",
    "transport/wire/connection_string_test.ts",
    "a pair without = or without a key is ignored",
  ],
  [
    "compact packets with state flags 0 or over 127 can't be read",
    "transport/wire/compact_test.ts",
    "compact: any measurements, in any form, come back as §7 says",
  ],
  [
    "offsets from base times only below 65,535 ticks",
    "transport/wire/compact_test.ts",
    "compact: offsets of ticks from over 0 to under 2^32 - 1, else the time in full",
  ],
  [
    "enableTimeReasonabilityCheck is true by default",
    "transport/wire/subscribe_test.ts",
    "an empty connection string has the default of every setting",
  ],
  [
    "no answer to operational modes",
    "publisher/session_test.ts",
    "modes are always answered, for versions 1 to 3",
  ],
  [
    "no answer to unknown commands",
    "publisher/session_test.ts",
    "unknown and unsupported commands are answered Failed, counted, and never disconnect",
  ],
  [
    "only the first of several responses in a frame is read",
    "transport/wire/frame_test.ts",
    "a frame holds one response or many",
  ],
  [
    "memory sized by a frame's length",
    "transport/wire/frame_test.ts",
    "memory grows with what arrives, not with what is announced, and falls back",
  ],
  [
    "memory sized by a count of measurements",
    "transport/wire/compact_test.ts",
    "compact: a count is believed only as far as the bytes go",
  ],
  [
    "memory sized by a signal index",
    "transport/wire/tssc/decoder_test.ts",
    "TsscDecoder: an index over the limit is refused, without memory for it",
  ],
  [
    "memory sized by the count of a signal index cache",
    "transport/wire/signal_index_cache_test.ts",
    "lengths and counts that lie are malformed, before memory is spent on them",
  ],
  [
    "memory sized by a buffer block's sequence number",
    "subscriber/buffer_blocks_test.ts",
    "a huge jump is refused; a smaller gap is given up in time, and not before",
  ],
  [
    "memory sized by what gzip states",
    "transport/wire/gzip_test.ts",
    "what states more than the limit is refused before it is inflated",
  ],
  [
    "memory sized by what gzip comes to",
    "transport/wire/gzip_test.ts",
    "what comes to more than it states is stopped soon after",
  ],
  [
    "sends towards a slow subscriber block or gather without bound",
    "publisher/publisher_test.ts",
    "a stalled reader loses data counted to the measurement, and is resynchronised when it reads",
  ],
  [
    "regular expressions from the network run in an engine that backtracks",
    "metadata/filter/hostile_test.ts",
    "regular expressions that make others run for years are answered",
  ],
];

for (const [bug, file, test] of elsewhere) {
  Deno.test(`not here: ${bug} (${file})`, () => {
    const source = Deno.readTextFileSync(new URL(`../${file}`, import.meta.url));
    assertStringIncludes(source, `Deno.test("${test}"`);
  });
}

/** Subscribes as raw as can be. @returns The responses up to so many data packets. */
async function answers(
  rig: Rig,
  peer: ScriptedPeer,
  packets: number,
): Promise<{ code: number; inResponseTo: number; body: Uint8Array }[]> {
  const found = [];
  for (let seen = 0; seen < packets;) {
    const response = await peer.receive();
    assert(response !== undefined);
    found.push(response);
    if (response.code === Response.UpdateSignalIndexCache) {
      await peer.confirmCache();
      await settle();
      await rig.publish([0, 1, 2]);
    }
    if (response.code === Response.DataPacket) seen++;
  }
  return found;
}

/** Takes the first packet of a subscription. */
async function firstData(peer: ScriptedPeer): Promise<[count: number, cacheIndex: number]> {
  await peer.expect(Response.DataStartTime);
  return await peer.expectData();
}

function valuesOf({ values, length }: MeasurementBatch): number[] {
  return Array.from(values.subarray(0, length));
}

Deno.test("not here: DataStartTime or the first base times are missing or late", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree({ tssc: false, compressPayloadData: false });
  await peer.subscribe({ filterExpression: all });
  const codes = (await answers(rig, peer, 1)).map(({ code }) => code);
  const before = codes.slice(0, codes.indexOf(Response.DataPacket));
  assert(before.includes(Response.UpdateBaseTimes), String(codes));
  assert(before.includes(Response.DataStartTime), String(codes));
  assert(codes.indexOf(Response.UpdateSignalIndexCache) < codes.indexOf(Response.DataPacket));
});

Deno.test("not here: a text begins with its length", async () => {
  await using rig = await Rig.start();
  const peer = rig.connect();
  await peer.defineModes();
  for (
    const [command, code] of [
      [Command.DefineOperationalModes, Response.Succeeded],
      [Command.Unsubscribe, Response.Succeeded],
      [0x77, Response.Failed],
    ]
  ) {
    if (command !== Command.DefineOperationalModes) await peer.send(command!);
    const text = decodeText(await peer.expect(code!, command!), "utf-8");
    assertMatch(text, /^[A-Z][\x20-\x7e]+$/);
  }
});

Deno.test("not here: Unsubscribe is not answered", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
});

Deno.test("not here: compact packets without their count, too short or too long", async () => {
  await using rig = await Rig.start({ maxPacketSize: 512 }, 200);
  const peer = await rig.agree({ tssc: false, compressPayloadData: false });
  await peer.subscribe({ filterExpression: all });
  const decoder = new CompactDecoder({ includeTime: true, useMillisecondResolution: false });
  await peer.expectCache();
  await peer.confirmCache();
  await settle();
  await rig.publish(Array.from({ length: 200 }, (_, n) => n), 638_000_000_000_000_000n);
  let received = 0;
  while (received < 200) {
    const { code, body } = (await peer.receive())!;
    if (code !== Response.DataPacket) continue;
    assert(body.length <= 512, `a packet of ${body.length} bytes`);
    const { flags, count, payload } = decodePacketHeader(body);
    assert(flags & DataPacketFlags.Compact);
    const into = new MeasurementBatch();
    // Refuses bytes over and bytes missing.
    decoder.decode(payload, count, into);
    assertEquals(into.length, count);
    received += count;
  }
});

Deno.test("not here: cache entries without source, with an ID that is their index, under cache 0 for ever", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  const cacheIndexes: number[] = [];
  for (let i = 0; i < 4; i++) {
    await peer.subscribe({ filterExpression: all });
    const { cacheIndex, cache } = await peer.expectCache();
    cacheIndexes.push(cacheIndex);
    await peer.expect(Response.Succeeded);
    await peer.confirmCache();
    await settle();
    assertEquals(cache.size, 8);
    for (let n = 0; n < cache.size; n++) {
      const { source, id, signalId: guid } = cache.at(n);
      const number = Array.from({ length: 8 }, (_, k) => k).find((k) => signalId(k) === guid);
      assertEquals([source, id], ["PPA", BigInt(number! + 1)]);
    }
  }
  assertEquals(cacheIndexes, [0, 1, 0, 1]);
});

Deno.test("not here: data after a resubscription under the wrong cache flag, and without a TSSC reset", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  await rig.publish([0, 1]);
  const [, first] = await firstData(peer);
  await peer.subscribe({ filterExpression: "PPA:2" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await settle();
  await rig.publish([0, 1]);
  for (;;) {
    const { code, body } = (await peer.receive())!;
    if (code !== Response.DataPacket) continue;
    const { flags, payload } = decodePacketHeader(body);
    assertEquals(flags & DataPacketFlags.CacheIndex ? 1 : 0, 1 - first);
    assertEquals([...payload.subarray(0, 3)], [85, 0, 0], "a TSSC stream begins with number 0");
    break;
  }
});

Deno.test("not here: metadata times such as 10:00:30.Z", async () => {
  const dataSet = new DataSet("Set");
  const table = dataSet.addTable("T");
  table.addColumn("At", "dateTime");
  for (const time of ["2026-11-22T10:00:30Z", "2026-11-22T10:00:30.5Z"]) table.addRow([Ticks.parse(time)]);
  const xml = dataSet.toXml();
  assert(!/\.Z|\.[+-]\d\d:/.test(xml), xml);
  const again = await DataSet.fromXml(xml);
  assertEquals(again.table("T")!.column("At")!.values, table.column("At")!.values);
});

Deno.test("not here: NaN is written into a measurement that others share, when its time is found unreasonable", async () => {
  await using rig = await Rig.start();
  const checked = await rig.subscribe(all, {}, {
    throttled: true,
    publishInterval: 1,
    enableTimeReasonabilityCheck: true,
  });
  const everything = await rig.subscribe();
  const sevens = new Array(8).fill(7);
  // All signals: what is published is not copied for who takes all of it.
  const batch = new MeasurementBatch();
  for (let n = 0; n < 8; n++) batch.add(n, 1000n, 7);
  rig.publisher.publish(batch);
  await settle();
  rig.clock.advance(1000);
  await settle();
  await firstData(checked);
  await firstData(everything);
  assertEquals(valuesOf(checked.data), new Array(8).fill(NaN));
  assertEquals(valuesOf(everything.data), sevens);
  assertEquals(valuesOf(batch), sevens);
});

Deno.test("not here: a key and its value run together in the connection string", () => {
  const body = encodeSubscribe({ requestNaNValueFilter: false, filterExpression: all }, "utf-8");
  const text = decodeText(body.subarray(5), "utf-8");
  assertEquals(parseConnectionString(text).get("requestnanvaluefilter"), "false");
  assert(text.split(";").every((pair) => pair.trim() === "" || pair.includes("=")), text);
});

Deno.test("not here: several responses in one frame", async () => {
  await using rig = await Rig.start();
  const { channel } = await rig.agree();
  const bytes = new Uint8Array(65_536);
  await channel.write(commandFrames([Command.Unsubscribe, Command.Unsubscribe, Command.MetadataRefresh]));
  let length = 0;
  for (let frames = 0; frames < 3;) {
    length += (await channel.read(bytes.subarray(length)))!;
    frames = 0;
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 4 <= length && at + 4 + view.getUint32(at) <= length; frames++) {
      const end = at + 4 + view.getUint32(at);
      assertEquals([...readResponses(bytes.subarray(at + 4, end))].length, 1);
      at = end;
    }
  }
});

function commandFrames(codes: readonly number[]): Uint8Array {
  return Uint8Array.from(codes.flatMap((code) => [0, 0, 0, 1, code]));
}
