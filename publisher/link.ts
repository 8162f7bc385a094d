/**
 * Connections that the publisher makes by itself: reverse connections (§2).
 *
 * @module
 */
import { customaryPort, formatHostPort, type HostPort, parseTarget } from "../transport/address.ts";
import type { Channel, PeerInfo } from "../transport/channel.ts";
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds, duration } from "../transport/option_checks.ts";
import { Backoff, checkReconnectOptions, pause, type ReconnectOptions } from "../transport/reconnect.ts";
import { connectTcp } from "../transport/tcp.ts";
import { connectTls, TlsError, type TlsSource } from "../transport/tls.ts";
import { TlsProvider } from "../transport/tls_options.ts";
import type { Session } from "./session.ts";
import type { CloseReason } from "./session_state.ts";
import type { OutboundLinkSnapshot } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";

/** Options of {@linkcode Publisher.connect}. */
export interface LinkOptions {
  /** How to come back when a connection is lost or can't be made; `false`: not at all. */
  readonly reconnect?: ReconnectOptions | false;
  /** Milliseconds that an attempt may take; default 10,000. */
  readonly connectTimeout?: number;
  /** TLS, the publisher being who connects; default the publisher's own options, `false` for none. */
  readonly tls?: TlsSource | false;
}

/**
 * Where a link stands: a connection is being made, is there, or is waited for; or the link is closed.
 */
export type OutboundLinkState = "connecting" | "connected" | "waiting" | "closed";

/** Why a link ended. */
export type OutboundLinkEnd =
  /** It was closed, or the publisher stopped. */
  | { readonly kind: "closed" }
  /** The publisher refused or disconnected the subscriber that it found there: coming back would not help. */
  | { readonly kind: "refused"; readonly message: string }
  /** The connection failed or was lost, and all retries are used up. */
  | { readonly kind: "lost"; readonly message: string };

/** A subscriber that the publisher connects to, again and again. */
export interface OutboundLink extends AsyncDisposable {
  /** Where the subscriber listens, `host:port`. */
  readonly address: string;
  /** Where the link stands. */
  readonly state: OutboundLinkState;
  /** Resolves with the reason when the link has ended. Never rejects. */
  readonly closed: Promise<OutboundLinkEnd>;
  /** Ends the connection, if there is one, and makes no other. May be called again. */
  close(): Promise<void>;
}

/** What a link needs of a session. */
export type LinkSession = Pick<Session, "id" | "closed" | "close" | "snapshot">;

/** What a link needs of its publisher. */
export interface LinkHost {
  /** Time and timers. */
  readonly clock: Clock;
  /** TLS for links that do not say otherwise; `undefined` for none. */
  readonly tls: TlsSource | undefined;
  /** Tells the application. */
  emit(event: PublisherStatus): void;
  /** Makes one connection. */
  open(target: LinkTarget, signal: AbortSignal): Promise<Channel>;
  /** Serves the subscriber at its other end. */
  serve(channel: Channel): { session: LinkSession; ended: Promise<void> };
  /** Counts a peer that is not trusted, or with which TLS was not agreed on. */
  handshakeFailed(error: TlsError, peer: PeerInfo): void;
}

const transitions: Readonly<Record<OutboundLinkState, readonly OutboundLinkState[]>> = {
  connecting: ["connected", "waiting", "closed"],
  connected: ["waiting", "closed"],
  waiting: ["connecting", "closed"],
  closed: [],
};

/** Ends of a session after which another would end in the same way. */
const finalReasons: readonly CloseReason[] = ["refused", "unsupported", "disconnected"];

/** What a link connects to, and how. */
export interface LinkTarget extends HostPort {
  /** Milliseconds that an attempt may take. */
  readonly timeout: number;
  /** Certificates and trust; `undefined` for no TLS. */
  readonly tls: TlsSource | undefined;
}

function checkTarget(address: string, options: LinkOptions, host: LinkHost): LinkTarget {
  checkKinds(options, { reconnect: "any", connectTimeout: "number", tls: "any" }, "the link");
  const tls = options.tls === false ? undefined : options.tls ?? host.tls;
  // Options that can't be used should not first fail when a connection is made.
  if (tls !== undefined) new TlsProvider(tls);
  return {
    ...parseTarget(address, customaryPort(tls)),
    timeout: duration(options.connectTimeout, "connectTimeout", 10_000),
    tls,
  };
}

