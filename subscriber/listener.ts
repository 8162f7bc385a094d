/**
 * Several publishers into one listening application (§2, reverse connections).
 *
 * @module
 */
import { acceptAll } from "../transport/accept_loop.ts";
import { customaryPort } from "../transport/address.ts";
import type { Channel, ChannelListener, PeerCertificate, PeerInfo } from "../transport/channel.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds, duration, inRange } from "../transport/option_checks.ts";
import { hostOf } from "../transport/peer_host.ts";
import { StatusStream } from "../transport/status_stream.ts";
import { listenTcp } from "../transport/tcp.ts";
import { listenTls, type TlsFailure, type TlsSource } from "../transport/tls.ts";
import { checkTlsOptions } from "../transport/tls_options.ts";
import type { SubscriberOptions } from "./options.ts";
import { Subscriber } from "./subscriber.ts";

/** Options of a {@linkcode SubscriberListener}. */
export interface SubscriberListenerOptions {
  /** The port; 0 takes a free one. Default 7165, with TLS 7167. */
  readonly port?: number;
  /** The local address; default all IPv4 addresses. */
  readonly hostname?: string;
  /** TLS: a certificate to show, and which certificates publishers must have. Default none. */
  readonly tls?: TlsSource;
  /**
   * What the subscriber to each publisher is told; a function decides for each publisher when it first connects, and
   * turns it away by returning `undefined`.
   */
  readonly subscriber?: SubscriberOptions | ((publisher: PeerInfo) => SubscriberOptions | undefined);
  /**
   * A text by which a publisher is known again, whatever address it comes from: its connections all go to the same
   * subscriber, a new one in the place of the one before. Default: the fingerprint of its certificate. Without such a
   * text, a publisher that comes from the same host goes to a subscriber that waits for one from there.
   */
  readonly identify?: (publisher: PeerInfo) => string | undefined;
  /**
   * Publishers at a time, 1 to 100,000; default 1,000. One more takes a place of those that have never shown to be
   * publishers, by a signal index cache or by metadata: of one that is away, else of the first that is connected. Then
   * it takes the place of the one that has been away the longest, or is turned away when all are connected.
   */
  readonly maxPublishers?: number;
  /** Connections from one address at a time; default no limit but `maxPublishers`. */
  readonly maxConnectionsPerAddress?: number;
  /** Milliseconds within which a publisher must agree on TLS; default 10,000. */
  readonly handshakeTimeout?: number;
  /** Where connections come from; default TCP or TLS at `hostname` and `port`. */
  readonly listen?: () => ChannelListener | Promise<ChannelListener>;
  /** Time and timers; default the machine's. */
  readonly clock?: Clock;
}

/**
 * Why a publisher was turned away: something about TLS; `unwanted`, by the function that gives options, or because that
 * failed; `perAddress`, for `maxConnectionsPerAddress`; `tooMany`, for `maxPublishers`.
 */
export type RefusalReason = TlsFailure | "unwanted" | "perAddress" | "tooMany";

/** What happens to a {@linkcode SubscriberListener}, as its `status()` tells it. */
export type SubscriberListenerStatus =
  /** It listens. */
  | { readonly kind: "started"; readonly address: string }
  /** It has stopped; no event follows. */
  | { readonly kind: "stopped" }
  /** A publisher connected; `isNew` when the subscriber was made for it. */
  | { readonly kind: "connected"; readonly publisher: PeerInfo; readonly isNew: boolean }
  /** Somebody was turned away. */
  | {
    readonly kind: "refused";
    readonly address: string;
    readonly reason: RefusalReason;
    readonly message: string;
    /** What the peer showed; `null` when it did not come to that. */
    readonly certificate: PeerCertificate | null;
  }
  /** Taking in a connection failed; others follow. */
  | { readonly kind: "acceptFailed"; readonly message: string }
  /** The reader was slow; it missed so many events before the next. */
  | { readonly kind: "missed"; readonly count: number };

/** A {@linkcode SubscriberListener}'s counters at one moment. */
export interface SubscriberListenerStats {
  /** Where it listens; `null` when it does not. */
  readonly address: string | null;
  /** Publishers that are known: connected, or expected to come back. */
  readonly publishers: number;
  /** Those of them that are connected. */
  readonly connected: number;
  /** Connections that came about. */
  readonly connections: number;
  /** Those that were turned away, by reason ({@linkcode RefusalReason}). */
  readonly refused: Readonly<Record<string, number>>;
}

