import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Command,
  CompactEncoder,
  DATA_FRAME_PREFIX,
  DataPacketFlags,
  DefaultOperationalModes,
  encodeBufferBlock,
  encodeCacheUpdate,
  encodeCipherKeys,
  encodeCommand,
  encodeDataStartTime,
  encodeNotification,
  encodeOperationalModes,
  encodeResponse,
  encodeSignalIndexCache,
  encodeSubscribe,
  encodeText,
  encryptPayload,
  finishDataFrame,
  generateCipherKey,
  MeasurementBatch,
  Response,
  SignalIndexCache,
} from "../../mod.ts";
import { Capture, captureNames } from "../../tests/support/capture.ts";
import { Conversation, type Message } from "./conversation.ts";
import type { Sender } from "./format.ts";
import { readRecording } from "./recording.ts";

const ticks = 638_700_000_000_000_000n;
const signalId = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";

/** What was said, kept beyond the next message. */
interface Kept extends Message {
  readonly lines: string[];
}

async function say(
  conversation: Conversation,
  from: Sender,
  bytes: Uint8Array,
  piece = bytes.length,
): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    for await (const message of conversation.add(from, bytes.subarray(at, at + piece), ticks)) {
      const { measurements: batch } = message;
      const lines = Array.from({ length: batch?.length ?? 0 }, (_, i) => {
        const bits = (batch!.valueBits[i]! >>> 0).toString(16).padStart(8, "0");
        return `${conversation.signals.idOf(batch!.signals[i]!)} ${batch!.ticks[i]} ${
          batch!.flags[i]
        } ${bits}`;
      });
      kept.push({ ...message, lines });
    }
  }
  return kept;
}

function file(name: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const url = new URL(`../../tests/fixtures/captures/${name}.session.gz`, import.meta.url);
  return Deno.open(url).then((file) => file.readable);
}

for (const name of captureNames()) {
  Deno.test(`recorded session ${name}: every message is named, every measurement read`, async () => {
    const conversation = new Conversation();
    const messages: Kept[] = [];
    for await (const event of readRecording(await file(name))) {
      assert(event.kind === "bytes");
      // Frames come in pieces, too.
      messages.push(
        ...await say(conversation, event.from, event.bytes, event.from === "datagram" ? undefined : 1000),
      );
    }
    const faults = { noCount: name.includes("-pypub-"), newestConfirmedCache: name.includes("-cpppub-") };
    const expected = Capture.read(name, faults);
    assertEquals(messages.flatMap(({ lines }) => lines), expected.lines());
    const bySubscriber = messages.filter(({ from }) => from === "subscriber");
    assertEquals(bySubscriber.length, expected.commands.length);
    assertEquals(messages.length - bySubscriber.length, expected.responses.length + expected.packets.length);
    assert(messages.every((message) => /^[A-Z]/.test(message.name)));
    const problems = messages.flatMap((message) => message.problems);
    if (name === "pysub-pypub-tssc-bigflags") assertMatch(problems.join(), /^TSSC packet: .* end within/);
    else assertEquals(problems, []);
    for (const from of ["subscriber", "publisher"] as const) {
      const { unread, incomplete } = conversation.leftOver(from);
      assertEquals([unread, incomplete], [0, 0]);
    }
  });
}

/** A session that is about to get data: version 2, compact, one signal. */
async function begun(): Promise<Conversation> {
  const conversation = new Conversation();
  const modes = { ...DefaultOperationalModes, gzip: false, tssc: false };
  await say(
    conversation,
    "subscriber",
    encodeCommand(Command.DefineOperationalModes, encodeOperationalModes(modes)),
  );
  const subscribe = encodeSubscribe({ filterExpression: "True" }, "utf-8");
  await say(conversation, "subscriber", encodeCommand(Command.Subscribe, subscribe));
  const cache = SignalIndexCache.from([{ index: 3, signalId, source: "PPA", id: 1n }]);
  const body = encodeCacheUpdate(encodeSignalIndexCache(cache), { version: 2, cacheIndex: 0 });
  const [message] = await say(conversation, "publisher", response(Response.UpdateSignalIndexCache, body));
  assertEquals(message?.summary, "cache 0: 1 signal, 64 bytes");
  return conversation;
}

