import { longestPayload } from "../transport/cipher.ts";
import { RESPONSE_HEADER_LENGTH } from "../transport/wire/frame.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import { usesTssc } from "../transport/wire/operational_modes.ts";
import type { SubscribeSettings } from "./kept_request.ts";
import { LONGEST_DATAGRAM } from "./udp_options.ts";

/** How often and under which conditions a throttled subscription is served (§4). */
export interface Throttle {
  /** Milliseconds between publications. */
  readonly interval: number;
  /** Whether values outside the lag and lead time are sent as NaN with BadTime. */
  readonly checkTime: boolean;
  /** Seconds that a timestamp may be behind real time. */
  readonly lagTime: number;
  /** Seconds that a timestamp may be ahead of real time. */
  readonly leadTime: number;
  /** Whether real time is the local clock, rather than the latest reasonable timestamp. */
  readonly useLocalClock: boolean;
}

/**
 * Everything about a subscription, besides its signals, that decides which bytes it gets. Subscriptions that agree
 * in this and in their signals share an encoder.
 */
export interface Delivery {
  /** Whether packets are TSSC; else compact. */
  readonly tssc: boolean;
  /** Bytes of a packet's body at most. */
  readonly packetLimit: number;
  /** Compact only: timestamps on the wire. */
  readonly includeTime: boolean;
  /** Compact only: 2-byte offsets in milliseconds instead of 4-byte ones in ticks. */
  readonly useMillisecondResolution: boolean;
  /** Compact only, for the first base time: real time is the local clock. */
  readonly useLocalClock: boolean;
  /** Compact only: offsets count from base time 0 for good, for peers that can't read the TimeIndex flag (§15). */
  readonly oneBaseTime: boolean;
  /** Whether measurements whose value is not a number are left out. */
  readonly withoutNaN: boolean;
  /** Set for latest values only. */
  readonly throttle: Throttle | undefined;
}

/** Whether subscribers may ask that NaN values are left out: as they ask, never, or always (§4). */
export type NaNValueFilter = "allow" | "forbid" | "force";

/** Bytes of a data packet's body that any peer takes (§1). */
const MAX_PACKET_SIZE = 32_767;

/** No subscriber makes a timer run more often than this, in milliseconds. */
const LEAST_INTERVAL = 10;
/** Nor so long that a timer can't take it: a day. */
const MOST_INTERVAL = 86_400_000;

/** What sttpapi calls itself. Its subscriber fails at a compact flags byte of 128 or more (§15). */
const NO_TIME_INDEX_SOURCE = "STTP Python Library";

/** The longest body of a data packet that a datagram can carry, even encrypted: `flags[1]` stays outside (§12). */
function bodyInDatagram(datagramLength: number): number {
  return 1 + longestPayload(datagramLength - RESPONSE_HEADER_LENGTH - 1);
}

/**
 * What a Subscribe comes to under the session's modes and the publisher's rules.
 *
 * @param datagramLength Bytes of a datagram at most; `undefined` when its data goes over the command channel.
 */
export function deliveryOf(
  request: SubscribeSettings,
  modes: OperationalModes,
  nanValueFilter: NaNValueFilter,
  datagramLength?: number,
): Delivery {
  // A datagram that is lost would end a stream of TSSC.
  const tssc = usesTssc(modes) && datagramLength === undefined;
  const checkTime = request.enableTimeReasonabilityCheck;
  // Settings that make no difference are levelled, so that they don't keep subscriptions apart.
  return {
    tssc,
    // Those of the command channel fit a datagram too, so that subscribers over either can share an encoder.
    packetLimit: tssc ? MAX_PACKET_SIZE : bodyInDatagram(datagramLength ?? LONGEST_DATAGRAM),
    includeTime: tssc || request.includeTime,
    useMillisecondResolution: !tssc && request.includeTime && request.useMillisecondResolution,
    useLocalClock: !tssc && request.includeTime && request.useLocalClockAsRealTime,
    oneBaseTime: !tssc && request.includeTime && request.assemblyInfo.source === NO_TIME_INDEX_SOURCE,
    withoutNaN: nanValueFilter === "force" || (nanValueFilter === "allow" && request.requestNaNValueFilter),
    throttle: !request.throttled ? undefined : {
      interval: Math.min(Math.max(1000 * request.publishInterval, LEAST_INTERVAL), MOST_INTERVAL),
      checkTime,
      lagTime: checkTime ? request.lagTime : 0,
      leadTime: checkTime ? request.leadTime : 0,
      useLocalClock: checkTime && request.useLocalClockAsRealTime,
    },
  };
}

/** Equal for deliveries that come to the same bytes. */
export function deliveryKey(delivery: Delivery): string {
  return JSON.stringify(delivery);
}

/** How packets are encoded, for answers and operators. */
export function formatName(delivery: Delivery): string {
  return delivery.tssc ? "TSSC compression" : "compact format";
}
