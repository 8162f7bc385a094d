import { assert, assertEquals, assertLessOrEqual, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  assertSttpError,
  corruptEachByte,
  hex,
  lengthsAccepted,
  Reservations,
} from "../../tests/support/hostile.ts";
import { Command, Response } from "./codes.ts";
import {
  encodeCommand,
  encodeResponse,
  FrameReader,
  readCommand,
  readResponses,
  type ResponseView,
  writeResponseHeader,
} from "./frame.ts";

/** Gives bytes to a reader in pieces of the given sizes (the last for all that follow) and takes all frames. */
function feed(reader: FrameReader, bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let offset = 0;
  for (let i = 0; offset < bytes.length; i++) {
    const room = reader.writable();
    const size = Math.min(sizes[Math.min(i, sizes.length - 1)]!, room.length, bytes.length - offset);
    room.set(bytes.subarray(offset, offset + size));
    reader.commit(size);
    offset += size;
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame.slice());
  }
  return frames;
}

/** Payloads as a stream of frames. */
function stream(payloads: readonly Uint8Array[]): Uint8Array {
  return hex(payloads.map((p) => p.length.toString(16).padStart(8, "0") + p.toHex()).join(""));
}

function owned(responses: Iterable<ResponseView>): { code: number; inResponseTo: number; body: string }[] {
  return Array.from(
    responses,
    ({ code, inResponseTo, body }) => ({ code, inResponseTo, body: body.toHex() }),
  );
}

Deno.test("a command is a length, a code and a body", () => {
  assertEquals(encodeCommand(Command.Unsubscribe), hex("00000001 03"));
  assertEquals(encodeCommand(Command.DefineOperationalModes, hex("e0000262")), hex("00000005 06 e0000262"));
  assertEquals(readCommand(hex("06 e0000262")), { code: 6, body: hex("e0000262") });
  assertEquals(readCommand(hex("03")), { code: 3, body: hex("") });
  assertSttpError("MalformedFrame", () => readCommand(hex("")), "a command expected");
});

Deno.test("a response is a length, a code, the command it answers, a length and a body", () => {
  assertEquals(encodeResponse(Response.NoOP, Command.Subscribe), hex("00000006 ff 02 00000000"));
  assertEquals(
    encodeResponse(Response.Succeeded, Command.Unsubscribe, hex("6f6b")),
    hex("00000008 80 03 00000002 6f6b"),
  );
});

Deno.test("a response's header can be written in place", () => {
  const out = new Uint8Array(20).fill(0xee);
  assertEquals(writeResponseHeader(Response.DataPacket, Command.Subscribe, 0x01020304, out, 2), 12);
  assertEquals(out, hex("eeee 0102030a 82 02 01020304 eeeeeeeeeeeeeeee"));
});

Deno.test("a frame holds one response or many", () => {
  const payload = hex("80 06 00000002 6f6b  ff 02 00000000  82 02 00000001 02");
  assertEquals(owned(readResponses(payload)), [
    { code: 0x80, inResponseTo: 6, body: "6f6b" },
    { code: 0xff, inResponseTo: 2, body: "" },
    { code: 0x82, inResponseTo: 2, body: "02" },
  ]);
});

Deno.test("a response's body is a view of the frame", () => {
  const payload = hex("80 06 00000002 6f6b");
  const [response] = readResponses(payload);
  assertStrictEquals(response?.body.buffer, payload.buffer);
});

Deno.test("responses before a malformed remainder are given out", () => {
  const payload = hex("ff 02 00000000  82 02 00000003 0102");
  const responses = readResponses(payload);
  assertEquals(responses.next().value?.code, 0xff);
  assertSttpError("MalformedFrame", () => responses.next(), "announces a body of 3 bytes, 2 are left");
});

Deno.test("a frame of responses cut anywhere is malformed, but for the ends of its responses", () => {
  const payload = hex("80 06 00000002 6f6b  ff 02 00000000  82 02 00000001 02");
  assertEquals(lengthsAccepted(payload, (bytes) => [...readResponses(bytes)]), [8, 14]);
  corruptEachByte(payload, (bytes) => [...readResponses(bytes)]);
  assertSttpError("MalformedFrame", () => [...readResponses(hex("80 06 ffffffff 00"))], "4294967295");
});

