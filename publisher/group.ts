import type { Clock } from "../transport/clock.ts";
import { BaseTimes, BaseTimesInterval, encodeBaseTimes } from "../transport/wire/base_times.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { Command, DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { DATA_FRAME_PREFIX, finishDataFrame } from "../transport/wire/data_packet.ts";
import { encodeResponse, FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH } from "../transport/wire/frame.ts";
import { ticksNow, TicksPerMillisecond } from "../transport/wire/ticks.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Delivery, formatName } from "./delivery.ts";
import { LatestValues } from "./latest_values.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import { CompactPacketEncoder, type PacketEncoder, TsscPacketEncoder } from "./packet_encoder.ts";
import { ResetLimiter } from "./reset_limiter.ts";
import type { Selector } from "./selector.ts";
import type { SignalSet } from "./signal_set.ts";
import type { GroupSnapshot } from "./snapshot.ts";

/** Where a member's packets go. Called in the middle of a publication: must neither throw nor change the group. */
export interface MemberSink {
  /** Whether nothing waits to be written: what is sent now leaves at once. */
  readonly idle: boolean;
  /** Queues a data packet. @returns False when the member is too slow and lost all that waited, this included. */
  sendData(frame: OutboundFrame): boolean;
  /** Says when the subscription's data begins (§6). */
  sendDataStartTime(ticks: bigint): void;
  /** Queues a whole UpdateBaseTimes frame (§7). */
  sendBaseTimes(frame: Uint8Array): void;
  /** Counts measurements that passed while the member was detached, as it goes. */
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
  /** The cache index flag that its packets carry. */
  readonly cacheFlag: number;
  /** Where it stands. */
  state: MemberState = "waiting";
  /** Whether its first packet is still to come. */
  isNew = true;
  /** The group's total when it was last cut off from it. */
  detachedAt = 0;

  /**
   * @param sink Where its packets go.
   * @param cacheIndex Which of its two signal index caches they refer to.
   */
  constructor(sink: MemberSink, cacheIndex: 0 | 1) {
    this.sink = sink;
    this.cacheFlag = cacheIndex === 1 ? DataPacketFlags.CacheIndex : 0;
  }
}

/** What a publisher's groups share. */
export interface GroupEnvironment {
  /** For timers and time. */
  readonly clock: Clock;
  /** Picks measurements for one group at a time. */
  readonly selector: Selector;
  /** Buffers in which packets are composed, of {@linkcode packetBufferSize} bytes. */
  readonly packetBuffers: BufferPool;
  /** Bytes of a data packet's body at most. */
  readonly maxPacketSize: number;
  /** For how many milliseconds measurements may wait for others to share a packet with. */
  readonly maxPublishInterval: number;
  /** The timestamp last published, unless that is unreasonable as real time; for the first base time. */
  readonly recentTicks: () => bigint | undefined;
}

/** How long a buffer must be to compose a packet in. */
export function packetBufferSize(maxPacketSize: number): number {
  return FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH + maxPacketSize;
}

const CACHE_FLAGS = DATA_FRAME_PREFIX - 5;

/**
 * Subscribers whose subscriptions come to the same signals and the same bytes: one encoder serves them all.
 *
 * Measurements go into an open packet, composed in place. It is closed, and its one copy queued for every member,
 * when it is full or at the end of a publication for which some member is ready; while all of them are still busy
 * with earlier packets it stays open for more. A member joins, and comes back after an overflow, when the encoder
 * starts afresh, which it does just before the next publication.
 */
export class Group {
  /** Identifies the group to operators. */
  readonly id: number;
  /** Its signals. */
  readonly set: SignalSet;
  /** Its form. */
  readonly delivery: Delivery;
  readonly #environment: GroupEnvironment;
  readonly #encoder: PacketEncoder;
  readonly #latest: LatestValues | undefined;
  readonly #resets = new ResetLimiter();
  readonly #attached: Member[] = [];
  #waiting: Member[] = [];
  #overflowed = 0;
  /** Compact with time only. */
  #baseTimes: Uint8Array | undefined;
  #cancelBaseTimes: (() => void) | undefined;
  #cancelThrottle: (() => void) | undefined;

