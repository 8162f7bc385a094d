/**
 * The subscriber's end of notifications (§14).
 *
 * @module
 */
import { crc32 } from "../transport/wire/crc32.ts";
import type { NotificationMessage } from "../transport/wire/notification.ts";
import { encodeText } from "../transport/wire/text.ts";
import type { Counters, DropReason } from "./stats.ts";
import type { SubscriberStatus } from "./status.ts";

/**
 * Takes a notification of the publisher. It counts as received when the function is done; one at which it fails is not
 * confirmed, and comes again with the next connection.
 */
export type NotificationHandler = (text: string) => void | Promise<void>;

/** Notifications that may wait for the handler; more are not confirmed. */
const MOST_WAITING = 64;
/** Notifications of earlier connections to remember. */
const MOST_REMEMBERED = 1024;

/** What {@linkcode Notifications} needs. */
export interface NotificationsOptions {
  /** The application; `undefined` when it only reads the status. */
  readonly onNotification: NotificationHandler | undefined;
  /** What is counted. */
  readonly counters: Counters;
  /** Reports an event. */
  readonly emit: (event: SubscriberStatus) => void;
  /** Counts and reports what is dropped. */
  readonly drop: (reason: DropReason, message: string) => void;
}

/** Hands notifications to the application, each once, over all connections. */
export class Notifications {
  readonly #options: NotificationsOptions;
  /** Which connection those that were taken came over last; the oldest first. */
  readonly #taken = new Map<string, object>();
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  /** See {@linkcode NotificationsOptions}. */
  constructor(options: NotificationsOptions) {
    this.#options = options;
  }

  /**
   * A notification came.
   *
   * @param connection Stands for the connection that it came over.
   * @param confirm Confirms it there.
   */
  receive({ hash, text }: NotificationMessage, connection: object, confirm: () => void): void {
    const { onNotification, drop } = this.#options;
    // Of a publisher whose hash is that of the text, the same may come anew, but not in answer to a new connection.
    const key = `${hash} ${crc32(encodeText(text, "utf-8"))}`;
    if (this.#isRepeated(key, connection, confirm)) return;
    if (onNotification === undefined) return this.#take(key, text, connection, confirm);
    if (this.#waiting >= MOST_WAITING) {
      return drop("refusedNotification", `${this.#waiting} notifications wait for onNotification already`);
    }
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      try {
        // It may have come over an earlier connection, and have been waiting, too.
        if (!this.#isRepeated(key, connection, confirm)) {
          await onNotification(text);
          this.#take(key, text, connection, confirm);
        }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        drop("refusedNotification", `onNotification failed: ${message}`);
      }
      this.#waiting--;
    });
  }

  #isRepeated(key: string, connection: object, confirm: () => void): boolean {
    const before = this.#taken.get(key);
    if (before === undefined || before === connection) return false;
    this.#remember(key, connection);
    confirm();
    this.#options.drop("repeatedNotification", "a notification came before, over another connection");
    return true;
  }

  #take(key: string, text: string, connection: object, confirm: () => void): void {
    const { counters, emit } = this.#options;
    this.#remember(key, connection);
    counters.notifications++;
    emit({ kind: "notification", text });
    confirm();
  }

  #remember(key: string, connection: object): void {
    this.#taken.delete(key);
    this.#taken.set(key, connection);
    if (this.#taken.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#taken.keys();
    this.#taken.delete(oldest!);
  }
}
