/** A publisher that does what a test says, over memory channels. */
import type { Channel } from "../../transport/channel.ts";
import { SttpError } from "../../transport/errors.ts";
import { createChannelPair } from "../../transport/memory_channel.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { Command, commandName, DataPacketFlags, Response } from "../../transport/wire/codes.ts";
import { CompactEncoder, type CompactFormat } from "../../transport/wire/compact.ts";
import { DATA_FRAME_PREFIX, finishDataFrame } from "../../transport/wire/data_packet.ts";
import { type CommandView, encodeResponse, FrameReader, readCommand } from "../../transport/wire/frame.ts";
import {
  encodeCacheUpdate,
  encodeSignalIndexCache,
  SignalIndexCache,
} from "../../transport/wire/signal_index_cache.ts";
import { decodeSubscribe, type SubscribeRequest } from "../../transport/wire/subscribe.ts";
import type { TsscEncoder } from "../../transport/wire/tssc/mod.ts";

/** A signal ID made of a number. */
export function signalId(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** A cache that gives signal `ids[i]` the index `indexes[i]`, or `i`. */
export function cacheOf(
  ids: readonly number[],
  indexes: readonly number[] = ids.keys().toArray(),
): Uint8Array {
  return encodeSignalIndexCache(SignalIndexCache.from(ids.map((id, i) => ({
    index: indexes[i]!,
    signalId: signalId(id),
    source: "TEST",
    id: BigInt(id),
  }))));
}

/** A batch with these signal indexes; value `i` is `firstValue + i`, time `firstTicks + i`. */
export function batchOf(
  indexes: readonly number[],
  firstValue: number = 0,
  firstTicks: bigint = 638_500_000_000_000_000n,
): MeasurementBatch {
  const batch = new MeasurementBatch(indexes.length);
  indexes.forEach((index, i) => batch.add(index, firstTicks + BigInt(i), firstValue + i));
  return batch;
}

/** A data packet's frame in compact format. */
export function compactFrame(
  batch: MeasurementBatch,
  flags: number = 0,
  format: CompactFormat = { includeTime: true, useMillisecondResolution: false },
  encoder: CompactEncoder = new CompactEncoder(format),
): Uint8Array {
  const out = new Uint8Array(DATA_FRAME_PREFIX + 20 * batch.length);
  encoder.encode(batch, 0, batch.length, out, DATA_FRAME_PREFIX, out.length);
  return finishDataFrame(out, 0, encoder.end, DataPacketFlags.Compact | flags, batch.length);
}

/** A data packet's frame in TSSC. */
export function tsscFrame(encoder: TsscEncoder, batch: MeasurementBatch, flags: number = 0): Uint8Array {
  const out = new Uint8Array(DATA_FRAME_PREFIX + 200 + 20 * batch.length);
  encoder.begin(out, DATA_FRAME_PREFIX, out.length);
  if (encoder.encode(batch, 0, batch.length) !== batch.length) {
    throw new Error("the batch does not fit a packet");
  }
  return finishDataFrame(out, 0, encoder.finish(), DataPacketFlags.Compressed | flags, batch.length);
}

/** Puts several frames' responses into one frame, as a publisher does that batches its writes. */
export function oneFrame(frames: readonly Uint8Array[]): Uint8Array {
  const length = frames.reduce((sum, frame) => sum + frame.length - 4, 0);
  const out = new Uint8Array(4 + length);
  new DataView(out.buffer).setUint32(0, length);
  let offset = 4;
  for (const frame of frames) {
    out.set(frame.subarray(4), offset);
    offset += frame.length - 4;
  }
  return out;
}

const utf8 = new TextEncoder();

/** The publisher's end of one connection. */
export class ScriptedPublisher {
  readonly channel: Channel;
  readonly #frames = new FrameReader({ maxLength: 1 << 24 });
  /** Whether the subscriber closed the connection. */
  ended = false;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /** The next command, which must be `code` if one is given. */
  async next(code?: number): Promise<CommandView> {
    const command = await this.nextOrEnd();
    if (command === undefined) throw new Error("the subscriber closed the connection");
    if (code !== undefined && command.code !== code) {
      throw new Error(`${commandName(command.code)} came, ${commandName(code)} expected`);
    }
    return command;
  }

  /** The next command, which must be Subscribe: what it asks for. */
  async nextSubscribe(): Promise<SubscribeRequest> {
    return decodeSubscribe((await this.next(Command.Subscribe)).body, "utf-8");
  }

  /** The next command, or `undefined` when the subscriber closed the connection. */
  async nextOrEnd(): Promise<CommandView | undefined> {
    for (;;) {
      const payload = this.#frames.next();
      if (payload !== undefined) {
        const { code, body } = readCommand(payload);
        return { code, body: body.slice() };
      }
      const count = await this.channel.read(this.#frames.writable());
      if (count === null) {
        this.ended = true;
        return undefined;
      }
      this.#frames.commit(count);
    }
  }

  /** Sends whole frames as they are. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) await this.channel.write(frame);
  }

  respond(response: number, inResponseTo: number, body: string | Uint8Array = ""): Promise<void> {
    return this.send(responseFrame(response, inResponseTo, body));
  }

  /**
   * The usual beginning, up to the first cache: modes, metadata if there is any, and a subscription to signals 1, 2, …
   * with indexes from 0.
   */
  async accept(
    ids: readonly number[],
    options: { version?: number; cacheIndex?: number; greeting?: string; metadata?: string } = {},
  ): Promise<void> {
    await this.next(Command.DefineOperationalModes);
    await this.respond(Response.Succeeded, Command.DefineOperationalModes, options.greeting ?? "hello");
    if (options.metadata !== undefined) {
      await this.next(Command.MetadataRefresh);
      await this.respond(Response.Succeeded, Command.MetadataRefresh, options.metadata);
    }
    await this.next(Command.Subscribe);
    await this.subscribed(ids, options);
  }

  /** Answers a Subscribe with a cache and Succeeded, and takes the confirmation. */
  async subscribed(
    ids: readonly number[],
    options: { version?: number; cacheIndex?: number; indexes?: readonly number[] } = {},
  ): Promise<void> {
    const { version = 2, cacheIndex = 0, indexes } = options;
    await this.send(cacheFrame(cacheOf(ids, indexes), version, cacheIndex));
    await this.respond(Response.Succeeded, Command.Subscribe, "subscribed");
    if (version > 1) await this.next(Command.ConfirmUpdateSignalIndexCache);
  }
}

/** A response's frame, its body a text or bytes. */
export function responseFrame(
  response: number,
  inResponseTo: number,
  body: string | Uint8Array = "",
): Uint8Array {
  return encodeResponse(response, inResponseTo, typeof body === "string" ? utf8.encode(body) : body);
}

/** An UpdateSignalIndexCache's frame. */
export function cacheFrame(block: Uint8Array, version: number = 2, cacheIndex: number = 0): Uint8Array {
  const body = encodeCacheUpdate(block, { version, cacheIndex: cacheIndex === 1 ? 1 : 0 });
  if (version > 1) body[0] = cacheIndex;
  return responseFrame(Response.UpdateSignalIndexCache, Command.Subscribe, body);
}

/** Hands channels to a subscriber and their other ends to the test. */
export class ScriptedConnector {
  readonly #accepted: ScriptedPublisher[] = [];
  readonly #waiting: ((publisher: ScriptedPublisher) => void)[] = [];
  /** How many connections were asked for. */
  attempts = 0;
  /** While set, nobody answers. */
  down = false;
  readonly #bufferLimit: number | undefined;

  constructor(bufferLimit?: number) {
    this.#bufferLimit = bufferLimit;
  }

  /** The subscriber's `connector`. */
  readonly connect = (address: string): Promise<Channel> => {
    this.attempts++;
    if (this.down) return Promise.reject(new SttpError("ConnectFailed", `nobody answers at ${address}`));
    const [near, far] = createChannelPair(
      this.#bufferLimit === undefined ? {} : { bufferLimit: this.#bufferLimit },
    );
    const publisher = new ScriptedPublisher(far);
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(publisher);
    else this.#accepted.push(publisher);
    return Promise.resolve(near);
  };

  /** The next connection. */
  accept(): Promise<ScriptedPublisher> {
    const accepted = this.#accepted.shift();
    if (accepted !== undefined) return Promise.resolve(accepted);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}
