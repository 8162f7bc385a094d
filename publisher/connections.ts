import { acceptAll } from "../transport/accept_loop.ts";
import type { Channel, ChannelListener, PeerInfo } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { hostOf } from "../transport/peer_host.ts";
import { Command } from "../transport/wire/codes.ts";
import type { TlsError } from "../transport/tls_peer.ts";
import { Bans } from "./bans.ts";
import { Counters } from "./counters.ts";
import { clipped } from "./flat_text.ts";
import { Link, type LinkHost, type LinkOptions, openChannel } from "./link.ts";
import { openListener } from "./listening.ts";
import { Session } from "./session.ts";
import type { SessionHost } from "./session_host.ts";
import type { CloseReason } from "./session_state.ts";
import type { ConnectionSnapshot, PublisherStats } from "./snapshot.ts";

/** Milliseconds that a ban may last: about a hundred years, so that its end is a date. */
const LONGEST_BAN = 100 * 365 * 86_400_000;

/** That a connection is not wanted. */
interface ConnectionRefusal {
  readonly reason: CloseReason;
  readonly text: string;
  /** More about the reason, for programs. */
  readonly why: string;
}

/** Closed connections that are remembered. */
const CLOSED_CONNECTIONS = 100;
/** Refused connections that are given the time to read why. */
const REFUSED_CONNECTIONS = 64;

/**
 * Everybody that a publisher is connected with: takes in who comes, connects to whom it is told to, and keeps account
 * of who has gone.
 */
export class Connections {
  readonly #host: SessionHost;
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #links = new Set<Link>();
  /** Who may not come back for a while. */
  readonly bans: Bans;
  #listener: ChannelListener | undefined;
  #accepting: Promise<void> = Promise.resolve();
  #stopAccepting: AbortController | undefined;
  #nextId = 1;

  // Of connections that are closed.
  #sentMeasurements = 0;
  #sentBytes = 0;
  readonly #dropped = new Counters();
  readonly #closedByReason = new Counters();
  readonly #handshakesFailed = new Counters();
  readonly #recentlyClosed: ConnectionSnapshot[] = [];

  /** @param host What sessions need; its options say where to listen. */
  constructor(host: SessionHost) {
    this.#host = host;
    this.bans = new Bans(host.options.clock);
  }

  /** What it listens on; `undefined` while it does not. */
  get listener(): ChannelListener | undefined {
    return this.#listener;
  }

  /** The sessions that are not over. */
  get sessions(): Iterable<Session> {
    return this.#sessions.keys();
  }