function response(code: number, body: Uint8Array): Uint8Array {
  return encodeResponse(code, Command.Subscribe, body);
}

function packet(signals: readonly number[]): Uint8Array {
  const batch = new MeasurementBatch();
  for (const signal of signals) batch.add(signal, ticks, 59.5, 0);
  const out = new Uint8Array(1000);
  const encoder = new CompactEncoder({ includeTime: true, useMillisecondResolution: false });
  encoder.encode(batch, 0, batch.length, out, DATA_FRAME_PREFIX, out.length);
  return finishDataFrame(out, 0, encoder.end, DataPacketFlags.Compact, batch.length);
}

Deno.test("several responses in one frame each say where they are", async () => {
  const conversation = await begun();
  const notify = response(Response.Notify, encodeNotification({ hash: 0xabc, text: "noon" }, "utf-8"));
  const start = response(Response.DataStartTime, encodeDataStartTime(ticks));
  const frame = new Uint8Array([...new Uint8Array(4), ...notify.subarray(4), ...start.subarray(4)]);
  new DataView(frame.buffer).setUint32(0, frame.length - 4);
  const messages = await say(conversation, "publisher", frame, 1);
  assertEquals(messages.map(({ name, summary, offset }) => [name, summary, offset]), [
    ["Notify", `0x00000abc "noon"`, 74],
    ["DataStartTime", "2024-12-17T02:40:00Z", 74],
  ]);
});

Deno.test("what is encrypted is read once the keys were sent", async () => {
  const conversation = await begun();
  const plain = packet([3]).subarray(10);
  const key = generateCipherKey();
  const secret = response(
    Response.DataPacket,
    new Uint8Array([plain[0]!, ...encryptPayload(plain.subarray(1), key)]),
  );
  const keys = encodeCipherKeys({ cipherIndex: 0, even: key, odd: generateCipherKey() });
  const [told] = await say(conversation, "publisher", response(Response.UpdateCipherKeys, keys));
  assertEquals(told?.details, { cipherIndex: 0 }, "keys are not shown");
  const [data] = await say(conversation, "publisher", secret);
  assertEquals(data?.lines, [`${signalId} ${ticks} 0 426e0000`]);
  assertMatch(data!.summary, /^encrypted, compact, cache 0: 1 measurement in/);

  const foreign = new Uint8Array([plain[0]!, ...encryptPayload(plain.subarray(1), generateCipherKey())]);
  const [dark] = await say(conversation, "publisher", response(Response.DataPacket, foreign));
  assertEquals([dark?.lines, dark?.problems.length], [[], 1]);
  const block = encodeBufferBlock(1, 0, 3, new Uint8Array(5));
  const [unreadable] = await say(conversation, "publisher", response(Response.BufferBlock, block));
  assertMatch(unreadable!.problems[0]!, /encrypted with no key/);
});

Deno.test("a recording may name any time", async () => {
  const conversation = new Conversation();
  for (const time of [-(2n ** 63n), 2n ** 63n - 1n, 0n, undefined]) {
    const modes = encodeCommand(
      Command.DefineOperationalModes,
      encodeOperationalModes(DefaultOperationalModes),
    );
    const messages = await Array.fromAsync(conversation.add("subscriber", modes, time));
    assertEquals(messages.map((message) => message.ticks), [time]);
    const base = response(Response.UpdateBaseTimes, new Uint8Array(20));
    assertEquals((await Array.fromAsync(conversation.add("publisher", base, time)))[0]?.problems, []);
    const untimed = encodeSubscribe({ filterExpression: "True", includeTime: false }, "utf-8");
    await Array.fromAsync(conversation.add("subscriber", encodeCommand(Command.Subscribe, untimed), time));
    const entry = SignalIndexCache.from([{ index: 3, signalId, source: "PPA", id: 1n }]);
    const cache = encodeCacheUpdate(encodeSignalIndexCache(entry), { version: 2 });
    await Array.fromAsync(
      conversation.add("publisher", response(Response.UpdateSignalIndexCache, cache), time),
    );
    const data = response(Response.DataPacket, Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0));
    const [message] = await Array.fromAsync(conversation.add("publisher", data, time));
    assertEquals([message?.problems, message?.measurements?.length], [[], 1]);
  }
});

