/**
 * What went wrong, for programs.
 *
 * | code | meaning |
 * | --- | --- |
 * | `MalformedFrame` | a frame, response or command whose parts do not fit its length |
 * | `FrameTooLong` | a frame longer than the limit in force |
 * | `MalformedPacket` | a data packet that can't be decoded |
 * | `MalformedCache` | a signal index cache that can't be decoded |
 * | `MalformedText` | a connection string or encoded text that can't be decoded |
 * | `LimitExceeded` | a size that a peer asked for is over its documented limit |
 * | `InvalidFilter` | a filter expression that can't be parsed or evaluated |
 * | `InvalidMetadata` | an XML document that is not a usable DataSet |
 * | `Refused` | the peer refused the connection or a command |
 * | `UnsupportedVersion` | the peer speaks no version that we do |
 * | `ConnectFailed` | no connection could be made |
 * | `HandshakeFailed` | TLS could not be agreed on, or the peer is not trusted |
 * | `ConnectionLost` | the connection ended without our asking |
 * | `TimedOut` | an answer did not come in time |
 * | `Closed` | the object was closed, or not yet started |
 * | `InvalidState` | the call does not fit the present state |
 * | `Aborted` | the caller's AbortSignal fired |
 */
export type SttpErrorCode =
  | "MalformedFrame"
  | "FrameTooLong"
  | "MalformedPacket"
  | "MalformedCache"
  | "MalformedText"
  | "LimitExceeded"
  | "InvalidFilter"
  | "InvalidMetadata"
  | "Refused"
  | "UnsupportedVersion"
  | "ConnectFailed"
  | "HandshakeFailed"
  | "ConnectionLost"
  | "TimedOut"
  | "Closed"
  | "InvalidState"
  | "Aborted";

/**
 * The error of this library: everything that a peer, a network or a document can cause.
 * Wrong arguments are `TypeError` or `RangeError` instead.
 *
 * @example Telling causes apart
 * ```ts
 * import { SttpError } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SttpError("FrameTooLong", "frame of 9000 bytes, at most 8197 expected");
 * assertEquals(error.code, "FrameTooLong");
 * assertEquals(error.name, "SttpError");
 * ```
 */
export class SttpError extends Error {
  /** The kind of failure, for programs; `message` is for people. */
  readonly code: SttpErrorCode;

  /**
   * An error of one kind.
   *
   * @param code The kind of failure.
   * @param message What was wrong, where, and what was expected.
   * @param options `cause`: the error underneath, if any.
   */
  constructor(code: SttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SttpError";
    this.code = code;
  }
}
