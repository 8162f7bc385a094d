/**
 * The CRC-32 of gzip (RFC 1952).
 *
 * @module
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * The CRC-32 of `bytes`.
 *
 * @param previous The CRC-32 of what came before them; default nothing.
 */
export function crc32(bytes: Uint8Array, previous: number = 0): number {
  let crc = ~previous;
  for (let i = 0; i < bytes.length; i++) crc = crc >>> 8 ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}
