/**
 * The command channel over TLS.
 *
 * @module
 */
import { TAKEN_AT_A_TIME } from "./accept_loop.ts";
import type { Channel, ChannelListener, PeerCertificate, PeerInfo } from "./channel.ts";
import { type Clock, systemClock } from "./clock.ts";
import { SttpError } from "./errors.ts";
import { networkOfPeer } from "./peer_host.ts";
import { connectTcp, type ConnectTcpOptions, listenTcp, type ListenTcpOptions } from "./tcp.ts";
import { secureChannel } from "./tls_channel.ts";
import { Handshakes } from "./tls_handshakes.ts";
import { TlsProvider, type TlsSettings, type TlsSource } from "./tls_options.ts";
import { TlsError } from "./tls_peer.ts";
import { HandshakeTurns } from "./tls_turns.ts";

export { certificateFingerprint, type TlsOptions, type TlsSource } from "./tls_options.ts";
export { TlsError, type TlsFailure } from "./tls_peer.ts";

/** Milliseconds that TLS's handshake may take, unless told otherwise. */
const HANDSHAKE_TIMEOUT = 10_000;

/** Where {@linkcode connectTls} connects to, and how. */
export interface ConnectTlsOptions extends ConnectTcpOptions {
  /** Certificates and trust; default: the system's authorities. */
  readonly tls?: TlsSource;
  /** Time and timers of the handshake; default the machine's. */
  readonly clock?: Clock;
}

/**
 * Connects to a listening peer, agrees on TLS and checks the peer's certificate.
 *
 * @throws {TlsError} When TLS can't be agreed on or the peer is not to be trusted.
 * @throws {SttpError} `ConnectFailed` when nobody answers there, `TimedOut`, or `Aborted`.
 * @throws {TypeError} When the TLS options can't be used.
 * @throws {RangeError} When the port or the timeout makes no sense.
 *
 * @example
 * ```ts
 * import { connectTls, createTestCertificates, listenTls } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const { authority, server, client } = await createTestCertificates();
 * const ca = authority.certificate;
 * const listener = await listenTls({ hostname: "127.0.0.1", port: 0, tls: { ...server, ca } });
 * const accepting = listener.accept();
 * const near = await connectTls({ port: listener.port, tls: { ...client, ca } });
 * const far = await accepting;
 * assertEquals(far?.peer.certificate?.name, "client");
 * near.close();
 * far?.close();
 * listener.close();
 * ```
 */
export async function connectTls(options: ConnectTlsOptions): Promise<Channel> {
  const { tls = {}, clock = systemClock, hostname = "localhost", signal, timeout } = options;
  const settings = await new TlsProvider(tls).settings();
  const start = clock.monotonic();
  const channel = await connectTcp(options);
  const left = timeout === undefined ? HANDSHAKE_TIMEOUT : timeout - (clock.monotonic() - start);
  return await secureChannel(channel, { side: "client", settings, hostname, timeout: left, clock, signal });
}

/** Where {@linkcode listenTls} listens, and how. */
export interface ListenTlsOptions extends ListenTcpOptions {
  /**
   * Certificates and trust. A certificate of our own is needed; peers need one when `ca` or `trustedCertificates` is
   * given.
   */
  readonly tls: TlsSource;
  /** Milliseconds that a peer may take to agree on TLS; default 10,000. */
  readonly handshakeTimeout?: number;
  /** Is told of each peer with which TLS was not agreed on, or that is not trusted. Must not throw. */
  readonly onRefused?: ((error: TlsError, peer: PeerInfo) => void) | undefined;
  /** Time and timers of handshakes; default the machine's. */
  readonly clock?: Clock;
}

/**
 * Listens for peers that speak TLS; `accept()` gives those that are trusted. Handshakes run side by side, so that none
 * has to wait for a slow one.
 *
 * @throws {SttpError} `ConnectFailed` when the address is in use or not ours.
 * @throws {TypeError} When the TLS options can't be used, or have no certificate.
 * @throws {RangeError} When the port or the timeout makes no sense.
 */
