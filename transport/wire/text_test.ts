import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { assertSttpError, hex } from "../../tests/support/hostile.ts";
import { decodeResponseText, decodeText, encodeText, type TextEncoding } from "./text.ts";

const ENCODINGS: readonly TextEncoding[] = ["utf-8", "utf-16le", "utf-16be"];

Deno.test("text is encoded byte for byte", () => {
  assertEquals(encodeText("A\u20ac\ud83d\ude00", "utf-8"), hex("41 e282ac f09f9880"));
  assertEquals(encodeText("A\u20ac\ud83d\ude00", "utf-16le"), hex("4100 ac20 3dd8 00de"));
  assertEquals(encodeText("A\u20ac\ud83d\ude00", "utf-16be"), hex("0041 20ac d83d de00"));
});

Deno.test("a byte order mark is dropped", () => {
  assertEquals(decodeText(hex("efbbbf 41"), "utf-8"), "A");
  assertEquals(decodeText(hex("fffe 4100"), "utf-16le"), "A");
  assertEquals(decodeText(hex("feff 0041"), "utf-16be"), "A");
});

Deno.test("wrong bytes become U+FFFD, or an error if asked for", () => {
  assertEquals(decodeText(hex("41 ff 42"), "utf-8"), "A\ufffdB");
  assertEquals(decodeText(hex("4100 42"), "utf-16le"), "A\ufffd");
  assertEquals(decodeText(hex("d800 0041"), "utf-16be"), "\ufffdA");
  assertSttpError("MalformedText", () => decodeText(hex("41 ff"), "utf-8", { fatal: true }), "utf-8");
  assertSttpError("MalformedText", () => decodeText(hex("4100 42"), "utf-16le", { fatal: true }), "utf-16le");
  assertSttpError(
    "MalformedText",
    () => decodeText(hex("d800 0041"), "utf-16be", { fatal: true }),
    "utf-16be",
  );
});

Deno.test("half a surrogate pair is encoded as U+FFFD in UTF-8", () => {
  assertEquals(encodeText("\ud83d", "utf-8"), hex("efbfbd"));
});

Deno.test("any text comes back in every encoding", () => {
  const text = fc.string({ unit: "binary" }).filter((text) =>
    text.isWellFormed() && !text.startsWith("\ufeff")
  );
  fc.assert(fc.property(text, fc.constantFrom(...ENCODINGS), (text, encoding) => {
    assertEquals(decodeText(encodeText(text, encoding), encoding, { fatal: true }), text);
  }));
});

Deno.test("a response's text loses a length in front of it only when it is one", () => {
  assertEquals(decodeResponseText(hex("00000003 616263"), "utf-8"), "abc");
  assertEquals(decodeResponseText(hex("00000000"), "utf-8"), "");
  assertEquals(decodeResponseText(hex("616263"), "utf-8"), "abc");
  assertEquals(decodeResponseText(hex(""), "utf-8"), "");
  assertEquals(decodeResponseText(hex("00000002 616263"), "utf-8"), "\0\0\0\u0002abc");
  assertEquals(decodeResponseText(hex("00000004 6100 6200"), "utf-16le"), "ab");
  assertEquals(decodeResponseText(hex("00000003 616263"), "utf-8", 2), "ab");
  assertEquals(decodeResponseText(hex("616263"), "utf-8", 2), "ab");
  // A view into a larger buffer.
  assertEquals(decodeResponseText(hex("ff 00000001 61 ff").subarray(1, 6), "utf-8"), "a");
});