Deno.test("buffer blocks, unknown codes, wrong bodies and unknown signals", async () => {
  const conversation = await begun();
  const said = async (
    from: "subscriber" | "publisher",
    bytes: Uint8Array,
  ): Promise<[string, string, string]> => {
    const [message] = await say(conversation, from, bytes);
    return [message!.name, message!.summary, message!.problems.join()];
  };
  const block = encodeBufferBlock(7, 1, 3, Uint8Array.of(1, 2));
  assertEquals(await said("publisher", response(Response.BufferBlock, block)), [
    "BufferBlock",
    `block 7 of ${signalId}: 2 bytes: 0102`,
    "",
  ]);
  const stray = encodeBufferBlock(8, 1, 9, Uint8Array.of(1));
  assertMatch((await said("publisher", response(Response.BufferBlock, stray)))[2], /index 9 is not in/);
  assertEquals(await said("publisher", response(0x99, Uint8Array.of(255))), ["0x99", "1 byte: ff", ""]);
  assertEquals(await said("subscriber", encodeCommand(0x42)), ["0x42", "", ""]);
  assertMatch((await said("subscriber", encodeCommand(Command.Subscribe, new Uint8Array(3))))[2], /expected/);
  assertMatch(
    (await said("publisher", response(Response.UpdateBaseTimes, new Uint8Array(3))))[2],
    /20 expected/,
  );
  assertEquals(
    (await said("publisher", packet([3, 4])))[2],
    "a signal index is not in the signal index cache",
  );
  assertEquals(await said("publisher", response(Response.DataStartTime, new Uint8Array(8).fill(0x3f))), [
    "DataStartTime",
    "4557430888798830399",
    "",
  ]);
  const failed = encodeResponse(Response.Failed, Command.Subscribe, encodeText("no\x1b[2Jwhere", "utf-8"));
  assertEquals(await said("publisher", failed), ["Failed", `"no\\u001b[2Jwhere"`, ""]);
  assertMatch((await said("publisher", Uint8Array.of(0, 0, 0, 2, 0x82, 2)))[2], /6-byte header/);
  assertMatch((await said("subscriber", new Uint8Array(4)))[2], /an empty frame/);
});

Deno.test("TLS and what is no STTP are told apart; what follows is counted and not read", async () => {
  const conversation = new Conversation();
  const hello = new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...new Uint8Array(505)]);
  const [tls] = await say(conversation, "subscriber", hello);
  assertEquals([tls?.name, tls?.summary, tls?.problems], ["", "TLS: what is said can't be seen", []]);
  assertEquals(await say(conversation, "subscriber", new Uint8Array(100)), []);
  assertEquals(conversation.leftOver("subscriber").unread, 616);
  const [http] = await say(
    conversation,
    "publisher",
    new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
  );
  assertMatch(http!.problems[0]!, /^frame of 1213486160 bytes.* it goes on with 485454502f/);
  assertEquals(conversation.leftOver("publisher").unread, 28);
});

Deno.test("damage anywhere in a recorded session is told, never thrown", async () => {
  const events = await Array.fromAsync(readRecording(await file("gosub-cpppub-compact-udp")));
  for (let seed = 1; seed <= 60; seed++) {
    const conversation = new Conversation();
    for (const [i, event] of events.entries()) {
      assert(event.kind === "bytes");
      const bytes = event.bytes.slice();
      if ((i * 7 + seed) % 11 === 0) bytes[(seed * 31 + i) % bytes.length]! ^= 1 << seed % 8;
      await say(conversation, event.from, bytes);
    }
  }
});
