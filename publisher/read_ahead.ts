import type { Channel } from "../transport/channel.ts";

/** A connection that is watched. */
export interface Watch {
  /** Resolves to false when the connection ends; rejects when it breaks. Does neither once the watch is stopped. */
  readonly over: Promise<false>;
  /** Ends the watch. */
  stop(): void;
}

/** How much is read at a time, in bytes. */
const CHUNK = 1024;
/** How often that is done ahead: 64 KiB. */
const CHUNKS = 64;

/**
 * A channel's way in, which may be watched while what came before is still worked on: then it is read ahead, so that it is
 * noticed when the peer is gone. What was read ahead comes first when it is read again. Memory is taken as bytes come.
 */
export class ReadAhead {
  readonly #channel: Channel;
  readonly #chunks: Uint8Array[] = [];
  #reading: Promise<void> | undefined;
  /** How it ended, while it was watched. */
  #end: { readonly error?: unknown } | undefined;
  #watcher: PromiseWithResolvers<false> | undefined;

  /** @param channel To be read by nobody else. */
  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Reads as {@linkcode Channel.read} does.
   *
   * @param into With room for 1,024 bytes at least.
   */
  read(into: Uint8Array): Promise<number | null> {
    const isAhead = this.#chunks.length > 0 || this.#reading !== undefined || this.#end !== undefined;
    return isAhead ? this.#readBehind(into) : this.#channel.read(into);
  }

  async #readBehind(into: Uint8Array): Promise<number | null> {
    // What was watched last has one read pending, at most.
    if (this.#chunks.length === 0) await this.#reading;
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      into.set(chunk);
      return chunk.length;
    }
    if (this.#end !== undefined && "error" in this.#end) throw this.#end.error;
    return null;
  }

  /** Reads ahead until that is stopped, 64 KiB at most: an end behind that is not seen. */
  watch(): Watch {
    const watcher = Promise.withResolvers<false>();
    this.#watcher = watcher;
    if (this.#end !== undefined) this.#tell();
    else if (this.#chunks.length < CHUNKS) this.#reading ??= this.#readOn();
    return { over: watcher.promise, stop: () => this.#watcher = undefined };
  }

  #tell(): void {
    if (this.#end === undefined) return;
    if ("error" in this.#end) this.#watcher?.reject(this.#end.error);
    else this.#watcher?.resolve(false);
  }

  async #readOn(): Promise<void> {
    try {
      do {
        const chunk = new Uint8Array(CHUNK);
        const length = await this.#channel.read(chunk);
        if (length === null) this.#end = {};
        else this.#chunks.push(chunk.subarray(0, length));
      } while (this.#end === undefined && this.#watcher !== undefined && this.#chunks.length < CHUNKS);
    } catch (error) {
      this.#end = { error };
    }
    this.#reading = undefined;
    this.#tell();
  }
}
