/**
 * Publishing: the {@linkcode Publisher}, its options, and what can be seen of it.
 *
 * @module
 */
export { Publisher } from "./publisher.ts";
export type { StartOptions, StopOptions } from "./run_options.ts";
export type { LinkOptions, OutboundLink, OutboundLinkEnd, OutboundLinkState } from "./link.ts";
export type { PublisherLimits, PublisherOptions, SlowSubscriberPolicy } from "./options.ts";
export type { AccessRefusalReason } from "./access.ts";
export type {
  AccessOptions,
  AccessSubject,
  AuthorizeConnection,
  AuthorizeSignals,
  PeerSelector,
  SignalRights,
  SignalRule,
  SignalSelector,
  UnauthorizedReport,
} from "./access_options.ts";
export type { PublisherUdpOptions } from "./udp_options.ts";
export type { UserCommand, UserCommandHandler } from "./user_commands.ts";
export type { NaNValueFilter } from "./delivery.ts";
export type { HistoryRange, HistoryRequest, HistorySource, HistoryStats } from "../history/source.ts";
export type { PublisherBufferBlockOptions } from "./buffer_block_options.ts";
export type { NotificationOptions } from "./notification_options.ts";
export {
  FileNotificationStore,
  type NotificationStore,
  type NotifiedSubscriber,
  type PendingNotification,
} from "./notification_store.ts";
export type { ReconnectOptions } from "../transport/reconnect.ts";
export type { CloseReason, SessionState } from "./session_state.ts";
export type { ConnectionReference, PublisherStatus } from "./status.ts";
export type {
  AccessSnapshot,
  BanSnapshot,
  BufferBlockSnapshot,
  ConnectionSnapshot,
  DataChannelSnapshot,
  GroupSnapshot,
  NotificationsSnapshot,
  OutboundLinkSnapshot,
  PublisherState,
  PublisherStats,
  ReplaySnapshot,
  RightsSnapshot,
  SentTotals,
  SubscriptionSnapshot,
} from "./snapshot.ts";
