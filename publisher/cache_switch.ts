/** What a {@linkcode CacheSwitch} has done for a session, which does the sending. */
export interface CacheSwitchActions<Subscription> {
  /** Sends a subscription's signal index cache; the index is `undefined` at version 1. */
  sendCache(subscription: Subscription, cacheIndex: 0 | 1 | undefined): void;
  /** Whether nothing is under way that refers to what this cache was; {@linkcode CacheSwitch.proceed} when so. */
  isFree(cacheIndex: 0 | 1): boolean;
  /** Starts data under this cache, and ends what was active before. */
  activate(subscription: Subscription, cacheIndex: 0 | 1): void;
  /** Ends data. */
  deactivate(): void;
  /** Version 1 only: a subscription, waits for the only cache, and no other has data meanwhile. */
  delay(subscription: Subscription): void;
}

/**
 * Double-buffered signal index caches (§5): which of a session's subscriptions is in force and which are to come.
 *
 * The session starts as if on cache 1. A new subscription's cache goes out under the other index, and data goes on
 * under the old one until the subscriber confirms. While one is unconfirmed, or datagrams are under way that refer to the
 * cache whose index is to be used again, only the newest of those that follow waits. At version 1 there is a single cache,
 * in force as soon as it is sent; while it waits for such datagrams there is no data.
 */
export class CacheSwitch<Subscription> {
  readonly #doubleBuffered: boolean;
  readonly #actions: CacheSwitchActions<Subscription>;
  #cacheIndex: 0 | 1 = 1;
  #active: Subscription | undefined;
  /** A cache that was sent and not confirmed; without a subscription when that was cancelled meanwhile. */
  #unconfirmed: { subscription: Subscription | undefined } | undefined;
  #waiting: Subscription | undefined;
  /** One that waited, and that its cache does not fit any more. */
  #outdated: Subscription | undefined;

  /**
   * @param version The session's protocol version.
   * @param actions What is done.
   */
  constructor(version: number, actions: CacheSwitchActions<Subscription>) {
    this.#doubleBuffered = version > 1;
    this.#actions = actions;
    if (!this.#doubleBuffered) this.#cacheIndex = 0;
  }

  /** The subscription that data is sent for. */
  get active(): Subscription | undefined {
    return this.#active;
  }

  /** The latest subscription asked for: the one that will be, or is, in force. */
  get latest(): Subscription | undefined {
    return this.#outdated ?? this.#waiting ?? this.#unconfirmed?.subscription ?? this.#active;
  }

  /** All the subscriptions that there are: in force, and to come. */
  get subscriptions(): Subscription[] {
    const all = [this.#active, this.#unconfirmed?.subscription, this.#waiting, this.#outdated];
    return all.filter((subscription) => subscription !== undefined);
  }

  /** Which cache data refers to. */
  get cacheIndex(): 0 | 1 {
    return this.#cacheIndex;
  }

  /** Whether a cache is out that the subscriber has not confirmed. */
  get isUnconfirmed(): boolean {
    return this.#unconfirmed !== undefined;
  }

  /** Whether the latest subscription waits for another in its place: its cache does not fit it any more. */
  get isOutdated(): boolean {
    return this.#outdated !== undefined;
  }

  /** Forgets the latest subscription if it is outdated: none can be had in its place. */
  dropOutdated(): void {
    this.#outdated = undefined;
  }

  /** A subscription that replaces whatever there is. */
  subscribe(subscription: Subscription): void {
    this.#outdated = undefined;
    if (!this.#doubleBuffered) {
      // What was encoded for the old cache must go before the new one does.
      this.#actions.deactivate();
      this.#active = undefined;
      this.#send(subscription);
    } else if (this.#unconfirmed === undefined) {
      this.#send(subscription);
    } else {
      this.#waiting = subscription;
    }
  }

  #send(subscription: Subscription): void {
    const cacheIndex = this.#doubleBuffered && this.#cacheIndex === 0 ? 1 : 0;
    if (!this.#actions.isFree(cacheIndex)) {
      this.#waiting = subscription;
      if (!this.#doubleBuffered) this.#actions.delay(subscription);
      return;
    }
    if (!this.#doubleBuffered) {
      this.#actions.sendCache(subscription, undefined);
      this.#active = subscription;
      this.#actions.activate(subscription, 0);
      return;
    }
    this.#unconfirmed = { subscription };
    this.#actions.sendCache(subscription, cacheIndex);
  }

  /** A cache may be free that was not: sends what waits for that. */
  proceed(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#unconfirmed !== undefined) return;
    this.#waiting = undefined;
    this.#send(waiting);
  }

  /** The subscriber confirmed a cache. @returns False when none was waiting for that. */
  confirm(): boolean {
    if (this.#unconfirmed === undefined) return false;
    const { subscription } = this.#unconfirmed;
    this.#unconfirmed = undefined;
    this.#cacheIndex = this.#cacheIndex === 0 ? 1 : 0;
    this.#active = subscription;
    // One that was cancelled has ended data already.
    if (subscription !== undefined) this.#actions.activate(subscription, this.#cacheIndex);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#send(waiting);
    return true;
  }

  /**
   * Changes the subscriptions that there are. Their caches stay as they are, so one that was not sent yet is not going to
   * be; data is left to who calls.
   *
   * @param change What becomes of each.
   */
  update(change: (subscription: Subscription) => Subscription): void {
    if (this.#active !== undefined) this.#active = change(this.#active);
    if (this.#outdated !== undefined) this.#outdated = change(this.#outdated);
    if (this.#waiting !== undefined) {
      const changed = change(this.#waiting);
      if (changed !== this.#waiting) {
        this.#outdated = changed;
        this.#waiting = undefined;
      }
    }
    const unconfirmed = this.#unconfirmed?.subscription;
    if (unconfirmed !== undefined) this.#unconfirmed = { subscription: change(unconfirmed) };
  }

  /** Ends data and forgets what was to come; an unconfirmed cache stays unconfirmed. */
  unsubscribe(): void {
    this.#waiting = undefined;
    this.#outdated = undefined;
    if (this.#unconfirmed !== undefined) this.#unconfirmed.subscription = undefined;
    this.#active = undefined;
    this.#actions.deactivate();
  }
}
