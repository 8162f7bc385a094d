import { assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../errors.ts";
import {
  decodeNotification,
  decodeNotificationHash,
  encodeNotification,
  encodeNotificationHash,
  MAX_NOTIFICATION_LENGTH,
} from "./notification.ts";

Deno.test("Notify: hash, then text in the session's encoding", () => {
  assertEquals(encodeNotification({ hash: 0x01020304, text: "A" }, "utf-8"), Uint8Array.of(1, 2, 3, 4, 65));
  assertEquals(
    encodeNotification({ hash: 0xff, text: "A" }, "utf-16be"),
    Uint8Array.of(0, 0, 0, 255, 0, 65),
  );
  for (const encoding of ["utf-8", "utf-16le", "utf-16be"] as const) {
    const message = { hash: 0xfedcba98, text: "Z\u00fcrich" };
    assertEquals(decodeNotification(encodeNotification(message, encoding), encoding), message);
  }
});

Deno.test("ConfirmNotification: the hash alone", () => {
  assertEquals(encodeNotificationHash(0xfedcba98), Uint8Array.of(0xfe, 0xdc, 0xba, 0x98));
  assertEquals(decodeNotificationHash(Uint8Array.of(0, 0xfe, 0xdc, 0xba, 0x98).subarray(1)), 0xfedcba98);
});

Deno.test("too short and too long", () => {
  for (let length = 0; length < 4; length++) {
    const error = assertThrows(() => decodeNotification(new Uint8Array(length), "utf-8"), SttpError);
    assertEquals(error.code, "MalformedFrame");
  }
  assertEquals(MAX_NOTIFICATION_LENGTH, 65_536);
  assertEquals(decodeNotification(new Uint8Array(4 + 65_536), "utf-8").text.length, 65_536);
  const long = new Uint8Array(4 + 65_537);
  assertEquals(assertThrows(() => decodeNotification(long, "utf-8"), SttpError).code, "LimitExceeded");
});
