/**
 * What a subscriber counts.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { type LossStats, noLoss } from "./loss_meter.ts";

/**
 * Why something that arrived did not reach the consumer.
 *
 * | reason | what is counted |
 * | --- | --- |
 * | `malformedFrame` | frames whose responses do not fit their length |
 * | `malformedPacket` | data packets that can't be decoded |
 * | `malformedCache` | signal index caches that can't be decoded |
 * | `malformedResponse` | other responses that can't be decoded |
 * | `outOfSequence` | TSSC packets that are not the next one (§8) |
 * | `noCache` | data packets for which there is no signal index cache |
 * | `unknownSignal` | measurements whose signal index is not in the cache |
 * | `overflow` | measurements discarded because the consumer was too slow (`overflow: "dropOldest"`) |
 * | `stranger` | datagrams that do not come from the publisher |
 * | `malformedDatagram` | datagrams whose responses do not fit their length |
 * | `unexpectedDatagram` | responses over UDP that are neither compact data packets nor buffer blocks |
 * | `repeatedDatagram` | datagrams that came before |
 * | `undecipherable` | packets that are encrypted with no key that the publisher has sent (§12) |
 * | `repeatedNotification` | notifications that came before, over another connection |
 * | `refusedNotification` | notifications that `onNotification` failed at, or that too many others waited before |
 * | `malformedBufferBlock` | buffer blocks that can't be decoded |
 * | `repeatedBufferBlock` | buffer blocks that came before |
 * | `refusedBufferBlock` | buffer blocks for which there was no room, left to the publisher to send again |
 * | `lostBufferBlock` | buffer blocks that did not come in time, or came too early for a connection that ended |
 * | `unreadBufferBlock` | buffer blocks discarded because nobody reads them |
 * | `failedBufferBlock` | buffer blocks at which `onBufferBlock` failed |
 * | `unexpectedResponse` | answers to commands that were not waiting for one; data before or after history |
 * | `unknownResponse` | responses with a code that the protocol does not have |
 */
export type DropReason =
  | "malformedFrame"
  | "malformedPacket"
  | "malformedCache"
  | "malformedResponse"
  | "outOfSequence"
  | "noCache"
  | "unknownSignal"
  | "overflow"
  | "stranger"
  | "malformedDatagram"
  | "unexpectedDatagram"
  | "repeatedDatagram"
  | "undecipherable"
  | "repeatedNotification"
  | "refusedNotification"
  | "malformedBufferBlock"
  | "repeatedBufferBlock"
  | "refusedBufferBlock"
  | "lostBufferBlock"
  | "unreadBufferBlock"
  | "failedBufferBlock"
  | "unexpectedResponse"
  | "unknownResponse";

/** What came over UDP, all connections together. */
export interface UdpStats extends LossStats {
  /** Datagrams that came from the publisher. */
  readonly datagrams: number;
  /** Their bytes, without the headers of UDP and IP. */
  readonly bytes: number;
}

/** What was missed while there was no live data, and came of it (`gapRecovery`). */
export interface GapStats {
  /** Gaps that are known of and not filled. */
  readonly open: number;
  /** Gaps that were filled. */
  readonly filled: number;
  /** Measurements that were handed over for them. */
  readonly measurements: number;
  /** Attempts to fill one that failed. */
  readonly failures: number;
  /** Gaps that were given up because there were too many. */
  readonly givenUp: number;
}