  // The packet being composed.
  #open: Uint8Array<ArrayBuffer> | undefined;
  #openCount = 0;
  #openTicks = 0n;
  #openSince = 0;
  #cancelFlush: (() => void) | undefined;

  /** Measurements encoded, or counted while nobody was attached. */
  #total = 0;
  #packets = 0;
  #bytes = 0;
  #resetCount = 0;

  /** Starts the timers that its form needs; {@linkcode Group.dispose} ends them. */
  constructor(id: number, set: SignalSet, delivery: Delivery, environment: GroupEnvironment) {
    this.id = id;
    this.set = set;
    this.delivery = delivery;
    this.#environment = environment;
    const { throttle } = delivery;
    if (throttle !== undefined) {
      this.#latest = new LatestValues(set.size, throttle, delivery.withoutNaN);
      this.#scheduleThrottle(environment.clock.monotonic() + throttle.interval);
    }
    if (delivery.tssc) {
      this.#encoder = new TsscPacketEncoder();
    } else {
      const encoder = new CompactPacketEncoder(delivery);
      this.#encoder = encoder;
      if (delivery.includeTime) this.#startBaseTimes(encoder);
    }
  }

  /** How many members there are, attached or not. */
  get size(): number {
    return this.#attached.length + this.#waiting.length + this.#overflowed;
  }

