/**
 * A channel in the shape that Node's modules want.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { Channel } from "./channel.ts";
import { SttpError } from "./errors.ts";

/** The most and the least that one read asks the channel for. */
const MAX_READ = 65_536;
const MIN_READ = 4096;

/** What a destroyed stream has for a channel. */
const closed: Channel = {
  peer: { address: "" },
  read: () => Promise.resolve(null),
  write: () => Promise.reject(new SttpError("Closed", "the channel is closed")),
  close: () => {},
};

/**
 * A Node stream over a {@linkcode Channel}. It reads from the channel only while {@linkcode ChannelStream.demand} says
 * so: whoever decrypts on top of it, such as `node:tls`, may not hold back what nobody asked for.
 */
export class ChannelStream extends Duplex {
  #channel: Channel;
  #buffer: Uint8Array = new Uint8Array(0);
  #demand = 0;
  /** Whether the stream has room. */
  #hasRoom = false;
  #reading = false;

  /** @param channel Open; closed when the stream is destroyed. */
  constructor(channel: Channel) {
    super();
    this.#channel = channel;
  }

  /** Reads on, in pieces of about `size` bytes, until told otherwise; 0 stops. */
  demand(size: number): void {
    this.#demand = size === 0 ? 0 : Math.min(Math.max(size, MIN_READ), MAX_READ);
    this.#pump();
  }

  override _read(): void {
    this.#hasRoom = true;
    this.#pump();
  }

  #pump(): void {
    if (this.#demand === 0 || !this.#hasRoom || this.#reading || this.destroyed) return;
    if (this.#buffer.length < this.#demand) this.#buffer = new Uint8Array(this.#demand);
    this.#reading = true;
    this.#channel.read(this.#buffer.subarray(0, this.#demand)).then((length) => {
      this.#reading = false;
      if (this.destroyed) return;
      this.#hasRoom = false;
      // The stream keeps what it gets, the buffer is for the next.
      this.push(length === null ? null : Buffer.from(this.#buffer.subarray(0, length)));
    }, (error: Error) => this.destroy(error));
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#channel.write(chunk).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.close();
    // Who holds on to the stream need not hold on to its memory.
    this.#buffer = new Uint8Array(0);
    this.#channel = closed;
    done(error);
  }
}