/** A subscriber's counters at one moment. All count from the subscriber's construction and never fall. */
export interface SubscriberStats {
  /** Connections that came about. */
  readonly connections: number;
  /** Publishers that connected and were turned away (`Subscriber.listen()`), by reason: `TlsFailure`s, and `busy`. */
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes received over all connections. */
  readonly bytes: number;
  /** Frames received. */
  readonly frames: number;
  /** Data packets received, dropped ones included. */
  readonly packets: number;
  /** Bytes of data packets received, their headers included. */
  readonly dataBytes: number;
  /** Measurements handed over or waiting to be. */
  readonly measurements: number;
  /** Signal index caches received. */
  readonly caches: number;
  /** TSSC streams that began (anew) at sequence 0. */
  readonly tsscResets: number;
  /** Times that the publisher sent keys for its payloads (§12). */
  readonly cipherKeys: number;
  /** What came over UDP; see docs/udp.md for how loss is told. */
  readonly udp: UdpStats;
  /** Metadata documents received. */
  readonly metadataRefreshes: number;
  /** Times that the publisher announced a change of configuration. */
  readonly configurationChanges: number;
  /** Buffer blocks received, those that came again or were dropped included. */
  readonly bufferBlocks: number;
  /** Notifications received. */
  readonly notifications: number;
  /** Times that reading stopped because the delivery buffer was full. */
  readonly pauses: number;
  /** What was missed, and recovered. */
  readonly gaps: GapStats;
  /** What was dropped, by reason; every reason is present. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Measurements that wait for the consumer now. */
  readonly waiting: number;
  /** Signals in the cache in force now. */
  readonly signals: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The counters behind {@linkcode SubscriberStats}. */
export class Counters implements Writable<Omit<SubscriberStats, "waiting" | "signals">> {
  connections = 0;
  readonly refused: Record<string, number> = {};
  bytes = 0;
  frames = 0;
  packets = 0;
  dataBytes = 0;
  measurements = 0;
  caches = 0;
  tsscResets = 0;
  cipherKeys = 0;
  readonly udp: Writable<UdpStats> = { datagrams: 0, bytes: 0, ...noLoss() };
  metadataRefreshes = 0;
  configurationChanges = 0;
  bufferBlocks = 0;
  notifications = 0;
  pauses = 0;
  readonly gaps: Writable<GapStats> = { open: 0, filled: 0, measurements: 0, failures: 0, givenUp: 0 };
  readonly dropped: Record<DropReason, number> = {
    malformedFrame: 0,
    malformedPacket: 0,
    malformedCache: 0,
    malformedResponse: 0,
    outOfSequence: 0,
    noCache: 0,
    unknownSignal: 0,
    overflow: 0,
    stranger: 0,
    malformedDatagram: 0,
    unexpectedDatagram: 0,
    repeatedDatagram: 0,
    undecipherable: 0,
    repeatedNotification: 0,
    refusedNotification: 0,
    malformedBufferBlock: 0,
    repeatedBufferBlock: 0,
    refusedBufferBlock: 0,
    lostBufferBlock: 0,
    unreadBufferBlock: 0,
    failedBufferBlock: 0,
    unexpectedResponse: 0,
    unknownResponse: 0,
  };

  /** Counts a publisher that was turned away. */
  refuse(reason: string): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
  }

  /** A copy of everything, completed with what is not a counter. */
  snapshot(waiting: number, signals: number): SubscriberStats {
    return {
      ...this,
      refused: { ...this.refused },
      dropped: { ...this.dropped },
      udp: { ...this.udp },
      gaps: { ...this.gaps },
      waiting,
      signals,
    };
  }
}

/** Milliseconds between two reports of the same reason. */
const reportInterval = 2000;

/** Counts what is dropped, and reports each reason at most every 2 s: a flood of faults is no flood of events. */
export class DropLog {
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #report: (reason: DropReason, count: number, message: string) => void;
  readonly #reported = new Map<DropReason, { at: number; count: number }>();

  /** @param report Gets how many were dropped since it was last told of that reason. */
  constructor(
    counters: Counters,
    clock: Clock,
    report: (reason: DropReason, count: number, message: string) => void,
  ) {
    this.#counters = counters;
    this.#clock = clock;
    this.#report = report;
  }

  /** Counts `count` dropped things. */
  drop(reason: DropReason, message: string, count: number = 1): void {
    const total = this.#counters.dropped[reason] += count;
    const now = this.#clock.monotonic();
    const last = this.#reported.get(reason);
    if (last !== undefined && now - last.at < reportInterval) return;
    this.#reported.set(reason, { at: now, count: total });
    this.#report(reason, total - (last?.count ?? 0), message);
  }
}
