import { assertEquals } from "@std/assert";
import { Command, encodeCommand } from "../../mod.ts";
import type { Segment } from "./network.ts";
import { type StreamEvent, Streams } from "./streams.ts";

const modes = encodeCommand(Command.DefineOperationalModes, new Uint8Array(4));

/** What a subscriber at some port sends, from byte `at` on. */
function segment(port: number, at: number, payload: Uint8Array, isSyn = false): Segment {
  return {
    protocol: "tcp",
    source: `192.0.2.1:${port}`,
    destination: "192.0.2.2:7165",
    sourcePort: port,
    destinationPort: 7165,
    sequence: at,
    isSyn,
    isAck: !isSyn,
    isFin: false,
    isReset: false,
    payload,
  };
}

/** Begins a connection. @returns What it leads to. */
function begin(streams: Streams, port: number): StreamEvent[] {
  streams.add(segment(port, 0, new Uint8Array(0), true));
  return streams.add(segment(port, 1, modes));
}

/** Sends segments behind a byte that is missing. @returns How many until the connection was given up, and why. */
function sendEarly(streams: Streams, length: number, most: number): [count: number, reason: string] {
  const payload = new Uint8Array(length);
  for (let i = 0; i < most; i++) {
    const [event] = streams.add(segment(5000, 2 + modes.length + i * length, payload));
    if (event?.kind === "ended") return [i + 1, event.reason];
  }
  return [most, ""];
}

Deno.test("what waits for missing bytes has 64 MiB, however short its parts are", () => {
  for (const length of [1, 1024, 1024 ** 2]) {
    const streams = new Streams(undefined);
    begin(streams, 5000);
    const fit = Math.floor(64 * 1024 ** 2 / (length + 512));
    assertEquals(sendEarly(streams, length, fit), [fit, ""]);
    assertEquals(streams.end().map((event) => event.kind === "ended" && event.reason), [
      "1 byte missing in the recording",
    ]);

    const others = new Streams(undefined);
    begin(others, 5000);
    assertEquals(sendEarly(others, length, fit + 1), [fit + 1, "1 byte missing in the recording"]);
  }
});

Deno.test("what waited is given back when the missing byte comes, and when a connection gives way", () => {
  const streams = new Streams(undefined);
  for (let i = 0; i < 5; i++) {
    begin(streams, 5000);
    assertEquals(sendEarly(streams, 1024 ** 2, 40), [40, ""]);
    // Once in a while it comes; else the same ports are used again.
    if (i % 2 === 0) streams.add(segment(5000, 1 + modes.length, new Uint8Array(1)));
  }
});

Deno.test("65,536 connections are known at a time, and the one that began first is forgotten", () => {
  const streams = new Streams(undefined);
  const numbers = (events: StreamEvent[]): number[] => events.map(({ connection }) => connection);
  assertEquals(numbers(begin(streams, 1)), [1, 1]);
  const idle = (port: number): unknown => streams.add(segment(port, 0, new Uint8Array(0), true));
  for (let port = 2; port <= 65_536; port++) idle(port);
  const next = modes.length + 1;
  assertEquals(numbers(streams.add(segment(1, next, modes))), [1]);
  idle(65_537);
  assertEquals(numbers(streams.add(segment(1, next + modes.length, modes))), [2, 2]);
});

/** All bytes of some events, in their order. */
function bytesOf(events: readonly StreamEvent[]): number[] {
  return events.flatMap((event) => event.kind === "bytes" ? [...event.bytes] : []);
}

