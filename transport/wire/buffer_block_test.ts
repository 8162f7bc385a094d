import { assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../errors.ts";
import {
  decodeBufferBlockConfirmation,
  decodeBufferBlockContent,
  decodeBufferBlockHead,
  encodeBufferBlock,
  encodeBufferBlockConfirmation,
} from "./buffer_block.ts";
import { BufferBlockFlags } from "./codes.ts";

Deno.test("buffer block: sequence, flags, signal index, payload", () => {
  const body = encodeBufferBlock(0xfffffffe, 0x1d, 0x80000001, Uint8Array.of(7, 8));
  assertEquals(body, Uint8Array.of(0xff, 0xff, 0xff, 0xfe, 0x1d, 0x80, 0, 0, 1, 7, 8));
  const { sequence, flags, rest } = decodeBufferBlockHead(body);
  assertEquals([sequence, flags], [0xfffffffe, 0x1d]);
  assertEquals(decodeBufferBlockContent(rest), { signalIndex: 0x80000001, payload: Uint8Array.of(7, 8) });
});

Deno.test("the older layout: a cache index instead of flags, always to be confirmed", () => {
  const { ConfirmationRequired, CacheIndex, Compressed } = BufferBlockFlags;
  for (
    const [given, byte, read] of [
      [ConfirmationRequired, 0, ConfirmationRequired],
      [CacheIndex | Compressed, 1, ConfirmationRequired | CacheIndex],
    ] as const
  ) {
    const body = encodeBufferBlock(5, given, 1, Uint8Array.of(9), "older");
    assertEquals(body[4], byte);
    assertEquals(decodeBufferBlockHead(body, "older").flags, read);
  }
  const error = assertThrows(() => decodeBufferBlockHead(Uint8Array.of(0, 0, 0, 0, 2), "older"), SttpError);
  assertEquals(error.code, "MalformedFrame");
});

Deno.test("ConfirmBufferBlock, and what is cut short", () => {
  assertEquals(encodeBufferBlockConfirmation(0xfedcba98), Uint8Array.of(0xfe, 0xdc, 0xba, 0x98));
  assertEquals(decodeBufferBlockConfirmation(Uint8Array.of(0xfe, 0xdc, 0xba, 0x98)), 0xfedcba98);
  assertThrows(() => decodeBufferBlockConfirmation(new Uint8Array(3)), SttpError);
  assertThrows(() => decodeBufferBlockHead(new Uint8Array(4)), SttpError);
  assertThrows(() => decodeBufferBlockContent(new Uint8Array(3)), SttpError);
});
