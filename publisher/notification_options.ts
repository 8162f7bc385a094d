import { checkKinds, inRange } from "../transport/option_checks.ts";
import type { NotificationStore } from "./notification_store.ts";

/** How a publisher notifies its subscribers (§14). */
export interface NotificationOptions {
  /** Where unconfirmed notifications are kept while the publisher does not run; default nowhere. */
  readonly store?: NotificationStore | undefined;
  /**
   * Unconfirmed notifications of a subscriber; when there are more, the oldest is given up. Default 100. Stops who
   * never confirms.
   */
  readonly maxPending?: number;
  /**
   * Subscribers to know, here or not; when there are more, the one that has been away longest is forgotten, one without
   * a certificate first. Default 1,000. Stops who comes under ever new names.
   */
  readonly maxSubscribers?: number;
}

/** {@linkcode NotificationOptions} checked and complete. */
export interface CheckedNotificationOptions {
  readonly store: NotificationStore | undefined;
  readonly maxPending: number;
  readonly maxSubscribers: number;
}

/** Checks them. @throws {TypeError | RangeError} When a value is not of its kind or out of its range. */
export function checkNotificationOptions(options: NotificationOptions = {}): CheckedNotificationOptions {
  checkKinds(options, { store: "object", maxPending: "number", maxSubscribers: "number" }, "notifications");
  return {
    store: options.store,
    maxPending: inRange(options.maxPending ?? 100, "notifications.maxPending", 1, 100_000, true),
    maxSubscribers: inRange(options.maxSubscribers ?? 1000, "notifications.maxSubscribers", 1, 100_000, true),
  };
}