/** A publisher that is known. */
interface Entry {
  readonly subscriber: Subscriber;
  readonly identity: string | undefined;
  /** Where it came from last. */
  hostname: string;
  /** Its connection, until that is closed. */
  channel: Channel | undefined;
  /** Whether it has ever shown to be a publisher. */
  isKnown: boolean;
}

/** Events that a slow reader of `status()` may be behind. */
const statusEvents = 256;

const kinds = {
  port: "number",
  hostname: "string",
  tls: "any",
  subscriber: "any",
  identify: "function",
  maxPublishers: "number",
  maxConnectionsPerAddress: "number",
  handshakeTimeout: "number",
  listen: "function",
  clock: "object",
};

/**
 * Listens for publishers that connect, any number of them, and makes a {@linkcode Subscriber} for each, which lasts when
 * the connection is lost and the publisher comes back. Iterating gives each of them once.
 *
 * @example
 * ```ts
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { type Subscriber, SubscriberListener } from "@sttp/sttp/subscriber";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = new SubscriberListener({
 *   port: 0,
 *   hostname: "127.0.0.1",
 *   subscriber: { filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" },
 * });
 * await listener.start();
 *
 * // Two publishers that connect
 * await using shelby = new Publisher({ listen: false });
 * await using lowell = new Publisher({ listen: false });
 * for (const publisher of [shelby, lowell]) {
 *   await publisher.start();
 *   publisher.connect(listener.address);
 * }
 *
 * const subscribers: Subscriber[] = [];
 * for await (const subscriber of listener) {
 *   if (subscribers.push(subscriber) === 2) break;
 * }
 * assertEquals(listener.stats().publishers, 2);
 * ```
 */
