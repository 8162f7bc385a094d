import { isIP } from "node:net";
import { canonicalHost, formatHostPort, type HostPort, parseHostPort } from "../transport/address.ts";
import { SttpError } from "../transport/errors.ts";
import type { DatagramSocket } from "../transport/udp.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH, writeResponseHeader } from "../transport/wire/frame.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import type { PayloadCipher } from "./payload_cipher.ts";

/** What a session's data channels, one after another, have sent. */
export class DatagramTotals {
  /** Datagrams that the system has taken. */
  datagrams = 0;
  /** Their bytes, without the headers of UDP and IP. */
  bytes = 0;
  /** Their measurements. */
  measurements = 0;
  /** Datagrams that the system did not take. */
  errors = 0;
  /** Why it did not take the last of those. */
  lastError: string | null = null;
  #waiting = 0;

  /** Measurements on their way to the system; not for operators to see. */
  get waiting(): number {
    return this.#waiting;
  }

  set waiting(measurements: number) {
    this.#waiting = measurements;
  }
}

/** Settings of a {@linkcode DataChannel}. */
export interface DataChannelOptions {
  /** Where datagrams leave from; shared with other sessions, and closed by somebody else. */
  readonly socket: DatagramSocket;
  /** Who gets them. */
  readonly to: HostPort;
  /** Bytes that may be on their way to the system. */
  readonly limit: number;
  /** What is counted. */
  readonly totals: DatagramTotals;
  /** Fires when the connection has ended: what waits then is let go of, and not counted any more. */
  readonly ended: AbortSignal;
  /** The system has taken all that was sent. Called later, never from within {@linkcode DataChannel.send}. */
  readonly onIdle: () => void;
  /** Measurements do not go out: `overflow`, too much waits; `datagram`, the system refused theirs. */
  readonly onDropped: (reason: "overflow" | "datagram", measurements: number) => void;
}

const BODY_OFFSET = FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH;

/** Data packets on their way to one subscriber over UDP: one datagram each, sent at once or not at all. */
export class DataChannel {
  readonly #options: DataChannelOptions;
  #pending = 0;
  #pendingBytes = 0;
  #waiters: (() => void)[] = [];
  /** How many datagrams were sent, and how many of them the system has taken or refused: they go in order. */
  #sent = 0;
  #gone = 0;
  #departures: { readonly sent: number; readonly resolve: () => void }[] = [];

  /** See {@linkcode DataChannelOptions}. */
  constructor(options: DataChannelOptions) {
    this.#options = options;
  }

  /** Where datagrams go, `host:port`. */
  get to(): string {
    const { hostname, port } = this.#options.to;
    return formatHostPort(hostname, port);
  }

  /** Where they come from, `host:port`. */
  get from(): string {
    return this.#options.socket.address;
  }

  /** Bytes on their way to the system. */
  get waiting(): number {
    return this.#pendingBytes;
  }

  /** Whether nothing is on its way to the system. */
  get idle(): boolean {
    return this.#pending === 0;
  }

  /** Sends a buffer block's frame. @returns False when it is too long for a datagram, or too much waits already. */
  sendBlock(frame: readonly Uint8Array[], maxLength: number): boolean {
    const length = frame.reduce((sum, piece) => sum + piece.length, 0);
    const datagramLength = length - FRAME_HEADER_LENGTH;
    if (datagramLength > maxLength || this.#pendingBytes + datagramLength > this.#options.limit) return false;
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const piece of frame) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    this.sendDatagram(bytes.subarray(FRAME_HEADER_LENGTH), 0);
    return true;
  }

  /** Sends the packets of a frame, which must not change any more, encrypted if there are keys. */
  send(frame: OutboundFrame, cipher: PayloadCipher | undefined): void {
    for (const packet of packetsOf(frame)) {
      const measurements = countOf(packet);
      if (cipher === undefined) this.sendDatagram(packet.subarray(FRAME_HEADER_LENGTH), measurements);
      else this.sendDatagram(seal(packet, cipher, 0), measurements);
    }
  }

