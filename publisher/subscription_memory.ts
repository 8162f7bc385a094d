import { SttpError } from "../transport/errors.ts";
import { Account, type Part } from "./account.ts";
import { deliveryKey } from "./delivery.ts";
import type { SignalSet } from "./signal_set.ts";
import type { Subscription } from "./subscription.ts";

/** What an encoder remembers of a signal, in bytes, with what groups keep besides; measured with TSSC. */
const ENCODER = 144;
/** Subscriptions of so many bytes are always taken: they come to little, even with as many as can connect. */
const ALWAYS_TAKEN = 16_384;

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

/**
 * Keeps account of what all of a publisher's subscriptions keep in memory: signals, their caches, and what encoders know
 * of each signal. Subscriptions to the same signals share that and count once, whatever their filter expressions are.
 * Those of one network may come to half of what there is room for, so that nobody keeps all others from subscribing.
 */
export class SubscriptionMemory {
  readonly #limit: number;
  /** Sets by hash. */
  readonly #sets = new Map<number, SetPart[]>();
  /** Weak for the reason in account.ts. */
  readonly #caches = new WeakMap<object, Part>();
  readonly #all = new Account();
  readonly #networks = new Map<string, Account>();

  /** @param limit How many bytes all of them together may take. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes are held. */
  get bytes(): number {
    return this.#all.size;
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
    const block = this.#caches.get(cache) ?? { size: cache.length };
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
    if (all - this.#all.size <= ALWAYS_TAKEN) return;
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
  return { set, size: set.byteLength, encoders: new Map() };
}

function newEncoder({ set }: SetPart): Part {
  return { size: ENCODER * set.count };
}