export class SubscriberListener implements AsyncDisposable, AsyncIterable<Subscriber> {
  readonly #options: SubscriberListenerOptions;
  readonly #clock: Clock;
  readonly #maxPublishers: number;
  readonly #maxConnectionsPerAddress: number;
  readonly #handshakeTimeout: number;
  readonly #status = new StatusStream<SubscriberListenerStatus>(
    statusEvents,
    (count) => ({ kind: "missed", count }),
    { name: "sttp:listener", source: this },
  );
  /** The one that has been away the longest is the first of those that are. */
  readonly #entries = new Set<Entry>();
  readonly #refused: Record<string, number> = {};
  #connections = 0;
  #state: "stopped" | "starting" | "running" | "stopping" = "stopped";
  #listener: ChannelListener | undefined;
  #stopAccepting = new AbortController();
  #accepting: Promise<void> = Promise.resolve();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #fresh: Subscriber[] = [];
  #waiting: (() => void)[] = [];

  /**
   * Checks the options; nothing happens before {@linkcode SubscriberListener.start}.
   *
   * @throws {TypeError} When an option does not exist, is of a wrong type, or can't be used for TLS.
   * @throws {RangeError} When a number is out of its range.
   */
  constructor(options: SubscriberListenerOptions = {}) {
    checkKinds(options, kinds, "the listener");
    const { tls, subscriber, maxPublishers = 1000, maxConnectionsPerAddress: perAddress } = options;
    if (tls !== undefined && typeof tls !== "function") checkTlsOptions(tls);
    // What a function gives is checked when it is asked.
    if (typeof subscriber !== "function") new Subscriber(subscriber);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maxPublishers = inRange(maxPublishers, "maxPublishers", 1, 100_000, true);
    this.#maxConnectionsPerAddress = perAddress === undefined
      ? Infinity
      : inRange(perAddress, "maxConnectionsPerAddress", 1, Number.MAX_SAFE_INTEGER, true);
    this.#handshakeTimeout = duration(options.handshakeTimeout, "handshakeTimeout", 10_000);
  }

  /** Where it listens, `host:port`. @throws {SttpError} `InvalidState` when it does not. */
  get address(): string {
    return this.#listening.address;
  }

  /** The port it listens on, the real one when 0 was asked for. @throws {SttpError} `InvalidState` when it does not. */
  get port(): number {
    return this.#listening.port;
  }

  get #listening(): ChannelListener {
    if (this.#listener === undefined) throw new SttpError("InvalidState", "the listener is not started");
    return this.#listener;
  }

  /** The subscribers to all publishers that are known, connected or not. */
  get subscribers(): Subscriber[] {
    return Array.from(this.#entries, ({ subscriber }) => subscriber);
  }

  /**
   * Starts to listen.
   *
   * @throws {SttpError} `InvalidState` when it is not stopped; `ConnectFailed` when the address can't be had.
   * @throws {TypeError} When the TLS options can't be used, or have no certificate.
   */
  async start(): Promise<void> {
    if (this.#state !== "stopped") {
      throw new SttpError("InvalidState", `the listener is ${this.#state}, not stopped`);
    }
    this.#state = "starting";
    this.#starting = this.#begin();
    await this.#starting;
  }

  async #begin(): Promise<void> {
    let listener: ChannelListener;
    try {
      listener = await this.#open();
    } catch (error) {
      this.#state = "stopped";
      throw error;
    } finally {
      this.#starting = undefined;
    }
    this.#listener = listener;
    this.#state = "running";
    this.#stopAccepting = new AbortController();
    this.#status.emit({ kind: "started", address: listener.address });
    this.#accepting = acceptAll(listener, {
      clock: this.#clock,
      signal: this.#stopAccepting.signal,
      onChannel: (channel) => this.#admit(channel),
      onError: (message) => this.#status.emit({ kind: "acceptFailed", message }),
    });
  }

  async #open(): Promise<ChannelListener> {
    const { listen, hostname = "0.0.0.0", tls, port = customaryPort(tls) } = this.#options;
    if (listen !== undefined) return await listen();
    if (tls === undefined) return listenTcp({ hostname, port });
    return await listenTls({
      hostname,
      port,
      tls,
      handshakeTimeout: this.#handshakeTimeout,
      clock: this.#clock,
      onRefused: ({ reason, message, certificate }, { address }) =>
        this.#refuse({ address, ...(certificate && { certificate }) }, reason, message),
    });
  }

  #refuse({ address, certificate = undefined }: PeerInfo, reason: RefusalReason, message: string): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
    this.#status.emit({ kind: "refused", address, reason, message, certificate: certificate ?? null });
  }

  #admit(channel: Channel): void {
    const { peer } = channel;
    let held = channel;
    try {
      const identify = this.#options.identify ?? (({ certificate }) => certificate?.fingerprint);
      const identity = identify(peer);
      const known = this.#find(identity, peer);
      const entry = this.#hasTooMany(peer, known) ? undefined : known ?? this.#create(identity, peer);
      if (entry === undefined) return channel.close();
      this.#connections++;
      entry.hostname = hostOf(peer.address);
      entry.subscriber.serve(held = heldBy(entry, channel));
      this.#status.emit({ kind: "connected", publisher: peer, isNew: known === undefined });
      if (known === undefined) this.#handOut(entry);
    } catch (error) {
      // A function of the application's failed.
      held.close();
      this.#refuse(peer, "unwanted", error instanceof Error ? error.message : String(error));
    }
  }

  /** Whether there are too many others from where a connection comes from, which is told then. */
  #hasTooMany(peer: PeerInfo, known: Entry | undefined): boolean {
    const most = this.#maxConnectionsPerAddress;
    if (most === Infinity) return false;
    const host = hostOf(peer.address);
    const isOther = (entry: Entry): boolean => entry !== known && entry.hostname === host && !isAway(entry);
    if (this.#entries.values().filter(isOther).take(most).toArray().length < most) return false;
    this.#refuse(peer, "perAddress", `${host} has ${most} connections, and may have no more`);
    return true;
  }

  /** The entry that a publisher comes back to. */
  #find(identity: string | undefined, peer: PeerInfo): Entry | undefined {
    const hostname = hostOf(peer.address);
    for (const entry of this.#entries) {
      const isSame = identity === undefined
        ? entry.identity === undefined && entry.hostname === hostname && isAway(entry)
        : entry.identity === identity;
      if (!isSame) continue;
      // The last to come will be the last of those that have gone.
      this.#entries.delete(entry);
      this.#entries.add(entry);
      return entry;
    }
    return undefined;
  }

  /** Makes an entry, if this publisher is wanted and there is room for it. */
  #create(identity: string | undefined, peer: PeerInfo): Entry | undefined {
    const { subscriber: given } = this.#options;
    const options = typeof given === "function" ? given(peer) : given ?? {};
    if (options === undefined) {
      this.#refuse(peer, "unwanted", "the application does not want this publisher");
      return undefined;
    }
    const subscriber = new Subscriber(options);
    if (this.#entries.size >= this.#maxPublishers && !this.#forgetOne()) {
      this.#refuse(
        peer,
        "tooMany",
        `${this.#maxPublishers} publishers are connected, and no more are allowed`,
      );
      return undefined;
    }
    const entry: Entry = {
      subscriber,
      identity,
      hostname: hostOf(peer.address),
      channel: undefined,
      isKnown: false,
    };
    this.#entries.add(entry);
    return entry;
  }

  #handOut(entry: Entry): void {
    const { subscriber } = entry;
    // The application may end it.
    subscriber.closed.then(() => this.#forget(entry));
    this.#fresh.push(subscriber);
    this.#wake();
  }

  /** Gives up a place: of a stranger's, else of a publisher that is away. */
  #forgetOne(): boolean {
    const all = (): IteratorObject<Entry> => this.#entries.values();
    const one = all().find((entry) => isAway(entry) && !isKnown(entry)) ??
      all().find((entry) => !isKnown(entry)) ??
      all().find(isAway);
    if (one === undefined) return false;
    this.#forget(one);
    one.subscriber.disconnect();
    return true;
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry);
    const index = this.#fresh.indexOf(entry.subscriber);
    if (index >= 0) this.#fresh.splice(index, 1);
  }

  /**
   * Stops: no new connections, those that there are end, and so do the subscribers. It can be started again. Does
   * nothing while stopped; one that is starting stops when it has started.
   */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    if (this.#state === "stopped") return;
    this.#stopping ??= this.#end().finally(() => this.#stopping = undefined);
    await this.#stopping;
  }

  async #end(): Promise<void> {
    this.#state = "stopping";
    this.#stopAccepting.abort();
    this.#listener?.close();
    this.#listener = undefined;
    await this.#accepting;
    await Promise.all(this.subscribers.map((subscriber) => subscriber.disconnect()));
    this.#entries.clear();
    this.#fresh.length = 0;
    this.#state = "stopped";
    this.#status.emit({ kind: "stopped" });
    this.#status.end();
    this.#wake();
  }

  /** As {@linkcode SubscriberListener.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The counters at this moment. */
  stats(): SubscriberListenerStats {
    return {
      address: this.#listener?.address ?? null,
      publishers: this.#entries.size,
      connected: this.subscribers.filter(({ peer }) => peer !== undefined).length,
      connections: this.#connections,
      refused: { ...this.#refused },
    };
  }

  /** What happens from now on, until the listener stops. A reader that is too slow is told how many it missed. */
  status(): AsyncIterableIterator<SubscriberListenerStatus> {
    return this.#status.read();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Gives each subscriber once, to one of those who iterate, as publishers first connect; ends when it stops. */
  async *[Symbol.asyncIterator](): AsyncIterator<Subscriber> {
    while (this.#state !== "stopped") {
      const subscriber = this.#fresh.shift();
      if (subscriber !== undefined) yield subscriber;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** Whether there is no connection. */
function isAway({ channel }: Entry): boolean {
  return channel === undefined;
}

/** Whether it has ever shown to be a publisher. Who only connects, or says something else, has not. */
function isKnown(entry: Entry): boolean {
  const { subscriber } = entry;
  return entry.isKnown ||= subscriber.metadata !== undefined || subscriber.stats().caches > 0;
}

/** The channel, as the entry's until it is closed: that is told at once, and not when the subscriber comes to it. */
function heldBy(entry: Entry, channel: Channel): Channel {
  const held: Channel = {
    peer: channel.peer,
    read: (into) => channel.read(into),
    write: (bytes) => channel.write(bytes),
    close: () => {
      channel.close();
      if (entry.channel === held) entry.channel = undefined;
    },
  };
  return entry.channel = held;
}
