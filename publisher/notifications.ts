/**
 * Notifications (§14): texts that subscribers confirm, and get again when they come back without having done so.
 *
 * @module
 */
import type { PeerInfo } from "../transport/channel.ts";
import type { Clock } from "../transport/clock.ts";
import { hostOf } from "../transport/peer_host.ts";
import type { NotificationMessage } from "../transport/wire/notification.ts";
import type { CheckedNotificationOptions } from "./notification_options.ts";
import type { NotifiedSubscriber, PendingNotification } from "./notification_store.ts";
import type { NotificationsSnapshot } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";

/** The most bytes of UTF-8 that a notification may have: a few must fit the smallest queue of answers. */
const MOST_BYTES = 16_384;
/** The most characters that a client's name for itself counts with. */
const MOST_NAME = 256;
const CERTIFICATE = "certificate:";

/**
 * Who a subscriber is, over several connections: by its certificate, else by what it calls itself and the host that
 * it comes from. Connections that come to the same are taken for the same subscriber.
 *
 * @param source The source of its `assemblyInfo`; `undefined` before it has subscribed.
 * @returns `undefined` while that can't be told.
 */
export function identityOf(peer: PeerInfo, source: string | undefined): string | undefined {
  if (peer.certificate !== undefined) return CERTIFICATE + peer.certificate.name;
  if (source === undefined) return undefined;
  return `client:${source.slice(0, MOST_NAME)}@${hostOf(peer.address)}`;
}

/** A connection that notifications can be sent over. */
export interface NotificationTarget {
  /** Sends one. */
  send(notification: NotificationMessage): void;
  /** Resolves when what was sent before has left, or the connection has ended. */
  room(): Promise<void>;
}

interface Subscriber {
  readonly identity: string;
  lastSeen: number;
  readonly pending: Map<number, PendingNotification>;
  readonly feeds: Set<NotificationFeed>;
}

/** What one connection gets of its subscriber's notifications: each once, no faster than it takes them. */
export class NotificationFeed {
  /** Who the subscriber is. */
  readonly identity: string;
  readonly #pending: ReadonlyMap<number, PendingNotification>;
  readonly #target: NotificationTarget;
  readonly #onConfirmed: (hash: number) => boolean;
  readonly #onDetached: () => void;
  readonly #sent = new Set<number>();
  #isRunning = false;
  #isDetached = false;

  /** Made by {@linkcode Notifications.attach}. */
  constructor(
    { identity, pending }: Pick<Subscriber, "identity" | "pending">,
    target: NotificationTarget,
    onConfirmed: (hash: number) => boolean,
    onDetached: () => void,
  ) {
    this.identity = identity;
    this.#pending = pending;
    this.#target = target;
    this.#onConfirmed = onConfirmed;
    this.#onDetached = onDetached;
  }

