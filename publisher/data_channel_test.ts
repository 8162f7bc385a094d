import { assertEquals, assertThrows } from "@std/assert";
import type { HostPort } from "../transport/address.ts";
import { decryptPayload } from "../transport/cipher.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import type { DatagramSocket } from "../transport/udp.ts";
import { type CipherKeys, decodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { DATA_FRAME_PREFIX, finishDataFrame } from "../transport/wire/data_packet.ts";
import { FrameReader, readResponses } from "../transport/wire/frame.ts";
import { DataChannel, DatagramTotals, destinationOf, sealFrame } from "./data_channel.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import { PayloadCipher } from "./payload_cipher.ts";

/** A frame of packets of so many bytes each, that say they hold 1, 2, … measurements. */
function frameOf(...lengths: number[]): OutboundFrame {
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + DATA_FRAME_PREFIX + length, 0));
  const starts: number[] = [];
  let offset = 0;
  lengths.forEach((length, i) => {
    starts.push(offset);
    const end = offset + DATA_FRAME_PREFIX + length;
    bytes.fill(i + 1, offset + DATA_FRAME_PREFIX, end);
    finishDataFrame(bytes, offset, end, DataPacketFlags.Compact | DataPacketFlags.CacheIndex, i + 1);
    offset = end;
  });
  const measurements = lengths.length * (lengths.length + 1) / 2;
  return { bytes, starts, measurements, holders: 0, droppable: true };
}

/** A socket that the test answers for. */
class FakeSocket implements DatagramSocket {
  readonly address = "192.0.2.9:7165";
  readonly port = 7165;
  readonly sent: {
    datagram: Uint8Array;
    to: HostPort;
    done: (error?: SttpError) => void;
    signal?: AbortSignal;
  }[] = [];

