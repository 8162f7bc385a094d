import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { hex } from "../../tests/support/hostile.ts";
import { EMPTY_GUID, isGuid, normalizeGuid, readGuid, writeGuid } from "./guid.ts";

const TEXT = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
const BYTES = hex("9ae6dd95bddb5dd8871757da1268b9ca");

Deno.test("a GUID is read in RFC 4122 byte order", () => {
  assertEquals(readGuid(BYTES, 0), TEXT);
});

Deno.test("a GUID is written in RFC 4122 byte order, at its offset only", () => {
  const bytes = new Uint8Array(20).fill(0xee);
  writeGuid(TEXT, bytes, 3);
  assertEquals(bytes, hex(`eeeeee ${BYTES.toHex()} ee`));
});

Deno.test("every common spelling of a GUID is normalized", () => {
  const spellings = [
    TEXT,
    TEXT.toUpperCase(),
    `{${TEXT}}`,
    `(${TEXT.toUpperCase()})`,
    ` ${TEXT}\n`,
    TEXT.replaceAll("-", ""),
    `{${TEXT.replaceAll("-", "")}}`,
  ];
  for (const spelling of spellings) {
    assertEquals(normalizeGuid(spelling), TEXT);
    assertEquals(isGuid(spelling), true);
    const bytes = new Uint8Array(16);
    writeGuid(spelling, bytes, 0);
    assertEquals(bytes, BYTES);
  }
  assertEquals(normalizeGuid(EMPTY_GUID), EMPTY_GUID);
});

Deno.test("what is not a GUID is refused", () => {
  const others = [
    "",
    "{}",
    "PPA:12",
    TEXT.slice(1),
    `${TEXT}0`,
    `{${TEXT}`,
    `${TEXT}}`,
    `{${TEXT})`,
    `{{${TEXT}}}`,
    TEXT.replace("9", "g"),
    TEXT.replace("-", "0"),
    "9ae6dd9-5bddb-5dd8-8717-57da1268b9ca",
    `${TEXT}\n${TEXT}`,
  ];
  for (const text of others) {
    assertFalse(isGuid(text));
    assertThrows(() => normalizeGuid(text), TypeError, "is not a GUID");
    assertThrows(() => writeGuid(text, new Uint8Array(16), 0), TypeError);
  }
});

Deno.test("a GUID needs its 16 bytes", () => {
  assertThrows(() => readGuid(BYTES, 1), RangeError);
  assertThrows(() => readGuid(BYTES, -1), RangeError);
  assertThrows(() => writeGuid(TEXT, new Uint8Array(16), 1), RangeError);
  assertThrows(() => writeGuid(TEXT, new Uint8Array(16), -1), RangeError);
});

Deno.test("any 16 bytes become text and come back", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const text = readGuid(bytes, 0);
    assertEquals(normalizeGuid(text), text);
    const back = new Uint8Array(16);
    writeGuid(text, back, 0);
    assertEquals(back.toHex(), bytes.toHex());
  }));
});
