/**
 * The subscribing side: {@linkcode Subscriber} connects to a publisher, gets its metadata and receives measurements.
 *
 * @module
 */
export * from "./listener.ts";
export * from "./subscriber.ts";
export type {
  ConnectOptions,
  Connector,
  ListenOptions,
  OverflowPolicy,
  SubscribeOptions,
  SubscriberLimits,
  SubscriberOptions,
  WaitOptions,
} from "./options.ts";
export type { SubscriberState } from "./run.ts";
export type { ReconnectOptions } from "../transport/reconnect.ts";
export type { Frame, FrameIterator, FrameOptions, FrameStats } from "./frames.ts";
export type { GapRecoveryOptions } from "./gap_recovery.ts";
export type { HistoryOptions } from "./history.ts";
export type { LossStats } from "./loss_meter.ts";
export type { BufferBlock, BufferBlockHandler } from "./buffer_block_inbox.ts";
export type { BufferBlockOptions } from "./buffer_block_options.ts";
export type { NotificationHandler } from "./notifications.ts";
export type { DropReason, GapStats, SubscriberStats, UdpStats } from "./stats.ts";
export type { UdpOptions } from "./udp_options.ts";
export type { CloseReason, SubscriberStatus } from "./status.ts";