export async function listenTls(options: ListenTlsOptions): Promise<ChannelListener> {
  const { handshakeTimeout = HANDSHAKE_TIMEOUT } = options;
  if (!(handshakeTimeout > 0 && handshakeTimeout <= 0x7fffffff)) {
    throw new RangeError(
      `handshakeTimeout ${handshakeTimeout} is not a number of milliseconds from 1 to 2147483647`,
    );
  }
  const provider = new TlsProvider(options.tls);
  checkCanListen(await provider.settings());
  return new TlsListener(listenTcp(options), provider, { ...options, handshakeTimeout });
}

function checkCanListen(settings: TlsSettings): TlsSettings {
  if (settings.own === undefined) throw new TypeError("tls: who listens needs a certificate and its key");
  return settings;
}

class TlsListener implements ChannelListener {
  readonly address: string;
  readonly port: number;
  readonly #tcp: ChannelListener;
  readonly #provider: TlsProvider;
  readonly #clock: Clock;
  readonly #handshakeTimeout: number;
  readonly #onRefused: (error: TlsError, peer: PeerInfo) => void;
  readonly #handshakes = new Handshakes();
  readonly #turns: HandshakeTurns;
  /** Agreed on, but not yet accepted. */
  readonly #ready: Channel[] = [];
  #waiting: PromiseWithResolvers<Channel | null>[] = [];
  #accepting = false;
  #closed = false;

  constructor(
    tcp: ChannelListener,
    provider: TlsProvider,
    { handshakeTimeout, onRefused, clock }: ListenTlsOptions & { readonly handshakeTimeout: number },
  ) {
    this.address = tcp.address;
    this.port = tcp.port;
    this.#tcp = tcp;
    this.#provider = provider;
    this.#clock = clock ?? systemClock;
    this.#turns = new HandshakeTurns(this.#clock);
    this.#handshakeTimeout = handshakeTimeout;
    this.#onRefused = onRefused ?? (() => {});
  }

  get certificate(): PeerCertificate | undefined {
    return this.#provider.own;
  }

  accept(): Promise<Channel | null> {
    const channel = this.#ready.shift();
    if (channel !== undefined) return Promise.resolve(channel);
    if (this.#closed) return Promise.resolve(null);
    const waiting = Promise.withResolvers<Channel | null>();
    this.#waiting.push(waiting);
    this.#acceptTcp();
    return waiting.promise;
  }

  /** Takes in peers for as long as somebody waits for one, and gives way where many come at once. */
  async #acceptTcp(): Promise<void> {
    if (this.#accepting) return;
    this.#accepting = true;
    try {
      let taken = 0;
      while (this.#waiting.length > 0) {
        const channel = await this.#tcp.accept();
        if (channel === null) break;
        this.#handshake(channel);
        if (++taken % TAKEN_AT_A_TIME === 0) await this.#turns.giveWay();
      }
    } catch (error) {
      this.#waiting.shift()?.reject(error);
    } finally {
      this.#accepting = false;
    }
  }

  async #handshake(channel: Channel): Promise<void> {
    const handshake = this.#handshakes.add(networkOfPeer(channel.peer.address));
    try {
      const secure = await secureChannel(channel, {
        side: "server",
        settings: () => this.#settings(),
        timeout: this.#handshakeTimeout,
        clock: this.#clock,
        signal: handshake.signal,
        turns: this.#turns,
        onProgress: () => handshake.advance(),
      });
      const waiting = this.#waiting.shift();
      if (this.#closed) secure.close();
      else if (waiting !== undefined) waiting.resolve(secure);
      else this.#ready.push(secure);
    } catch (error) {
      if (error instanceof TlsError) this.#onRefused(error, channel.peer);
    } finally {
      handshake.end();
    }
  }

  async #settings(): Promise<TlsSettings> {
    try {
      return checkCanListen(await this.#provider.settings());
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new TlsError("settings", `the TLS settings can't be used: ${message}`, { cause });
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tcp.close();
    const closed = new SttpError("Closed", "the listener was closed");
    this.#handshakes.endAll(closed);
    this.#turns.close();
    for (const channel of this.#ready.splice(0)) channel.close();
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(null);
  }
}
