import type { Clock } from "../transport/clock.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { DataPacketFlags } from "../transport/wire/codes.ts";
import { DATA_FRAME_PREFIX, finishDataFrame } from "../transport/wire/data_packet.ts";
import { FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH } from "../transport/wire/frame.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import { BaseTimeRotation, SETTLING_TIME } from "./base_time_rotation.ts";
import { Beat } from "./beat.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Delivery, formatName } from "./delivery.ts";
import { LatestValues, type Mark } from "./latest_values.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import { CompactPacketEncoder, type PacketEncoder, TsscPacketEncoder } from "./packet_encoder.ts";
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
  /** Buffers in which packets are composed, of {@linkcode parcelSize} bytes. */
  readonly parcelBuffers: BufferPool;
  /** Bytes of a data packet's body at most. */
  readonly maxPacketSize: number;
  /** For how many milliseconds measurements may wait for others to share a packet with. */
  readonly maxPublishInterval: number;
  /** The timestamp last published, unless that is unreasonable as real time; for the first base time. */
  readonly recentTicks: () => bigint | undefined;
}

/** In front of a data packet's body. */
const FRAME_PREFIX = FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH;
/** Packets that go together when there is so much. */
const PACKETS_IN_PARCEL = 4;

/** How long a buffer is in which a group composes its packets. */
export function parcelSize(maxPacketSize: number): number {
  return PACKETS_IN_PARCEL * (FRAME_PREFIX + maxPacketSize);
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
  readonly #environment: GroupEnvironment;
  readonly #selector: Selector;
  readonly #encoder: PacketEncoder;
  readonly #latest: LatestValues | undefined;
  readonly #packetSize: number;
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

  /** The parcel being composed. */
  #parcel: Uint8Array<ArrayBuffer> | undefined;
  /** Where its packets start, that being written included. */
  #starts: number[] = [];
  /** Where its closed packets end. */
  #end = 0;
  #isPacketOpen = false;
  #packetCount = 0;
  #parcelCount = 0;
  #firstTicks = 0n;
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
    this.#environment = environment;
    this.#packetSize = Math.min(environment.maxPacketSize, delivery.packetLimit);
    this.#selector = new Selector(set, delivery.withoutNaN, environment.searches);
    const { throttle } = delivery;
    if (throttle !== undefined) {
      const latest = new LatestValues(set.size, throttle, delivery.withoutNaN);
      this.#latest = latest;
      this.#beat = new Beat(environment.clock, throttle.interval, () => this.#sendLatest(latest));
    }
    if (delivery.tssc) {
      this.#encoder = new TsscPacketEncoder();
    } else {
      const encoder = new CompactPacketEncoder(delivery);
      this.#encoder = encoder;
      if (delivery.includeTime) this.#baseTimes = this.#startBaseTimes(encoder);
    }
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
   * Sends base times, but not as long as they might overtake what was sent under others; or not at all, when by then
   * the subscriber has the signal index cache of another subscription, for whose they would be taken.
   */
  #tellBaseTimes(member: Member, baseTimes: BaseTimeRotation): void {
    const { sink } = member;
    if (!sink.hasDatagramsUnderWay) {
      if (sink.isDatagram) baseTimes.settle();
      return sink.sendBaseTimes(baseTimes.frame);
    }
    const release = baseTimes.hold();
    const cancel = this.#environment.clock.schedule(SETTLING_TIME, () => {
      if (sink.isMoving) return;
      this.#untold.delete(member);
      sink.sendBaseTimes(baseTimes.frame);
      release();
    });
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
    const batch = latest.pending(this.#now(), since, set);
    if (batch.length === 0) return;
    if (isOverflowed || sink.isClosed) return sink.countDetached(batch.length);
    // With an encoder of its own: the others' goes on.
    const delivery = { ...this.delivery, throttle: undefined };
    const recentTicks = (): bigint => batch.ticks[0]!;
    const alone = new Group(0, this.set, delivery, { ...this.#environment, recentTicks });
    const guest = new Member(sink, member.cacheIndex, member.isAnnounced);
    alone.join(guest);
    alone.#send(batch);
    alone.leave(guest);
    alone.dispose();
    member.isAnnounced = guest.isAnnounced;
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
    this.#abandonParcel();
  }

  /**
   * Takes from a batch (of handles) what is this group's. It goes out with {@linkcode Group.flushWhenDue}.
   *
   * @param layout The batch's layout, 0 when it is not known; see `LayoutTracker`.
   */
  publish(batch: MeasurementBatch, layout: number = 0): void {
    const selected = this.#selector.select(batch, layout);
    if (this.#latest === undefined) this.#send(selected);
    else this.#latest.store(selected, this.#now());
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
      if (!this.#isPacketOpen) this.#openPacket(batch, from);
      const next = this.#encoder.encode(batch, from, length);
      this.#total += next - from;
      this.#packetCount += next - from;
      from = next;
      if (from < length) this.#closePacket();
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

  #openPacket(batch: MeasurementBatch, from: number): void {
    const { parcelBuffers, maxPublishInterval, clock } = this.#environment;
    if (this.#parcel === undefined) {
      this.#parcel = parcelBuffers.take();
      this.#firstTicks = batch.ticks[from]!;
      if (maxPublishInterval > 0) {
        this.#openSince = clock.monotonic();
        this.#cancelFlush = clock.schedule(maxPublishInterval, () => {
          // Timers come up to a millisecond early by the clock, and there is no other one.
          this.#openSince = -Infinity;
          this.flushWhenDue();
        });
      }
    }
    const start = this.#end;
    this.#starts.push(start);
    this.#packetCount = 0;
    this.#isPacketOpen = true;
    this.#encoder.begin(this.#parcel, start + DATA_FRAME_PREFIX, start + FRAME_PREFIX + this.#packetSize);
  }

  #closePacket(): void {
    const parcel = this.#parcel!;
    const end = this.#encoder.finish();
    finishDataFrame(parcel, this.#end, end, this.#encoder.flags, this.#packetCount);
    this.#isPacketOpen = false;
    this.#end = end;
    this.#parcelCount += this.#packetCount;
    if (parcel.length - end < FRAME_PREFIX + this.#packetSize) this.#ship();
  }

  /** Closes the open parcel when nothing is gained by waiting: to be called when publications pause. */
  flushWhenDue(): void {
    if (this.#isRipe() && this.#isSomeoneReady()) this.flush();
  }

  /** Whether the open parcel has waited for company as long as it may. */
  #isRipe(): boolean {
    if (this.#parcel === undefined) return false;
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
    if (this.#isPacketOpen) this.#closePacket();
    if (this.#parcel !== undefined) this.#ship();
  }

  #ship(): void {
    // Queues keep the bytes, so they get memory of their own, exactly as much as they need.
    const bytes = this.#parcel!.slice(0, this.#end);
    const starts = this.#starts;
    const measurements = this.#parcelCount;
    const firstTicks = this.#firstTicks;
    this.#abandonParcel();
    this.#encoded += measurements;
    this.#packets += starts.length;
    this.#bytes += bytes.length;

    // Two members may have different cache indexes in force: then the parcel exists twice, a bit a packet apart.
    const frames: [OutboundFrame | undefined, OutboundFrame | undefined] = [undefined, undefined];
    const attached = this.#attached;
    let kept = 0;
    for (let i = 0; i < attached.length; i++) {
      const member = attached[i]!;
      const which = member.cacheIndex;
      let frame = frames[which];
      if (frame === undefined) {
        const own = frames[1 - which] === undefined ? bytes : bytes.slice();
        const flags = this.#encoder.flags | (which === 1 ? DataPacketFlags.CacheIndex : 0);
        for (const start of starts) own[start + FRAME_PREFIX] = flags;
        frames[which] = frame = { bytes: own, holders: 0, measurements, droppable: true, starts };
      }
      member.isNew = false;
      if (!member.isAnnounced) {
        member.isAnnounced = true;
        member.sink.sendDataStartTime(firstTicks);
      }
      if (member.sink.sendData(frame)) {
        attached[kept++] = member;
      } else {
        member.state = "overflowed";
        member.detachedAt = this.#total;
        this.#overflowed++;
      }
    }
    attached.length = kept;
  }

  #abandonParcel(): void {
    if (this.#parcel !== undefined) this.#environment.parcelBuffers.give(this.#parcel);
    this.#parcel = undefined;
    this.#starts = [];
    this.#end = 0;
    this.#isPacketOpen = false;
    this.#parcelCount = 0;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
  }

  #sendLatest(latest: LatestValues): void {
    const now = this.#now();
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

function removeFrom(members: Member[], member: Member): boolean {
  const i = members.indexOf(member);
  if (i >= 0) members.splice(i, 1);
  return i >= 0;
}
