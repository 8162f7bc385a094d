/**
 * What a subscriber can be told: every option, its default and its check, in one place.
 *
 * @module
 */
import type { Channel } from "../transport/channel.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import { DefaultLimits, type Limits } from "../transport/limits.ts";
import { checkKinds, checkLimits, duration, inRange } from "../transport/option_checks.ts";
import {
  type CheckedReconnectOptions,
  checkReconnectOptions,
  type ReconnectOptions,
} from "../transport/reconnect.ts";
import { checkTlsOptions, type TlsSource } from "../transport/tls_options.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { formatConnectionString } from "../transport/wire/connection_string.ts";
import { encodeOperationalModes } from "../transport/wire/operational_modes.ts";
import { formatSubscription, type SubscriptionOptions } from "../transport/wire/subscribe.ts";
import type { TextEncoding } from "../transport/wire/text.ts";
import type { BufferBlockHandler } from "./buffer_block_inbox.ts";
import {
  type BufferBlockOptions,
  checkBufferBlockOptions,
  type CheckedBufferBlockOptions,
} from "./buffer_block_options.ts";
import type { NotificationHandler } from "./notifications.ts";
import { type CheckedGapRecoveryOptions, checkGapRecovery, type GapRecoveryOptions } from "./gap_recovery.ts";
import { type CheckedUdpOptions, checkUdpOptions, type UdpOptions } from "./udp_options.ts";

/** Which measurements, and how the publisher is to send them (§4): the parts that may change while running. */
export interface SubscribeOptions extends Omit<SubscriptionOptions, "filterExpression" | "dataChannel"> {
  /**
   * What to subscribe to (§9): a filter expression, signal IDs, measurement keys, point tags, or several of them
   * separated by `;`. Default: nothing.
   */
  readonly filter?: string;
}

/** Bounds on what a publisher can make a subscriber spend; `Limits` has each one's default and what it stops. */
export type SubscriberLimits =
  & Partial<
    Pick<
      Limits,
      | "responseFrameLength"
      | "metadataLength"
      | "cacheLength"
      | "gzipRatio"
      | "cacheEntries"
      | "signalIndex"
      | "bufferBlockLength"
      | "packetMeasurements"
    >
  >
  & {
    /**
     * Most different signals over the subscriber's life, all of which keep their handles: stops a publisher that makes
     * up new ones with every cache. Default 4,194,304.
     */
    readonly signals?: number;
  };

/** Opens the command channel to a publisher; what {@linkcode SubscriberOptions.connector} is. */
export type Connector = (address: string, options: { signal: AbortSignal }) => Promise<Channel>;

/** Where {@linkcode Subscriber.listen} listens. */
export interface ListenOptions {
  /** The port; 0 takes a free one. Default 7165, with TLS 7167. */
  readonly port?: number;
  /** The local address; default all IPv4 addresses. */
  readonly hostname?: string;
}

/** What to do with measurements that arrive while the consumer is busy and the delivery buffer is full. */
export type OverflowPolicy = "pause" | "dropOldest";

