/**
 * Notify and ConfirmNotification: texts that a subscriber confirms (§14).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { decodeText, encodeText, type TextEncoding } from "./text.ts";

/** The most bytes of text that a received notification may have: stops one that fills the memory of its readers. */
export const MAX_NOTIFICATION_LENGTH = 65_536;

const HASH_LENGTH = 4;

/** A notification as it is on the wire. */
export interface NotificationMessage {
  /** Tells it from others; the subscriber confirms by it. A uint32. */
  readonly hash: number;
  /** What it says. */
  readonly text: string;
}

/**
 * The body of Notify: `hash[4]`, text.
 *
 * @example
 * ```ts
 * import { decodeNotification, encodeNotification } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const message = { hash: 0xdeadbeef, text: "Maintenance at noon" };
 * assertEquals(decodeNotification(encodeNotification(message, "utf-8"), "utf-8"), message);
 * ```
 */
export function encodeNotification(
  { hash, text }: NotificationMessage,
  encoding: TextEncoding,
): Uint8Array<ArrayBuffer> {
  const bytes = encodeText(text, encoding);
  const body = new Uint8Array(HASH_LENGTH + bytes.length);
  new DataView(body.buffer).setUint32(0, hash);
  body.set(bytes, HASH_LENGTH);
  return body;
}

/**
 * Reads the body of Notify.
 *
 * @throws {SttpError} `MalformedFrame` when it has no hash; `LimitExceeded` when its text is over
 * {@linkcode MAX_NOTIFICATION_LENGTH}.
 */
export function decodeNotification(body: Uint8Array, encoding: TextEncoding): NotificationMessage {
  const length = body.length - HASH_LENGTH;
  if (length > MAX_NOTIFICATION_LENGTH) {
    throw new SttpError(
      "LimitExceeded",
      `notification of ${length} bytes, at most ${MAX_NOTIFICATION_LENGTH} expected`,
    );
  }
  return { hash: decodeNotificationHash(body), text: decodeText(body.subarray(HASH_LENGTH), encoding) };
}

/** The body of ConfirmNotification. */
export function encodeNotificationHash(hash: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(HASH_LENGTH);
  new DataView(body.buffer).setUint32(0, hash);
  return body;
}

/** Reads the hash that a Notify or ConfirmNotification begins with. @throws {SttpError} `MalformedFrame` without one. */
export function decodeNotificationHash(body: Uint8Array): number {
  if (body.length < HASH_LENGTH) {
    throw new SttpError(
      "MalformedFrame",
      `notification of ${body.length} bytes, a hash of ${HASH_LENGTH} expected`,
    );
  }
  return new DataView(body.buffer, body.byteOffset).getUint32(0);
}
