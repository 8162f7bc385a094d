import { SttpError } from "../transport/errors.ts";
import { deliveryKey } from "./delivery.ts";
import type { SignalSet } from "./signal_set.ts";
import type { Subscription } from "./subscription.ts";

/** What an encoder remembers of a signal, in bytes, with what groups keep besides; measured with TSSC. */
const ENCODER = 144;
/** Subscriptions of so many bytes are always taken: they come to little, even with as many as can connect. */
const ALWAYS_TAKEN = 16_384;

/** What is in memory for as long as somebody needs it, and what that takes. */
interface Entry {
  readonly bytes: number;
  holders: number;
}

/** A signal set, with the forms in which it is delivered. */
interface SetEntry extends Entry {
  readonly set: SignalSet;
  readonly encoders: Map<string, Entry>;
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
 */
export class SubscriptionMemory {
  readonly #limit: number;
  /** Sets by hash. */
  readonly #sets = new Map<number, SetEntry[]>();
  readonly #caches = new Map<object, Entry>();
  #bytes = 0;

  /** @param limit How many bytes all of them together may take. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes a subscription in.
   *
   * @throws {SttpError} `LimitExceeded` when there is no room for it. Small ones have room, and those whose signals are
   * there.
   */
  hold(subscription: Pick<Subscription, "set" | "delivery" | "cache" | "temporal">): HeldMemory {
    const { delivery, cache, temporal } = subscription;
    const known = this.#sets.get(subscription.set.hash)?.find(({ set }) => set.equals(subscription.set));
    const set = known ?? newSetEntry(subscription.set);
    // A replay has an encoder of its own.
    const form = temporal === undefined ? deliveryKey(delivery) : undefined;
    const encoder = form === undefined ? newEncoder(set) : set.encoders.get(form) ?? newEncoder(set);
    const block = this.#caches.get(cache) ?? { bytes: cache.length, holders: 0 };
    const parts: Entry[] = [set, encoder, block];
    this.#makeRoom(
      parts.reduce((sum, { bytes, holders }) => sum + (holders === 0 ? bytes : 0), 0),
      set.set.count,
    );
    for (const part of parts) if (part.holders++ === 0) this.#bytes += part.bytes;
    if (known === undefined) this.#sets.set(set.set.hash, [...this.#sets.get(set.set.hash) ?? [], set]);
    if (form !== undefined) set.encoders.set(form, encoder);
    this.#caches.set(cache, block);
    return {
      set: set.set,
      release: () => {
        for (const part of parts) if (--part.holders === 0) this.#bytes -= part.bytes;
        if (block.holders === 0) this.#caches.delete(cache);
        if (form !== undefined && encoder.holders === 0) set.encoders.delete(form);
        if (set.holders === 0) this.#forget(set);
      },
    };
  }

  #makeRoom(bytes: number, signals: number): void {
    if (bytes <= ALWAYS_TAKEN || this.#bytes + bytes <= this.#limit) return;
    throw new SttpError(
      "LimitExceeded",
      `All subscriptions would take ${
        this.#bytes + bytes
      } bytes of the publisher's memory with this one to ${signals} ` +
        `signals, at most ${this.#limit} expected: one to fewer signals, or to the same as somebody else's, can be served.`,
    );
  }

  #forget(entry: SetEntry): void {
    const rest = this.#sets.get(entry.set.hash)!.filter((other) => other !== entry);
    if (rest.length > 0) this.#sets.set(entry.set.hash, rest);
    else this.#sets.delete(entry.set.hash);
  }
}

function newSetEntry(set: SignalSet): SetEntry {
  return { set, bytes: set.byteLength, holders: 0, encoders: new Map() };
}

function newEncoder({ set }: SetEntry): Entry {
  return { bytes: ENCODER * set.count, holders: 0 };
}
