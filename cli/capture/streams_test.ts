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
