import { SttpError } from "../transport/errors.ts";
import { deliveryKey } from "./delivery.ts";
import type { SignalSet } from "./signal_set.ts";
import type { Subscription } from "./subscription.ts";

/** What an encoder remembers of a signal, in bytes, with what groups keep besides; measured with TSSC. */
const ENCODER = 144;
/** Subscriptions of so many bytes are always taken: they come to little, even with as many as can connect. */
const ALWAYS_TAKEN = 16_384;

/** Something in memory that subscriptions share, in bytes. */
interface Part {
  readonly bytes: number;
}

/** A signal set, with the forms in which it is delivered. */
interface SetPart extends Part {
  readonly set: SignalSet;
  readonly encoders: Map<string, Part>;
}

/** A subscription's share of the memory; to be given back. */
export interface HeldMemory {
  /** The subscription's signals: who subscribes to the same has the same object. */
  readonly set: SignalSet;
  /** Gives it back. Must be called once. */
  release(): void;
}

/** Parts that somebody holds, each of which counts once. */
class Account {
  /** How many bytes they come to. */
  bytes = 0;
  readonly #holders = new Map<Part, number>();

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#holders.size === 0;
  }

  has(part: Part): boolean {
    return this.#holders.has(part);
  }

  /** How many bytes there would be with these, too. */
  with(parts: readonly Part[]): number {
    return parts.reduce((sum, part) => this.has(part) ? sum : sum + part.bytes, this.bytes);
  }

  hold(parts: readonly Part[]): void {
    this.bytes = this.with(parts);
    for (const part of parts) this.#holders.set(part, (this.#holders.get(part) ?? 0) + 1);
  }

  release(parts: readonly Part[]): void {
    for (const part of parts) {
      const holders = this.#holders.get(part)! - 1;
      if (holders > 0) {
        this.#holders.set(part, holders);
      } else {
        this.#holders.delete(part);
        this.bytes -= part.bytes;
      }
    }
  }
}

/**
 * Keeps account of what all of a publisher's subscriptions keep in memory: signals, their caches, and what encoders know
 * of each signal. Subscriptions to the same signals share that and count once, whatever their filter expressions are.
 * Those of one network may come to half of what there is room for, so that nobody keeps all others from subscribing.
 */
export class SubscriptionMemory {
  readonly #limit: number;
  /** Sets by hash. */
  readonly #sets = new Map<number, SetPart[]>();
  readonly #caches = new Map<object, Part>();
  readonly #all = new Account();
  readonly #networks = new Map<string, Account>();

  /** @param limit How many bytes all of them together may take. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes are held. */
  get bytes(): number {
    return this.#all.bytes;
  }

  /**
   * Takes a subscription in.
   *
   * @param network Who subscribes, see `networkOf`.
   * @throws {SttpError} `LimitExceeded` when there is no room for it. Small ones have room, and those whose signals are
   * there.
   */
  hold(
    subscription: Pick<Subscription, "set" | "delivery" | "cache" | "temporal">,
    network: string,
  ): HeldMemory {
    const { delivery, cache, temporal } = subscription;
    const known = this.#sets.get(subscription.set.hash)?.find(({ set }) => set.equals(subscription.set));
    const set = known ?? newSetPart(subscription.set);
    // A replay has an encoder of its own.
    const form = temporal === undefined ? deliveryKey(delivery) : undefined;
    const encoder = form === undefined ? newEncoder(set) : set.encoders.get(form) ?? newEncoder(set);
    const block = this.#caches.get(cache) ?? { bytes: cache.length };
    const parts: readonly Part[] = [set, encoder, block];
    const theirs = this.#networks.get(network) ?? new Account();
    this.#checkRoom(parts, theirs, set.set.count);
    this.#all.hold(parts);
    theirs.hold(parts);
    this.#networks.set(network, theirs);
    if (known === undefined) this.#sets.set(set.set.hash, [...this.#sets.get(set.set.hash) ?? [], set]);
    if (form !== undefined) set.encoders.set(form, encoder);
    this.#caches.set(cache, block);
    return {
      set: set.set,
      release: () => {
        this.#all.release(parts);
        theirs.release(parts);
        if (theirs.isEmpty) this.#networks.delete(network);
        if (!this.#all.has(block)) this.#caches.delete(cache);
        if (form !== undefined && !this.#all.has(encoder)) set.encoders.delete(form);
        if (!this.#all.has(set)) this.#forget(set);
      },
    };
  }

  #checkRoom(parts: readonly Part[], theirs: Account, signals: number): void {
    const [all, own] = [this.#all.with(parts), theirs.with(parts)];
    if (all - this.#all.bytes <= ALWAYS_TAKEN) return;
    const [whose, bytes, limit] = own > this.#limit / 2
      ? ["All subscriptions from your address", own, this.#limit / 2]
      : ["All subscriptions", all, this.#limit];
    if (bytes <= limit) return;
    throw new SttpError(
      "LimitExceeded",
      `${whose} would take ${bytes} bytes of the publisher's memory with this one to ${signals} signals, ` +
        `at most ${limit} expected: one to fewer signals, or to the same as somebody else's, can be served.`,
    );
  }

  #forget(part: SetPart): void {
    const rest = this.#sets.get(part.set.hash)!.filter((other) => other !== part);
    if (rest.length > 0) this.#sets.set(part.set.hash, rest);
    else this.#sets.delete(part.set.hash);
  }
}

function newSetPart(set: SignalSet): SetPart {
  return { set, bytes: set.byteLength, encoders: new Map() };
}

function newEncoder({ set }: SetPart): Part {
  return { bytes: ENCODER * set.count };
}
