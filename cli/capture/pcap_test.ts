import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CommandError } from "../exit_codes.ts";
import { Conversation } from "./conversation.ts";
import type { CaptureEvent, Sender } from "./format.ts";
import { readRecording, type RecordingOptions } from "./recording.ts";
import {
  ACK,
  ethernet,
  ip,
  join,
  type Packet,
  packetsOf,
  pcap,
  pcapng,
  vlan,
} from "./testdata/network_recordings.ts";

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

/** The session as packets. */
function packets(most?: number): Packet[] {
  return packetsOf(session, most);
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
  await assertWhole(pcap(packets().map((packet) => vlan(ip(packet, 6)))));
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