Deno.test("frames come out as they went in, however the stream is cut", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(payloads, sizes, fc.integer({ min: 1, max: 100 }), (payloads, sizes, readSize) => {
    const reader = new FrameReader({ maxLength: 300, readSize });
    const frames = feed(reader, stream(payloads), sizes);
    assertEquals(frames.map((frame) => frame.toHex()), payloads.map((payload) => payload.toHex()));
    assertEquals(reader.buffered, 0);
  }));
});

Deno.test("a byte at a time is enough", () => {
  const payloads = [hex("06e0000262"), hex(""), hex("01"), new Uint8Array(1000).fill(7)];
  const frames = feed(new FrameReader({ maxLength: 1000, readSize: 16 }), stream(payloads), [1]);
  assertEquals(frames, payloads);
});

Deno.test("a frame is a view of the reader's buffer", () => {
  const reader = new FrameReader({ maxLength: 10 });
  const room = reader.writable();
  room.set(hex("00000001 03"));
  reader.commit(5);
  assertStrictEquals(reader.next()?.buffer, room.buffer);
});

Deno.test("room is always offered", () => {
  const reader = new FrameReader({ maxLength: 1 << 24 });
  reader.writable().set(hex("00ffffff"));
  reader.commit(4);
  for (let i = 0; i < 40; i++) {
    const room = reader.writable();
    assertEquals(room.length >= 65_536, true);
    // All of it, or part of it.
    reader.commit(i % 2 ? room.length : 10_000);
  }
});

Deno.test("a frame over the limit is refused, with its length, before its body arrives", () => {
  const reader = new FrameReader({ maxLength: 8_197 });
  reader.writable().set(hex("00002006"));
  reader.commit(4);
  assertSttpError("FrameTooLong", () => reader.next(), "8198 bytes, at most 8197");
  assertSttpError("FrameTooLong", () => reader.next());
  reader.maxLength = 8_198;
  assertEquals(reader.next(), undefined);
});

Deno.test("a frame of exactly the limit is accepted", () => {
  const reader = new FrameReader({ maxLength: 8_197 });
  assertEquals(feed(reader, stream([new Uint8Array(8_197)]), [3000]).length, 1);
  assertEquals(feed(new FrameReader({ maxLength: 0 }), hex("00000000"), [4]), [hex("")]);
});

Deno.test("what reads as the start of a web request is a frame too long", () => {
  const reader = new FrameReader({ maxLength: 8_197 });
  const request = new TextEncoder().encode("GET / HTTP/1.1\r\n");
  assertSttpError("FrameTooLong", () => feed(reader, request, [16]));
});

Deno.test("memory grows with what arrives, not with what is announced, and falls back", () => {
  const normal = 2 * 1024;
  const reader = new FrameReader({ maxLength: 1 << 30, readSize: 1024 });
  assertEquals(reader.capacity, normal);
  const announced = 1 << 20;
  reader.writable().set(hex("00100000"));
  reader.commit(4);
  for (let arrived = 4; arrived < 4 + announced;) {
    const room = reader.writable();
    assertLessOrEqual(reader.capacity, Math.max(normal, 3 * (arrived + 1024)));
    const size = Math.min(room.length, 700, 4 + announced - arrived);
    reader.commit(size);
    arrived += size;
    assertEquals(reader.next()?.length, arrived === 4 + announced ? announced : undefined);
  }
  assertLessOrEqual(reader.capacity, 4 + announced + 1024, "no more than the frame and a read");
  using reservations = new Reservations();
  reader.writable().set(hex("40000000"));
  assertEquals(reader.capacity, normal);
  reader.commit(4);
  assertEquals(reader.next(), undefined);
  reservations.assertLittle();
});

Deno.test("bytes behind a large frame survive the return to normal size", () => {
  const payloads = [new Uint8Array(50_000).fill(1), hex("aabb"), new Uint8Array(3_000).fill(2), hex("cc")];
  const reader = new FrameReader({ maxLength: 50_000, readSize: 1000 });
  assertEquals(feed(reader, stream(payloads), [997]), payloads);
  assertEquals(reader.buffered, 0);
  reader.writable();
  assertEquals(reader.capacity, 2000);
});

