import type { Clock } from "../transport/clock.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import { BaseTimeRotation, SETTLING_TIME } from "./base_time_rotation.ts";
import { Beat } from "./beat.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Delivery, deliveryKey, formatName } from "./delivery.ts";
import { LatestValues, type Mark } from "./latest_values.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import { CompactPacketEncoder, type PacketEncoder, TsscPacketEncoder } from "./packet_encoder.ts";
import { type Parcel, ParcelWriter } from "./parcel.ts";
import { ResetLimiter } from "./reset_limiter.ts";
import { Selector } from "./selector.ts";
import type { SearchSpace } from "./search_space.ts";
import type { SignalSet } from "./signal_set.ts";
import type { GroupSnapshot } from "./snapshot.ts";

/** Where a member's packets go. Called in the middle of a publication: must neither throw nor change the group. */
export interface MemberSink {
  /** Whether nothing waits to be written: what is sent now leaves at once. */
  readonly idle: boolean;
  /** Whether its packets are datagrams, which may overtake what goes over the command channel. */
  readonly isDatagram: boolean;
  /** Whether datagrams may be on their way that were sent before. */
  readonly hasDatagramsUnderWay: boolean;
  /** Whether it was sent the signal index cache of another subscription, which is to take this one's place. */
  readonly isMoving: boolean;
  /** Whether nothing is to be sent any more. */
  readonly isClosed: boolean;
  /** Queues a data packet. @returns False when the member is too slow and lost all that waited, this included. */
  sendData(frame: OutboundFrame): boolean;
  /** Says when the subscription's data begins (§6). */
  sendDataStartTime(ticks: bigint): void;
  /** Queues a whole UpdateBaseTimes frame (§7). */
  sendBaseTimes(frame: Uint8Array): void;
  /** Counts measurements that the member does not get as it goes: they passed while it was detached, or it is closed. */
  countDetached(measurements: number): void;
  /** Data begins, or goes on after an overflow, when so many measurements have passed. */
  attached(missed: number): void;
  /** It keeps the others waiting, and has to leave. Not called in the middle of a publication: it may do so at once. */
  leaveOut(): void;
}

/**
 * `waiting` for the next reset to begin (again); `attached`, getting every packet; `overflowed`, waiting for its
 * queue to drain; `left`.
 */
type MemberState = "waiting" | "attached" | "overflowed" | "left";

/** One subscriber's place in a {@linkcode Group}. */
export class Member {
  /** Where its packets go. */
  readonly sink: MemberSink;
  /** Which of its two signal index caches its packets refer to. */
  readonly cacheIndex: 0 | 1;
  /** Where it stands. */
  state: MemberState = "waiting";
  /** Whether its first packet is still to come. */
  isNew = true;
  /** Whether it was told when its subscription's data begins. */
  isAnnounced: boolean;
  /** The group's total when it was last cut off from it. */
  detachedAt = 0;

  /**
   * @param sink Where its packets go.
   * @param cacheIndex See {@linkcode Member.cacheIndex}.
   * @param isAnnounced Whether its subscription has had data already.
   */
  constructor(sink: MemberSink, cacheIndex: 0 | 1, isAnnounced: boolean = false) {
    this.sink = sink;
    this.isAnnounced = isAnnounced;
    this.cacheIndex = cacheIndex;
  }
}

/** What a publisher's groups share. */
export interface GroupEnvironment {
  /** For timers and time. */
  readonly clock: Clock;
  /** Where one group at a time picks its measurements. */
  readonly searches: SearchSpace;
  /** Buffers in which packets are composed, of `parcelSize()` bytes. */
  readonly parcelBuffers: BufferPool;
  /** Bytes of a data packet's body at most. */
  readonly maxPacketSize: number;
  /** For how many milliseconds measurements may wait for others to share a packet with. */
  readonly maxPublishInterval: number;
  /** The timestamp last published, unless that is unreasonable as real time; for the first base time. */
  readonly recentTicks: () => bigint | undefined;
}

/**
 * For how many milliseconds others do without short timestamps on account of one whose next signal index cache is not
 * confirmed.
 */
const PATIENCE = 60_000;

/** What a throttled group has for who leaves before the next beat, and for others who leave at the same moment. */
interface Farewell {
  /** The signals that it is about. */
  readonly set: SignalSet;
  /** Where it begins among what waits for the beat. */
  readonly place: number;
  readonly parcels: readonly Parcel[];
}

/**
 * Subscribers whose subscriptions come to the same signals and the same bytes: one encoder serves them all.
 *
 * Measurements go into packets, composed in place one behind the other: a parcel. It is closed, and its one copy
 * queued for every member, when it is full, or when publications pause and some member is ready; while all of them
 * are still busy with earlier ones it stays open for more. A member joins, and comes back after an overflow,
 * when the encoder starts afresh, which it does just before the next publication.
 */