  /**
   * Sends a datagram: a response without the length in front of its frame.
   *
   * @param measurements How many it carries.
   */
  sendDatagram(datagram: Uint8Array, measurements: number): void {
    const { socket, to, limit, totals, ended, onDropped, onIdle } = this.#options;
    if (this.#pendingBytes + datagram.length > limit) return onDropped("overflow", measurements);
    this.#pending++;
    this.#sent++;
    this.#pendingBytes += datagram.length;
    totals.waiting += measurements;
    const done = (error?: SttpError): void => {
      this.#pending--;
      this.#pendingBytes -= datagram.length;
      totals.waiting -= measurements;
      if (!ended.aborted) this.#count(datagram.length, measurements, error);
      this.#gone++;
      while (this.#departures[0] !== undefined && this.#departures[0].sent <= this.#gone) {
        this.#departures.shift()!.resolve();
      }
      if (this.#pending > 0) return;
      if (!ended.aborted) onIdle();
      for (const resolve of this.#waiters.splice(0)) resolve();
    };
    socket.send(datagram, to, done, ended);
  }

  #count(bytes: number, measurements: number, error: SttpError | undefined): void {
    const { totals, onDropped } = this.#options;
    if (error === undefined) {
      totals.datagrams++;
      totals.bytes += bytes;
      totals.measurements += measurements;
    } else {
      totals.errors++;
      totals.lastError = error.message;
      onDropped("datagram", measurements);
    }
  }

  /** Resolves when all that was sent until now is on its way, whatever follows; `undefined` when it is. */
  departed(): Promise<void> | undefined {
    if (this.idle) return undefined;
    return new Promise((resolve) => this.#departures.push({ sent: this.#sent, resolve }));
  }

  /** Resolves when nothing is on its way to the system. */
  drained(): Promise<void> {
    if (this.idle) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}

/**
 * Where a subscriber's datagrams go: to the host at the other end of its command channel, and nowhere else, so that
 * nobody can be flooded by somebody else's subscription.
 *
 * @param peer The other end of the command channel, `host:port`.
 * @param port The port that it asks for.
 * @throws {SttpError} `Refused` when the command channel's other end has no address.
 */
export function destinationOf(peer: string, port: number): HostPort {
  const hostname = canonicalHost(parseHostPort(peer, 0).hostname);
  if (isIP(hostname) === 0) {
    throw new SttpError("Refused", `Data can't be sent over UDP to ${peer}, which is not an IP address.`);
  }
  return { hostname, port };
}

/** The same data, encrypted, for the command channel of a session that has got keys (§12). */
export function sealFrame(frame: OutboundFrame, cipher: PayloadCipher): OutboundFrame {
  const packets = packetsOf(frame).map((packet) => seal(packet, cipher, FRAME_HEADER_LENGTH));
  const bytes = new Uint8Array(packets.reduce((length, packet) => length + packet.length, 0));
  const starts: number[] = [];
  let offset = 0;
  for (const packet of packets) {
    starts.push(offset);
    bytes.set(packet, offset);
    offset += packet.length;
  }
  return { ...frame, bytes, holders: 0, starts };
}

/** A frame's packets, each a frame of its own. */
function packetsOf({ bytes, starts = [0] }: OutboundFrame): Uint8Array[] {
  return starts.map((start, i) => bytes.subarray(start, starts[i + 1]));
}

function countOf(packet: Uint8Array): number {
  return new DataView(packet.buffer, packet.byteOffset).getUint32(BODY_OFFSET + 1);
}

/** Encrypts a packet behind its flags. @param lengthOfFrameHeader 4, or 0 for a datagram. */
function seal(
  packet: Uint8Array,
  cipher: PayloadCipher,
  lengthOfFrameHeader: number,
): Uint8Array<ArrayBuffer> {
  const headLength = lengthOfFrameHeader + RESPONSE_HEADER_LENGTH + 1;
  const sealed = cipher.encrypt(packet.subarray(BODY_OFFSET + 1), headLength);
  const bodyLength = sealed.length - headLength + 1;
  const header = new Uint8Array(BODY_OFFSET);
  writeResponseHeader(Response.DataPacket, Command.Subscribe, bodyLength, header, 0);
  sealed.set(header.subarray(FRAME_HEADER_LENGTH - lengthOfFrameHeader));
  sealed[headLength - 1] = packet[BODY_OFFSET]! | cipher.flag;
  return sealed;
}
