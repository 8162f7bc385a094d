import { customaryPort } from "../transport/address.ts";
import { isGuid, normalizeGuid } from "../transport/wire/guid.ts";
import type { HistorySource } from "../history/source.ts";
import type { ChannelListener } from "../transport/channel.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import { DefaultLimits, type Limits } from "../transport/limits.ts";
import { checkKinds, checkLimits } from "../transport/option_checks.ts";
import { checkTlsOptions, type TlsSource } from "../transport/tls_options.ts";
import { type AccessOptions, checkAccess, type CheckedAccess } from "./access_options.ts";
import type { NaNValueFilter } from "./delivery.ts";
import {
  checkBufferBlockOptions,
  type CheckedBufferBlockOptions,
  type PublisherBufferBlockOptions,
} from "./buffer_block_options.ts";
import {
  type CheckedNotificationOptions,
  checkNotificationOptions,
  type NotificationOptions,
} from "./notification_options.ts";
import type { UserCommandHandler } from "./user_commands.ts";
import { type CheckedUdpOptions, checkUdpOptions, type PublisherUdpOptions } from "./udp_options.ts";

/**
 * What becomes of a subscriber whose outbound queue is full: `drop` its data, count it, and go on with fresh data
 * when the queue has drained; or `disconnect` it.
 */
export type SlowSubscriberPolicy = "drop" | "disconnect";

/** Bounds on what a subscriber can make a publisher spend; `Limits` has each one's default and what it stops. */
export type PublisherLimits = Partial<
  Pick<
    Limits,
    | "handshakeFrameLength"
    | "commandFrameLength"
    | "connectionStringLength"
    | "connectionStringPairs"
    | "filterLength"
    | "filterMilliseconds"
    | "allFiltersLength"
    | "allSubscriptionsLength"
    | "allQueuesLength"
  >
>;

const limitNames: readonly (keyof PublisherLimits)[] = [
  "handshakeFrameLength",
  "commandFrameLength",
  "connectionStringLength",
  "connectionStringPairs",
  "filterLength",
  "filterMilliseconds",
  "allFiltersLength",
  "allSubscriptionsLength",
  "allQueuesLength",
];