  /** Sends what there is to send; never rejects. */
  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#sent.add(next.hash);
      this.#target.send(next);
      await this.#target.room();
    }
    this.#isRunning = false;
  }

  #next(): PendingNotification | undefined {
    if (this.#isDetached) return undefined;
    for (const notification of this.#pending.values()) {
      if (!this.#sent.has(notification.hash)) return notification;
    }
    return undefined;
  }

  /** One is no longer pending. */
  forget(hash: number): void {
    this.#sent.delete(hash);
  }

  /** The subscriber has one. @returns False when it had it already, or never got it. */
  confirm(hash: number): boolean {
    return this.#sent.has(hash) && this.#onConfirmed(hash);
  }

  /** The connection has ended. */
  detach(): void {
    if (this.#isDetached) return;
    this.#isDetached = true;
    this.#onDetached();
  }
}

/** What {@linkcode Notifications} needs. */
export interface NotificationsHost {
  /** For when subscribers were seen. */
  readonly clock: Clock;
  /** Bounds, and where to keep what must not be lost. */
  readonly options: CheckedNotificationOptions;
  /** Tells the application. */
  emit(event: PublisherStatus): void;
}

/** All of a publisher's subscribers, here or not, with what they have not confirmed. */
export class Notifications {
  readonly #host: NotificationsHost;
  readonly #subscribers = new Map<string, Subscriber>();
  #count = crypto.getRandomValues(new Uint32Array(1))[0]!;
  #isLoaded = false;
  #isDirty = false;
  #saving: Promise<void> | undefined;
  #confirmed = 0;
  #givenUp = 0;

  /** See {@linkcode NotificationsHost}. */
  constructor(host: NotificationsHost) {
    this.#host = host;
  }

  /** Takes in what was saved, once. */
  async load(): Promise<void> {
    const { store } = this.#host.options;
    if (store === undefined || this.#isLoaded) return;
    for (const { subscriber: identity, lastSeen, pending } of await store.load()) {
      const subscriber = this.#known(identity, lastSeen);
      for (const notification of pending) this.#add(subscriber, notification);
    }
    this.#isLoaded = true;
  }

  /**
   * Notifies all known subscribers, or one.
   *
   * @param identity Who; `undefined` for all.
   * @returns How many it is for.
   * @throws {TypeError} When there is no text.
   * @throws {RangeError} When it is too long.
   */
  notify(text: string, identity: string | undefined): number {
    if (typeof text !== "string" || text === "") throw new TypeError("a notification needs a text");
    const length = new TextEncoder().encode(text).length;
    if (length > MOST_BYTES) {
      throw new RangeError(`notification of ${length} bytes, at most ${MOST_BYTES} expected`);
    }
    // Not a hash of the text: two notifications may say the same.
    const notification = { hash: printableHash(++this.#count), text };
    let count = 0;
    for (const subscriber of this.#subscribers.values()) {
      if (identity !== undefined && subscriber.identity !== identity) continue;
      count++;
      this.#add(subscriber, notification);
      for (const feed of subscriber.feeds) feed.run();
    }
    if (count > 0) this.#save();
    return count;
  }

  /** A subscriber is here: it gets what it has not confirmed, and what is still to come. */
  attach(identity: string, target: NotificationTarget): NotificationFeed {
    const { clock } = this.#host;
    const subscriber = this.#known(identity, clock.now());
    const feed = new NotificationFeed(
      subscriber,
      target,
      (hash) => this.#remove(subscriber, hash),
      () => {
        subscriber.feeds.delete(feed);
        subscriber.lastSeen = clock.now();
      },
    );
    subscriber.feeds.add(feed);
    this.#save();
    feed.run();
    return feed;
  }

  #known(identity: string, lastSeen: number): Subscriber {
    let subscriber = this.#subscribers.get(identity);
    if (subscriber === undefined) {
      subscriber = { identity, lastSeen, pending: new Map(), feeds: new Set() };
      this.#subscribers.set(identity, subscriber);
      if (this.#subscribers.size > this.#host.options.maxSubscribers) this.#forgetSomebody(subscriber);
    }
    subscriber.lastSeen = Math.max(subscriber.lastSeen, lastSeen);
    return subscriber;
  }

  /** Those who are here can't be many more than the limit: connections have one of their own. */
  #forgetSomebody(newcomer: Subscriber): void {
    let victim: Subscriber | undefined;
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber === newcomer || subscriber.feeds.size > 0) continue;
      if (victim === undefined || isLessImportant(subscriber, victim)) victim = subscriber;
    }
    if (victim === undefined) return;
    this.#subscribers.delete(victim.identity);
    if (victim.pending.size > 0) this.#giveUp(victim.identity, victim.pending.size);
  }

  #add(subscriber: Subscriber, notification: PendingNotification): void {
    const { pending, feeds, identity } = subscriber;
    pending.set(notification.hash, notification);
    if (pending.size <= this.#host.options.maxPending) return;
    const [oldest] = pending.keys();
    pending.delete(oldest!);
    for (const feed of feeds) feed.forget(oldest!);
    this.#giveUp(identity, 1);
  }

  #giveUp(subscriber: string, count: number): void {
    this.#givenUp += count;
    this.#host.emit({ kind: "notificationsGivenUp", subscriber, count });
  }

  #remove({ pending, feeds }: Subscriber, hash: number): boolean {
    if (!pending.delete(hash)) return false;
    for (const feed of feeds) feed.forget(hash);
    this.#confirmed++;
    this.#save();
    return true;
  }

  #save(): void {
    if (this.#host.options.store === undefined) return;
    this.#isDirty = true;
    this.#saving ??= this.#saveAll();
  }

  /** Saves until nothing has changed since. */
  async #saveAll(): Promise<void> {
    const { options: { store }, emit } = this.#host;
    // What changes in the same turn is saved together.
    await undefined;
    while (this.#isDirty) {
      this.#isDirty = false;
      try {
        await store!.save(this.#toSave());
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        emit({ kind: "notificationsNotSaved", message, cause });
      }
    }
    // In the turn that found nothing left: what changes after it is saved by another run.
    this.#saving = undefined;
  }

  #toSave(): NotifiedSubscriber[] {
    return Array.from(this.#subscribers.values(), ({ identity, lastSeen, pending }) => ({
      subscriber: identity,
      lastSeen,
      pending: [...pending.values()],
    }));
  }

  /** Saves when subscribers were last seen, and resolves when all is saved, or was tried to be. */
  async close(): Promise<void> {
    if (this.#subscribers.size > 0) this.#save();
    await this.#saving;
  }

  /** What operators see. */
  snapshot(): NotificationsSnapshot {
    let pending = 0;
    for (const subscriber of this.#subscribers.values()) pending += subscriber.pending.size;
    return {
      subscribers: this.#subscribers.size,
      pending,
      confirmed: this.#confirmed,
      givenUp: this.#givenUp,
    };
  }
}

/** Without a certificate, then away for longer. */
function isLessImportant(a: Subscriber, b: Subscriber): boolean {
  const certified = (subscriber: Subscriber): boolean => subscriber.identity.startsWith(CERTIFICATE);
  if (certified(a) !== certified(b)) return certified(b);
  return a.lastSeen < b.lastSeen;
}

/**
 * A hash of four printable letters, another for each of 81 million numbers in a row. sttpapi takes the hash for the
 * beginning of the text, and gives up the connection when that is no UTF-8.
 */
function printableHash(n: number): number {
  let hash = 0;
  for (let i = 0; i < 4; i++, n = Math.floor(n / 95)) hash = hash << 8 | 0x20 + n % 95;
  return hash;
}