  /**
   * Listens, unless the options say not to, and takes in who connects.
   *
   * @throws {SttpError} `ConnectFailed` when the address can't be had.
   */
  async open(): Promise<void> {
    const { options } = this.#host;
    const listener = await openListener(options, (error, peer) => this.#onHandshakeFailed(error, peer));
    this.#listener = listener;
    if (listener === undefined) return;
    const stop = this.#stopAccepting = new AbortController();
    this.#accepting = acceptAll(listener, {
      clock: options.clock,
      signal: stop.signal,
      onChannel: (channel) => this.serve(channel),
      onError: (message) => this.#host.emit({ kind: "acceptFailed", message }),
    });
  }

  #onHandshakeFailed({ reason, message, certificate }: TlsError, { address }: PeerInfo): void {
    this.#handshakesFailed.add(reason);
    const shown = certificate ?? null;
    this.#host.emit({ kind: "handshakeFailed", address, reason, message, certificate: shown });
  }

  /** Serves a subscriber that came by itself, or refuses it when it is banned or there are too many. */
  serve(channel: Channel): void {
    let leaving = 0;
    for (const { state } of this.#sessions.keys()) if (state === "leaving") leaving++;
    const refusal = this.#refusal(channel.peer);
    const { session } = this.#start(channel, "incoming", refusal);
    if (refusal !== undefined && leaving >= REFUSED_CONNECTIONS) session.close(refusal.reason, refusal.text);
  }

  /** Why somebody may not connect. */
  #refusal(peer: PeerInfo): ConnectionRefusal | undefined {
    const { access, options: { maxConnections } } = this.#host;
    const banned = this.bans.refusal(peer);
    if (banned !== undefined) return { reason: "banned", text: banned, why: "banned" };
    const denied = access.refusal(peer, access.countsHosts ? this.#countFrom(hostOf(peer.address)) : 0);
    if (denied !== undefined) return { reason: "denied", text: denied.text, why: denied.reason };
    let open = 0;
    for (const session of this.#incoming()) if (session.state !== "leaving") open++;
    if (open < maxConnections) return undefined;
    const text = `Connection refused: ${maxConnections} subscribers are connected, and no more are allowed.`;
    return { reason: "refused", text, why: "tooMany" };
  }

  #countFrom(host: string): number {
    let count = 0;
    for (const { peer, state } of this.#incoming()) {
      if (state !== "leaving" && hostOf(peer.address) === host) count++;
    }
    return count;
  }

  *#incoming(): Generator<Session> {
    for (const session of this.#sessions.keys()) if (session.direction === "incoming") yield session;
  }

  /** Other access options are in force: who may not connect any more is disconnected, others see what they may. */
  accessChanged(): void {
    for (const session of [...this.#sessions.keys()]) {
      const denied = session.direction === "incoming" && this.#host.access.refusal(session.peer, 0);
      if (denied) session.close("denied", "it may not connect any more");
      else session.rightsMayHaveChanged("rules");
    }
  }

  /** Connects to a subscriber, again and again. @throws {TypeError} When the address or an option can't be read. */
  connect(address: string, options: LinkOptions): Link {
    const { clock, tls } = this.#host.options;
    const host: LinkHost = {
      clock,
      tls,
      emit: (event) => this.#host.emit(event),
      open: (target, signal) => openChannel(target, clock, signal),
      serve: (channel) => this.#start(channel, "outgoing"),
      handshakeFailed: (error, peer) => this.#onHandshakeFailed(error, peer),
    };
    const link = new Link(address, options, host);
    this.#links.add(link);
    link.closed.then(() => this.#links.delete(link));
    return link;
  }

  #start(
    channel: Channel,
    direction: "incoming" | "outgoing",
    refusal?: ConnectionRefusal,
  ): { session: Session; ended: Promise<void> } {
    const session = new Session(this.#nextId++, channel, this.#host, direction);
    this.#host.emit({ kind: "connected", connection: session.reference });
    if (refusal !== undefined) session.refuse(Command.Connect, refusal.reason, refusal.text, refusal.why);
    const ended = this.#serve(session);
    this.#sessions.set(session, ended);
    return { session, ended };
  }

  async #serve(session: Session): Promise<void> {
    await session.run();
    this.#sessions.delete(session);
    const { measurements, bytes } = session.sent;
    this.#sentMeasurements += measurements;
    this.#sentBytes += bytes;
    const { reason, message } = session.closed!;
    this.#closedByReason.add(reason);
    const snapshot = session.snapshot();
    this.#dropped.addAll(snapshot.dropped);
    this.#recentlyClosed.unshift(remembered(snapshot));
    if (this.#recentlyClosed.length > CLOSED_CONNECTIONS) this.#recentlyClosed.pop();
    this.#host.emit({ kind: "disconnected", connection: session.reference, reason, message });
  }

  /**
   * Ends a connection, and may ban who is at its other end.
   *
   * @returns Whether there was one with this number.
   * @throws {RangeError} When the ban's length makes no sense.
   */
  disconnect(id: number, message: string, ban: number): boolean {
    if (!(ban >= 0 && ban <= LONGEST_BAN)) {
      throw new RangeError(`ban is ${ban}, a number of milliseconds up to ${LONGEST_BAN} expected`);
    }
    const session = this.#session(id);
    if (session === undefined) return false;
    if (ban > 0) this.bans.add(session.peer, ban, message);
    session.close("disconnected", message);
    return true;
  }

  #session(id: number): Session | undefined {
    for (const session of this.#sessions.keys()) {
      if (session.id === id) return session;
    }
    return undefined;
  }

  /** Replaces the cipher keys of all connections that have some, or of one. @returns How many got new ones. */
  rotateCipherKeys(id: number | undefined): number {
    let count = 0;
    for (const session of this.#sessions.keys()) {
      if (id !== undefined && session.id !== id) continue;
      try {
        session.data.rotateCipherKeys();
        count++;
      } catch (error) {
        // Without keys, or with keys that are only just new: those of others are replaced all the same.
        if (!(error instanceof SttpError)) throw error;
      }
    }
    return count;
  }

  /** Makes and takes in no more connections; those that there are go on. */
  async stopConnecting(): Promise<void> {
    this.#stopAccepting?.abort();
    this.#listener?.close();
    for (const link of this.#links) link.stop();
    await this.#accepting;
    this.#listener = undefined;
  }

  /** Waits until nothing is queued for anybody, but no longer than so many milliseconds. */
  async drained(milliseconds: number): Promise<void> {
    const { promise: timeUp, resolve } = Promise.withResolvers<void>();
    const cancel = this.#host.options.clock.schedule(milliseconds, resolve);
    const drained = Promise.all(Array.from(this.#sessions.keys(), (session) => session.drained()));
    await Promise.race([drained, timeUp]);
    cancel();
  }

  /** Ends every connection, and what makes them. */
  async close(): Promise<void> {
    for (const session of this.#sessions.keys()) session.close("stopped", "the publisher stopped");
    await Promise.all([...this.#sessions.values(), ...Array.from(this.#links, (link) => link.closed)]);
  }

  /** What operators see. */
  snapshot(): Pick<
    PublisherStats,
    | "address"
    | "certificate"
    | "sent"
    | "dropped"
    | "connections"
    | "waitingBytes"
    | "open"
    | "recentlyClosed"
    | "links"
    | "bans"
  > {
    const open = Array.from(this.#sessions.keys(), (session) => session.snapshot());
    const dropped = new Counters();
    dropped.addAll(this.#dropped.toObject());
    let measurements = this.#sentMeasurements;
    let bytes = this.#sentBytes;
    for (const connection of open) {
      dropped.addAll(connection.dropped);
      measurements += connection.sent.measurements;
      bytes += connection.sent.bytes;
    }
    return {
      address: this.#listener?.address ?? null,
      certificate: this.#listener?.certificate ?? null,
      sent: { measurements, bytes },
      dropped: dropped.toObject(),
      connections: {
        open: open.length,
        accepted: this.#nextId - 1,
        closed: this.#closedByReason.toObject(),
        handshakesFailed: this.#handshakesFailed.toObject(),
      },
      waitingBytes: this.#host.queueMemory.bytes,
      open,
      recentlyClosed: [...this.#recentlyClosed],
      bans: this.bans.snapshot(),
      links: Array.from(this.#links, (link) => link.snapshot()),
    };
  }
}

/** What is remembered of a connection that is closed: of its filter expression the beginning. */
function remembered(snapshot: ConnectionSnapshot): ConnectionSnapshot {
  const { subscription } = snapshot;
  if (subscription === null) return snapshot;
  return { ...snapshot, subscription: { ...subscription, filter: clipped(subscription.filter) } };
}