/** Settings of a `Publisher`; every one has a default. */
export interface PublisherOptions {
  /** TCP port to listen on; 0 takes a free one. Default 7165, with TLS 7167. */
  readonly port?: number;
  /** Address to listen on; default all IPv4 addresses. */
  readonly hostname?: string;
  /**
   * TLS for the command channel: a certificate to show, and which certificates subscribers must have. Also for
   * connections that {@linkcode Publisher.connect} makes. Default none.
   */
  readonly tls?: TlsSource;
  /** Who may connect, and who may see what; default everybody all. See {@linkcode Publisher.setAccess}. */
  readonly access?: AccessOptions;
  /** A name for operators and answers; default `STTP publisher`. */
  readonly name?: string;
  /** The publisher's node ID, a GUID: SourceNodeID in ActiveMeasurements. Default each device's own NodeID. */
  readonly nodeId?: string | undefined;
  /** Connections at a time; those beyond are refused with a text. Default 1,000. */
  readonly maxConnections?: number;
  /** Bytes of data that may wait for one subscriber, at least 256 KiB; default 16 MiB. Stops who does not read. */
  readonly outboundQueueLimit?: number;
  /** What happens when that limit is reached; default `drop`. */
  readonly slowSubscriberPolicy?: SlowSubscriberPolicy;
  /** Bytes of answers that may wait for one subscriber before it is disconnected; default 64 MiB. */
  readonly controlQueueLimit?: number;
  /** Milliseconds that one write may take before the subscriber is disconnected, 0 for ever; default 300,000. */
  readonly stallTimeout?: number;
  /**
   * Milliseconds for which measurements may be held back to share a packet with later ones. Default 0: never while
   * a subscriber is ready for them. While all are busy they gather in any case.
   */
  readonly maxPublishInterval?: number;
  /** Bytes of a data packet's body at most, 512 to 32,767; default 32,767. */
  readonly maxPacketSize?: number;
  /**
   * Whether subscribers may ask for metadata; default true. One whose operational modes ask for internal metadata only
   * gets measurements that are `Internal` and devices without `OriginalSource`, and one that asks for external
   * metadata only the others; filters narrow it further.
   */
  readonly allowMetadataRefresh?: boolean;
  /** Whether NaN values are left out: `allow` subscribers to ask for it, `forbid` it, or `force` it; default `allow`. */
  readonly nanValueFilter?: NaNValueFilter;
  /**
   * Whether a subscriber gets the latest value of each signal at once when its subscription begins, or of those that
   * it did not have before when it changes. Default false: it waits for the next.
   */
  readonly latestOnSubscribe?: boolean;
  /** How data goes to subscribers that ask for it over UDP; `false` refuses them. Default {@linkcode PublisherUdpOptions}'s. */
  readonly udp?: PublisherUdpOptions | false;
  /**
   * Where temporal subscriptions (§11) get measurements of the past from; what is published is recorded there if it
   * takes it. Whoever made it closes it, after the publisher has stopped. Default: such subscriptions are refused.
   */
  readonly history?: HistorySource | undefined;
  /** How buffer blocks are sent; see {@linkcode Publisher.publishBufferBlock}. */
  readonly bufferBlocks?: PublisherBufferBlockOptions;
  /** Carries out the application's own commands (§14); default: they are refused. */
  readonly onUserCommand?: UserCommandHandler | undefined;
  /** How many notifications are kept for subscribers, and where; see {@linkcode Publisher.notify}. */
  readonly notifications?: NotificationOptions;
  /** Milliseconds between NoOP messages; default 5,000. */
  readonly heartbeatInterval?: number;
  /**
   * Milliseconds within which a new connection must define its operational modes, and before that agree on TLS; default
   * 10,000.
   */
  readonly handshakeTimeout?: number;
  /** Limits on what subscribers send; those left out have their defaults. */
  readonly limits?: PublisherLimits;
  /**
   * Where connections come from; default TCP or TLS at `hostname` and `port`. `false`: from nowhere, the publisher only
   * connects ({@linkcode Publisher.connect}) and serves the channels that it is given.
   */
  readonly listen?: false | (() => ChannelListener | Promise<ChannelListener>);
  /** Time and timers; default the machine's. */
  readonly clock?: Clock;
}

/** {@linkcode PublisherOptions} checked and complete. */
export type CheckedOptions =
  & Required<
    Omit<
      PublisherOptions,
      | "access"
      | "limits"
      | "nodeId"
      | "udp"
      | "tls"
      | "listen"
      | "history"
      | "onUserCommand"
      | "notifications"
      | "bufferBlocks"
    >
  >
  & {
    readonly access: CheckedAccess;
    readonly udp: CheckedUdpOptions | undefined;
    readonly limits: Limits;
    readonly nodeId: string | undefined;
    readonly bufferBlocks: CheckedBufferBlockOptions;
    readonly notifications: CheckedNotificationOptions;
    readonly history: HistorySource | undefined;
    readonly onUserCommand: UserCommandHandler | undefined;
    readonly tls: TlsSource | undefined;
    readonly listen: PublisherOptions["listen"];
  };

const kinds: Readonly<Record<keyof PublisherOptions, string>> = {
  port: "number",
  hostname: "string",
  tls: "any",
  access: "object",
  name: "string",
  nodeId: "string",
  maxConnections: "number",
  outboundQueueLimit: "number",
  slowSubscriberPolicy: "string",
  controlQueueLimit: "number",
  stallTimeout: "number",
  maxPublishInterval: "number",
  maxPacketSize: "number",
  allowMetadataRefresh: "boolean",
  nanValueFilter: "string",
  latestOnSubscribe: "boolean",
  udp: "any",
  bufferBlocks: "object",
  history: "any",
  onUserCommand: "function",
  notifications: "object",
  heartbeatInterval: "number",
  handshakeTimeout: "number",
  limits: "object",
  listen: "any",
  clock: "object",
};