  /** Takes a member in; its data begins with the next publication. */
  join(member: Member): void {
    member.state = "waiting";
    member.detachedAt = this.#total;
    this.#waiting.push(member);
    if (this.#baseTimes !== undefined) member.sink.sendBaseTimes(this.#baseTimes);
  }

  /** Lets a member go, with all that was published for it so far. */
  leave(member: Member): void {
    switch (member.state) {
      case "attached":
        this.flush();
        // The flush may have been too much for it.
        if (removeFrom(this.#attached, member)) break;
        this.#overflowed--;
        break;
      case "waiting":
        removeFrom(this.#waiting, member);
        member.sink.countDetached(this.#total - member.detachedAt);
        break;
      case "overflowed":
        this.#overflowed--;
        member.sink.countDetached(this.#total - member.detachedAt);
        break;
      case "left":
        return;
    }
    member.state = "left";
  }

  /** To be told when all that a member was sent has been written. */
  memberIdle(member: Member): void {
    if (member.state === "overflowed") {
      this.#overflowed--;
      member.state = "waiting";
      this.#waiting.push(member);
      // They may have been rotated while it was not there to be told.
      if (this.#baseTimes !== undefined) member.sink.sendBaseTimes(this.#baseTimes);
    }
    this.#flushWhenDue();
  }

  /** How many measurements a member has missed since it was cut off and has not been told of. */
  missedBy(member: Member): number {
    return member.state === "waiting" || member.state === "overflowed" ? this.#total - member.detachedAt : 0;
  }

  /** Ends timers. The group must not be used any more. */
  dispose(): void {
    this.#cancelThrottle?.();
    this.#cancelBaseTimes?.();
    this.#abandonPacket();
  }

  /** Takes from a batch (of handles) what is this group's. */
  publish(batch: MeasurementBatch): void {
    const { selector, clock } = this.#environment;
    const selected = selector.select(batch, this.set, this.delivery.withoutNaN);
    if (selected.length === 0) return;
    if (this.#latest === undefined) this.#send(selected);
    else this.#latest.store(selected, Number(ticksNow(clock)));
  }

  #send(batch: MeasurementBatch): void {
    if (this.#waiting.length > 0) this.#attachWaiting();
    // Asked before the batch's own first packets make everybody busy: they all leave in one write.
    const someoneReady = this.#isSomeoneReady();
    const { length } = batch;
    let from = 0;
    while (from < length) {
      if (this.#attached.length === 0) {
        this.#total += length - from;
        return;
      }
      if (this.#open === undefined) this.#openPacket(batch.ticks[from]!);
      const next = this.#encoder.encode(batch, from, length);
      this.#total += next - from;
      this.#openCount += next - from;
      from = next;
      if (from < length) this.flush();
    }
    if (someoneReady && this.#isRipe()) this.flush();
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

  #openPacket(firstTicks: bigint): void {
    const { packetBuffers, maxPacketSize, maxPublishInterval, clock } = this.#environment;
    const buffer = packetBuffers.take();
    this.#open = buffer;
    this.#openCount = 0;
    this.#openTicks = firstTicks;
    this.#encoder.begin(buffer, DATA_FRAME_PREFIX, packetBufferSize(maxPacketSize));
    if (maxPublishInterval > 0) {
      this.#openSince = clock.monotonic();
      this.#cancelFlush = clock.schedule(maxPublishInterval, () => this.#flushWhenDue());
    }
  }

  /** Closes the open packet when nothing is gained by waiting. */
  #flushWhenDue(): void {
    if (this.#isRipe() && this.#isSomeoneReady()) this.flush();
  }

  /** Whether the open packet has waited for company as long as it may. */
  #isRipe(): boolean {
    if (this.#open === undefined) return false;
    const { maxPublishInterval, clock } = this.#environment;
    return maxPublishInterval === 0 || clock.monotonic() - this.#openSince >= maxPublishInterval;
  }

  /** While every member is busy a packet would only wait in their queues; left open it can still grow. */
  #isSomeoneReady(): boolean {
    for (const member of this.#attached) {
      if (member.sink.idle) return true;
    }
    return false;
  }

  /** Closes the open packet, if there is one, and queues it for every member. */
  flush(): void {
    const buffer = this.#open;
    if (buffer === undefined) return;
    const end = this.#encoder.finish();
    // Queues keep the frame, so it gets memory of its own, exactly as much as it needs.
    const bytes = finishDataFrame(buffer, 0, end, this.#encoder.flags, this.#openCount).slice();
    const measurements = this.#openCount;
    const firstTicks = this.#openTicks;
    this.#abandonPacket();
    this.#packets++;
    this.#bytes += bytes.length;

    // Two members may have different cache indexes in force: then the frame exists twice, a byte apart.
    const frames: [OutboundFrame | undefined, OutboundFrame | undefined] = [undefined, undefined];
    const attached = this.#attached;
    let kept = 0;
    for (let i = 0; i < attached.length; i++) {
      const member = attached[i]!;
      const which = member.cacheFlag === 0 ? 0 : 1;
      let frame = frames[which];
      if (frame === undefined) {
        const own = frames[1 - which] === undefined ? bytes : bytes.slice();
        own[CACHE_FLAGS] = this.#encoder.flags | member.cacheFlag;
        frames[which] = frame = { bytes: own, measurements, droppable: true };
      }
      if (member.isNew) {
        member.isNew = false;
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

  #abandonPacket(): void {
    if (this.#open !== undefined) this.#environment.packetBuffers.give(this.#open);
    this.#open = undefined;
    this.#openCount = 0;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
  }

  #scheduleThrottle(due: number): void {
    const { clock } = this.#environment;
    const { interval } = this.delivery.throttle!;
    this.#cancelThrottle = clock.schedule(due - clock.monotonic(), () => {
      // Kept to its beat, except that what a sleeping machine missed is not made up for.
      this.#scheduleThrottle(Math.max(due + interval, clock.monotonic()));
      const batch = this.#latest!.take(Number(ticksNow(clock)));
      if (batch.length > 0) this.#send(batch);
    });
  }

  #startBaseTimes(encoder: CompactPacketEncoder): void {
    const { clock, recentTicks } = this.#environment;
    const interval = this.delivery.useMillisecondResolution
      ? BaseTimesInterval.Milliseconds
      : BaseTimesInterval.Ticks;
    const ticks = BigInt(interval) * TicksPerMillisecond;
    const realTime = (this.delivery.useLocalClock ? undefined : recentTicks()) ?? ticksNow(clock);
    const use = (baseTimes: BaseTimes): void => {
      // Offsets already written count from the base in force so far.
      this.flush();
      encoder.encoder.baseTimes = baseTimes;
      const frame = encodeResponse(Response.UpdateBaseTimes, Command.Subscribe, encodeBaseTimes(baseTimes));
      this.#baseTimes = frame;
      for (const member of [...this.#attached, ...this.#waiting]) member.sink.sendBaseTimes(frame);
      this.#cancelBaseTimes = clock.schedule(interval, () => use(baseTimes.rotate(ticksNow(clock) + ticks)));
    };
    use(new BaseTimes(0, realTime, realTime + ticks));
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
