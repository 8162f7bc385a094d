import { assert, assertEquals, assertRejects } from "@std/assert";
import { CommandError } from "../exit_codes.ts";
import { type CaptureEvent, CaptureWriter } from "./format.ts";
import { readRecording } from "./recording.ts";

const ticks = 638_700_000_000_000_000n;

/** A recording of two connections at a time. */
async function recording(): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const writer = new CaptureWriter((bytes) => {
    pieces.push(bytes);
    return Promise.resolve();
  }, { program: "test" });
  const peers = { subscriber: "127.0.0.1:5", publisher: "[::1]:7165" };
  await Promise.all([
    writer.add(1, ticks, { kind: "opened", peers }),
    writer.add(1, ticks, { kind: "bytes", from: "subscriber", bytes: Uint8Array.of(1, 2, 3) }),
    writer.add(2, ticks + 5n, { kind: "opened", peers }),
    writer.add(2, ticks + 5n, { kind: "bytes", from: "publisher", bytes: new Uint8Array(70_000).fill(7) }),
    writer.add(1, ticks + 9n, { kind: "bytes", from: "datagram", bytes: new Uint8Array(0) }),
    writer.add(1, ticks + 9n, { kind: "ended", reason: "the \u{1f50c} was pulled" }),
  ]);
  const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
  assertEquals(writer.size, bytes.length);
  return bytes;
}

/** All events, in pieces of so many bytes; with what reading them came to. */
async function read(
  bytes: Uint8Array<ArrayBuffer>,
  piece = bytes.length,
): Promise<{ events: CaptureEvent[]; error: unknown }> {
  const events: CaptureEvent[] = [];
  try {
    for await (const event of readRecording(streamOf(bytes, piece))) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

function streamOf(bytes: Uint8Array<ArrayBuffer>, piece: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller): void {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += piece));
    },
  });
}

async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

Deno.test("what is written is read again, in pieces of any size, gzipped or not", async () => {
  const bytes = await recording();
  const { events, error } = await read(bytes);
  assertEquals(error, undefined);
  assertEquals(events.map(({ kind, connection, ticks: time }) => [kind, connection, Number(time! - ticks)]), [
    ["opened", 1, 0],
    ["bytes", 1, 0],
    ["opened", 2, 5],
    ["bytes", 2, 5],
    ["bytes", 1, 9],
    ["ended", 1, 9],
  ]);
  const [opened, first, , second, datagram, ended] = events;
  assert(opened?.kind === "opened" && ended?.kind === "ended" && datagram?.kind === "bytes");
  assert(first?.kind === "bytes" && second?.kind === "bytes");
  assertEquals(opened.peers, { subscriber: "127.0.0.1:5", publisher: "[::1]:7165" });
  assertEquals([first.from, first.bytes], ["subscriber", Uint8Array.of(1, 2, 3)]);
  assertEquals([second.from, second.bytes], ["publisher", new Uint8Array(70_000).fill(7)]);
  assertEquals([datagram.from, datagram.bytes.length], ["datagram", 0]);
  assertEquals(ended.reason, "the \u{1f50c} was pulled");

  const packed = await gzipped(bytes);
  for (const [source, piece] of [[bytes, 1], [bytes, 4096], [packed, 1], [packed, packed.length]] as const) {
    assertEquals(await read(source, piece), { events, error: undefined });
  }
});

Deno.test("of a recording that is cut short everything before the cut is read, and the place is told", async () => {
  const bytes = await recording();
  const { events } = await read(bytes);
  const ends = new Set(events.map(({ offset }) => offset));
  let whole = 0;
  for (let length = 1; length < bytes.length; length += length > 300 && length < 70_000 ? 997 : 1) {
    const cut = await read(bytes.slice(0, length));
    assertEquals(cut.events, events.slice(0, cut.events.length));
    if (cut.error === undefined) {
      whole++;
      continue;
    }
    assert(cut.error instanceof CommandError);
    assertEquals(cut.error.message, `the file ends at offset ${length}, in the middle of a record`);
  }
  // Between two records nothing is missing: after the first one, and behind each event, its time and its number.
  assert(whole >= ends.size, `${whole}`);
  const packed = await gzipped(bytes);
  const cut = await read(packed.slice(0, -9));
  assert(cut.error instanceof CommandError);
  assert(/can't be unpacked|ends at offset/.test(cut.error.message), cut.error.message);
});

Deno.test("a file that is something else is told from a recording", async () => {
  const text = new TextEncoder();
  const files: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
    ["nothing", new Uint8Array(0), /^the file is empty$/],
    ["a little", Uint8Array.of(0x69), /^the file ends at offset 1/],
    ["text", text.encode("signals,values\n1,2\n"), /no recording/],
    ["XML", text.encode("<?xml version='1.0'?><DataSet/>"), /no recording/],
    ["JSON", text.encode(`{"sttpCapture":1}`), /no recording/],
    ["a list of commands", text.encode("commands\n"), /no recording/],
    ["zeros", new Uint8Array(1000), /no recording/],
    ["a gzipped text", await gzipped(text.encode("hello, what is this?")), /no recording/],
    [
      "no gzip",
      Uint8Array.of(0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14),
      /can't be unpacked/,
    ],
    ["a newer recording", record("i", text.encode(`{"sttpCapture":2}`)), /of version 2, 1 expected/],
    ["an odd recording", record("i", text.encode("[1]")), /no recording/],
  ];
  for (const [name, bytes, expected] of files) {
    const error = await assertRejects(() => Array.fromAsync(readRecording(streamOf(bytes, 5))), CommandError);
    assert(expected.test(error.message), `${name}: ${error.message}`);
  }
});

Deno.test("a record that announces a gigabyte, a short time and a long number are refused with their places", async () => {
  const start = await recording();
  for (
    const [bytes, expected] of [
      [
        record("c", new Uint8Array(0), 2 ** 30),
        /a record of 1073741824 bytes at offset \d+, at most 16777216 expected/,
      ],
      [record("c", new Uint8Array(0), 2 ** 24 + 1), /a record of 16777217 bytes/],
      [record("c", new Uint8Array(0), 2 ** 24), /the file ends at offset/],
      [record("t", new Uint8Array(7)), /a time of 7 bytes at offset \d+, 8 expected/],
      [record("n", new Uint8Array(5)), /a connection's number of 5 bytes at offset \d+, 4 expected/],
    ] as const
  ) {
    const { error } = await read(new Uint8Array([...start, ...bytes]));
    assert(error instanceof CommandError && expected.test(error.message), String(error));
  }
  const { events, error } = await read(new Uint8Array([...start, ...record("?", new Uint8Array(99))]));
  assertEquals([events.length, error], [6, undefined], "what a later program adds is passed over");
});

Deno.test("a recording that can't be written says so to all who add to it", async () => {
  const writer = new CaptureWriter(() => Promise.reject(new Deno.errors.WriteZero("no space")), {});
  for (let i = 0; i < 2; i++) {
    await assertRejects(() => writer.add(1, ticks, { kind: "ended", reason: "" }), Deno.errors.WriteZero);
  }
});

function record(kind: string, contents: Uint8Array, length = contents.length): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + contents.length);
  bytes[0] = kind.charCodeAt(0);
  new DataView(bytes.buffer).setUint32(1, length);
  bytes.set(contents, 5);
  return bytes;
}