/**
 * Checks a publisher's options and fills in the defaults: the one place where either is done.
 *
 * @throws {RangeError} When a number is out of its range.
 * @throws {TypeError} When an option does not exist or a value is not of its kind.
 * @throws {SttpError} `InvalidFilter` when a filter expression of `access` can't be parsed.
 */
export function checkOptions(options: PublisherOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) throw new TypeError("options must be an object");
  checkKinds(options, kinds, "the publisher");
  const { tls, listen, hostname = "0.0.0.0", nodeId } = options;
  const { port = customaryPort(tls) } = options;
  if (listen !== undefined && listen !== false && typeof listen !== "function") {
    throw new TypeError("listen must be false or a function that gives a listener");
  }
  if (tls !== undefined) checkTls(tls, listen === undefined);
  if (nodeId !== undefined && !isGuid(nodeId)) throw new TypeError(`nodeId "${nodeId}" is not a GUID`);
  return {
    port: whole("port", port, 0, 65_535),
    hostname,
    access: checkAccess(options.access),
    name: options.name ?? "STTP publisher",
    nodeId: nodeId === undefined ? undefined : normalizeGuid(nodeId),
    maxConnections: whole("maxConnections", options.maxConnections ?? 1000, 0),
    outboundQueueLimit: whole("outboundQueueLimit", options.outboundQueueLimit ?? 16 * 1024 ** 2, 262_144),
    slowSubscriberPolicy: oneOf("slowSubscriberPolicy", options.slowSubscriberPolicy ?? "drop", [
      "drop",
      "disconnect",
    ]),
    controlQueueLimit: whole("controlQueueLimit", options.controlQueueLimit ?? 64 * 1024 ** 2, 65_536),
    stallTimeout: milliseconds("stallTimeout", options.stallTimeout ?? 300_000, 0),
    maxPublishInterval: milliseconds("maxPublishInterval", options.maxPublishInterval ?? 0, 0),
    maxPacketSize: whole("maxPacketSize", options.maxPacketSize ?? 32_767, 512, 32_767),
    allowMetadataRefresh: options.allowMetadataRefresh ?? true,
    nanValueFilter: oneOf("nanValueFilter", options.nanValueFilter ?? "allow", ["allow", "forbid", "force"]),
    latestOnSubscribe: options.latestOnSubscribe ?? false,
    udp: checkUdpOptions(options.udp, hostname),
    bufferBlocks: checkBufferBlockOptions(options.bufferBlocks),
    notifications: checkNotificationOptions(options.notifications),
    history: checkHistory(options.history),
    onUserCommand: options.onUserCommand,
    heartbeatInterval: milliseconds("heartbeatInterval", options.heartbeatInterval ?? 5000, 1),
    handshakeTimeout: milliseconds("handshakeTimeout", options.handshakeTimeout ?? 10_000, 1),
    limits: checkLimits<Limits>(options.limits, DefaultLimits, limitNames),
    tls,
    listen,
    clock: options.clock ?? systemClock,
  };
}

/** What a function gives is checked when it is asked. */
function checkTls(tls: TlsSource, listens: boolean): void {
  if (typeof tls === "function") return;
  const { own } = checkTlsOptions(tls);
  if (listens && own === undefined) throw new TypeError("tls: who listens needs a certificate and its key");
}

function checkHistory(history: HistorySource | undefined): HistorySource | undefined {
  if (history === undefined || typeof history?.read === "function") return history;
  throw new TypeError("history is no HistorySource: it has no function read");
}

/** The longest that timers take. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

function whole(name: string, value: number, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`${name} is ${value}, a whole number ${range} expected`);
}

function milliseconds(name: string, value: number, least: number): number {
  if (value >= least && value <= MAX_MILLISECONDS) return value;
  throw new RangeError(`${name} is ${value}, ${least} to ${MAX_MILLISECONDS} milliseconds expected`);
}

function oneOf<Value extends string>(name: string, value: Value, values: readonly Value[]): Value {
  if (values.includes(value)) return value;
  throw new TypeError(`${name} is "${value}", one of ${values.join(", ")} expected`);
}
