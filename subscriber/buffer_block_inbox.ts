/**
 * Buffer blocks on their way from the connection to their consumer.
 *
 * @module
 */
import type { CheckedBufferBlockOptions } from "./buffer_block_options.ts";
import type { DropReason } from "./stats.ts";
import { ConsumerSlot, type Supply } from "./supply.ts";

/** A buffer block: opaque bytes for one signal (§13). */
export interface BufferBlock {
  /** The signal's ID. */
  readonly signalId: string;
  /** Its handle; see `Subscriber.signals`. */
  readonly signal: number;
  /** The bytes; to keep. */
  readonly payload: Uint8Array;
}

/** Takes buffer blocks, one at a time. */
export type BufferBlockHandler = (block: BufferBlock) => void | Promise<void>;

/**
 * A queue of bounded size. When it is full and somebody reads it, no more are taken; when nobody reads it, the oldest
 * make room, so that a program without an interest in them is not in their way.
 */
export class BufferBlockInbox implements Supply<BufferBlock> {
  readonly #options: CheckedBufferBlockOptions;
  readonly #drop: (reason: DropReason, message: string) => void;
  #ready: BufferBlock[] = [];
  #readyBytes = 0;
  #held = 0;
  #heldBytes = 0;
  /** Who reads them: an iterator, for a run at most, or the function. */
  readonly consumer: ConsumerSlot = new ConsumerSlot("somebody reads the buffer blocks already");
  readonly #onBlock: BufferBlockHandler | undefined;
  #isEnded = false;

  /** @param onBlock The consumer, when it is a function. */
  constructor(
    options: CheckedBufferBlockOptions,
    onBlock: BufferBlockHandler | undefined,
    drop: (reason: DropReason, message: string) => void,
  ) {
    this.#options = options;
    this.#drop = drop;
    this.#onBlock = onBlock;
    if (onBlock === undefined) return;
    this.consumer.claim(onBlock);
    this.#serve(onBlock);
  }

  /** How many wait for the consumer. */
  get waiting(): number {
    return this.#ready.length;
  }

  /** Whether the consumer has taken everything, or could take more. */
  get hasRoom(): boolean {
    return this.#ready.length === 0 || this.#fits(0);
  }

  #fits(length: number): boolean {
    const { maxBlocks, maxBytes } = this.#options;
    return this.#ready.length + this.#held < maxBlocks &&
      this.#readyBytes + this.#heldBytes + length <= maxBytes;
  }

  /**
   * Makes room for a block, if that may be done.
   *
   * @param isNext Whether others may be waiting for it: then it gets in as soon as the consumer has nothing to do.
   * @returns Whether there is room.
   */
  makeRoom(length: number, isNext: boolean): boolean {
    while (!this.consumer.isTaken && this.#ready.length > 0 && !this.#fits(length)) {
      this.#take();
      this.#drop("unreadBufferBlock", "nobody reads buffer blocks");
    }
    return this.#fits(length) || (isNext && this.#ready.length === 0);
  }

  /** A block is held back, and counts. */
  hold(length: number): void {
    this.#held++;
    this.#heldBytes += length;
  }

  /** It is held back no longer. */
  unhold(length: number): void {
    this.#held--;
    this.#heldBytes -= length;
  }

  /** Hands a block over. */
  push(block: BufferBlock): void {
    this.#ready.push(block);
    this.#readyBytes += block.payload.length;
    this.consumer.wake();
  }

  #take(): BufferBlock | undefined {
    const block = this.#ready.shift();
    this.#readyBytes -= block?.payload.length ?? 0;
    return block;
  }

  /** Opens it (again) for a new run. */
  start(): void {
    if (!this.#isEnded) return;
    this.#isEnded = false;
    // An iterator has not seen the end of the run before.
    if (this.#onBlock === undefined) this.consumer.clear();
  }

  /** No more will come in this run. */
  end(): void {
    this.#isEnded = true;
    this.consumer.wake();
  }

  get ended(): boolean {
    return this.#isEnded;
  }

  poll(): BufferBlock | undefined {
    return this.#take();
  }

  /** Calls a function for each block, over all runs. */
  async #serve(onBlock: BufferBlockHandler): Promise<void> {
    for (;;) {
      const block = this.#take();
      if (block === undefined) {
        await new Promise<void>((resolve) => this.consumer.wait(resolve));
        continue;
      }
      try {
        await onBlock(block);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#drop("failedBufferBlock", `onBufferBlock failed: ${message}`);
      }
    }
  }
}
