/**
 * The headers around TCP segments and datagrams.
 *
 * @module
 */
import { formatHostPort } from "../../mod.ts";

/** A TCP segment or a datagram. */
export interface Segment {
  readonly protocol: "tcp" | "udp";
  /** `host:port`. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of TCP: the number of its first byte, and whether it begins, ends or resets the connection. */
  readonly sequence: number;
  readonly isSyn: boolean;
  readonly isAck: boolean;
  readonly isFin: boolean;
  readonly isReset: boolean;
  readonly payload: Uint8Array;
}

const Ethertype = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, provider: 0x88a8 } as const;
const Protocol = { tcp: 6, udp: 17 } as const;

/** Where the IP packet begins behind the headers of some link types; Ethernet has its own rules. */
const ipOffsets: Readonly<Record<number, number>> = {
  0: 4, // the loopback of BSD, which macOS has
  108: 4,
  12: 0, // raw IP, in its three numbers
  14: 0,
  101: 0,
  113: 16, // Linux's "any"
  276: 20,
  228: 0,
  229: 0,
};

/** Finds what a packet carries; `undefined` when it is neither TCP nor UDP, a fragment, or cut too short. */
export function takeApart(linkType: number, bytes: Uint8Array): Segment | undefined {
  const offset = linkType === 1 ? behindEthernet(bytes) : ipOffsets[linkType];
  if (offset === undefined || offset >= bytes.length) return undefined;
  const packet = bytes.subarray(offset);
  const version = packet[0]! >> 4;
  return version === 4 ? ipv4(packet) : version === 6 ? ipv6(packet) : undefined;
}

function behindEthernet(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  for (let at = 12; at + 2 <= bytes.length; at += 4) {
    const type = view.getUint16(at);
    if (type === Ethertype.ipv4 || type === Ethertype.ipv6) return at + 2;
    if (type !== Ethertype.vlan && type !== Ethertype.provider) return undefined;
  }
  return undefined;
}

function ipv4(packet: Uint8Array): Segment | undefined {
  if (packet.length < 20) return undefined;
  const view = viewOf(packet);
  const headerLength = (packet[0]! & 0x0f) * 4;
  // Offloading to the network card leaves the length to it: then it is all there is.
  const total = view.getUint16(2) || packet.length;
  const isFragment = (view.getUint16(6) & 0x3fff) !== 0;
  if (headerLength < 20 || total < headerLength || isFragment) return undefined;
  const hosts = [packet.subarray(12, 16).join("."), packet.subarray(16, 20).join(".")] as const;
  return transport(packet[9]!, packet.subarray(headerLength, total), hosts);
}

function ipv6(packet: Uint8Array): Segment | undefined {
  if (packet.length < 40) return undefined;
  const view = viewOf(packet);
  const end = 40 + (view.getUint16(4) || packet.length - 40);
  const hosts = [addressOf(packet.subarray(8, 24)), addressOf(packet.subarray(24, 40))] as const;
  let next = packet[6]!;
  let at = 40;
  // Hop-by-hop, routing and destination options may stand before.
  while ((next === 0 || next === 43 || next === 60) && at + 8 <= packet.length) {
    next = packet[at]!;
    at += 8 + packet[at + 1]! * 8;
  }
  return transport(next, packet.subarray(at, end), hosts);
}

function addressOf(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function transport(
  protocol: number,
  bytes: Uint8Array,
  [from, to]: readonly [string, string],
): Segment | undefined {
  const isTcp = protocol === Protocol.tcp;
  if ((!isTcp && protocol !== Protocol.udp) || bytes.length < (isTcp ? 20 : 8)) return undefined;
  const view = viewOf(bytes);
  const [sourcePort, destinationPort] = [view.getUint16(0), view.getUint16(2)];
  const headerLength = isTcp ? (bytes[12]! >> 4) * 4 : 8;
  if (headerLength < 8 || headerLength > bytes.length) return undefined;
  const flags = isTcp ? bytes[13]! : 0;
  return {
    protocol: isTcp ? "tcp" : "udp",
    source: formatHostPort(from, sourcePort),
    destination: formatHostPort(to, destinationPort),
    sourcePort,
    destinationPort,
    sequence: isTcp ? view.getUint32(4) : 0,
    isSyn: (flags & 0x02) !== 0,
    isAck: (flags & 0x10) !== 0,
    isFin: (flags & 0x01) !== 0,
    isReset: (flags & 0x04) !== 0,
    payload: bytes.subarray(headerLength),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
