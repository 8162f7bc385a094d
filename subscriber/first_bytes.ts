/**
 * Telling a publisher from other servers by the first bytes that it sends.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { FRAME_HEADER_LENGTH } from "../transport/wire/frame.ts";

/** How many bytes it takes to tell: a frame's length and the code of the response in it. */
export const firstBytesLength: number = FRAME_HEADER_LENGTH + 1;

/** Every response's code has this bit (§1). */
const responseBit = 0x80;

/**
 * Checks the first bytes of a connection, so that a wrong port is told at once, not by what its bytes would mean.
 *
 * @param bytes At least {@linkcode firstBytesLength} of them.
 * @throws {SttpError} `MalformedFrame` when no publisher sends them.
 */
export function checkFirstBytes(bytes: Uint8Array): void {
  if ((bytes[FRAME_HEADER_LENGTH]! & responseBit) !== 0) return;
  const text = String.fromCharCode(...bytes.subarray(0, 16)).replace(/[^ -~].*$/s, "");
  const isTls = (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3;
  const shown = text.length >= 3 ? `"${text}"` : Array.from(bytes.subarray(0, 8), hex).join(" ");
  const hint = isTls
    ? "; they are those of TLS: is the option tls missing?"
    : text.startsWith("HTTP/")
    ? "; they are those of a web server"
    : "";
  throw new SttpError("MalformedFrame", `this is no STTP publisher: its first bytes are ${shown}${hint}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
