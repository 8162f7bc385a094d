/**
 * What one subscriber subscribes to, and the way its data takes.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { networkOfPeer } from "../transport/peer_host.ts";
import { BufferBlockFlags, Command, Response } from "../transport/wire/codes.ts";
import { encodeDataStartTime } from "../transport/wire/data_packet.ts";
import { encodeResponse } from "../transport/wire/frame.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import type { DataChannelSettings } from "../transport/wire/subscribe.ts";
import { encodeText, type TextEncoding } from "../transport/wire/text.ts";
import {
  BufferBlockSender,
  type BufferPayload,
  compressesBlocks,
  type SignalPlace,
} from "./buffer_blocks.ts";
import { SETTLING_TIME } from "./base_time_rotation.ts";
import { CacheSwitch } from "./cache_switch.ts";
import { countingSink } from "./counting_sink.ts";
import type { Counters } from "./counters.ts";
import { DataChannel, DatagramTotals, destinationOf, sealFrame } from "./data_channel.ts";
import { DatagramsUnderWay } from "./datagrams_under_way.ts";
import { formatName } from "./delivery.ts";
import type { HeldFilter } from "./filter_account.ts";
import { Member, type MemberSink } from "./group.ts";
import { sendAlone } from "./latest_on_subscribe.ts";
import type { OutboundFrame, OutboundQueue } from "./outbound_queue.ts";
import { PayloadCipher } from "./payload_cipher.ts";
import { Replay } from "./replay.ts";
import type { Placement } from "./router.ts";
import type { SessionHost } from "./session_host.ts";
import type { SignalSet } from "./signal_set.ts";
import type { CloseReason } from "./session_state.ts";
import type { ConnectionSnapshot, SubscriptionSnapshot } from "./snapshot.ts";
import type { ConnectionReference } from "./status.ts";
import type { Subscription } from "./subscription.ts";
import type { HeldMemory } from "./subscription_memory.ts";
import type { Temporal } from "./temporal.ts";
import type { PortHolder } from "./udp_ports.ts";
import type { Visibility } from "./visibility.ts";

/** What a {@linkcode DataPath} needs of its session. */
export interface DataPathOwner {
  /** What the publisher's sessions share. */
  readonly host: SessionHost;
  /** The ID that the subscriber is given in its signal index cache. */
  readonly subscriberId: string;
  /** For events. */
  readonly reference: ConnectionReference;
  /** How texts are encoded. */
  readonly encoding: TextEncoding;
  /** Whether nothing is to be sent any more. */
  readonly isClosed: boolean;
  /** Fires then. */
  readonly ended: AbortSignal;
  /** The command channel's queue. */
  readonly queue: OutboundQueue;
  /** Measurements that the subscriber did not get, by reason. */
  readonly dropped: Counters;
  /** How often things happened. */
  readonly events: Counters;
  /** Ends the connection when the present publication is over. */
  closeSoon(reason: CloseReason, message: string): void;
}

/**
 * For how many milliseconds the cache of the last datagram that was sent keeps its index: hardly any datagram takes longer
 * to arrive. Who subscribes three times in a row waits that long for the third.
 */
const TRAVEL_TIME = 1000;

/** A subscription with its share of the memory. */
interface Served extends Subscription {
  readonly memory: HeldMemory;
}

/**
 * One session's subscriptions, as its signal index caches have them, and what goes out for the one in force: from its
 * group or from history, over TCP or UDP, encrypted or not, measurements and buffer blocks.
 */
