import { assertEquals, assertThrows } from "@std/assert";
import { assertSttpError, hex } from "../../tests/support/hostile.ts";
import { DataPacketFlags } from "./codes.ts";
import {
  DATA_FRAME_PREFIX,
  decodeDataStartTime,
  decodePacketHeader,
  encodeDataStartTime,
  finishDataFrame,
} from "./data_packet.ts";
import { FRAME_HEADER_LENGTH, readResponses } from "./frame.ts";

Deno.test("finishDataFrame: length, response, command, body length, flags and count around the payload, in place", () => {
  const out = new Uint8Array(40).fill(0xee);
  out.set([1, 2, 3], 5 + DATA_FRAME_PREFIX);
  const frame = finishDataFrame(out, 5, 5 + DATA_FRAME_PREFIX + 3, DataPacketFlags.Compressed, 0x0102_0304);
  assertEquals(frame, hex("0000000e 82 02 00000008 08 01020304 010203"));
  assertEquals(frame.buffer, out.buffer);
  assertEquals(frame.byteOffset, 5);
  assertEquals(out.subarray(0, 5), new Uint8Array(5).fill(0xee));
  assertEquals(out.subarray(23), new Uint8Array(17).fill(0xee));
});

Deno.test("finishDataFrame: what it makes is read as a response with a data packet", () => {
  const out = new Uint8Array(DATA_FRAME_PREFIX + 2);
  out.set([7, 8], DATA_FRAME_PREFIX);
  const flags = DataPacketFlags.Compact | DataPacketFlags.CacheIndex;
  const frame = finishDataFrame(out, 0, out.length, flags, 0xffff_ffff);
  const [response] = [...readResponses(frame.subarray(FRAME_HEADER_LENGTH))];
  assertEquals([response!.code, response!.inResponseTo], [0x82, 0x02]);
  assertEquals(decodePacketHeader(response!.body), {
    flags: 0x12,
    count: 0xffff_ffff,
    payload: out.subarray(15),
  });
});

Deno.test("finishDataFrame: refuses bytes that are not there", () => {
  const out = new Uint8Array(20);
  assertThrows(() => finishDataFrame(out, 0, 14, 0, 0), RangeError, "at least 15");
  assertThrows(() => finishDataFrame(out, 0, 21, 0, 0), RangeError, "of 20 bytes");
  assertThrows(() => finishDataFrame(out, -1, 20, 0, 0), RangeError);
  assertEquals(finishDataFrame(out, 0, 15, 0, 0).length, 15);
});

Deno.test("decodePacketHeader: a body shorter than its header is malformed", () => {
  assertSttpError("MalformedPacket", () => decodePacketHeader(hex("02000000")), "4 bytes, at least 5");
  assertEquals(decodePacketHeader(hex("0200000000")).payload.length, 0);
});

Deno.test("DataStartTime: ticks, big-endian", () => {
  assertEquals(encodeDataStartTime(0x08dc_5a30_1234_5678n), hex("08dc5a3012345678"));
  assertEquals(decodeDataStartTime(hex("08dc5a3012345678")), 0x08dc_5a30_1234_5678n);
  assertEquals(decodeDataStartTime(encodeDataStartTime(-(2n ** 63n))), -(2n ** 63n), "leap-second bits stay");
  assertSttpError("MalformedFrame", () => decodeDataStartTime(new Uint8Array(7)), "7 bytes, 8 expected");
});
