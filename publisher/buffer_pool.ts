/**
 * Buffers of one size that are in use for a moment at a time: packets being composed, writes being gathered.
 * Sessions and groups share a pool, so that an idle one costs no buffer.
 */
export class BufferPool {
  readonly #size: number;
  readonly #maxFree: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /**
   * @param size Bytes a buffer.
   * @param maxFree How many returned buffers are kept for the next taker; default 16.
   */
  constructor(size: number, maxFree: number = 16) {
    this.#size = size;
    this.#maxFree = maxFree;
  }

  /** Bytes a buffer. */
  get size(): number {
    return this.#size;
  }

  /** A buffer with unspecified contents. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? new Uint8Array(this.#size);
  }

  /** Gives a buffer back; the caller must not use it any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#free.length < this.#maxFree) this.#free.push(buffer);
  }
}