export class DataPath implements PortHolder {
  readonly #owner: DataPathOwner;
  readonly #sink: MemberSink;
  /** In its place while the subscriber can be sent nothing. */
  readonly #missedSink: MemberSink;
  #caches: CacheSwitch<Served>;
  /** What the subscriptions that there are hold, each once: a few, and no Set for the reason in account.ts. */
  #held: readonly (HeldFilter | HeldMemory)[] = [];
  #placement: Placement | undefined;
  /** The signals of the live subscription in force. */
  #signals: SignalSet | undefined;
  /** History for the subscription in force, running or over. */
  #replay: Replay | undefined;
  /** Where data goes; `undefined`: over the command channel. */
  #dataChannel: DataChannel | undefined;
  #lastDatagramAt = -Infinity;
  /** Which cache it is that what is sent refers to; `undefined` while no subscription is in force. */
  #cacheInUse: 0 | 1 | undefined;
  /** Those of subscriptions that are over. */
  readonly #underWay: DatagramsUnderWay;
  #travelTime = 0;
  readonly #datagrams = new DatagramTotals();
  #cipher: PayloadCipher | undefined;
  #bufferBlocks: BufferBlockSender | undefined;
  #compressesBlocks = false;
  #overflowed = false;
  #cacheSentAt = 0;
  /** How long the latest confirmation of a cache took, in milliseconds. */
  #latency: number | null = null;

