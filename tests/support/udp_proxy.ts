/**
 * A network between a publisher and a subscriber that loses, doubles and reorders datagrams as a seed says.
 *
 * @module
 */
import {
  type Channel,
  connectTcp,
  type DatagramSocket,
  openUdp,
  parseHostPort,
} from "../../transport/mod.ts";

/** What a {@linkcode UdpProxy} does to datagrams: parts of all of them, from 0 to 1. */
export interface UdpProxyOptions {
  /** How many are lost. */
  readonly loss?: number;
  /** How many are held back until the next one, or the one after that, has passed. */
  readonly reorder?: number;
  /** How many are sent twice. */
  readonly double?: number;
  /** Decides which. */
  readonly seed?: number;
  /** The host that all of this is on; default `127.0.0.1`. */
  readonly hostname?: string;
}

/** Stands where the subscriber says it listens, and passes on what comes. */
export class UdpProxy implements AsyncDisposable {
  readonly #options: Required<UdpProxyOptions>;
  #socket!: DatagramSocket;
  #state: number;
  #held: { datagram: Uint8Array; passes: number }[] = [];
  /** Where the subscriber really listens. */
  #port = 0;
  /** Datagrams that came. */
  count = 0;
  /** Those that were lost. */
  readonly lost: Uint8Array[] = [];
  /** Those that were held back. */
  readonly reordered: Uint8Array[] = [];
  /** Those that were sent twice. */
  readonly doubled: Uint8Array[] = [];
  /** Everything that came, in order, if set. */
  record: Uint8Array[] | undefined;
  /** While set, all is passed on as it comes. */
  transparent = false;

  private constructor(options: UdpProxyOptions) {
    this.#options = { loss: 0, reorder: 0, double: 0, seed: 1, hostname: "127.0.0.1", ...options };
    this.#state = this.#options.seed;
  }

  /** Opens a proxy on a port of its own. */
  static async open(options: UdpProxyOptions = {}): Promise<UdpProxy> {
    const proxy = new UdpProxy(options);
    proxy.#socket = await openUdp({
      hostname: proxy.#options.hostname,
      onDatagram: (datagram) => proxy.#receive(datagram),
    });
    return proxy;
  }

  /** The port that datagrams are to be sent to. */
  get port(): number {
    return this.#socket.port;
  }

  /**
   * A subscriber's `connector` that tells the publisher the proxy's port instead of the subscriber's own. Both have
   * five digits, so that the command stays as long as it is.
   */
  readonly connect = async (address: string): Promise<Channel> => {
    const channel = await connectTcp(parseHostPort(address));
    return {
      peer: channel.peer,
      read: (into) => channel.read(into),
      write: (bytes) => channel.write(this.#redirect(bytes)),
      close: () => channel.close(),
    };
  };

  #redirect(bytes: Uint8Array): Uint8Array {
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    const found = /localport=(\d{5})\b/.exec(text);
    if (found === null) return bytes;
    this.#port = Number(found[1]);
    const redirected = text.replace(found[0], `localport=${this.port}`);
    if (redirected.length !== text.length) throw new Error(`port ${this.port} has not five digits`);
    return Uint8Array.from(redirected, (letter) => letter.charCodeAt(0));
  }

  #chance(part: number): boolean {
    // A linear congruential generator; its upper bits are good enough for this.
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32 < part;
  }

  #receive(datagram: Uint8Array): void {
    const { loss, reorder, double } = this.#options;
    this.count++;
    this.record?.push(datagram);
    if (this.transparent) {
      this.#pass(datagram);
    } else if (this.#chance(loss)) {
      this.lost.push(datagram);
    } else if (this.#chance(reorder)) {
      this.reordered.push(datagram);
      this.#held.push({ datagram, passes: this.#chance(0.5) ? 1 : 2 });
    } else {
      this.#pass(datagram);
      if (this.#chance(double)) {
        this.doubled.push(datagram);
        this.#pass(datagram);
      }
    }
  }

  #pass(datagram: Uint8Array): void {
    this.inject(datagram);
    const due = this.#held.filter((held) => --held.passes <= 0);
    this.#held = this.#held.filter((held) => held.passes > 0);
    for (const held of due) this.inject(held.datagram);
  }

  /** Sends something to the subscriber as if the publisher had. */
  inject(datagram: Uint8Array): void {
    const { hostname } = this.#options;
    this.#socket.send(datagram, { hostname, port: this.#port }, (error) => {
      if (error !== undefined && error.code !== "Closed") throw error;
    });
  }

  /** Passes on what is held back. */
  flush(): void {
    for (const { datagram } of this.#held.splice(0)) this.inject(datagram);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket.close();
  }
}

/** How many measurements an unencrypted data packet says it holds. */
export function measurementsIn(datagram: Uint8Array): number {
  return new DataView(datagram.buffer, datagram.byteOffset).getUint32(7);
}