export class Group {
  /** Identifies the group to operators. */
  readonly id: number;
  /** Its signals. */
  readonly set: SignalSet;
  /** Its form. */
  readonly delivery: Delivery;
  /** A text that equal forms share. */
  readonly form: string;
  readonly #environment: GroupEnvironment;
  readonly #selector: Selector;
  readonly #encoder: PacketEncoder;
  readonly #latest: LatestValues | undefined;
  readonly #resets = new ResetLimiter();
  readonly #attached: Member[] = [];
  #waiting: Member[] = [];
  #overflowed = 0;
  /** Throttled only: who came while values waited that were published before. They wait for their place among those. */
  readonly #newcomers = new Map<Member, Mark>();
  /** Compact with time only. */
  readonly #baseTimes: BaseTimeRotation | undefined;
  /** Who is to be told of the base times later, and what ends the wait for that. */
  readonly #untold = new Map<Member, () => void>();
  /** Throttled only. */
  readonly #beat: Beat | undefined;

  /** Throttled only: what was encoded at this moment for those who leave. */
  #farewells: Farewell[] = [];

  readonly #writer: ParcelWriter;
  /** When the open parcel was begun. */
  #openSince = 0;
  #cancelFlush: (() => void) | undefined;

  /** Measurements encoded, or counted while nobody was attached. */
  #total = 0;
  /** Those encoded in packets that are closed. */
  #encoded = 0;
  #packets = 0;
  #bytes = 0;
  #resetCount = 0;

  /** Starts the timers that its form needs; {@linkcode Group.dispose} ends them. */
  constructor(id: number, set: SignalSet, delivery: Delivery, environment: GroupEnvironment) {
    this.id = id;
    this.set = set;
    this.delivery = delivery;
    this.form = deliveryKey(delivery);
    this.#environment = environment;
    this.#selector = new Selector(set, delivery.withoutNaN, environment.searches);
    const { throttle } = delivery;
    if (throttle !== undefined) {
      const latest = new LatestValues(set.size, throttle, delivery.withoutNaN);
      this.#latest = latest;
      this.#beat = new Beat(environment.clock, throttle.interval, () => this.#sendLatest(latest));
    }
    const encoder = createEncoder(delivery);
    this.#encoder = encoder;
    this.#writer = this.#createWriter(encoder);
    if (encoder instanceof CompactPacketEncoder && delivery.includeTime) {
      this.#baseTimes = this.#startBaseTimes(encoder);
    }
  }