/** Options of a `Subscriber`. Durations are in milliseconds, unless they go to the publisher as §4 has them. */
export interface SubscriberOptions extends SubscribeOptions {
  /** Where the publisher is, `host:port`. Default `localhost`. `connect(address)` overrides it. */
  address?: string;
  /**
   * TLS for the command channel, whoever connects to whom: certificates to trust, and one of our own where the
   * publisher asks for it or we listen. Default none.
   */
  tls?: TlsSource;
  /** Narrows the metadata (§3): filter expressions, each for one table. Default: all metadata. */
  metadataFilters?: string | readonly string[];
  /** Get the metadata at every connection and whenever it changes. Default true. */
  autoRequestMetadata?: boolean;
  /** Subscribe at every connection and whenever the publisher's configuration changes. Default true. */
  autoSubscribe?: boolean;
  /** Protocol version to ask for (§2). Default 2. */
  version?: 1 | 2 | 3;
  /** Ask for TSSC, else the compact format. Default true. */
  compressPayload?: boolean;
  /** Ask for gzipped metadata. Default true. */
  compressMetadata?: boolean;
  /** Ask for a gzipped signal index cache. Default true. */
  compressSignalIndexCache?: boolean;
  /**
   * Ask for metadata of signals that the publisher itself received from elsewhere: measurements that are not
   * `Internal`, and devices that have an `OriginalSource`. Default true. With this and `receiveInternalMetadata` the same
   * a publisher sends all.
   */
  receiveExternalMetadata?: boolean;
  /** Ask for metadata of the publisher's own signals; see `receiveExternalMetadata`. Default true. */
  receiveInternalMetadata?: boolean;
  /**
   * Confirm base times (§7) to a publisher that waits for it; none that is known does, and the C# one takes this command
   * for another (§1). Default false.
   */
  confirmBaseTimes?: boolean;
  /** How to come back after a lost connection; `false`: not at all. */
  reconnect?: ReconnectOptions | false;
  /**
   * A connection on which nothing arrived for this long counts as dead; publishers send a NoOP every 5 s.
   * 0: never. Default 20,000.
   */
  heartbeatTimeout?: number;
  /** How long an attempt to connect may take, and a publisher's TLS handshake when it connects. Default 10,000. */
  connectTimeout?: number;
  /** How long the publisher may take to answer a command. Default 60,000. */
  commandTimeout?: number;
  /**
   * How many measurements may wait for the consumer before {@linkcode SubscriberOptions.overflow} applies. They
   * take 24 bytes each, and there are two such buffers, which grow as they are needed and become small again when
   * they have not been for a while. Default 262,144.
   */
  deliveryBuffer?: number;
  /**
   * `"pause"`: stop reading from the connection until the consumer is back, so that nothing is lost on this side
   * (a publisher may drop a subscriber that stays away). `"dropOldest"`: discard the oldest, and count them.
   * Default `"pause"`.
   */
  overflow?: OverflowPolicy;
  /**
   * Receives each batch, instead of iteration by `batches()` and its like. The batch is lent until the function
   * returns, or until the promise that it returns settles; meanwhile the next one fills. What it throws, or its promise
   * rejects with, is reported as an event listener's fault is (`reportError`): that ends a program which has no listener
   * for the global `error` event; in one that has, it goes on with the next batch.
   */
  onBatch?: (batch: MeasurementBatch) => void | Promise<void>;
  /**
   * Get data over UDP, in compact form; the rest still comes over the connection. What is lost on the way is not
   * sent again; see `stats().udp`. Default false.
   */
  udp?: UdpOptions | boolean;
  /** How buffer blocks are taken; see {@linkcode Subscriber.bufferBlocks}. */
  bufferBlocks?: BufferBlockOptions;
  /**
   * Takes each buffer block (§13), one at a time, instead of iteration. One at which it fails is counted, and does not
   * come again.
   */
  onBufferBlock?: BufferBlockHandler;
  /**
   * Takes the publisher's notifications (§14), one at a time. Default: they are confirmed at once, and reported as
   * `notification` by `status()` only.
   */
  onNotification?: NotificationHandler;
  /**
   * Where history is asked for, `host:port`, over connections of its own. Default: where the live connection goes to;
   * when it is the publisher that connects, history is read over that connection, in turn with live data.
   */
  historyAddress?: string;
  /**
   * Get what was missed while there was no connection, from the publisher's history. Not over UDP, whose losses leave no
   * gap to see, and not for subscriptions that are throttled, without time, or about history. Default: no.
   */
  gapRecovery?: GapRecoveryOptions;
  /** How channels are opened; default: TCP. */
  connector?: Connector;
  /** Bounds on what a publisher can make this subscriber spend. */
  limits?: SubscriberLimits;
  /** Where time and timers come from; for tests. Default: the machine's. */
  clock?: Clock;
}

/** All limits in force. */
export type CheckedLimits = Limits & Required<Pick<SubscriberLimits, "signals">>;

/** Options of everything that waits. */
export interface WaitOptions {
  /** Stops waiting, with an `Aborted` error. */
  signal?: AbortSignal;
}

/** Options of {@linkcode Subscriber.connect}. */
export interface ConnectOptions extends WaitOptions {
  /**
   * When the first connection does not come about, keep trying as after a lost one, instead of rejecting; not when
   * the publisher answers and refuses. Default false.
   */
  retry?: boolean;
}

