/**
 * The command channel as bytes: frames in, commands out, and whether anything is heard.
 *
 * @module
 */
import type { Channel } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { encodeCommand, FrameReader, readResponses, type ResponseView } from "../transport/wire/frame.ts";
import { checkFirstBytes, firstBytesLength } from "./first_bytes.ts";
import type { GivingWay } from "./giving_way.ts";
import type { SessionHost } from "./session_state.ts";

/** Reading may rest for this many milliseconds before it is reported. */
const worthTelling = 1000;
/** What is no longer than this is copied when it is kept. */
const copiedBytes = 1024 * 1024;
/** So many bytes of a peer that is no publisher are looked at. */
const firstBytesShown = 64;
/** While more than this many bytes of commands wait to be written, nothing more is read. */
const maxQueuedBytes = 64 * 1024;

/** What a {@linkcode CommandChannel} needs from its session. */
export interface CommandChannelHost extends Pick<SessionHost, "options" | "counters" | "emit" | "drop"> {
  /** Where measurements go at this moment. */
  readonly delivery: () => SessionHost["delivery"];
  /** When to give way to everything else; closed with the channel. */
  readonly givingWay: GivingWay;
  /** A response came; its body is lent, until the promise resolves if there is one: then the next is read. */
  readonly onResponse: (response: ResponseView) => void | Promise<void>;
  /** The connection is of no use any more. */
  readonly onLost: (error: SttpError) => void;
}

/** Reads responses and writes commands, until it is closed. */
export class CommandChannel {
  readonly #channel: Channel;
  readonly #host: CommandChannelHost;
  readonly #frames: FrameReader;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #writing: Promise<void> = Promise.resolve();
  #queuedBytes = 0;
  #lastHeard = 0;
  #hasHeard = false;
  #paused = false;
  #stopWatchdog: () => void = () => {};

  /** @param channel An open channel, which is closed with this. */
  constructor(channel: Channel, host: CommandChannelHost) {
    this.#channel = channel;
    this.#host = host;
    this.#frames = new FrameReader({ maxLength: host.options.limits.responseFrameLength });
  }

  /** Who is at the other end, for people. */
  get address(): string {
    return this.#channel.peer.address;
  }

  /** Whether the publisher does not read what it is told. */
  get isCongested(): boolean {
    return this.#queuedBytes > maxQueuedBytes;
  }

  /** Begins to read. */
  start(): void {
    const { options: { clock, heartbeatTimeout } } = this.#host;
    this.#lastHeard = clock.monotonic();
    this.#watch(heartbeatTimeout);
    this.#read().catch((error: unknown) => this.#lose(error));
  }

  /** Ends it; nothing is handed over after that. */
  close(): void {
    this.#isClosed = true;
    this.#stopWatchdog();
    this.#host.givingWay.close();
    this.#channel.close();
    this.#closed.resolve();
  }

  /** Ends a connection on which nothing was heard for `timeout` milliseconds. */
  #watch(timeout: number): void {
    if (timeout === 0) return;
    const { options: { clock }, onLost } = this.#host;
    const check = (): void => {
      // While we do not read, silence is our own.
      if (this.#paused) this.#lastHeard = clock.monotonic();
      const idle = clock.monotonic() - this.#lastHeard;
      if (idle >= timeout) {
        onLost(new SttpError("TimedOut", `nothing was heard from the publisher for ${timeout} ms`));
      } else {
        this.#stopWatchdog = clock.schedule(timeout - idle, check);
      }
    };
    this.#stopWatchdog = clock.schedule(timeout, check);
  }

  /** Writes a command, after those before it. */
  send(command: number, body: Uint8Array): void {
    const frame = encodeCommand(command, body);
    this.#queuedBytes += frame.length;
    this.#writing = this.#writing.then(async () => {
      if (this.#isClosed) return;
      await this.#channel.write(frame);
      this.#queuedBytes -= frame.length;
    }).catch((error: unknown) => this.#lose(error));
  }

  /** Reports a loss. Whom a publisher does not want, or who does not speak TLS to one that does, sees no more of it. */
  #lose(error: unknown): void {
    const lost = asSttpError(error);
    // TLS has a hint of its own.
    const isSilent = !this.#hasHeard && this.#channel.peer.tls === undefined;
    if (lost.code !== "ConnectionLost" || !isSilent) return this.#host.onLost(lost);
    const hint = "before anything came; it may want TLS, or nobody from this address";
    this.#host.onLost(new SttpError("ConnectionLost", `${lost.message} ${hint}`, { cause: lost }));
  }

  async #read(): Promise<void> {
    const { options, counters, givingWay, onResponse, drop } = this.#host;
    const frames = this.#frames;
    let isPublisher = false;
    for (;;) {
      if (givingWay.isDue) await givingWay.next();
      const count = await this.#channel.read(frames.writable());
      if (this.#isClosed) return;
      if (count === null) break;
      frames.commit(count);
      counters.bytes += count;
      this.#hasHeard = true;
      this.#lastHeard = options.clock.monotonic();
      if (!isPublisher && frames.buffered >= firstBytesLength) {
        checkFirstBytes(frames.peek(firstBytesShown));
        isPublisher = true;
      }
      for (let payload = frames.next(); payload !== undefined; payload = frames.next()) {
        counters.frames++;
        try {
          for (const response of readResponses(payload)) {
            const handled = onResponse(response);
            if (handled !== undefined) await this.#rest(handled);
            if (givingWay.isDue) await givingWay.next();
            if (this.#host.delivery().full || this.isCongested) await this.#makeRoom();
            if (this.#isClosed) return;
          }
        } catch (error) {
          // The frame's own length was right, so the next one can be read.
          if (!(error instanceof SttpError) || error.code !== "MalformedFrame") throw error;
          drop("malformedFrame", error.message);
          if (givingWay.isDue) await givingWay.next();
          if (this.#isClosed) return;
        }
      }
      this.#host.delivery().commit();
    }
    this.#lose(new SttpError("ConnectionLost", "the publisher closed the connection"));
  }

  /**
   * The body of the response that is being handed over, for whoever keeps it. One that is long keeps its whole frame, as
   * copying it takes long.
   */
  keep(body: Uint8Array): Uint8Array {
    if (body.length <= copiedBytes) return body.slice();
    this.#frames.release();
    return body;
  }

  /** Reads nothing until something is done. */
  async #rest(until: Promise<void>): Promise<void> {
    this.#paused = true;
    try {
      await until;
    } finally {
      this.#paused = false;
      this.#lastHeard = this.#host.options.clock.monotonic();
    }
  }

  /** Reads nothing until the consumer has made room and the publisher has read its commands. */
  async #makeRoom(): Promise<void> {
    const { counters, emit } = this.#host;
    const delivery = this.#host.delivery();
    delivery.commit();
    if (this.isCongested) await this.#writing;
    if (!delivery.full) return;
    counters.pauses++;
    const { clock } = this.#host.options;
    let told = false;
    const cancel = clock.schedule(worthTelling, () => {
      told = true;
      emit({ kind: "paused", waiting: delivery.waiting });
    });
    await this.#rest(Promise.race([delivery.room(), this.#closed.promise]));
    cancel();
    if (told) emit({ kind: "resumed", waiting: delivery.waiting });
  }
}

function asSttpError(error: unknown): SttpError {
  if (error instanceof SttpError) return error;
  return new SttpError("ConnectionLost", "the connection broke", { cause: error });
}
