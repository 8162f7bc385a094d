/**
 * What comes in, for whoever takes it.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { abortError } from "./abort.ts";

/** What one consumer at a time takes from, until the run ends. */
export interface Supply<T> {
  /** Whether no more will come. There may still be something to `poll()`. */
  readonly ended: boolean;
  /** How many there are to `poll()`, or of how much. */
  readonly waiting: number;
  /** Who takes from it. */
  readonly consumer: ConsumerSlot;
  /** The next, if there is one. */
  poll(): T | undefined;
}

/** The place of the one who takes from a {@linkcode Supply}, and how to wake it. */
export class ConsumerSlot {
  readonly #refusal: string;
  #consumer: object | undefined;
  #wake: (() => void) | undefined;

  /** @param refusal What whoever finds the place taken is told. */
  constructor(refusal: string) {
    this.#refusal = refusal;
  }

  /** Whether somebody is the consumer. */
  get isTaken(): boolean {
    return this.#consumer !== undefined;
  }

  /** Makes somebody the one consumer. @throws {SttpError} `InvalidState` when there is one already. */
  claim(consumer: object): void {
    if (this.isTaken) throw new SttpError("InvalidState", this.#refusal);
    this.#consumer = consumer;
  }

  /** Whether somebody is the consumer: until `unclaim()`, and no longer than until `clear()`. */
  isClaimedBy(consumer: object): boolean {
    return this.#consumer === consumer;
  }

  /** A consumer is done, if it is the one; there may be another one, which goes on where this one ended. */
  unclaim(consumer: object): void {
    if (!this.isClaimedBy(consumer)) return;
    this.#consumer = undefined;
    this.#wake = undefined;
  }

  /** Another run begins, of which an iterator over the one before must see nothing. */
  clear(): void {
    this.#consumer = undefined;
  }

  /** The consumer waits: calls `wake` once, at the next {@linkcode ConsumerSlot.wake}. */
  wait(wake: () => void): void {
    this.#wake = wake;
  }

  /** Wakes the consumer, if it waits. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Takes from a {@linkcode Supply} until its run ends, even if that shows only when the next one has begun. */
export class SupplyIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #supply: Supply<T>;
  readonly #signal: AbortSignal | undefined;
  #state: "new" | "claimed" | "done" = "new";
  /** Ends the wait of the `next()` that is pending, if one is. */
  #stopWaiting: (() => void) | undefined;
  readonly #onAbort = (): void => this.wake();

  /** @param signal Ends the iteration with an `Aborted` error. */
  constructor(supply: Supply<T>, signal?: AbortSignal) {
    this.#supply = supply;
    this.#signal = signal;
  }

  /** Itself: there is one pass. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next; waits for it. @throws {SttpError} `InvalidState`, `Aborted`. */
  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const value = this.poll();
      if (value !== undefined) return { done: false, value };
      if (this.done) return { done: true, value: undefined };
      await this.wait();
    }
  }

  /** Whether the iteration has ended. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** The next if it is there, `undefined` if not or at the end. @throws {SttpError} As `next` does. */
  poll(): T | undefined {
    if (this.#state === "done") return undefined;
    if (this.#signal?.aborted) {
      this.#finish();
      throw abortError(this.#signal, "the iteration");
    }
    if (this.#state === "new") {
      this.#supply.consumer.claim(this);
      this.#state = "claimed";
      this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
    }
    const value = this.#supply.consumer.isClaimedBy(this) ? this.#supply.poll() : undefined;
    if (value === undefined && (this.#supply.ended || !this.#supply.consumer.isClaimedBy(this))) {
      this.#finish();
    }
    return value;
  }

  /** Resolves when there may be something to {@linkcode SupplyIterator.poll}, at the end, or by `wake()`. */
  async wait(): Promise<void> {
    if (this.#stopWaiting !== undefined) {
      throw new SttpError("InvalidState", "next() was called while another next() waits");
    }
    const { consumer, waiting, ended } = this.#supply;
    await new Promise<void>((resolve) => {
      this.#stopWaiting = resolve;
      consumer.wait(resolve);
      if (waiting > 0 || ended) consumer.wake();
    });
    this.#stopWaiting = undefined;
  }

  /** Ends the wait that is on, if one is. */
  wake(): void {
    this.#stopWaiting?.();
  }

  /** Ends the iteration; what waits stays for the next one. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  #finish(): void {
    if (this.#state === "claimed") {
      this.#supply.consumer.unclaim(this);
      this.#signal?.removeEventListener("abort", this.#onAbort);
    }
    this.#state = "done";
    this.wake();
  }
}