/** Makes one connection to a listening subscriber. */
export function openChannel(
  { tls, ...target }: LinkTarget,
  clock: Clock,
  signal: AbortSignal,
): Promise<Channel> {
  return tls === undefined
    ? connectTcp({ ...target, signal })
    : connectTls({ ...target, tls, clock, signal });
}

/** Keeps one connection to a listening subscriber. */
export class Link implements OutboundLink {
  readonly address: string;
  readonly closed: Promise<OutboundLinkEnd>;
  readonly #host: LinkHost;
  readonly #target: LinkTarget;
  readonly #backoff: Backoff | undefined;
  readonly #stop = new AbortController();
  #state: OutboundLinkState = "connecting";
  #session: LinkSession | undefined;
  #connections = 0;
  #problem: string | null = null;

  /**
   * Begins at once.
   *
   * @throws {TypeError} When the address or an option can't be read.
   * @throws {RangeError} When a number is out of its range.
   */
  constructor(address: string, options: LinkOptions, host: LinkHost) {
    const target = checkTarget(address, options, host);
    const reconnect = checkReconnectOptions(options.reconnect);
    this.address = formatHostPort(target.hostname, target.port);
    this.#host = host;
    this.#target = target;
    this.#backoff = reconnect && new Backoff(reconnect);
    this.closed = this.#run();
  }

  get state(): OutboundLinkState {
    return this.#state;
  }

  async #run(): Promise<OutboundLinkEnd> {
    const end = await this.#keepConnected();
    this.#enter("closed");
    this.#host.emit({ kind: "linkClosed", address: this.address, end });
    return end;
  }

  async #keepConnected(): Promise<OutboundLinkEnd> {
    const { signal } = this.#stop;
    const backoff = this.#backoff;
    for (;;) {
      this.#host.emit({ kind: "connecting", address: this.address, attempt: backoff?.attempt ?? 0 });
      const { message, isFinal } = await this.#connection(signal);
      if (signal.aborted) return { kind: "closed" };
      this.#problem = message;
      if (isFinal) return { kind: "refused", message };
      const delayMilliseconds = backoff?.next();
      if (backoff === undefined || delayMilliseconds === undefined) return { kind: "lost", message };
      this.#enter("waiting");
      const { attempt } = backoff;
      this.#host.emit({ kind: "reconnecting", address: this.address, attempt, delayMilliseconds, message });
      await pause(this.#host.clock, delayMilliseconds, signal);
      if (signal.aborted) return { kind: "closed" };
      this.#enter("connecting");
    }
  }

  /** One connection from its making to its end. @returns Why it ended, and whether another would end likewise. */
  async #connection(signal: AbortSignal): Promise<{ message: string; isFinal: boolean }> {
    let channel: Channel;
    try {
      channel = await this.#host.open(this.#target, signal);
    } catch (error) {
      if (error instanceof TlsError) this.#host.handshakeFailed(error, { address: this.address });
      return { message: error instanceof Error ? error.message : String(error), isFinal: false };
    }
    if (signal.aborted) {
      channel.close();
      return { message: "", isFinal: false };
    }
    this.#enter("connected");
    this.#connections++;
    this.#problem = null;
    const connectedAt = this.#host.clock.monotonic();
    const { session, ended } = this.#host.serve(channel);
    this.#session = session;
    await ended;
    this.#session = undefined;
    // Somebody who speaks STTP was there.
    if (session.snapshot().modes !== null) this.#backoff?.lasted(this.#host.clock.monotonic() - connectedAt);
    const { reason, message } = session.closed!;
    return { message, isFinal: finalReasons.includes(reason) };
  }

  #enter(state: OutboundLinkState): void {
    if (!transitions[this.#state].includes(state)) {
      throw new SttpError("InvalidState", `a link can't go from ${this.#state} to ${state}`);
    }
    this.#state = state;
  }

  /** Makes no other connection; the one that there is goes on. */
  stop(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.stop();
    this.#session?.close("disconnected", "the link was closed");
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What operators see. */
  snapshot(): OutboundLinkSnapshot {
    return {
      address: this.address,
      state: this.#state,
      attempt: this.#backoff?.attempt ?? 0,
      connections: this.#connections,
      connection: this.#session?.id ?? null,
      problem: this.#problem,
    };
  }
}
