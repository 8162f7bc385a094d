/**
 * Where a subscriber's connections come from: made by itself, or by a publisher that connects (§2).
 *
 * @module
 */
import { acceptAll } from "../transport/accept_loop.ts";
import { customaryPort, parseTarget } from "../transport/address.ts";
import type { Channel } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds } from "../transport/option_checks.ts";
import { connectTcp, listenTcp } from "../transport/tcp.ts";
import { connectTls, listenTls } from "../transport/tls.ts";
import type { CheckedOptions, ListenOptions } from "./options.ts";
import type { Counters } from "./stats.ts";
import type { SubscriberStatus } from "./status.ts";

/** The connections of a run, one after the other. */
export interface ChannelSource {
  /** `host:port` of the publisher, or of where publishers connect to. */
  readonly address: string;
  /** Whether publishers make the connections. There is always another to wait for then, and nothing to retry. */
  readonly incoming: boolean;
  /** The next connection. @throws {SttpError} When there is none; of incoming ones only `Aborted`. */
  next(signal: AbortSignal): Promise<Channel>;
  /** Ends what makes them: resolves when nothing is left behind. May be called again. */
  close(): Promise<void>;
}

/** Connects to a publisher. */
export class Dialling implements ChannelSource {
  readonly address: string;
  readonly incoming = false;
  readonly #options: CheckedOptions;

  /** @throws {TypeError} When the address can't be read; one for a connector of the user's may look like anything. */
  constructor(address: string, options: CheckedOptions) {
    if (options.connector === undefined) parseTarget(address, customaryPort(options.tls));
    this.address = address;
    this.#options = options;
  }

  next(signal: AbortSignal): Promise<Channel> {
    const { connector, connectTimeout: timeout, tls, clock } = this.#options;
    if (connector !== undefined) return connector(this.address, { signal });
    const target = { ...parseTarget(this.address, customaryPort(tls)), signal, timeout };
    return tls === undefined ? connectTcp(target) : connectTls({ ...target, tls, clock });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Waits for channels that are handed over. */
export class Incoming implements ChannelSource {
  readonly address: string;
  readonly incoming = true;
  /** Whether they come from a listener of its own. */
  readonly isListening: boolean;
  readonly #onClose: (() => Promise<void>) | undefined;
  #waiting: (() => void) | undefined;
  #offered: Channel | undefined;
  #closed = false;

  /**
   * @param address Where they come in, for people.
   * @param onClose Closes the listener that they come from.
   */
  constructor(address: string, onClose?: () => Promise<void>) {
    this.address = address;
    this.isListening = onClose !== undefined;
    this.#onClose = onClose;
  }

  /** Whether the next channel would be taken at once. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Hands a channel over; one that was handed over before, and not yet taken, is closed. */
  offer(channel: Channel): void {
    if (this.#closed) return channel.close();
    this.#offered?.close();
    this.#offered = channel;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async next(signal: AbortSignal): Promise<Channel> {
    if (this.#offered === undefined && !signal.aborted) await this.#wait(signal);
    const offered = this.#offered;
    this.#offered = undefined;
    if (offered === undefined) throw new SttpError("Aborted", "no publisher is waited for any more");
    return offered;
  }

  /** Resolves when a channel is handed over, or none is wanted any more. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = this.#waiting = (): void => resolve();
    signal.addEventListener("abort", wake, { once: true });
    // The process stays alive for a publisher that may still come, although no connection holds it.
    const alive = setInterval(() => {}, 1 << 30);
    await promise;
    clearInterval(alive);
    this.#waiting = undefined;
    signal.removeEventListener("abort", wake);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#offered?.close();
    this.#offered = undefined;
    await this.#onClose?.();
  }
}

/** What listening tells. */
export interface ListeningHost {
  /** The subscriber's options. */
  readonly options: CheckedOptions;
  /** Counts who is turned away. */
  readonly counters: Counters;
  /** Reports an event. */
  readonly emit: (event: SubscriberStatus) => void;
}

/**
 * Listens for publishers. One is served at a time; who comes meanwhile is turned away, and may come again.
 *
 * @param begin Takes the connections; when it throws, it is listened no more.
 * @returns Where it listens.
 * @throws {SttpError} `ConnectFailed` when the address can't be had.
 * @throws {TypeError} When the TLS options can't be used, or have no certificate.
 */
export async function openListening(
  options: ListenOptions,
  host: ListeningHost,
  begin: (source: Incoming) => void,
): Promise<{ address: string; port: number }> {
  const { counters, emit } = host;
  const { tls, clock, connectTimeout } = host.options;
  checkKinds(options, { port: "number", hostname: "string" }, "listen()");
  const { hostname = "0.0.0.0", port = customaryPort(tls) } = options;
  const listener = tls === undefined ? listenTcp({ hostname, port }) : await listenTls({
    hostname,
    port,
    tls,
    clock,
    handshakeTimeout: connectTimeout,
    onRefused: ({ reason, message, certificate = null }, { address }) => {
      counters.refuse(reason);
      emit({ kind: "refused", address, reason, message, certificate });
    },
  });
  const stop = new AbortController();
  const source = new Incoming(listener.address, async () => {
    stop.abort();
    listener.close();
    await accepting;
  });
  const accepting = acceptAll(listener, {
    clock,
    signal: stop.signal,
    onError: (message) => emit({ kind: "acceptFailed", message }),
    onChannel: (channel) => {
      if (source.isWaiting) return source.offer(channel);
      channel.close();
      counters.refuse("busy");
      const { address, certificate = null } = channel.peer;
      const message = "another publisher is connected";
      emit({ kind: "refused", address, reason: "busy", message, certificate });
    },
  });
  try {
    begin(source);
  } catch (error) {
    await source.close();
    throw error;
  }
  return { address: listener.address, port: listener.port };
}
