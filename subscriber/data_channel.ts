/**
 * The subscriber's end of the data channel over UDP (§1, §4).
 *
 * @module
 */
import { isIP } from "node:net";
import { canonicalHost, formatHostPort, type HostPort, parseHostPort } from "../transport/address.ts";
import { SttpError } from "../transport/errors.ts";
import { type DatagramSocket, openUdp } from "../transport/udp.ts";
import { DataPacketFlags, Response, responseName } from "../transport/wire/codes.ts";
import { readResponses, type ResponseView } from "../transport/wire/frame.ts";
import type { DataChannelSettings } from "../transport/wire/subscribe.ts";
import { RecentDatagrams } from "./recent_datagrams.ts";
import type { Counters, DropReason } from "./stats.ts";
import type { CheckedUdpOptions } from "./udp_options.ts";

/** What a {@linkcode DataChannel} needs from its session. */
export interface DataChannelOptions {
  /** The subscriber's options for UDP. */
  readonly udp: CheckedUdpOptions;
  /** The other end of the command channel, `host:port`: datagrams of others are strangers'. */
  readonly peer: string;
  /** What is counted. */
  readonly counters: Counters;
  /** Counts and reports what is dropped. */
  readonly drop: (reason: DropReason, message: string, count?: number) => void;
  /** Takes a data packet or buffer block. */
  readonly receive: (response: ResponseView) => void;
  /** The socket is broken: nothing will come any more. */
  readonly onError: (error: SttpError) => void;
}

/** Receives the publisher's datagrams, and nobody else's. Everything else is counted and ignored. */
export class DataChannel {
  readonly #options: DataChannelOptions;
  readonly #sources: ReadonlySet<string>;
  readonly #recent = new RecentDatagrams();
  #socket: DatagramSocket | undefined;
  #isClosed = false;
  /** Whether a datagram that came before is dropped. Without exact timestamps two may be equal and mean two instants. */
  dropsRepeated = true;

  private constructor(options: DataChannelOptions, publisher: string) {
    this.#options = options;
    this.#sources = new Set([...publisher === "" ? [] : [publisher], ...options.udp.sources]);
  }

  /**
   * Begins to listen.
   *
   * @throws {SttpError} `ConnectFailed` when the port can't be had, or when nothing tells which addresses the
   * publisher's datagrams come from.
   */
  static async open(options: DataChannelOptions): Promise<DataChannel> {
    const { udp, peer } = options;
    const host = canonicalHost(parseHostPort(peer, 0).hostname);
    const publisher = isIP(host) === 0 ? "" : host;
    const channel = new DataChannel(options, publisher);
    const [first] = channel.#sources;
    if (first === undefined) {
      throw new SttpError("ConnectFailed", `no data over UDP from ${peer}, which is not an IP address`);
    }
    channel.#socket = await openUdp({
      hostname: udp.interface ?? (isIP(first) === 6 ? "::" : "0.0.0.0"),
      port: udp.port,
      onDatagram: (datagram, from) => channel.#receive(datagram, from),
      onError: options.onError,
    });
    return channel;
  }

  /** What the publisher is told. */
  get settings(): DataChannelSettings {
    const { udp } = this.#options;
    return { localPort: this.#socket!.port, ...udp.interface !== undefined && { interface: udp.interface } };
  }

  /** Where it listens, `host:port`. */
  get address(): string {
    return this.#socket!.address;
  }

  #receive(datagram: Uint8Array, from: HostPort): void {
    const { counters: { udp }, drop, receive } = this.#options;
    if (this.#isClosed) return;
    if (!this.#sources.has(from.hostname)) {
      return drop("stranger", `a datagram came from ${formatHostPort(from.hostname, from.port)}`);
    }
    udp.datagrams++;
    udp.bytes += datagram.length;
    // A buffer block that comes again may be one that was not taken before.
    const isBlock = datagram[0] === Response.BufferBlock;
    if (this.dropsRepeated && !isBlock && this.#recent.isRepeated(datagram)) {
      return drop("repeatedDatagram", "a datagram came twice");
    }
    try {
      for (const response of readResponses(datagram)) {
        if (isData(response)) receive(response);
        else drop("unexpectedDatagram", `${responseName(response.code)} came over UDP`);
      }
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      drop("malformedDatagram", error.message);
    }
  }

  /** From here on timestamps count from other base times: equal datagrams do not mean the same any more. */
  forgetRepeated(): void {
    this.#recent.clear();
  }

  /** Stops listening. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#socket!.close();
  }
}

/** Whether a response may come over UDP: everything else could be forged there too easily; TSSC never does (§8). */
function isData({ code, body }: ResponseView): boolean {
  if (code === Response.BufferBlock) return true;
  return code === Response.DataPacket && (body[0]! & DataPacketFlags.Compressed) === 0;
}
