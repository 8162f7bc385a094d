import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assertSttpError, hex, lengthsAccepted } from "../../tests/support/hostile.ts";
import {
  decodeOperationalModes,
  DefaultOperationalModes,
  encodeOperationalModes,
  type OperationalModes,
  usesGzipCache,
  usesGzipMetadata,
  usesTssc,
} from "./operational_modes.ts";

const none: OperationalModes = {
  version: 0,
  gzip: false,
  tssc: false,
  encoding: "utf-16le",
  extension: 0,
  receiveExternalMetadata: false,
  receiveInternalMetadata: false,
  compressPayloadData: false,
  compressSignalIndexCache: false,
  compressMetadata: false,
};

Deno.test("each mode has its bits", () => {
  const cases: [Partial<OperationalModes>, string][] = [
    [{}, "00000000"],
    [{ version: 2 }, "00000002"],
    [{ version: 31 }, "0000001f"],
    [{ gzip: true }, "00000020"],
    [{ tssc: true }, "00000040"],
    [{ encoding: "utf-16be" }, "00000100"],
    [{ encoding: "utf-8" }, "00000200"],
    [{ encoding: undefined }, "00000300"],
    [{ extension: 0xa5 }, "00a50000"],
    [{ receiveExternalMetadata: true }, "02000000"],
    [{ receiveInternalMetadata: true }, "04000000"],
    [{ compressPayloadData: true }, "20000000"],
    [{ compressSignalIndexCache: true }, "40000000"],
    [{ compressMetadata: true }, "80000000"],
  ];
  for (const [modes, expected] of cases) {
    const whole = { ...none, ...modes };
    assertEquals(encodeOperationalModes(whole).toHex(), expected);
    assertEquals(decodeOperationalModes(hex(expected)), {
      modes: whole,
      bits: parseInt(expected, 16),
      algorithms: "",
    });
  }
});

Deno.test("the default modes are those of a subscriber of today", () => {
  assertEquals(encodeOperationalModes(DefaultOperationalModes), hex("e0000262"));
});

Deno.test("bits without a meaning are kept and harmless", () => {
  const { modes, bits } = decodeOperationalModes(hex("1900fc02"));
  assertEquals(modes, { ...none, version: 2 });
  assertEquals(bits, 0x1900fc02);
});

Deno.test("algorithms follow as text in the encoding of the modes", () => {
  const text = "BufferBlockPayloadCompressionAlgorithms=Gzip";
  for (const encoding of ["utf-8", "utf-16le", "utf-16be", undefined] as const) {
    const body = encodeOperationalModes({ ...none, encoding }, text);
    assertEquals(decodeOperationalModes(body).algorithms, text);
  }
  assertEquals(
    encodeOperationalModes({ ...none, encoding: "utf-8" }, "a=None"),
    hex("00000200 613d4e6f6e65"),
  );
  // Never fail for it.
  assertEquals(decodeOperationalModes(hex("00000200 61ff")).algorithms, "a\ufffd");
});

Deno.test("four bytes are needed", () => {
  assertEquals(lengthsAccepted(hex("e0000262"), decodeOperationalModes), []);
  assertSttpError("MalformedFrame", () => decodeOperationalModes(hex("e00002")), "at least 4");
});

Deno.test("what has no place in the bits is refused", () => {
  for (const version of [-1, 32, 1.5, NaN]) {
    assertThrows(() => encodeOperationalModes({ ...none, version }), RangeError, "version");
  }
  for (const extension of [-1, 256, 0.5]) {
    assertThrows(() => encodeOperationalModes({ ...none, extension }), RangeError, "extension");
  }
});

Deno.test("a compression takes effect only with its kind", () => {
  const asked = {
    ...none,
    compressPayloadData: true,
    compressSignalIndexCache: true,
    compressMetadata: true,
  };
  for (const uses of [usesTssc, usesGzipCache, usesGzipMetadata]) {
    assertFalse(uses(none));
    assertFalse(uses(asked));
    assertFalse(uses({ ...none, gzip: true, tssc: true }));
  }
  assert(usesTssc({ ...asked, tssc: true }));
  assertFalse(usesTssc({ ...asked, gzip: true }));
  assert(usesGzipCache({ ...asked, gzip: true }));
  assertFalse(usesGzipCache({ ...asked, tssc: true }));
  assert(usesGzipMetadata({ ...asked, gzip: true }));
  assertFalse(usesGzipMetadata({ ...asked, tssc: true }));
});

Deno.test("any modes come back", () => {
  const modes = fc.record({
    version: fc.integer({ min: 0, max: 31 }),
    gzip: fc.boolean(),
    tssc: fc.boolean(),
    encoding: fc.constantFrom("utf-8" as const, "utf-16le" as const, "utf-16be" as const, undefined),
    extension: fc.integer({ min: 0, max: 255 }),
    receiveExternalMetadata: fc.boolean(),
    receiveInternalMetadata: fc.boolean(),
    compressPayloadData: fc.boolean(),
    compressSignalIndexCache: fc.boolean(),
    compressMetadata: fc.boolean(),
  });
  fc.assert(fc.property(modes, (modes) => {
    assertEquals(decodeOperationalModes(encodeOperationalModes(modes)).modes, modes);
  }));
});
