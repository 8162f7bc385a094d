/**
 * The numbers of the protocol: commands, responses and the flag bits of data packets.
 *
 * @module
 */

/** Commands, subscriber to publisher (§1 of the wire contract). */
export const Command = {
  Connect: 0x00,
  MetadataRefresh: 0x01,
  Subscribe: 0x02,
  Unsubscribe: 0x03,
  RotateCipherKeys: 0x04,
  UpdateProcessingInterval: 0x05,
  DefineOperationalModes: 0x06,
  ConfirmNotification: 0x07,
  ConfirmBufferBlock: 0x08,
  ConfirmUpdateBaseTimes: 0x09,
  ConfirmUpdateSignalIndexCache: 0x0a,
  ConfirmUpdateCipherKeys: 0x0b,
  GetPrimaryMetadataSchema: 0x0c,
  GetSignalSelectionSchema: 0x0d,
  UserCommand00: 0xd0,
  UserCommand15: 0xdf,
} as const;
/** One of {@linkcode Command}'s numbers, or any byte that a peer sent in its place. */
export type Command = number;

/** Responses, publisher to subscriber. */
export const Response = {
  Succeeded: 0x80,
  Failed: 0x81,
  DataPacket: 0x82,
  UpdateSignalIndexCache: 0x83,
  UpdateBaseTimes: 0x84,
  UpdateCipherKeys: 0x85,
  DataStartTime: 0x86,
  ProcessingComplete: 0x87,
  BufferBlock: 0x88,
  Notify: 0x89,
  ConfigurationChanged: 0x8a,
  UserResponse00: 0xe0,
  UserResponse15: 0xef,
  NoOP: 0xff,
} as const;
/** One of {@linkcode Response}'s numbers, or any byte that a peer sent in its place. */
export type Response = number;

/** Bits of a data packet's flags byte. */
export const DataPacketFlags = {
  Compact: 0x02,
  CipherIndex: 0x04,
  Compressed: 0x08,
  CacheIndex: 0x10,
} as const;

/** Bits of a buffer block's flags byte (§13). */
export const BufferBlockFlags = {
  ConfirmationRequired: 0x01,
  CipherIndex: 0x04,
  Compressed: 0x08,
  CacheIndex: 0x10,
} as const;

function nameOf(table: Readonly<Record<string, number>>, code: number): string | undefined {
  return Object.keys(table).find((name) => table[name] === code);
}

function numbered(prefix: string, n: number): string {
  return prefix + String(n).padStart(2, "0");
}

/** A command's name for logs and errors, such as `Subscribe`, `UserCommand03` or `0x42`. */
export function commandName(code: number): string {
  if (code >= Command.UserCommand00 && code <= Command.UserCommand15) {
    return numbered("UserCommand", code - Command.UserCommand00);
  }
  return nameOf(Command, code) ?? `0x${code.toString(16).padStart(2, "0")}`;
}

/** A response's name for logs and errors, such as `DataPacket`, `UserResponse03` or `0x42`. */
export function responseName(code: number): string {
  if (code >= Response.UserResponse00 && code <= Response.UserResponse15) {
    return numbered("UserResponse", code - Response.UserResponse00);
  }
  return nameOf(Response, code) ?? `0x${code.toString(16).padStart(2, "0")}`;
}
