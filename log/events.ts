/**
 * The events of publishers, subscribers and listeners, with their levels.
 *
 * @module
 */
import type { PublisherStatus } from "../publisher/status.ts";
import type { SubscriberListenerStatus } from "../subscriber/listener.ts";
import type { SubscriberStatus } from "../subscriber/status.ts";
import type { LogLevel } from "./level.ts";

/** A level for every kind of event; it may depend on the event. */
type Levels<Event extends { readonly kind: string }> = {
  readonly [Kind in Event["kind"]]: LogLevel | ((event: Extract<Event, { readonly kind: Kind }>) => LogLevel);
};

const publisherLevels: Levels<PublisherStatus> = {
  started: "info",
  stopped: "info",
  acceptFailed: "error",
  handshakeFailed: "warning",
  connecting: "debug",
  reconnecting: "warning",
  linkClosed: "info",
  metadataDefined: "info",
  connected: "info",
  refused: "warning",
  authorizationFailed: "error",
  accessRuleFailed: "error",
  signalsRevoked: "info",
  subscribed: "info",
  unsubscribed: "info",
  processingComplete: "info",
  commandFailed: "warning",
  notificationsGivenUp: "warning",
  notificationsNotSaved: "error",
  overflow: "warning",
  resynchronised: "info",
  disconnected: "info",
  internalError: "error",
  missed: "warning",
};

const subscriberLevels: Levels<SubscriberStatus> = {
  connecting: "debug",
  listening: "info",
  refused: "warning",
  acceptFailed: "error",
  connected: "info",
  modesAccepted: "debug",
  metadata: "info",
  metadataFailed: "warning",
  subscribed: "info",
  subscribeFailed: "error",
  unsubscribed: "info",
  dataChannel: "debug",
  cipherKeys: "debug",
  signals: "debug",
  dataStartTime: "debug",
  processingComplete: "info",
  configurationChanged: "info",
  notification: "info",
  paused: "warning",
  resumed: "info",
  dropped: "warning",
  recovered: "info",
  recoveryFailed: "warning",
  gapGivenUp: "error",
  connectionLost: "warning",
  reconnecting: "info",
  closed: ({ reason }) => reason.kind === "disconnected" ? "info" : "error",
  missed: "warning",
};

const listenerLevels: Levels<SubscriberListenerStatus> = {
  started: "info",
  stopped: "info",
  connected: "info",
  refused: "warning",
  acceptFailed: "error",
  missed: "warning",
};

/** Who has a status to log, and the events of it. */
export interface LoggedStatus {
  /** A `Publisher`. */
  publisher: PublisherStatus;
  /** A `Subscriber`. */
  subscriber: SubscriberStatus;
  /** A `SubscriberListener`. */
  listener: SubscriberListenerStatus;
}

const levels: Readonly<Record<keyof LoggedStatus, Readonly<Record<string, unknown>>>> = {
  publisher: publisherLevels,
  subscriber: subscriberLevels,
  listener: listenerLevels,
};

/** The level of an event. */
export function levelOf(role: keyof LoggedStatus, event: LoggedStatus[keyof LoggedStatus]): LogLevel {
  const level = levels[role][event.kind] as LogLevel | ((event: unknown) => LogLevel);
  return typeof level === "function" ? level(event) : level;
}

/** The names of all events that a role has in a log, such as `publisher.connected`. */
export function eventNames(role: keyof LoggedStatus): string[] {
  return Object.keys(levels[role]).map((kind) => `${role}.${kind}`);
}