  send(datagram: Uint8Array, to: HostPort, done: (error?: SttpError) => void, signal?: AbortSignal): void {
    this.sent.push({ datagram, to, done, ...signal && { signal } });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp(
  limit = 1 << 20,
): { socket: FakeSocket; channel: DataChannel; totals: DatagramTotals; log: string[]; end: () => void } {
  const socket = new FakeSocket();
  const ended = new AbortController();
  const totals = new DatagramTotals();
  const log: string[] = [];
  const channel = new DataChannel({
    socket,
    to: { hostname: "192.0.2.1", port: 9191 },
    limit,
    totals,
    ended: ended.signal,
    onIdle: () => log.push("idle"),
    onDropped: (reason, measurements) => log.push(`${reason} ${measurements}`),
  });
  return { socket, channel, totals, log, end: () => ended.abort() };
}

function cipherOf(): { clock: ManualClock; cipher: PayloadCipher; keys: () => CipherKeys } {
  const clock = new ManualClock();
  let keys: CipherKeys | undefined;
  const send = (frame: Uint8Array): void => {
    keys = decodeCipherKeys(frame.subarray(10));
  };
  return { clock, cipher: new PayloadCipher({ clock, interval: 60_000, send }), keys: () => keys! };
}

Deno.test("each packet of a frame is a datagram: a response without the frame's length", () => {
  const { socket, channel, totals, log } = setUp();
  const frame = frameOf(10, 0, 300);
  channel.send(frame, undefined);
  assertEquals(channel.idle, false);
  assertEquals(socket.sent.map(({ datagram }) => datagram.length), [21, 11, 311]);
  assertEquals(socket.sent[0]!.to, { hostname: "192.0.2.1", port: 9191 });
  socket.sent.forEach(({ datagram }, i) => {
    const [only, ...more] = [...readResponses(datagram)];
    assertEquals([only!.code, more.length], [Response.DataPacket, 0]);
    assertEquals(only!.body.subarray(0, 5), new Uint8Array([0x12, 0, 0, 0, i + 1]));
    assertEquals(only!.body.subarray(5), new Uint8Array([10, 0, 300][i]!).fill(i + 1));
  });
  for (const { done } of socket.sent) done();
  assertEquals([channel.idle, log], [true, ["idle"]]);
  assertEquals({ ...totals }, { datagrams: 3, bytes: 343, measurements: 6, errors: 0, lastError: null });
  assertEquals([channel.to, channel.from], ["192.0.2.1:9191", "192.0.2.9:7165"]);
});

Deno.test("encrypted is everything behind a packet's flags, and they name the key", () => {
  const { cipher, keys, clock } = cipherOf();
  const frame = frameOf(10, 300);
  for (const name of ["even", "odd"] as const) {
    const { socket, channel } = setUp();
    channel.send(frame, cipher);
    socket.sent.forEach(({ datagram }, i) => {
      const { body } = [...readResponses(datagram)][0]!;
      assertEquals(body[0], 0x12 | (name === "odd" ? 0x04 : 0));
      const payload = decryptPayload(body.subarray(1), keys()[name])!;
      assertEquals(payload.subarray(0, 4), new Uint8Array([0, 0, 0, i + 1]));
      assertEquals(payload.subarray(4), new Uint8Array([10, 300][i]!).fill(i + 1));
    });
    clock.advance(1000);
    cipher.rotate();
    clock.advance(2000);
  }
  cipher.dispose();
});

Deno.test("for the command channel the same packets are frames", () => {
  const { cipher, keys } = cipherOf();
  const plain = frameOf(10, 0, 300);
  const sealed = sealFrame(plain, cipher);
  assertEquals([sealed.measurements, sealed.droppable], [6, true]);
  const frames = new FrameReader({ maxLength: 1000 });
  frames.writable().set(sealed.bytes);
  frames.commit(sealed.bytes.length);
  const offsets: number[] = [];
  for (const length of [10, 0, 300]) {
    const payload = frames.next()!;
    offsets.push((offsets.at(-1) ?? 0) + 4 + payload.length);
    const { body } = [...readResponses(payload)][0]!;
    assertEquals(decryptPayload(body.subarray(1), keys().even)!.length, 4 + length);
  }
  assertEquals(frames.next(), undefined);
  assertEquals(sealed.starts, [0, ...offsets.slice(0, -1)]);
  assertEquals(offsets.at(-1), sealed.bytes.length);
  // Other subscribers share the plain one.
  assertEquals(plain, frameOf(10, 0, 300));
  cipher.dispose();
});

Deno.test("what the system does not take is counted, and the next datagram is sent", () => {
  const { socket, channel, totals, log } = setUp();
  channel.send(frameOf(10, 10), undefined);
  socket.sent[0]!.done(new SttpError("ConnectionLost", "no route"));
  socket.sent[1]!.done();
  assertEquals(log, ["datagram 1", "idle"]);
  assertEquals([totals.errors, totals.lastError, totals.datagrams], [1, "no route", 1]);
  channel.send(frameOf(10), undefined);
  assertEquals(socket.sent.length, 3);
});

Deno.test("more than the limit is never on its way to the system: the rest is dropped and counted", async () => {
  const { socket, channel, log } = setUp(100);
  channel.send(frameOf(50, 50, 10), undefined);
  assertEquals(socket.sent.map(({ datagram }) => datagram.length), [61, 21]);
  assertEquals(log, ["overflow 2"]);
  let drained = false;
  const draining = channel.drained().then(() => drained = true);
  socket.sent[0]!.done();
  assertEquals(drained, false);
  socket.sent[1]!.done();
  await draining;
  assertEquals(log, ["overflow 2", "idle"]);
  channel.send(frameOf(50), undefined);
  assertEquals(socket.sent.length, 3);
});

Deno.test("what waits when the connection ends is told, let go of, and counted by nobody else", async () => {
  const { socket, channel, totals, log, end } = setUp();
  channel.send(frameOf(10, 10, 10), undefined);
  socket.sent[0]!.done();
  assertEquals([totals.measurements, totals.waiting], [1, 5]);
  const draining = channel.drained();
  end();
  assertEquals(socket.sent[1]!.signal!.aborted, true);
  socket.sent[1]!.done();
  socket.sent[2]!.done(new SttpError("Closed", "not to be sent any more"));
  await draining;
  assertEquals([totals.measurements, totals.waiting, totals.errors, log], [1, 0, 0, []]);
});

Deno.test("datagrams go to the host of the command channel and nowhere else", () => {
  assertEquals(destinationOf("192.0.2.1:5000", 9191), { hostname: "192.0.2.1", port: 9191 });
  assertEquals(destinationOf("[2001:db8::1]:5000", 9191), { hostname: "2001:db8::1", port: 9191 });
  assertEquals(destinationOf("[::ffff:192.0.2.1]:5000", 9191), { hostname: "192.0.2.1", port: 9191 });
  const error = assertThrows(() => destinationOf("memory:1", 9191), SttpError, "not an IP address");
  assertEquals(error.code, "Refused");
});

Deno.test("what was sent has departed when the system has taken it, or not, whatever was sent since", async () => {
  const { socket, channel } = setUp();
  assertEquals(channel.departed(), undefined);
  let departures = 0;
  const count = (): number => departures++;
  for (let i = 0; i < 2; i++) channel.sendDatagram(new Uint8Array(10), 1);
  channel.departed()!.then(count);
  channel.sendDatagram(new Uint8Array(10), 1);
  channel.departed()!.then(count);
  const seen: number[] = [];
  for (const [i, { done }] of socket.sent.entries()) {
    done(i === 1 ? new SttpError("ConnectionLost", "refused") : undefined);
    await new Promise((resolve) => setTimeout(resolve, 0));
    seen.push(departures);
  }
  assertEquals(seen, [0, 1, 2]);
  assertEquals(channel.departed(), undefined);
});