  /** See {@linkcode DataPathOwner}; nothing can be subscribed to before {@linkcode DataPath.agree}. */
  constructor(owner: DataPathOwner) {
    this.#owner = owner;
    this.#sink = this.#createSink();
    this.#missedSink = countingSink(() => owner.isClosed, this.#sink.countDetached);
    this.#underWay = new DatagramsUnderWay({
      clock: owner.host.options.clock,
      travelTime: () => this.#travelTime,
      onFree: () => {
        if (!owner.isClosed) this.#caches.proceed();
      },
    });
    this.#caches = this.#createCaches(1);
  }

  /** Other operational modes are in force. Only while {@linkcode DataPath.isBusy} is false. */
  agree(modes: OperationalModes, algorithms: string): void {
    this.#compressesBlocks = compressesBlocks(modes, algorithms);
    // At version 1 there would be no data meanwhile.
    this.#travelTime = modes.version > 1 ? TRAVEL_TIME : 0;
    this.#caches = this.#createCaches(modes.version);
  }

  #createCaches(version: number): CacheSwitch<Served> {
    const { host: { options: { clock } }, queue, subscriberId } = this.#owner;
    return new CacheSwitch<Served>(version, {
      sendCache: ({ cache }, cacheIndex) => {
        this.#cacheSentAt = clock.monotonic();
        queue.pushControl(cache.frame(subscriberId, cacheIndex));
      },
      isFree: (cacheIndex) => this.#underWay.isFree(cacheIndex),
      activate: (subscription, cacheIndex) => this.#activate(subscription, cacheIndex),
      deactivate: () => this.#deactivate(),
      delay: (subscription) => this.#countMissed(subscription),
    });
  }

  // ---- subscriptions ----

  /** The latest subscription: the one that will be, or is, in force. */
  get latest(): Subscription | undefined {
    return this.#caches.latest;
  }

  /** Whether signals were taken out of the latest subscription before its cache was sent: that one is not sent any more. */
  get isOutdated(): boolean {
    return this.#caches.isOutdated;
  }

  /** None can be had in the place of an outdated subscription. */
  dropOutdated(): void {
    this.#caches.dropOutdated();
    if (this.#caches.active === undefined) this.#leaveGroup();
    this.#letGo();
  }

  /** Whether there is a subscription, or a cache of one that the subscriber has not confirmed. */
  get isBusy(): boolean {
    return this.#caches.latest !== undefined || this.#caches.isUnconfirmed;
  }

  /**
   * Puts a subscription in the place of the one there is, as §5 wants it.
   *
   * @throws {SttpError} `LimitExceeded` when there is no room for it.
   */
  subscribe(subscription: Subscription): void {
    if (this.#owner.isClosed) return;
    const { host: { memory: account, datagramSockets }, reference } = this.#owner;
    const memory = account.hold(subscription, networkOfPeer(reference.address));
    const { filter } = subscription.request;
    const isKept = this.#held.includes(filter);
    this.#held = [...this.#held, memory, ...isKept ? [] : [filter.keep()]];
    if (subscription.dataChannel !== undefined) {
      this.#encrypt();
      // What others sent there may not be read by its caches.
      const { ports } = datagramSockets!;
      this.#underWay.others(ports.take(subscription.dataChannel.to, this, this.#hasArrived));
    }
    this.#caches.subscribe({ ...subscription, set: memory.set, memory });
    this.#letGo();
  }

  /** When the last datagram was sent, on the clock's monotonic scale; `-Infinity`: none was. */
  get lastDatagramAt(): number {
    return this.#lastDatagramAt;
  }

  /** What was sent before has arrived. */
  get #hasArrived(): number {
    return this.#owner.host.options.clock.monotonic() - TRAVEL_TIME;
  }

  /** Another connection has a port that datagrams go to, `host:port`. */
  giveWay(port: string): void {
    if (!this.#caches.subscriptions.some(({ dataChannel }) => dataChannel?.to === port)) return;
    this.#owner.closeSoon("replaced", `another connection of its host has its data sent to ${port}`);
  }

  /** Lets go of what subscriptions held that are no more. */
  #letGo(): void {
    const { subscriptions } = this.#caches;
    const isNeeded = (held: HeldFilter | HeldMemory): boolean =>
      subscriptions.some(({ request, memory }) => held === request.filter || held === memory);
    const before = this.#held;
    this.#held = before.filter(isNeeded);
    for (const held of before) if (!this.#held.includes(held)) held.release();
  }

  /**
   * Takes signals out of the subscriptions that there are, at once: they go on with the rest, under the caches that they
   * have.
   *
   * @returns How many were taken out of the latest.
   */
  narrow(visibility: Visibility): number {
    const { active, latest, cacheIndex } = this.#caches;
    if (latest === undefined) return 0;
    this.#caches.update((subscription) => {
      const set = subscription.set.visible(visibility);
      return set === subscription.set ? subscription : { ...subscription, set };
    });
    const { active: narrowed, latest: left = latest } = this.#caches;
    if (narrowed !== undefined && narrowed !== active) this.#goOnWith(narrowed, cacheIndex);
    else if (narrowed === undefined && this.#placement !== undefined) this.#countMissed(left);
    return latest.set.count - left.set.count;
  }

  #goOnWith(narrowed: Subscription, cacheIndex: 0 | 1): void {
    if (this.#replay !== undefined) {
      this.#replay.narrow(narrowed.set);
      if (this.#placement !== undefined) this.#placement = this.#replay.placement;
    } else {
      const member = this.#placement?.member;
      if (member?.sink === this.#missedSink) return this.#countMissed(narrowed);
      this.#leaveGroup(narrowed.set);
      this.#activate(narrowed, cacheIndex, member?.isAnnounced);
    }
  }

  /** Ends the subscription, if there is one. */
  unsubscribe(): void {
    this.#bufferBlocks?.withdraw();
    this.#signals = undefined;
    this.#caches.unsubscribe();
    this.#letGo();
  }

  /** The subscriber has its new signal index cache. @returns False when none was waiting for that. */
  confirmCache(): boolean {
    // Before the confirmation, which may send the next one.
    const took = this.#owner.host.options.clock.monotonic() - this.#cacheSentAt;
    if (!this.#caches.confirm()) return false;
    this.#letGo();
    this.#latency = took;
    return true;
  }

  /** Changes the pace of history. @returns Whether the latest subscription is about history. */
  setProcessingInterval(interval: number): boolean {
    const temporal = this.#caches.latest?.temporal;
    if (temporal === undefined) return false;
    temporal.interval = interval;
    this.#replay?.wake();
    return true;
  }

  /** @param isAnnounced Whether its subscription has had data already. */
  #activate(subscription: Subscription, cacheIndex: 0 | 1, isAnnounced: boolean = false): void {
    this.#deactivate();
    const { set, delivery } = subscription;
    this.#dataChannel = subscription.dataChannel;
    this.#cacheInUse = cacheIndex;
    const before = this.#signals;
    this.#signals = subscription.temporal === undefined ? set : undefined;
    if (subscription.temporal !== undefined) {
      return this.#startReplay(subscription, subscription.temporal, cacheIndex);
    }
    if (set.count === 0) return;
    const { router, latest, options: { clock } } = this.#owner.host;
    const news = latest?.of(set, before);
    if (news !== undefined && news.length > 0) {
      const member = new Member(this.#sink, cacheIndex, isAnnounced);
      sendAlone(news, set, delivery, member, { router, clock });
      isAnnounced = member.isAnnounced;
    }
    this.#placement = router.join(set, delivery, new Member(this.#sink, cacheIndex, isAnnounced));
  }

  /** Counts what a subscription would get that can't have it at present. */
  #countMissed({ set, delivery, temporal }: Subscription): void {
    this.#leaveGroup();
    // What it has had before is not the latest any more: afterwards it gets that of all signals.
    this.#signals = undefined;
    if (temporal !== undefined || set.count === 0) return;
    this.#placement = this.#owner.host.router.join(set, delivery, new Member(this.#missedSink, 0));
  }

  #startReplay(subscription: Subscription, temporal: Temporal, cacheIndex: 0 | 1): void {
    const { options: { clock }, signals, router, emit } = this.#owner.host;
    this.#replay = new Replay({
      clock,
      signals,
      router,
      subscription,
      temporal,
      sink: this.#sink,
      cacheIndex,
      waiting: () => this.#dataChannel?.waiting ?? this.#owner.queue.dataBytes,
      onComplete: (text) => {
        this.#leaveGroup();
        this.#processingComplete(text);
      },
      onFailed: (error) => emit({ kind: "internalError", message: messageOf(error), cause: error }),
    });
    this.#placement = this.#replay.placement;
  }

  /** History for the subscription in force is at its end (§11). */
  #processingComplete(message: string): void {
    const { isClosed, queue, host, encoding, reference } = this.#owner;
    if (isClosed) return;
    const body = encodeText(message, encoding);
    queue.pushControl(encodeResponse(Response.ProcessingComplete, Command.Subscribe, body));
    host.emit({ kind: "processingComplete", connection: reference, message });
  }

  #deactivate(): void {
    const cancelled = this.#replay?.cancel();
    this.#replay = undefined;
    this.#leaveGroup();
    const cacheIndex = this.#cacheInUse;
    this.#cacheInUse = undefined;
    // Not with the group's last: when history is over there is none, and buffer blocks go on.
    if (cacheIndex !== undefined && this.#dataChannel !== undefined) {
      this.#underWay.ended(cacheIndex, this.#lastDatagramAt, this.#dataChannel.departed());
    }
    if (cancelled) this.#processingComplete("Replay was cancelled.");
  }

  /** @param set What of that may still be sent that was published and waits; default: all of it. */
  #leaveGroup(set?: SignalSet): void {
    const placement = this.#placement;
    this.#placement = undefined;
    this.#overflowed = false;
    if (placement !== undefined) this.#owner.host.router.leave(placement, set);
  }

  /** Ends data, and all that goes with it. */
  close(): void {
    this.#cipher?.dispose();
    this.#bufferBlocks?.close();
    this.#deactivate();
    this.#underWay.close();
    this.#owner.host.datagramSockets?.ports.leave(this, this.#hasArrived);
    this.#owner.dropped.add("closed", this.#datagrams.waiting);
    for (const held of this.#held) held.release();
    this.#held = [];
  }

  // ---- the way out ----

  #createSink(): MemberSink {
    const owner = this.#owner;
    const { queue, dropped, host, reference } = owner;
    const dataChannel = (): DataChannel | undefined => this.#dataChannel;
    const lastDatagramAt = (): number => this.#lastDatagramAt;
    const caches = (): CacheSwitch<Served> => this.#caches;
    return {
      get idle(): boolean {
        return (dataChannel() ?? queue).idle;
      },
      get isDatagram(): boolean {
        return dataChannel() !== undefined;
      },
      get hasDatagramsUnderWay(): boolean {
        return host.options.clock.monotonic() - lastDatagramAt() < SETTLING_TIME;
      },
      get isMoving(): boolean {
        return caches().isUnconfirmed;
      },
      get isClosed(): boolean {
        return owner.isClosed;
      },
      sendData: (frame) => this.#sendData(frame),
      sendDataStartTime: (ticks) =>
        queue.pushControl(
          encodeResponse(Response.DataStartTime, Command.Subscribe, encodeDataStartTime(ticks)),
        ),
      sendBaseTimes: (frame) => queue.pushControl(frame),
      countDetached: (measurements) => dropped.add(owner.isClosed ? "closed" : "detached", measurements),
      attached: (missed) => {
        dropped.add("detached", missed);
        if (!this.#overflowed) return;
        this.#overflowed = false;
        host.emit({ kind: "resynchronised", connection: reference, measurements: missed });
      },
      leaveOut: () => {
        const { active } = this.#caches;
        if (active !== undefined) this.#countMissed(active);
      },
    };
  }

  #sendData(frame: OutboundFrame): boolean {
    const { isClosed, queue, dropped, events, host, reference } = this.#owner;
    if (this.#dataChannel !== undefined && !isClosed) {
      this.#lastDatagramAt = host.options.clock.monotonic();
      this.#dataChannel.send(frame, this.#cipher);
      return true;
    }
    const before = dropped.get("overflow");
    if (queue.pushData(this.#cipher === undefined ? frame : sealFrame(frame, this.#cipher))) return true;
    this.#overflowed = true;
    events.add("overflow");
    const measurements = dropped.get("overflow") - before;
    host.emit({ kind: "overflow", connection: reference, measurements });
    if (host.options.slowSubscriberPolicy === "disconnect") {
      this.#owner.closeSoon("slow", `more than ${queue.overflowLimit} bytes of data waited`);
    }
    return false;
  }

  /** To be told when nothing waits to be written any more. */
  onIdle(): void {
    if (this.#placement !== undefined) this.#placement.group.memberIdle(this.#placement.member);
    this.#replay?.wake();
    this.#bufferBlocks?.resume();
  }

  /** Resolves when no datagram waits any more. */
  async drained(): Promise<void> {
    await this.#dataChannel?.drained();
  }

  /**
   * A way for data over UDP.
   *
   * @param peer The other end of the command channel, `host:port`.
   * @throws {SttpError} `Refused` when there is none to this subscriber.
   */
  async openDataChannel(peer: string, { localPort }: DataChannelSettings): Promise<DataChannel> {
    const { datagramSockets, options } = this.#owner.host;
    if (datagramSockets === undefined || options.udp === undefined) {
      throw new SttpError("Refused", "This publisher sends data over TCP only: leave out dataChannel.");
    }
    const to = destinationOf(peer, localPort);
    return new DataChannel({
      socket: await datagramSockets.socketTo(to),
      to,
      limit: options.udp.queueLimit,
      totals: this.#datagrams,
      ended: this.#owner.ended,
      onIdle: () => this.onIdle(),
      onDropped: (reason, measurements) => this.#owner.dropped.add(reason, measurements),
    });
  }

  // ---- encryption ----

  /** Sends cipher keys, unless there are some, if payloads are to be encrypted (§12). They stay in force to the end. */
  #encrypt(): void {
    const { host: { options: { clock, udp } }, queue } = this.#owner;
    if (udp?.encrypt !== true || this.#cipher !== undefined) return;
    this.#cipher = new PayloadCipher({
      clock,
      interval: udp.keyRotationInterval,
      send: (frame) => queue.pushControl(frame),
    });
  }

  /** Replaces cipher keys. @throws {SttpError} `Refused` when there are none, or only just new ones. */
  rotateCipherKeys(): void {
    if (this.#cipher === undefined) {
      throw new SttpError("Refused", "RotateCipherKeys: payloads are not encrypted, so there are no keys.");
    }
    this.#cipher.rotate();
  }

  /** The subscriber has its new cipher keys. @returns False when there were none to confirm. */
  confirmCipherKeys(): boolean {
    return this.#cipher?.confirm() === true;
  }

  // ---- buffer blocks ----

  /** Sends a buffer block, behind the data that was published before it. @returns Whether it is subscribed to and sent. */
  sendBufferBlock(handle: number, payload: BufferPayload): boolean {
    if (this.#placeOf(handle) === undefined) return false;
    this.#placement?.group.flush();
    const place = this.#placeOf(handle);
    if (place === undefined) return false;
    this.#bufferBlocks ??= this.#createBlockSender();
    return this.#bufferBlocks.send(handle, place, payload);
  }

  #placeOf(handle: number): SignalPlace | undefined {
    const signalIndex = this.#caches.active?.set.indexOf(handle) ?? -1;
    if (signalIndex < 0) return undefined;
    return { signalIndex, cacheFlag: this.#caches.cacheIndex === 1 ? BufferBlockFlags.CacheIndex : 0 };
  }

  #createBlockSender(): BufferBlockSender {
    const { host: { options }, queue } = this.#owner;
    return new BufferBlockSender({
      clock: options.clock,
      options: options.bufferBlocks,
      compresses: () => this.#compressesBlocks,
      timeout: () => 1000 * (this.#caches.latest?.request.bufferBlockRetransmissionTimeout ?? 5),
      waitingBytes: () => queue.controlBytes + (this.#dataChannel?.waiting ?? 0),
      cipher: () => this.#cipher,
      placeOf: (handle) => this.#placeOf(handle),
      send: (frame) => {
        const { udp } = options;
        if (udp !== undefined && this.#dataChannel?.sendBlock(frame, udp.maxDatagramLength) === true) {
          this.#lastDatagramAt = options.clock.monotonic();
        } else {
          queue.pushBounded(frame);
        }
      },
    });
  }

  /** The subscriber has a buffer block. @returns False when it had it. */
  confirmBufferBlock(sequence: number): boolean {
    return this.#bufferBlocks?.confirm(sequence) === true;
  }

  // ---- for operators ----

  /** Measurements and bytes that went out over UDP. */
  get datagrams(): { readonly measurements: number; readonly bytes: number } {
    return this.#datagrams;
  }

  /** Whether it was too slow and waits for fresh data. */
  get isOverflowed(): boolean {
    return this.#overflowed;
  }

  /** Measurements that it misses at present, and that are not counted as dropped yet. */
  get missed(): number {
    return this.#placement === undefined ? 0 : this.#placement.group.missedBy(this.#placement.member);
  }

  /** What operators see. */
  snapshot(): Pick<
    ConnectionSnapshot,
    "subscription" | "cacheIndex" | "latency" | "dataChannel" | "cipher" | "bufferBlocks"
  > {
    const channel = this.#dataChannel;
    const cipher = this.#cipher;
    return {
      subscription: this.#subscriptionSnapshot(),
      cacheIndex: this.#caches.cacheIndex,
      latency: this.#latency,
      dataChannel: channel === undefined ? null : { to: channel.to, from: channel.from, ...this.#datagrams },
      cipher: cipher === undefined ? null : { index: cipher.index, rotations: cipher.rotations },
      bufferBlocks: this.#bufferBlocks?.snapshot() ?? null,
    };
  }

  #subscriptionSnapshot(): SubscriptionSnapshot | null {
    const { latest, active } = this.#caches;
    if (latest === undefined) return null;
    return {
      filter: latest.request.filterExpression,
      signals: latest.set.count,
      unauthorized: latest.unauthorized,
      format: formatName(latest.delivery),
      confirmed: latest === active,
      group: this.#replay === undefined ? this.#placement?.group.id ?? null : null,
      replay: latest === active ? this.#replay?.snapshot() ?? null : null,
      client: latest.request.assemblyInfo,
      extra: Object.fromEntries(latest.request.extra),
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