/** Bytes that `set` copies into typed arrays, until it is disposed of. */
class Copies {
  readonly #set = Uint8Array.prototype.set;
  bytes = 0;

  constructor() {
    const { prototype } = Uint8Array;
    const [count, set] = [(bytes: number) => this.bytes += bytes, this.#set];
    prototype.set = function (source: ArrayLike<number>, offset?: number): void {
      count(source.length);
      set.call(this, source, offset);
    };
  }

  [Symbol.dispose](): void {
    Uint8Array.prototype.set = this.#set;
  }
}

Deno.test("a long frame is copied as it arrives, a little at a time", () => {
  const piece = 262_144;
  for (const length of [400_000, (1 << 20) - 70_000, 3_000_001, (1 << 23) + 70_000]) {
    const payload = new Uint8Array(length);
    for (let i = 0; i < length; i++) payload[i] = Math.imul(i, 0x9e3779b1) >>> 24;
    const bytes = stream([payload, hex("aabb")]);
    for (const most of [10_000, 65_536, 1 << 20]) {
      const reader = new FrameReader({ maxLength: length });
      let all = 0;
      for (let arrived = 0; arrived < bytes.length;) {
        const room = reader.writable();
        assertLessOrEqual(room.length, piece);
        const size = Math.min(room.length, most, bytes.length - arrived);
        room.set(bytes.subarray(arrived, arrived + size));
        arrived += size;
        using copies = new Copies();
        reader.commit(size);
        const frame = reader.next();
        if (frame !== undefined) {
          assert(frame.length === length && frame.every((byte, i) => byte === payload[i]));
          assertEquals(reader.next(), hex("aabb"));
        }
        reader.writable();
        assertLessOrEqual(copies.bytes, 4 * piece);
        all += copies.bytes;
      }
      assertEquals(reader.buffered, 0);
      assertLessOrEqual(all, 2 * length, "as much as doubling copies");
    }
  }
});

Deno.test("frames that are released stay good, and what is behind them is read on", () => {
  const [long, behind] = [new Uint8Array(100_000).fill(1), new Uint8Array(700).fill(3)];
  const bytes = stream([long, hex("aabb"), behind, long]);
  const reader = new FrameReader({ maxLength: 100_000, readSize: 1000 });
  const kept: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const room = reader.writable();
    const size = Math.min(room.length, 997, bytes.length - offset);
    room.set(bytes.subarray(offset, offset + size));
    reader.commit(size);
    offset += size;
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      kept.push(frame);
      reader.release();
    }
  }
  assertEquals(kept, [long, hex("aabb"), behind, long]);
  assertEquals([reader.buffered, reader.capacity], [0, 2000]);
});

Deno.test("wrong arguments are refused", () => {
  for (const maxLength of [-1, 1.5, NaN]) assertThrows(() => new FrameReader({ maxLength }), RangeError);
  for (const readSize of [0, -1, 1.5, NaN]) {
    assertThrows(() => new FrameReader({ maxLength: 1, readSize }), RangeError);
  }
  const reader = new FrameReader({ maxLength: 1, readSize: 8 });
  for (const count of [-1, 0.5, 17]) assertThrows(() => reader.commit(count), RangeError);
  reader.commit(16);
});

Deno.test("any commands and responses come back", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const body = fc.uint8Array({ maxLength: 100 });
  fc.assert(fc.property(byte, body, (code, body) => {
    assertEquals(readCommand(encodeCommand(code, body).subarray(4)).code, code);
    assertEquals(readCommand(encodeCommand(code, body).subarray(4)).body.toHex(), body.toHex());
  }));
  fc.assert(fc.property(fc.array(fc.tuple(byte, byte, body), { minLength: 1, maxLength: 5 }), (responses) => {
    const payload = hex(responses.map((r) => encodeResponse(...r).subarray(4).toHex()).join(""));
    assertEquals(
      owned(readResponses(payload)),
      responses.map(([code, inResponseTo, body]) => ({ code, inResponseTo, body: body.toHex() })),
    );
  }));
});

Deno.test("any bytes are responses or malformed", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      for (const { body } of readResponses(bytes)) assertLessOrEqual(body.length, bytes.length);
    } catch (error) {
      assertEquals((error as { code?: string }).code, "MalformedFrame");
    }
  }));
});
