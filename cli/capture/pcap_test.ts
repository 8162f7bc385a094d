import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CommandError } from "../exit_codes.ts";
import { Conversation } from "./conversation.ts";
import type { CaptureEvent, Sender } from "./format.ts";
import { readRecording, type RecordingOptions } from "./recording.ts";

/** What was recorded once, by another program, as it was sent. */
const session: { from: Sender; bytes: Uint8Array }[] = [];
const fixture = new URL("../../tests/fixtures/captures/gosub-cpppub-compact-udp.session.gz", import.meta.url);
for await (const event of readRecording((await Deno.open(fixture)).readable)) {
  if (event.kind === "bytes") session.push(event);
}
const expected = await linesOf(session);

/** All that was said, in lines. */
async function linesOf(events: Iterable<{ from: Sender; bytes: Uint8Array }>): Promise<string[]> {
  const conversation = new Conversation();
  const lines: string[] = [];
  for (const { from, bytes } of events) {
    for await (const { name, summary, problems, measurements } of conversation.add(from, bytes, undefined)) {
      lines.push(
        [from, name, summary, ...problems, ...measurements?.values.slice(0, measurements.length) ?? []].join(
          " ",
        ),
      );
    }
  }
  return lines.sort();
}

interface Packet {
  readonly fromSubscriber: boolean;
  readonly protocol: 6 | 17;
  readonly sequence: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

const [SYN, ACK, FIN] = [2, 16, 1];

/** The session as packets of at most so many bytes. The numbers of TCP pass through zero. */
function packets(most = 1400): Packet[] {
  const sequence = { subscriber: 0xffff_ff00, publisher: 0xffff_0000 };
  const list: Packet[] = [];
  const add = (from: "subscriber" | "publisher", flags: number, payload = new Uint8Array(0)): void => {
    const fromSubscriber = from === "subscriber";
    list.push({ fromSubscriber, protocol: 6, sequence: sequence[from], flags, payload });
    sequence[from] = (sequence[from] + payload.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
  };
  add("subscriber", SYN);
  add("publisher", SYN | ACK);
  for (const { from, bytes } of session) {
    if (from === "datagram") {
      list.push({ fromSubscriber: false, protocol: 17, sequence: 0, flags: 0, payload: bytes });
      continue;
    }
    for (let at = 0; at < bytes.length; at += most) add(from, ACK, bytes.slice(at, at + most));
  }
  add("subscriber", ACK | FIN);
  return list;
}

function bytesOf(...numbers: [size: 1 | 2 | 4, value: number][]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(numbers.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of numbers) {
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value);
    else view.setUint32(at, value);
    at += size;
  }
  return bytes;
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A packet with its headers but the link's. */
function ip({ fromSubscriber, protocol, sequence, flags, payload }: Packet, version: 4 | 6 = 4): Uint8Array {
  const ports: [2, number][] = fromSubscriber ? [[2, 50_000], [2, 7165]] : [[2, 7165], [2, 50_000]];
  const transport = protocol === 6
    ? join(
      bytesOf(...ports, [4, sequence], [4, 0], [1, 0x80], [1, flags], [2, 1000], [4, 0]),
      new Uint8Array(12),
      payload,
    )
    : join(bytesOf(...ports, [2, 8 + payload.length], [2, 0]), payload);
  const [a, b] = fromSubscriber ? [7, 1] : [1, 7];
  if (version === 4) {
    const head = bytesOf([1, 0x45], [1, 0], [2, 20 + transport.length], [4, 0x4000], [1, 64], [1, protocol], [
      2,
      0,
    ]);
    return join(head, Uint8Array.of(10, 0, 0, a, 10, 0, 0, b), transport);
  }
  const host = (n: number): Uint8Array => Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n);
  // Options stand between the header and TCP's.
  const head = bytesOf([4, 0x6000_0000], [2, 8 + transport.length], [1, 60], [1, 64]);
  return join(head, host(a), host(b), Uint8Array.of(protocol, 0, 1, 4, 0, 0, 0, 0), transport);
}

const ethernet = (packet: Uint8Array): Uint8Array =>
  join(new Uint8Array(12), bytesOf([2, 0x0800]), packet, new Uint8Array(4));

interface PcapOptions {
  readonly isLittle?: boolean;
  readonly isNano?: boolean;
  readonly linkType?: number;
}

function pcap(
  frames: readonly Uint8Array[],
  { isLittle = true, isNano = false, linkType = 1 }: PcapOptions = {},
): Uint8Array<ArrayBuffer> {
  const numbers = (...values: number[]): Uint8Array => {
    const bytes = new Uint8Array(4 * values.length);
    const view = new DataView(bytes.buffer);
    values.forEach((value, i) => view.setUint32(4 * i, value, isLittle));
    return bytes;
  };
  return join(
    numbers(isNano ? 0xa1b23c4d : 0xa1b2c3d4, isLittle ? 0x0004_0002 : 0x0002_0004, 0, 0, 65_535, linkType),
    ...frames.flatMap((frame, i) => [
      numbers(1_700_000_000, isNano ? i * 1000 : i, frame.length, frame.length),
      frame,
    ]),
  );
}

function pcapng(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const block = (type: number, body: Uint8Array): Uint8Array => {
    const padded = join(body, new Uint8Array((4 - body.length % 4) % 4));
    const length = 12 + padded.length;
    return join(bytesOf([4, type], [4, length]), padded, bytesOf([4, length]));
  };
  const time = 1_700_000_000_000_000_000n;
  return join(
    block(0x0a0d0d0a, join(bytesOf([4, 0x1a2b3c4d], [2, 1], [2, 0]), new Uint8Array(8).fill(255))),
    // The second interface counts nanoseconds.
    block(1, bytesOf([2, 105], [2, 0], [4, 0])),
    block(1, bytesOf([2, 1], [2, 0], [4, 0], [2, 9], [2, 1], [1, 9], [1, 0], [2, 0], [4, 0])),
    block(5, new Uint8Array(20)),
    ...frames.map((frame, i) => {
      const at = time + BigInt(i) * 1000n;
      const head = bytesOf(
        [4, 1],
        [4, Number(at >> 32n)],
        [4, Number(at & 0xffff_ffffn)],
        [4, frame.length],
        [4, frame.length],
      );
      return block(6, join(head, frame));
    }),
  );
}

async function read(
  bytes: Uint8Array<ArrayBuffer>,
  options: RecordingOptions = {},
): Promise<{ events: CaptureEvent[]; notes: string[] }> {
  const notes: string[] = [];
  const stream = new Blob([bytes]).stream();
  const events = await Array.fromAsync(
    readRecording(stream, { note: (text) => void notes.push(text), ...options }),
  );
  return { events, notes };
}

async function assertWhole(bytes: Uint8Array<ArrayBuffer>): Promise<CaptureEvent[]> {
  const { events, notes } = await read(bytes);
  assertEquals(notes, []);
  assertEquals(await linesOf(events.filter((event) => event.kind === "bytes")), expected);
  return events;
}

const whole = packets().map((packet) => ethernet(ip(packet)));

Deno.test("pcap and pcapng, either order of bytes, micro- and nanoseconds: the session that went over the network", async () => {
  for (
    const file of [
      pcap(whole),
      pcap(whole, { isLittle: false }),
      pcap(whole, { isNano: true }),
      pcapng(whole),
    ]
  ) {
    const events = await assertWhole(file);
    const [opened, first] = events;
    assert(opened?.kind === "opened");
    assertEquals(opened.peers, { subscriber: "10.0.0.7:50000", publisher: "10.0.0.1:7165" });
    // The third packet: 2 microseconds after the first.
    assertEquals(first?.ticks, 621_355_968_000_000_000n + 17_000_000_000_000_020n);
    const last = events.at(-1);
    assert(last?.kind === "ended");
    assertEquals(last.reason, "the subscriber closed the connection");
  }
});

Deno.test("IPv6, VLANs, Linux's any, BSD's loopback, raw IP", async () => {
  await assertWhole(pcap(packets().map((packet) => ip(packet, 6)), { linkType: 101 }));
  await assertWhole(pcap(packets().map((packet) => join(new Uint8Array(16), ip(packet))), { linkType: 113 }));
  await assertWhole(
    pcap(packets().map((packet) => join(new Uint8Array(20), ip(packet, 6))), { linkType: 276 }),
  );
  await assertWhole(
    pcap(packets().map((packet) => join(Uint8Array.of(2, 0, 0, 0), ip(packet))), { linkType: 0 }),
  );
  const vlan = bytesOf([2, 0x8100], [2, 7], [2, 0x86dd]);
  await assertWhole(pcap(packets().map((packet) => join(new Uint8Array(12), vlan, ip(packet, 6)))));
});

Deno.test("segments that come late, twice, or overlap; in tiny pieces", async () => {
  // What one side sends in a row comes the other way round.
  const late: Packet[] = [];
  const row: Packet[] = [];
  let longest = 0;
  for (const packet of packets(100)) {
    if (packet.flags !== ACK || row[0]?.fromSubscriber !== packet.fromSubscriber) {
      late.push(...row.splice(0).reverse());
    }
    if (packet.flags === ACK) row.push(packet);
    else late.push(packet);
    longest = Math.max(longest, row.length);
  }
  assert(longest > 10 && row.length === 0);
  await assertWhole(pcap(late.map((packet) => ethernet(ip(packet)))));
  await assertWhole(
    pcap(
      packets(700).flatMap((packet) => packet.protocol === 6 ? [packet, packet] : [packet]).map((packet) =>
        ethernet(ip(packet))
      ),
    ),
  );
  const overlapping = packets(100).flatMap((packet) => {
    const { payload, sequence } = packet;
    return payload.length < 40 || packet.protocol === 17
      ? [packet]
      : [{ ...packet, payload: payload.slice(0, 30) }, {
        ...packet,
        sequence: (sequence + 10) >>> 0,
        payload: payload.slice(10),
      }];
  });
  await assertWhole(pcap(overlapping.map((packet) => ethernet(ip(packet)))));
  await assertWhole(pcap(packets(1).map((packet) => ethernet(ip(packet)))));
});

Deno.test("what is missing in the recording is told, and so is what is no STTP", async () => {
  const all = packets(700);
  const fromPublisher = all.filter(({ fromSubscriber, protocol, payload }) =>
    !fromSubscriber && protocol === 6 && payload.length > 0
  );
  const gap = all.filter((packet) => packet !== fromPublisher[1]);
  const { events } = await read(pcap(gap.slice(0, -1).map((packet) => ethernet(ip(packet)))));
  const last = events.at(-1);
  assert(last?.kind === "ended");
  assertMatch(last.reason, /^[\d,]+ bytes? missing in the recording$/);

  const web = packets().slice(0, 3).map((packet) => ({
    ...packet,
    payload: new TextEncoder().encode("GET / HTTP/1.1"),
  }));
  const other = await read(pcap(web.map((packet) => ethernet(ip(packet)))));
  assertEquals([other.events, other.notes], [[], [
    "1 connection passed over: no STTP, or not from the start",
  ]]);
  const chosen = await read(pcap(web.map((packet) => ethernet(ip(packet)))), { port: 7165 });
  assertEquals(chosen.events.map(({ kind }) => kind).slice(0, 2), ["opened", "bytes"]);

  const cut = packets().map((packet) => ethernet(ip(packet)).subarray(0, 60));
  const file = pcap(cut);
  const view = new DataView(file.buffer);
  for (let at = 24; at < file.length; at += 16 + view.getUint32(at + 8, true)) {
    view.setUint32(at + 12, 1500, true);
  }
  assertMatch((await read(file)).notes[0]!, /packets were cut short/);
});

Deno.test("a file that ends too early, or is damaged anywhere, is an error with its place and nothing else", async () => {
  for (const file of [pcap(whole.slice(0, 12)), pcapng(whole.slice(0, 12))]) {
    for (let length = 4; length < file.length; length += 13) {
      await read(file.slice(0, length)).catch((error) =>
        assert(error instanceof CommandError, String(error))
      );
    }
    for (let at = 4; at < file.length; at += 11) {
      const damaged = file.slice();
      damaged[at]! ^= 1 << at % 8;
      await read(damaged).catch((error) => assert(error instanceof CommandError, String(error)));
    }
  }
  const long = pcap(whole);
  new DataView(long.buffer).setUint32(24 + 8, 2 ** 30, true);
  await assertRejects(() => read(long), CommandError, "1073741824 bytes announced at offset 24");
});
