/**
 * Recordings of a network, made of what was said: packets, their headers, and the two formats of files.
 *
 * @module
 */
import type { Sender } from "../format.ts";

/** A TCP segment or a datagram, on its way. */
export interface Packet {
  readonly fromSubscriber: boolean;
  readonly protocol: 6 | 17;
  readonly sequence: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

const SYN = 2;
export const ACK = 16;
const FIN = 1;

/** What was said, as packets of at most so many bytes. The numbers of TCP pass through zero. */
export function packetsOf(said: readonly { from: Sender; bytes: Uint8Array }[], most = 1400): Packet[] {
  const sequence = { subscriber: 0xffff_ff00, publisher: 0xffff_0000 };
  const list: Packet[] = [];
  const add = (from: "subscriber" | "publisher", flags: number, payload = new Uint8Array(0)): void => {
    const fromSubscriber = from === "subscriber";
    list.push({ fromSubscriber, protocol: 6, sequence: sequence[from], flags, payload });
    sequence[from] = (sequence[from] + payload.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
  };
  add("subscriber", SYN);
  add("publisher", SYN | ACK);
  for (const { from, bytes } of said) {
    if (from === "datagram") {
      list.push({ fromSubscriber: false, protocol: 17, sequence: 0, flags: 0, payload: bytes });
      continue;
    }
    for (let at = 0; at < bytes.length; at += most) add(from, ACK, bytes.slice(at, at + most));
  }
  add("subscriber", ACK | FIN);
  return list;
}

/** Numbers, the most significant byte first. */
export function bytesOf(...numbers: [size: 1 | 2 | 4, value: number][]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(numbers.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of numbers) {
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value);
    else view.setUint32(at, value);
    at += size;
  }
  return bytes;
}

/** Bytes one behind the other. */
export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A packet with its headers but the link's. */
export function ip(
  { fromSubscriber, protocol, sequence, flags, payload }: Packet,
  version: 4 | 6 = 4,
): Uint8Array {
  const ports: [2, number][] = fromSubscriber ? [[2, 50_000], [2, 7165]] : [[2, 7165], [2, 50_000]];
  const transport = protocol === 6
    ? join(
      bytesOf(...ports, [4, sequence], [4, 0], [1, 0x80], [1, flags], [2, 1000], [4, 0]),
      new Uint8Array(12),
      payload,
    )
    : join(bytesOf(...ports, [2, 8 + payload.length], [2, 0]), payload);
  const [a, b] = fromSubscriber ? [7, 1] : [1, 7];
  if (version === 4) {
    const head = bytesOf([1, 0x45], [1, 0], [2, 20 + transport.length], [4, 0x4000], [1, 64], [1, protocol], [
      2,
      0,
    ]);
    return join(head, Uint8Array.of(10, 0, 0, a, 10, 0, 0, b), transport);
  }
  const host = (n: number): Uint8Array => Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n);
  // Options stand between the header and TCP's.
  const head = bytesOf([4, 0x6000_0000], [2, 8 + transport.length], [1, 60], [1, 64]);
  return join(head, host(a), host(b), Uint8Array.of(protocol, 0, 1, 4, 0, 0, 0, 0), transport);
}

/** A packet of IPv4 in a frame of Ethernet, with its checksum. */
export function ethernet(packet: Uint8Array): Uint8Array {
  return join(new Uint8Array(12), bytesOf([2, 0x0800]), packet, new Uint8Array(4));
}

/** A packet of IPv6 in a frame of Ethernet for a VLAN. */
export function vlan(packet: Uint8Array): Uint8Array {
  return join(new Uint8Array(12), bytesOf([2, 0x8100], [2, 7], [2, 0x86dd]), packet);
}

/** How a pcap file is written. Default: the least significant byte first, microseconds, Ethernet. */
export interface PcapOptions {
  readonly isLittle?: boolean;
  readonly isNano?: boolean;
  readonly linkType?: number;
}

/** A pcap file. */
export function pcap(
  frames: readonly Uint8Array[],
  { isLittle = true, isNano = false, linkType = 1 }: PcapOptions = {},
): Uint8Array<ArrayBuffer> {
  const numbers = (...values: number[]): Uint8Array => {
    const bytes = new Uint8Array(4 * values.length);
    const view = new DataView(bytes.buffer);
    values.forEach((value, i) => view.setUint32(4 * i, value, isLittle));
    return bytes;
  };
  return join(
    numbers(isNano ? 0xa1b23c4d : 0xa1b2c3d4, isLittle ? 0x0004_0002 : 0x0002_0004, 0, 0, 65_535, linkType),
    ...frames.flatMap((frame, i) => [
      numbers(1_700_000_000, isNano ? i * 1000 : i, frame.length, frame.length),
      frame,
    ]),
  );
}

/** A pcapng file; its frames are Ethernet's. */
export function pcapng(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const block = (type: number, body: Uint8Array): Uint8Array => {
    const padded = join(body, new Uint8Array((4 - body.length % 4) % 4));
    const length = 12 + padded.length;
    return join(bytesOf([4, type], [4, length]), padded, bytesOf([4, length]));
  };
  const time = 1_700_000_000_000_000_000n;
  return join(
    block(0x0a0d0d0a, join(bytesOf([4, 0x1a2b3c4d], [2, 1], [2, 0]), new Uint8Array(8).fill(255))),
    // The second interface counts nanoseconds.
    block(1, bytesOf([2, 105], [2, 0], [4, 0])),
    block(1, bytesOf([2, 1], [2, 0], [4, 0], [2, 9], [2, 1], [1, 9], [1, 0], [2, 0], [4, 0])),
    block(5, new Uint8Array(20)),
    ...frames.map((frame, i) => {
      const at = time + BigInt(i) * 1000n;
      const head = bytesOf(
        [4, 1],
        [4, Number(at >> 32n)],
        [4, Number(at & 0xffff_ffffn)],
        [4, frame.length],
        [4, frame.length],
      );
      return block(6, join(head, frame));
    }),
  );
}
