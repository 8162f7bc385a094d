/**
 * Two channels in memory, each the other's peer: a connection without a network.
 *
 * @module
 */
import type { Channel, PeerInfo } from "./channel.ts";
import { SttpError } from "./errors.ts";

/** Settings of {@linkcode createChannelPair}. */
export interface ChannelPairOptions {
  /** How many bytes may wait in each direction before a write waits for the reader; default 65,536. */
  readonly bufferLimit?: number;
}

/**
 * Makes both ends of a connection in memory. It behaves as TCP does: a write waits while the buffer is full, what
 * was written before `close()` can still be read at the other end, and a write to a closed end fails.
 *
 * @throws {RangeError} When `bufferLimit` is not a positive whole number.
 *
 * @example
 * ```ts
 * import { createChannelPair } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = createChannelPair();
 * await near.write(new Uint8Array([1, 2, 3]));
 * near.close();
 * const bytes = new Uint8Array(10);
 * assertEquals(await far.read(bytes), 3);
 * assertEquals(await far.read(bytes), null);
 * ```
 */
export function createChannelPair(options: ChannelPairOptions = {}): [Channel, Channel] {
  const { bufferLimit = 65_536 } = options;
  if (!Number.isInteger(bufferLimit) || bufferLimit < 1) {
    throw new RangeError(`bufferLimit ${bufferLimit} is not a positive whole number of bytes`);
  }
  const there = new Pipe(bufferLimit);
  const back = new Pipe(bufferLimit);
  return [new MemoryChannel("memory:1", back, there), new MemoryChannel("memory:0", there, back)];
}

/** One direction: a bounded ring of bytes with one writer and one reader. */
class Pipe {
  readonly #ring: Uint8Array;
  #start = 0;
  #length = 0;
  #writerClosed = false;
  #readerClosed = false;
  #readerWaits: (() => void) | undefined;
  #writerWaits: (() => void) | undefined;

  constructor(limit: number) {
    this.#ring = new Uint8Array(limit);
  }

  async read(into: Uint8Array): Promise<number | null> {
    if (this.#readerWaits !== undefined) throw new TypeError("a read is pending already");
    while (this.#length === 0 && !this.#writerClosed && !this.#readerClosed) {
      await new Promise<void>((resolve) => this.#readerWaits = resolve);
      this.#readerWaits = undefined;
    }
    if (this.#readerClosed || this.#length === 0) return null;
    const count = Math.min(into.length, this.#length);
    const first = Math.min(count, this.#ring.length - this.#start);
    into.set(this.#ring.subarray(this.#start, this.#start + first));
    into.set(this.#ring.subarray(0, count - first), first);
    this.#start = (this.#start + count) % this.#ring.length;
    this.#length -= count;
    this.#writerWaits?.();
    return count;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writerWaits !== undefined) throw new TypeError("a write is pending already");
    let written = 0;
    for (;;) {
      if (this.#writerClosed) throw new SttpError("ConnectionLost", "the channel is closed");
      if (this.#readerClosed) throw new SttpError("ConnectionLost", "the peer closed the channel");
      const room = Math.min(bytes.length - written, this.#ring.length - this.#length);
      const end = (this.#start + this.#length) % this.#ring.length;
      const first = Math.min(room, this.#ring.length - end);
      this.#ring.set(bytes.subarray(written, written + first), end);
      this.#ring.set(bytes.subarray(written + first, written + room), 0);
      this.#length += room;
      written += room;
      if (room > 0) this.#readerWaits?.();
      if (written === bytes.length) return;
      await new Promise<void>((resolve) => this.#writerWaits = resolve);
      this.#writerWaits = undefined;
    }
  }

  closeWriter(): void {
    this.#writerClosed = true;
    this.#wake();
  }

  closeReader(): void {
    this.#readerClosed = true;
    this.#wake();
  }

  #wake(): void {
    this.#readerWaits?.();
    this.#writerWaits?.();
  }
}

class MemoryChannel implements Channel {
  readonly peer: PeerInfo;
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(peer: string, incoming: Pipe, outgoing: Pipe) {
    this.peer = { address: peer };
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#incoming.read(into);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#outgoing.write(bytes);
  }

  close(): void {
    this.#incoming.closeReader();
    this.#outgoing.closeWriter();
  }
}