  #createWriter(encoder: PacketEncoder): ParcelWriter {
    const { parcelBuffers, maxPacketSize } = this.#environment;
    return new ParcelWriter(encoder, parcelBuffers, Math.min(maxPacketSize, this.delivery.packetLimit));
  }

  /** How many members there are, attached or not. */
  get size(): number {
    return this.#attached.length + this.#waiting.length + this.#newcomers.size + this.#overflowed;
  }

  /** All but those that have overflowed. */
  get #present(): Member[] {
    return [...this.#attached, ...this.#waiting, ...this.#newcomers.keys()];
  }

  /** Takes a member in; its data begins with the next publication. */
  join(member: Member): void {
    this.#wait(member, this.#latest?.mark());
    if (this.#baseTimes !== undefined) this.#tellBaseTimes(member, this.#baseTimes);
  }

  #wait(member: Member, since?: Mark): void {
    member.state = "waiting";
    member.detachedAt = this.#total;
    if (since === undefined) this.#waiting.push(member);
    else this.#newcomers.set(member, since);
  }

  /**
   * Sends base times, but not as long as they might overtake what was sent under others; nor while the subscriber has the
   * signal index cache of another subscription, for whose they would be taken. Others don't wait for that for ever.
   */
  #tellBaseTimes(member: Member, baseTimes: BaseTimeRotation): void {
    const { sink } = member;
    if (!sink.hasDatagramsUnderWay && !(sink.isDatagram && sink.isMoving)) {
      if (sink.isDatagram) baseTimes.settle();
      return sink.sendBaseTimes(baseTimes.frame);
    }
    const { clock } = this.#environment;
    const release = baseTimes.hold();
    const tell = (isLate: boolean): void => {
      if (!sink.isMoving) {
        this.#untold.delete(member);
        sink.sendBaseTimes(baseTimes.frame);
        release();
      } else if (isLate && this.size > 1) {
        sink.leaveOut();
      } else {
        cancel = clock.schedule(PATIENCE, () => tell(true));
      }
    };
    let cancel = clock.schedule(SETTLING_TIME, () => tell(false));
    this.#untold.set(member, () => {
      cancel();
      release();
    });
  }

  /**
   * Lets a member go, with all that was published for it so far.
   *
   * @param set What it may have of that.
   */
  leave(member: Member, set: SignalSet = this.set): void {
    if (member.state === "left") return;
    if (member.state === "attached") this.flush();
    this.#untold.get(member)?.();
    this.#untold.delete(member);
    // The flush may have been too much for it.
    const { state } = member;
    member.state = "left";
    const since = this.#newcomers.get(member);
    if (since !== undefined) {
      this.#newcomers.delete(member);
    } else if (state === "attached") {
      removeFrom(this.#attached, member);
    } else {
      if (state === "waiting") removeFrom(this.#waiting, member);
      else this.#overflowed--;
      member.sink.countDetached(this.#total - member.detachedAt);
    }
    if (this.#latest === undefined) return;
    this.#sendPending(this.#latest, member, since, state === "overflowed", set);
    if (since !== undefined) this.#latest.unmark(since);
  }

  /** Who leaves gets at once what it would have got at the next beat. */
  #sendPending(
    latest: LatestValues,
    member: Member,
    since: Mark | undefined,
    isOverflowed: boolean,
    set: SignalSet,
  ): void {
    const { sink } = member;
    if (isOverflowed || sink.isClosed) {
      return sink.countDetached(latest.pending(this.#now(), since, set).length);
    }
    let isTaken = true;
    for (const parcel of this.#farewell(latest, since, set)) {
      if (isTaken) isTaken = deliver(parcel, member);
      else sink.countDetached(parcel.measurements);
    }
  }

  /**
   * What waits for the beat, in packets that can be read whatever came before. Encoded once for all who leave at the same
   * moment, as many do when rights change.
   */
  #farewell(latest: LatestValues, since: Mark | undefined, set: SignalSet): readonly Parcel[] {
    const place = since?.place ?? 0;
    const same = this.#farewells.find((other) => other.place === place && other.set === set);
    if (same !== undefined) return same.parcels;
    const parcels = this.#encodeAlone(latest.pending(this.#now(), since, set));
    // Later some of it may be stale. And it takes memory.
    if (this.#farewells.length === 0) queueMicrotask(() => this.#farewells = []);
    this.#farewells.push({ set, place, parcels });
    return parcels;
  }

  /** With an encoder of its own, as the group's goes on for the others, and timestamps in full: base times are the group's. */
  #encodeAlone(batch: MeasurementBatch): Parcel[] {
    const writer = this.#createWriter(createEncoder(this.delivery));
    const parcels: Parcel[] = [];
    for (let from = 0; from < batch.length;) {
      from = writer.add(batch, from, batch.length);
      parcels.push(writer.take()!);
    }
    return parcels;
  }

  /** To be told when all that a member was sent has been written. */
  memberIdle(member: Member): void {
    if (member.state === "overflowed") {
      this.#overflowed--;
      member.state = "waiting";
      this.#waiting.push(member);
      // They may have been rotated while it was not there to be told.
      if (this.#baseTimes !== undefined && !this.#untold.has(member)) {
        member.sink.sendBaseTimes(this.#baseTimes.frame);
      }
    }
    this.flushWhenDue();
  }

  /** How many measurements a member has missed since it was cut off and has not been told of. */
  missedBy(member: Member): number {
    return member.state === "waiting" || member.state === "overflowed" ? this.#total - member.detachedAt : 0;
  }

  /** Ends timers. The group must not be used any more. */
  dispose(): void {
    this.#beat?.stop();
    this.#baseTimes?.dispose();
    this.#selector.dispose();
    this.#cancelFlush?.();
    this.#writer.abandon();
  }

  /**
   * Takes from a batch (of handles) what is this group's. It goes out with {@linkcode Group.flushWhenDue}.
   *
   * @param layout The batch's layout, 0 when it is not known; see `LayoutTracker`.
   */
  publish(batch: MeasurementBatch, layout: number = 0): void {
    const selected = this.#selector.select(batch, layout);
    if (this.#latest === undefined) this.#send(selected);
    else this.#store(selected, this.#latest);
  }

  #store(batch: MeasurementBatch, latest: LatestValues): void {
    this.#farewells = [];
    latest.store(batch, this.#now());
  }

  #send(batch: MeasurementBatch): void {
    if (batch.length === 0) return;
    if (this.#waiting.length > 0) this.#attachWaiting();
    const { length } = batch;
    let from = 0;
    while (from < length) {
      if (this.#attached.length === 0) {
        this.#total += length - from;
        return;
      }
      if (this.#writer.isEmpty) this.#limitWait();
      const next = this.#writer.add(batch, from, length);
      this.#total += next - from;
      from = next;
      if (from < length) this.flush();
    }
  }

  #attachWaiting(): void {
    if (this.#encoder.stateful) {
      const now = this.#environment.clock.monotonic();
      const allowed = this.#attached.length === 0 ||
        this.#resets.mayReset(now, this.#waiting.some((member) => member.isNew));
      if (!allowed) return;
      this.flush();
      this.#encoder.reset();
      this.#resets.record(now);
      this.#resetCount++;
    } else {
      this.flush();
    }
    for (const member of this.#waiting) {
      member.sink.attached(this.#total - member.detachedAt);
      member.state = "attached";
      this.#attached.push(member);
    }
    this.#waiting = [];
  }

  /** A parcel is begun, which waits for company for so long. */
  #limitWait(): void {
    const { maxPublishInterval, clock } = this.#environment;
    if (maxPublishInterval === 0) return;
    this.#openSince = clock.monotonic();
    this.#cancelFlush = clock.schedule(maxPublishInterval, () => {
      // Timers come up to a millisecond early by the clock, and there is no other one.
      this.#openSince = -Infinity;
      this.flushWhenDue();
    });
  }

  /** Closes the open parcel when nothing is gained by waiting: to be called when publications pause. */
  flushWhenDue(): void {
    if (this.#isRipe() && this.#isSomeoneReady()) this.flush();
  }

  /** Whether the open parcel has waited for company as long as it may. */
  #isRipe(): boolean {
    if (this.#writer.isEmpty) return false;
    const { maxPublishInterval, clock } = this.#environment;
    return maxPublishInterval === 0 || clock.monotonic() - this.#openSince >= maxPublishInterval;
  }

  /** While every member is busy a parcel would only wait in their queues; left open it can still grow. */
  #isSomeoneReady(): boolean {
    for (const member of this.#attached) {
      if (member.sink.idle) return true;
    }
    return false;
  }

  /** Closes the open parcel, if there is one, and queues it for every member. */
  flush(): void {
    const parcel = this.#writer.take();
    if (parcel === undefined) return;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#encoded += parcel.measurements;
    this.#packets += parcel.packets;
    this.#bytes += parcel.byteLength;
    const attached = this.#attached;
    let kept = 0;
    for (let i = 0; i < attached.length; i++) {
      const member = attached[i]!;
      if (deliver(parcel, member)) {
        attached[kept++] = member;
      } else {
        member.state = "overflowed";
        member.detachedAt = this.#total;
        this.#overflowed++;
      }
    }
    attached.length = kept;
  }

  #sendLatest(latest: LatestValues): void {
    const now = this.#now();
    this.#farewells = [];
    for (const [member, since] of this.#newcomers) {
      this.#send(latest.take(now, since));
      this.#wait(member);
    }
    this.#newcomers.clear();
    this.#send(latest.take(now));
    this.flushWhenDue();
  }

  /** The local clock in ticks. */
  #now(): number {
    return Number(ticksNow(this.#environment.clock));
  }

  #startBaseTimes({ encoder }: CompactPacketEncoder): BaseTimeRotation {
    const { clock, recentTicks } = this.#environment;
    const { delivery } = this;
    return new BaseTimeRotation({
      clock,
      delivery,
      first: (delivery.useLocalClock ? undefined : recentTicks()) ?? ticksNow(clock),
      hasDatagrams: () => this.#present.some(({ sink }) => sink.isDatagram),
      use: (baseTimes) => {
        // Offsets already written count from the base in force so far.
        if (encoder.baseTimes !== baseTimes) this.flush();
        encoder.baseTimes = baseTimes;
      },
      announce: (frame) => {
        for (const member of this.#present) {
          if (!this.#untold.has(member)) member.sink.sendBaseTimes(frame);
        }
      },
    });
  }

  /** What operators see. */
  snapshot(): GroupSnapshot {
    const { delivery } = this;
    return {
      id: this.id,
      signals: this.set.size,
      format: formatName(delivery),
      throttleInterval: delivery.throttle?.interval ?? null,
      withoutNaN: delivery.withoutNaN,
      members: this.size,
      detachedMembers: this.size - this.#attached.length,
      measurements: this.#total,
      encoded: this.#encoded,
      packets: this.#packets,
      bytes: this.#bytes,
      resets: this.#resetCount,
    };
  }
}

function createEncoder(delivery: Delivery): PacketEncoder {
  return delivery.tssc ? new TsscPacketEncoder() : new CompactPacketEncoder(delivery);
}

/** Queues a parcel for a member. @returns False when it was too slow and lost all that waited, this included. */
function deliver(parcel: Parcel, member: Member): boolean {
  member.isNew = false;
  if (!member.isAnnounced) {
    member.isAnnounced = true;
    member.sink.sendDataStartTime(parcel.firstTicks);
  }
  return member.sink.sendData(parcel.frame(member.cacheIndex));
}

function removeFrom(members: Member[], member: Member): boolean {
  const i = members.indexOf(member);
  if (i >= 0) members.splice(i, 1);
  return i >= 0;
}