/** {@linkcode SubscriberOptions}, checked, with every default filled in. */
export interface CheckedOptions {
  readonly address: string;
  readonly tls: TlsSource | undefined;
  readonly subscription: Readonly<SubscribeOptions>;
  readonly metadataFilters: string;
  readonly autoRequestMetadata: boolean;
  readonly autoSubscribe: boolean;
  readonly version: 1 | 2 | 3;
  readonly compressPayload: boolean;
  readonly compressMetadata: boolean;
  readonly compressSignalIndexCache: boolean;
  readonly receiveExternalMetadata: boolean;
  readonly receiveInternalMetadata: boolean;
  readonly confirmBaseTimes: boolean;
  readonly reconnect: CheckedReconnectOptions | undefined;
  readonly heartbeatTimeout: number;
  readonly connectTimeout: number;
  readonly commandTimeout: number;
  readonly deliveryBuffer: number;
  readonly overflow: OverflowPolicy;
  readonly onBatch: ((batch: MeasurementBatch) => void | Promise<void>) | undefined;
  readonly udp: CheckedUdpOptions | undefined;
  readonly historyAddress: string | undefined;
  readonly gapRecovery: CheckedGapRecoveryOptions | undefined;
  readonly bufferBlocks: CheckedBufferBlockOptions;
  readonly onBufferBlock: BufferBlockHandler | undefined;
  readonly onNotification: NotificationHandler | undefined;
  readonly connector: Connector | undefined;
  readonly limits: CheckedLimits;
  readonly clock: Clock;
}

/** A record's check: what a value must be, told by the word that an error uses for it. */
type Kind = "string" | "boolean" | "number" | "object" | "function";

const subscriptionKinds: Readonly<Record<keyof SubscribeOptions, Kind>> = {
  filter: "string",
  throttled: "boolean",
  publishInterval: "number",
  includeTime: "boolean",
  enableTimeReasonabilityCheck: "boolean",
  lagTime: "number",
  leadTime: "number",
  useLocalClockAsRealTime: "boolean",
  useMillisecondResolution: "boolean",
  requestNaNValueFilter: "boolean",
  processingInterval: "number",
  startTimeConstraint: "string",
  stopTimeConstraint: "string",
  timeConstraintParameters: "string",
  bufferBlockRetransmissionTimeout: "number",
  assemblyInfo: "object",
  extra: "object",
};

const ownKinds: Readonly<Record<Exclude<keyof SubscriberOptions, keyof SubscribeOptions>, Kind | "any">> = {
  address: "string",
  tls: "any",
  metadataFilters: "any",
  autoRequestMetadata: "boolean",
  autoSubscribe: "boolean",
  version: "number",
  compressPayload: "boolean",
  compressMetadata: "boolean",
  compressSignalIndexCache: "boolean",
  receiveExternalMetadata: "boolean",
  receiveInternalMetadata: "boolean",
  confirmBaseTimes: "boolean",
  reconnect: "any",
  heartbeatTimeout: "number",
  connectTimeout: "number",
  commandTimeout: "number",
  deliveryBuffer: "number",
  overflow: "string",
  onBatch: "function",
  udp: "any",
  historyAddress: "string",
  gapRecovery: "object",
  bufferBlocks: "object",
  onBufferBlock: "function",
  onNotification: "function",
  connector: "function",
  limits: "object",
  clock: "object",
};

const limitNames: readonly (keyof SubscriberLimits)[] = [
  "responseFrameLength",
  "metadataLength",
  "cacheLength",
  "gzipRatio",
  "cacheEntries",
  "signalIndex",
  "bufferBlockLength",
  "packetMeasurements",
  "signals",
];

/**
 * The filters of a metadata request as the one text that goes over the wire.
 *
 * @throws {TypeError} When it is neither a text nor an array of texts.
 */
export function joinMetadataFilters(filters: string | readonly string[] | undefined): string {
  if (filters === undefined) return "";
  if (typeof filters === "string") return filters;
  if (!Array.isArray(filters) || filters.some((filter) => typeof filter !== "string")) {
    throw new TypeError("metadataFilters must be a text or an array of texts");
  }
  return filters.join("; ");
}

