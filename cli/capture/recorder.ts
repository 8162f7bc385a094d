/**
 * Records connections while they are used.
 *
 * @module
 */
import {
  type Channel,
  type ChannelListener,
  type Clock,
  systemClock,
  Ticks,
  TicksPerMillisecond,
} from "../../mod.ts";
import type { CapturedPart, CapturedPeers, CaptureWriter, Sender } from "./format.ts";

/** Bounds of a recording. */
export interface RecorderOptions {
  /** Bytes that are written at most, but for how connections ended. */
  readonly limit: number;
  /** Is called when no more can be recorded, because there is no room or it can't be written. */
  readonly onStop: () => void;
  /** Where times come from; default the machine's. */
  readonly clock?: Clock;
}

/** The connections of a recording, each with its number, and the time of everything. */
export class Recorder {
  readonly #writer: CaptureWriter;
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #startTicks: bigint;
  readonly #start: number;
  #connections = 0;
  #isFull = false;

  /** @param writer Where it is written to. */
  constructor(writer: CaptureWriter, options: RecorderOptions) {
    const { clock = systemClock } = options;
    this.#writer = writer;
    this.#options = options;
    this.#clock = clock;
    // Times go on evenly, whatever is done to the machine's clock meanwhile.
    this.#startTicks = Ticks.fromUnixMilliseconds(clock.now());
    this.#start = clock.monotonic();
  }

  /** Connections so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#writer.size;
  }

  /** Begins a connection. @throws When it can't be written. */
  async open(peers: CapturedPeers): Promise<RecordedConnection> {
    const connection = ++this.#connections;
    await this.#add(connection, { kind: "opened", peers });
    return new RecordedConnection((part) => this.#add(connection, part));
  }

  async #add(connection: number, part: CapturedPart): Promise<void> {
    const { limit, onStop } = this.#options;
    if (part.kind === "bytes" && !this.#isFull && this.#writer.size + part.bytes.length > limit) {
      this.#isFull = true;
      onStop();
    }
    if (this.#isFull && part.kind === "bytes") return;
    try {
      await this.#writer.add(connection, this.#now(), part);
    } catch (error) {
      onStop();
      throw error;
    }
  }

  #now(): bigint {
    const elapsed = this.#clock.monotonic() - this.#start;
    return this.#startTicks + BigInt(Math.round(elapsed * Number(TicksPerMillisecond)));
  }
}

/** One connection of a recording. Methods reject when it can't be written; then it is over for all of them. */
export class RecordedConnection implements Witness {
  readonly #add: (part: CapturedPart) => Promise<void>;
  #hasEnded = false;

  /** @param add Writes what belongs to this connection. */
  constructor(add: (part: CapturedPart) => Promise<void>) {
    this.#add = add;
  }

  /** Something was sent. The bytes may change as soon as the promise has resolved. */
  sent(from: Sender, bytes: Uint8Array): Promise<void> {
    return this.#add({ kind: "bytes", from, bytes });
  }

  /** It ended; the first reason counts. */
  async end(reason: string): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#add({ kind: "ended", reason });
  }
}

/** Is told of what goes over a channel, before it goes on. */
export interface Witness {
  /** Something was sent. The bytes may change as soon as the promise has resolved. */
  sent(from: "subscriber" | "publisher", bytes: Uint8Array): Promise<void>;
  /** It ended. */
  end(reason: string): Promise<void>;
}

/** A subscriber's channel to a publisher, with a witness. It can be used as any other. */
export function witnessedChannel(channel: Channel, witness: Witness): Channel {
  return {
    peer: channel.peer,
    async read(into): Promise<number | null> {
      try {
        const count = await channel.read(into);
        if (count === null) await witness.end("closed");
        else await witness.sent("publisher", into.subarray(0, count));
        return count;
      } catch (error) {
        await witness.end(messageOf(error));
        throw error;
      }
    },
    async write(bytes): Promise<void> {
      await witness.sent("subscriber", bytes);
      await channel.write(bytes);
    },
    close: () => channel.close(),
  };
}

/** How connections are handed on. */
export interface HandOnOptions {
  /** Where subscribers connect to. */
  readonly listener: ChannelListener;
  /** Connects to the publisher. */
  readonly connect: (signal: AbortSignal) => Promise<Channel>;
  readonly recorder: Recorder;
  /** Ends it all. */
  readonly signal: AbortSignal;
  /** Is told of each connection, and of each that could not be handed on. */
  readonly note: (text: string) => void;
}

/** Connections at a time; more are turned away. */
const MAX_CONNECTIONS = 256;
/** Bytes that are read at once. */
const PIECE = 65_536;

/**
 * Lets subscribers talk to a publisher through us, and records what is said. What one side sends is written down before
 * the other gets it. Resolves when the signal has fired and all connections have ended.
 *
 * @throws {SttpError} `ConnectionLost` when no more connections can be had; all have ended then.
 */
export async function handOn(options: HandOnOptions): Promise<void> {
  const { listener, note } = options;
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const close = (): void => listener.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const open = new Set<Promise<void>>();
  try {
    for (let channel; (channel = await listener.accept()) !== null;) {
      if (open.size >= MAX_CONNECTIONS) {
        note(`${channel.peer.address} was turned away: ${MAX_CONNECTIONS} connections are open`);
        channel.close();
        continue;
      }
      const connection: Promise<void> = handOnOne(channel, { ...options, signal })
        .finally(() => open.delete(connection));
      open.add(connection);
    }
  } finally {
    broken.abort();
    await Promise.all(open);
  }
}

/** Hands on one connection until either side ends it, or it can't be recorded. */
async function handOnOne(subscriber: Channel, options: HandOnOptions): Promise<void> {
  const { connect, recorder, signal, note } = options;
  const { address } = subscriber.peer;
  let publisher: Channel;
  try {
    publisher = await connect(signal);
  } catch (error) {
    subscriber.close();
    if (!signal.aborted) note(`${address} could not be handed on: ${messageOf(error)}`);
    return;
  }
  const close = (): void => {
    subscriber.close();
    publisher.close();
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    const connection = await recorder.open({ subscriber: address, publisher: publisher.peer.address });
    note(`${address} is connected`);
    const pumps = [
      pump("subscriber", subscriber, publisher, connection, signal),
      pump("publisher", publisher, subscriber, connection, signal),
    ];
    // The end of one direction is the end of the other.
    await Promise.all(pumps.map((pump) => pump.finally(close)));
    note(`${address} has ended`);
  } catch {
    // It can't be recorded; whoever has the file says why.
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function pump(
  side: "subscriber" | "publisher",
  from: Channel,
  to: Channel,
  connection: RecordedConnection,
  signal: AbortSignal,
): Promise<void> {
  const buffer = new Uint8Array(PIECE);
  for (;;) {
    let count: number | null;
    try {
      count = await from.read(buffer);
    } catch (error) {
      return await connection.end(`the ${side}'s side broke: ${messageOf(error)}`);
    }
    if (count === null) {
      return await connection.end(
        signal.aborted ? "the recording was ended" : `the ${side} closed the connection`,
      );
    }
    const bytes = buffer.subarray(0, count);
    await connection.sent(side, bytes);
    try {
      await to.write(bytes);
    } catch {
      // The pump that reads from it says why.
      return;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
