import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { assertSttpError, corruptEachByte, hex, lengthsAccepted } from "../../tests/support/hostile.ts";
import { decodeMetadataRefresh, encodeMetadataRefresh } from "./metadata_refresh.ts";

Deno.test("filters follow their length; no filters, no body", () => {
  assertEquals(encodeMetadataRefresh("abc", "utf-8"), hex("00000003 616263"));
  assertEquals(encodeMetadataRefresh("ab", "utf-16be"), hex("00000004 00610062"));
  assertEquals(encodeMetadataRefresh("", "utf-8"), hex(""));
  assertEquals(decodeMetadataRefresh(hex(""), "utf-8"), "");
  assertEquals(decodeMetadataRefresh(hex("00000000"), "utf-8"), "");
  assertEquals(decodeMetadataRefresh(hex("00000001 61 62"), "utf-8"), "a", "bytes behind are ignored");
});

Deno.test("a length that does not fit, other encodings and long filters are refused", () => {
  const body = encodeMetadataRefresh("FILTER X WHERE True", "utf-8");
  assertEquals(lengthsAccepted(body, (cut) => decodeMetadataRefresh(cut, "utf-8")), [0]);
  corruptEachByte(body, (damaged) => decodeMetadataRefresh(damaged, "utf-8"));
  assertSttpError("MalformedFrame", () => decodeMetadataRefresh(hex("000000"), "utf-8"), "at least 4");
  assertSttpError("MalformedFrame", () => decodeMetadataRefresh(hex("ffffffff 61"), "utf-8"), "1 are left");
  assertSttpError("MalformedText", () => decodeMetadataRefresh(hex("00000001 ff"), "utf-8"));
  assertEquals(decodeMetadataRefresh(body, "utf-8", { filterLength: 19 }).length, 19);
  assertSttpError(
    "LimitExceeded",
    () => decodeMetadataRefresh(body, "utf-8", { filterLength: 18 }),
    "19 characters",
  );
});

Deno.test("any filters come back", () => {
  const text = fc.string().filter((text) => text.isWellFormed() && !text.startsWith("\ufeff"));
  fc.assert(fc.property(text, fc.constantFrom("utf-8", "utf-16le", "utf-16be"), (text, encoding) => {
    assertEquals(decodeMetadataRefresh(encodeMetadataRefresh(text, encoding), encoding), text);
  }));
});