/**
 * Checks what a subscription asks for, by the rules of the connection string that it becomes.
 *
 * @returns The options that were given: those that are `undefined` are not.
 * @throws {TypeError} When an option does not exist, is of a wrong type, or is a text that can't be sent.
 * @throws {RangeError} When a number is out of its range.
 */
export function checkSubscribeOptions(options: SubscribeOptions): SubscribeOptions {
  if (typeof options !== "object" || options === null) throw new TypeError("options must be an object");
  checkKinds(options, subscriptionKinds, "the subscription");
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { filter = "", ...settings }: SubscribeOptions = given;
  // Names the option as it is called here, if it can't be sent.
  formatConnectionString({ filter });
  formatSubscription({ ...settings, filterExpression: filter });
  return given;
}

/**
 * Checks a subscriber's options and fills in the defaults.
 *
 * @throws {TypeError} When an option does not exist or is of a wrong type.
 * @throws {RangeError} When a number is out of its range.
 */
export function checkOptions(options: SubscriberOptions = {}): CheckedOptions {
  if (typeof options !== "object" || options === null) throw new TypeError("options must be an object");
  checkKinds(options, { ...subscriptionKinds, ...ownKinds }, "the subscriber");
  // What a function gives is checked when it is asked.
  if (options.tls !== undefined && typeof options.tls !== "function") checkTlsOptions(options.tls);
  const subscription = Object.entries(options).filter(([name]) => Object.hasOwn(subscriptionKinds, name));
  const overflow = options.overflow ?? "pause";
  if (overflow !== "pause" && overflow !== "dropOldest") {
    throw new RangeError(`overflow must be "pause" or "dropOldest", not "${overflow}"`);
  }
  return {
    address: options.address ?? "localhost",
    tls: options.tls,
    subscription: checkSubscribeOptions(Object.fromEntries(subscription)),
    metadataFilters: joinMetadataFilters(options.metadataFilters),
    autoRequestMetadata: options.autoRequestMetadata ?? true,
    autoSubscribe: options.autoSubscribe ?? true,
    version: inRange(options.version ?? 2, "version", 1, 3, true) as 1 | 2 | 3,
    compressPayload: options.compressPayload ?? true,
    compressMetadata: options.compressMetadata ?? true,
    compressSignalIndexCache: options.compressSignalIndexCache ?? true,
    receiveExternalMetadata: options.receiveExternalMetadata ?? true,
    receiveInternalMetadata: options.receiveInternalMetadata ?? true,
    confirmBaseTimes: options.confirmBaseTimes ?? false,
    reconnect: checkReconnectOptions(options.reconnect),
    heartbeatTimeout: duration(options.heartbeatTimeout, "heartbeatTimeout", 20_000, 0),
    connectTimeout: duration(options.connectTimeout, "connectTimeout", 10_000),
    commandTimeout: duration(options.commandTimeout, "commandTimeout", 60_000),
    deliveryBuffer: inRange(options.deliveryBuffer ?? 262_144, "deliveryBuffer", 1, 1 << 28, true),
    overflow,
    onBatch: options.onBatch,
    udp: checkUdpOptions(options.udp),
    historyAddress: options.historyAddress,
    gapRecovery: checkGapRecovery(options.gapRecovery),
    bufferBlocks: checkBufferBlockOptions(options.bufferBlocks),
    onBufferBlock: options.onBufferBlock,
    onNotification: options.onNotification,
    connector: options.connector,
    limits: checkLimits<CheckedLimits>(options.limits, { ...DefaultLimits, signals: 4_194_304 }, limitNames),
    clock: options.clock ?? systemClock,
  };
}

/** The body of DefineOperationalModes (§2) that says what a subscriber wants. */
export function operationalModes(options: CheckedOptions, encoding: TextEncoding): Uint8Array {
  return encodeOperationalModes({
    version: options.version,
    gzip: options.compressMetadata || options.compressSignalIndexCache,
    tssc: options.compressPayload,
    encoding,
    extension: 0,
    receiveExternalMetadata: options.receiveExternalMetadata,
    receiveInternalMetadata: options.receiveInternalMetadata,
    compressPayloadData: options.compressPayload,
    compressSignalIndexCache: options.compressSignalIndexCache,
    compressMetadata: options.compressMetadata,
  });
}
