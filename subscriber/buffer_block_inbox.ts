/**
 * Buffer blocks on their way from the connection to their consumer.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { abortError } from "./abort.ts";
import type { CheckedBufferBlockOptions } from "./buffer_block_options.ts";
import type { DropReason } from "./stats.ts";

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
export class BufferBlockInbox {
  readonly #options: CheckedBufferBlockOptions;
  readonly #drop: (reason: DropReason, message: string) => void;
  #ready: BufferBlock[] = [];
  #readyBytes = 0;
  #held = 0;
  #heldBytes = 0;
  #isRead = false;
  #isEnded = false;
  #wake: (() => void) | undefined;

  /** @param onBlock The consumer, when it is a function. */
  constructor(
    options: CheckedBufferBlockOptions,
    onBlock: BufferBlockHandler | undefined,
    drop: (reason: DropReason, message: string) => void,
  ) {
    this.#options = options;
    this.#drop = drop;
    if (onBlock !== undefined) this.#serve(onBlock);
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
    while (!this.#isRead && this.#ready.length > 0 && !this.#fits(length)) {
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
    this.#wake?.();
  }

  #take(): BufferBlock | undefined {
    const block = this.#ready.shift();
    this.#readyBytes -= block?.payload.length ?? 0;
    return block;
  }

  /** Opens it (again) for a new run. */
  start(): void {
    this.#isEnded = false;
  }

  /** No more will come in this run. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async #next(signal: AbortSignal | undefined): Promise<BufferBlock | undefined> {
    for (;;) {
      if (signal?.aborted) throw abortError(signal, "the iteration");
      const block = this.#take();
      if (block !== undefined || this.#isEnded) return block;
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = this.#wake = (): void => resolve();
      signal?.addEventListener("abort", wake);
      await promise;
      signal?.removeEventListener("abort", wake);
      this.#wake = undefined;
    }
  }

  /** Iterates until the run ends. @throws {SttpError} `InvalidState` when somebody reads already; `Aborted`. */
  async *read(signal?: AbortSignal): AsyncGenerator<BufferBlock, undefined, undefined> {
    if (this.#isRead) throw new SttpError("InvalidState", "somebody reads the buffer blocks already");
    this.#isRead = true;
    try {
      for (let block; (block = await this.#next(signal)) !== undefined;) yield block;
      return undefined;
    } finally {
      this.#isRead = false;
    }
  }

  /** Calls a function for each block, over all runs. */
  async #serve(onBlock: BufferBlockHandler): Promise<void> {
    this.#isRead = true;
    for (;;) {
      const block = this.#take();
      if (block === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
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
