/**
 * Where a session can be, and what it needs around it.
 *
 * @module
 */
import type { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import type { BufferBlockInbox } from "./buffer_block_inbox.ts";
import type { Delivery } from "./delivery.ts";
import type { Notifications } from "./notifications.ts";
import type { CheckedOptions } from "./options.ts";
import type { Counters, DropReason } from "./stats.ts";
import type { SubscriberStatus } from "./status.ts";

/** Where a session is; see {@linkcode sessionTransitions}. */
export type SessionState =
  | "new"
  | "ready"
  | "subscribing"
  | "subscribed"
  | "resubscribing"
  | "unsubscribing"
  | "closed";

/** Which state may follow which. A failed Subscribe leads back to where it came from (§4). */
export const sessionTransitions: Readonly<Record<SessionState, readonly SessionState[]>> = {
  new: ["ready", "closed"],
  ready: ["subscribing", "unsubscribing", "closed"],
  subscribing: ["subscribed", "ready", "closed"],
  subscribed: ["resubscribing", "unsubscribing", "closed"],
  resubscribing: ["subscribed", "closed"],
  unsubscribing: ["ready", "closed"],
  closed: [],
};

/** How a session ended. */
export type SessionEnd =
  /** By our own `close()`. */
  | { readonly kind: "closed"; readonly error: SttpError }
  /** The publisher does not want this subscriber, or can't do what it asks for. */
  | { readonly kind: "refused"; readonly error: SttpError }
  /** Any other way. */
  | { readonly kind: "lost"; readonly error: SttpError };

/** What a session needs from the subscriber that it works for. */
export interface SessionHost {
  /** The subscriber's options. */
  readonly options: CheckedOptions;
  /** Stable handles of signals. */
  readonly signals: SignalTable;
  /** What is counted, over all sessions. */
  readonly counters: Counters;
  /** Where measurements go. */
  readonly delivery: Delivery;
  /** Where buffer blocks go. */
  readonly bufferBlocks: BufferBlockInbox;
  /** Where notifications go. */
  readonly notifications: Notifications;
  /** Watches live data go by, over the connection or as datagrams. */
  readonly observe?: ((batch: MeasurementBatch, from: number, isDatagram: boolean) => void) | undefined;
  /** Called where in the stream live data ends, as history takes its place. */
  readonly historyBegins?: (() => void) | undefined;
  /** Reports an event. */
  readonly emit: (event: SubscriberStatus) => void;
  /** Counts something dropped, and reports it now and then. */
  readonly drop: (reason: DropReason, message: string, count?: number) => void;
  /** The publisher's configuration changed. */
  readonly configurationChanged: () => void;
}

/** History on its way (§11). */
export interface Replay {
  /** Where its measurements go; it ends with the history, and with the session. */
  readonly delivery: Delivery;
  /** Milliseconds for each frame, as of now. */
  processingInterval: number;
  /** Whether all of it has come. */
  isComplete: boolean;
}