Deno.test("segments in the wrong order, overlapping and repeated, come to the same bytes, beyond 2^32, too", () => {
  const sent = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  // The numbers of the first bytes begin anew in the middle.
  const first = 2 ** 32 - 500;
  for (let step = 1; step < 200; step += 7) {
    const streams = new Streams(undefined);
    streams.add(segment(5000, first - 1 - modes.length, new Uint8Array(0), true));
    const [, opened] = streams.add(segment(5000, first - modes.length, modes));
    assertEquals(opened?.kind, "bytes");
    const events: StreamEvent[] = [];
    // 211 is prime, so all of the 100 come.
    for (let i = 0; i < 100; i++) {
      const at = (i * 211 % 100) * 10;
      const payload = sent.subarray(at, at + 10 + step % 13);
      for (const part of [payload.subarray(0, 5), payload, payload]) {
        events.push(...streams.add(segment(5000, (first + at) % 2 ** 32, part)));
      }
    }
    assertEquals(bytesOf(events), [...sent]);
    assertEquals(streams.end().map((event) => event.kind === "ended" && event.reason), [
      "the recording ends",
    ]);
  }
});

Deno.test("100,000 early segments, each in turn after one in order, and from last to first", () => {
  const count = 100_000;
  const at = 1 + modes.length;
  const streams = new Streams(undefined);
  begin(streams, 5000);
  let got = 0;
  for (let i = 0; i < count; i++) {
    const early = streams.add(segment(5000, at + count + (count - i), Uint8Array.of(1)));
    const inOrder = streams.add(segment(5000, at + i, Uint8Array.of(2)));
    got += bytesOf([...early, ...inOrder]).length;
  }
  assertEquals(got, count);
  assertEquals(bytesOf(streams.add(segment(5000, at + count, Uint8Array.of(3)))), [
    3,
    ...Array(count).fill(1),
  ]);
});

Deno.test("datagrams belong to the newest connection between their hosts that is known", () => {
  const streams = new Streams(undefined);
  const datagram = (): number[] =>
    streams.add({
      ...segment(7165, 0, Uint8Array.of(0x82, 0x02, 0)),
      protocol: "udp",
      source: "192.0.2.2:7165",
      destination: "192.0.2.1:9000",
    }).map(({ connection }) => connection);
  assertEquals(datagram(), []);
  begin(streams, 5000);
  begin(streams, 5001);
  assertEquals(datagram(), [2]);
  // Its ports are used again, by something that is no STTP; then by many others, each for a short time.
  const isNoSttp = (port: number): void => {
    streams.add(segment(port, 0, new Uint8Array(0), true));
    streams.add(segment(port, 1, new TextEncoder().encode("GET / HTTP/1.1")));
  };
  isNoSttp(5001);
  assertEquals(datagram(), [1]);
  for (let i = 0; i < 100; i++) begin(streams, 5002);
  assertEquals(datagram(), [102]);
  isNoSttp(5002);
  assertEquals(datagram(), [1]);
  isNoSttp(5000);
  assertEquals(datagram(), []);
  begin(streams, 5000);
  assertEquals(datagram(), [103]);
});

Deno.test("150,000 connections one after the other: each is forgotten in its turn", () => {
  const streams = new Streams(undefined);
  begin(streams, 1);
  for (let port = 2; port <= 150_000; port++) streams.add(segment(port, 0, new Uint8Array(0), true));
  const again = (port: number): unknown => begin(streams, port).map(({ connection }) => connection);
  // Forgotten, it begins as another; known, what it says now is what it says first.
  assertEquals(again(1), [2, 2]);
  assertEquals(streams.add(segment(149_999, 1, modes)).map(({ connection }) => connection), [3, 3]);
});

Deno.test("a connection that is forgotten has ended: its ports are used again, or too many have begun since", () => {
  const streams = new Streams(undefined);
  begin(streams, 1);
  const syn = (port: number): StreamEvent[] => streams.add(segment(port, 0, new Uint8Array(0), true));
  const ended = (
    connection: number,
    reason: string,
  ): StreamEvent[] => [{ kind: "ended", connection, reason }];
  assertEquals(syn(1), ended(1, "its ports are used again"));
  streams.add(segment(1, 1, modes));
  for (let port = 2; port <= 65_536; port++) assertEquals(syn(port), []);
  assertEquals(syn(65_537), ended(2, "65536 other connections have begun since"));
  assertEquals(streams.end(), []);
});
