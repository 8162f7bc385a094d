import { assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeResponse } from "../transport/wire/frame.ts";
import { checkFirstBytes, firstBytesLength } from "./first_bytes.ts";

Deno.test("every response is one", () => {
  for (const code of Object.values(Response)) {
    checkFirstBytes(encodeResponse(code, Command.Subscribe).subarray(0, firstBytesLength));
  }
});

Deno.test("other servers are told, with a hint where there is one", () => {
  const strangers: [Uint8Array, string][] = [
    [
      new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n"),
      '"HTTP/1.1 400 Bad"; they are those of a web server',
    ],
    [new TextEncoder().encode("SSH-2.0-x\r\n"), 'first bytes are "SSH-2.0-x"'],
    [
      Uint8Array.of(0x15, 3, 3, 0, 2, 2, 0x46),
      "15 03 03 00 02 02 46; they are those of TLS: is the option tls missing?",
    ],
    [Uint8Array.of(0, 0, 0, 5, 2), "00 00 00 05 02"],
  ];
  for (const [bytes, message] of strangers) {
    assertThrows(() => checkFirstBytes(bytes), SttpError, message);
  }
});
