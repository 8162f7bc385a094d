/**
 * One connection to a publisher: what is sent, what is awaited, and what each response does.
 *
 * @module
 */
import type { Channel } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { encodeBufferBlockConfirmation } from "../transport/wire/buffer_block.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { Command, commandName, Response, responseName } from "../transport/wire/codes.ts";
import type { CompactFormat } from "../transport/wire/compact.ts";
import { decodeDataStartTime } from "../transport/wire/data_packet.ts";
import type { ResponseView } from "../transport/wire/frame.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import {
  decodeNotification,
  encodeNotificationHash,
  type NotificationMessage,
} from "../transport/wire/notification.ts";
import { decodeCacheUpdateSteps } from "../transport/wire/signal_index_cache.ts";
import { encodeSubscribe } from "../transport/wire/subscribe.ts";
import { decodeResponseText } from "../transport/wire/text.ts";
import { BufferBlockReceiver } from "./buffer_blocks.ts";
import { CommandChannel } from "./command_channel.ts";
import { DataChannel } from "./data_channel.ts";
import type { Delivery } from "./delivery.ts";
import { type ExchangeOptions, Exchanges, isRefusal, isTimeout, refusal } from "./exchange.ts";
import { GivingWay } from "./giving_way.ts";
import { operationalModes, type SubscribeOptions } from "./options.ts";
import { PacketReader } from "./packets.ts";
import {
  type Replay,
  type SessionEnd,
  type SessionHost,
  type SessionState,
  sessionTransitions,
} from "./session_state.ts";
import { Turns } from "./turns.ts";

/** How long the signal index cache may come after the answer to Subscribe that it belongs to, in milliseconds. */
const cacheGrace = 2000;
/** Some publishers do not answer Unsubscribe (§15). */
const unsubscribeTimeout = 1000;
/** A publisher had time enough to read a confirmation after so many milliseconds, even if it does not say so. */
const confirmationTimeout = 5000;
/** No text of a publisher is read beyond this many bytes. */
const maxTextLength = 65_536;
/** The least time before a buffer block is sent again, in milliseconds. */
const leastRetransmission = 100;

/** Why a connection to sttpapi's publisher ends after TSSC packet 65,535; a new one begins with packet 0. */
const exhausted =
  "the publisher can send nothing more on this connection: its TSSC packets are at number 65,535";

/** How the publisher that never sets the CacheIndex flag (§15) greets; none other that has two caches does so. */
export const omitsCacheIndex: RegExp = /^STTP v\d+ client connection accepted: /;

const encoding = "utf-8";

/** A session: made for a channel, started once, ended once. */
export class Session {
  readonly #channel: CommandChannel;
  readonly #host: SessionHost;
  readonly #givingWay = new GivingWay();
  readonly #exchanges: Exchanges;
  readonly #packets: PacketReader;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly #over = new AbortController();
  #state: SessionState = "new";
  /** Of subscribing and unsubscribing. */
  readonly #turns = new Turns();
  #format: CompactFormat = { includeTime: true, useMillisecondResolution: false };
  #dataChannel: DataChannel | undefined;
  readonly #blocks: BufferBlockReceiver;
  #retransmissionTimeout = 5;
  #processingInterval = -1;
  #cachesReceived = 0;
  #isReadingCache = false;
  #signalCount = 0;
  #unauthorized: readonly string[] = [];
  #onCache: ((error?: SttpError) => void) | undefined;
  /** The history that is coming; and what will be coming once the publisher has accepted the last Subscribe. */
  #replay: Replay | undefined;
  #nextReplay: Replay | undefined;
  /** Why the session ended, once it has. */
  #endError: SttpError | undefined;

  /** @param channel An open channel, which the session closes when it ends. */
  constructor(channel: Channel, host: SessionHost) {
    const { options, signals, counters } = host;
    this.#host = host;
    this.#channel = new CommandChannel(channel, {
      ...host,
      givingWay: this.#givingWay,
      delivery: () => this.#delivery,
      onResponse: (response) => this.#handle(response),
      onLost: (error) => this.#end("lost", error),
    });
    this.#exchanges = new Exchanges(options.clock, (command, body) => this.#channel.send(command, body));
    this.#packets = new PacketReader({
      version: options.version,
      limits: options.limits,
      clock: options.clock,
      signals,
      counters,
      drop: host.drop,
    });
    this.#blocks = new BufferBlockReceiver({
      clock: options.clock,
      options: options.bufferBlocks,
      limits: options.limits,
      packets: this.#packets,
      inbox: host.bufferBlocks,
      idOf: (handle) => signals.idOf(handle)!,
      counters,
      drop: host.drop,
      confirm: (sequence) => this.#confirmBlock(sequence),
      timeout: () => Math.max(1000 * this.#retransmissionTimeout, leastRetransmission),
    });
  }

  /** Where the session is. */
  get state(): SessionState {
    return this.#state;
  }

  /** How many signals the newest signal index cache has. */
  get signalCount(): number {
    return this.#signalCount;
  }

  /** The signals that were asked for and not granted. */
  get unauthorized(): readonly string[] {
    return this.#unauthorized;
  }

  /** Resolves when the session has ended. Never rejects. */
  get ended(): Promise<SessionEnd> {
    return this.#ended.promise;
  }

  /** Fires when the session ends. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Sends the operational modes and begins to read. */
  start(): void {
    const { options, counters, emit } = this.#host;
    if (this.#state === "closed") return;
    this.#enter("ready");
    counters.connections++;
    this.#channel.send(Command.DefineOperationalModes, operationalModes(options, encoding));
    emit({ kind: "connected", peer: this.#channel.address });
    this.#channel.start();
  }

  /** Ends the session from this side. @param reason The error for those who wait. */
  close(reason: SttpError = new SttpError("Closed", "the connection was closed by this side")): void {
    this.#end("closed", reason);
  }

  /**
   * Asks for the metadata.
   *
   * @param filters Filter expressions, each for one table; empty for all.
   * @returns The document as it came, gzipped or not.
   */
  async requestMetadata(filters: string, signal?: AbortSignal): Promise<Uint8Array> {
    return await this.#request(Command.MetadataRefresh, encodeMetadataRefresh(filters, encoding), { signal });
  }

  /** Where measurements go that come over this connection. */
  get #delivery(): Delivery {
    return this.#replay?.delivery ?? this.#host.delivery;
  }

  /**
   * Subscribes, or replaces the subscription. Resolves when the publisher has accepted it and its signal index cache
   * is in place.
   *
   * @param replay For history that does not go where live data goes. There must be no live subscription, as it may go
   * on for a while when it is replaced.
   */
  subscribe(
    options: SubscribeOptions,
    signal?: AbortSignal,
    replay?: Replay,
  ): Promise<{ message: string; signals: number }> {
    return this.#turns.take(signal, "subscribe()", async () => {
      this.#checkOpen();
      const { filter, ...rest } = options;
      // What must not be lost does not go over UDP.
      const dataChannel = replay === undefined ? await this.#openDataChannel() : undefined;
      const settings = { ...rest, ...dataChannel && { dataChannel: dataChannel.settings } };
      const body = encodeSubscribe({ ...settings, filterExpression: filter ?? "" }, encoding);
      const before = this.#state;
      const formatBefore = this.#format;
      this.#enter(before === "subscribed" ? "resubscribing" : "subscribing");
      const cachesBefore = this.#cachesReceived;
      try {
        const answer = await this.#request(Command.Subscribe, body, {
          signal,
          // The cache of this subscription may come before the answer, or in spite of an abort.
          onSent: () => {
            this.#format = {
              includeTime: options.includeTime ?? true,
              useMillisecondResolution: options.useMillisecondResolution ?? false,
            };
            if (dataChannel !== undefined) dataChannel.dropsRepeated = isExact(this.#format);
            this.#nextReplay = replay;
          },
        });
        await this.#cacheAfter(cachesBefore);
        this.#processingInterval = options.processingInterval ?? -1;
        this.#retransmissionTimeout = options.bufferBlockRetransmissionTimeout ?? 5;
        this.#enter("subscribed");
        const message = this.#text(answer);
        this.#host.emit({ kind: "subscribed", message, signals: this.#signalCount });
        return { message, signals: this.#signalCount };
      } catch (error) {
        if (isRefusal(error)) {
          this.#format = formatBefore;
          this.#nextReplay = this.#replay;
        }
        if ((this.#state as SessionState) !== "closed") {
          this.#enter(before === "subscribed" ? before : "ready");
        }
        throw error;
      }
    });
  }

  /** Opens the data channel, if there is to be one and it is not open yet. */
  async #openDataChannel(): Promise<DataChannel | undefined> {
    const { options: { udp }, counters, drop, emit } = this.#host;
    if (udp === undefined || this.#dataChannel !== undefined) return this.#dataChannel;
    const dataChannel = await DataChannel.open({
      udp,
      peer: this.#channel.address,
      counters,
      drop,
      receive: (response) => this.#receive(response),
      onError: (error) => this.#end("lost", error),
    });
    if ((this.#state as SessionState) === "closed") {
      await dataChannel.close();
      this.#checkOpen();
    }
    emit({ kind: "dataChannel", address: dataChannel.address });
    return this.#dataChannel = dataChannel;
  }

  /** A data packet or buffer block came over UDP. Nobody can be made to wait there: what is too much is lost. */
  #receive(response: ResponseView): void {
    const { delivery, counters, drop } = this.#host;
    // Datagrams do not wait.
    if (response.code !== Response.DataPacket) return void this.#handle(response);
    const batch = delivery.filling;
    const isFull = delivery.full;
    const before = batch.length;
    this.#packets.read(response.body, batch, true);
    if (isFull) {
      const excess = batch.length - before;
      batch.length = before;
      counters.measurements -= excess;
      if (excess > 0) drop("overflow", "the consumer is too slow", excess);
    }
    this.#host.observe?.(batch, before, true);
    delivery.trim();
    delivery.commit();
  }

  /** Sends a command of the application's own (§14). @returns What the publisher's application answered. */
  sendUserCommand(number: number, payload: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#request(Command.UserCommand00 + number, payload, { signal });
  }

  /** Asks for a schema (§14). */
  requestSchema(
    command: typeof Command.GetPrimaryMetadataSchema | typeof Command.GetSignalSelectionSchema,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#request(command, new Uint8Array(0), { signal });
  }

  /** Changes how fast history is replayed (§11). */
  async updateProcessingInterval(interval: number, signal?: AbortSignal): Promise<void> {
    await this.#request(Command.UpdateProcessingInterval, encodeInterval(interval), { signal });
    this.#processingInterval = interval;
    if (this.#replay !== undefined) this.#replay.processingInterval = interval;
  }

  /** Asks for new cipher keys (§12). They come by themselves, before the answer or after it. */
  async rotateCipherKeys(signal?: AbortSignal): Promise<void> {
    await this.#request(Command.RotateCipherKeys, new Uint8Array(0), { signal });
  }

  /** Ends a replay that may not be complete, as `unsubscribe()` does. Does nothing when the connection is closed. */
  async endReplay(): Promise<void> {
    const isOver = this.#nextReplay?.isComplete ?? true;
    if (this.#state === "closed" || isOver) return;
    await this.unsubscribe().catch((error) => {
      // The connection is closed for it; why the replay ended, its reader knows already.
      if (!isTimeout(error)) throw error;
    });
  }

  /**
   * Ends the subscription; the connection stays.
   *
   * While a Subscribe is unanswered, this answer is waited for as long as that one was. It tells that the other will not
   * come any more: it would be taken for that to the next Subscribe. Without either the connection ends.
   *
   * @param signal Gives it up before it is sent. Afterwards the answer is waited for all the same, for a second at most:
   * data that comes before it is of the subscription, and none after it.
   */
  unsubscribe(signal?: AbortSignal): Promise<void> {
    return this.#turns.take(signal, "unsubscribe()", async () => {
      this.#checkOpen();
      this.#enter("unsubscribing");
      try {
        await this.#request(Command.Unsubscribe, new Uint8Array(0), {
          timeout: unsubscribeTimeout,
          behind: { command: Command.Subscribe, timeout: this.#host.options.commandTimeout },
        });
      } catch (error) {
        if (!isTimeout(error)) throw error;
        if (this.#exchanges.owes(Command.Subscribe)) {
          this.#end("lost", error);
          throw error;
        }
      } finally {
        if ((this.#state as SessionState) !== "closed") this.#enter("ready");
      }
      this.#host.emit({ kind: "unsubscribed" });
    });
  }

  #checkOpen(): void {
    if (this.#state === "new" || this.#state === "closed") {
      throw new SttpError("Closed", "there is no connection to a publisher");
    }
  }

  /** Sends a command and waits for its answer, while the consumer may be waiting for it, too. */
  async #request(
    command: number,
    body: Uint8Array,
    exchange: Partial<ExchangeOptions>,
  ): Promise<Uint8Array> {
    const delivery = this.#delivery;
    const timeout = this.#host.options.commandTimeout;
    this.#checkOpen();
    delivery.hold();
    try {
      return await this.#exchanges.request(command, body, { timeout, ...exchange });
    } finally {
      delivery.release();
    }
  }

  /** Resolves when a cache has come, or is late enough to be no longer expected: not all peers keep one order. */
  #cacheAfter(count: number): Promise<void> {
    if (this.#endError !== undefined) return Promise.reject(this.#endError);
    if (this.#cachesReceived > count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const cancel = this.#host.options.clock.schedule(cacheGrace, () => {
        // One that takes long to read has come.
        if (!this.#isReadingCache) this.#onCache?.();
      });
      this.#onCache = (error) => {
        this.#onCache = undefined;
        cancel();
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  }

  #enter(state: SessionState): void {
    if (!sessionTransitions[this.#state].includes(state)) {
      throw new SttpError("InvalidState", `a session can't go from ${this.#state} to ${state}`);
    }
    this.#state = state;
  }

  #end(kind: SessionEnd["kind"], error: SttpError): void {
    if (this.#state === "closed") return;
    this.#enter("closed");
    this.#endError = error;
    this.#blocks.close();
    this.#channel.close();
    this.#exchanges.close(error);
    this.#onCache?.(error);
    this.#over.abort(error);
    this.#delivery.commit();
    const closed = this.#dataChannel?.close();
    if (closed === undefined) this.#ended.resolve({ kind, error });
    else closed.then(() => this.#ended.resolve({ kind, error }));
  }

  /** @returns A promise when it takes long: what comes behind it has to wait. */
  #handle({ code, inResponseTo, body }: ResponseView): void | Promise<void> {
    const { emit } = this.#host;
    try {
      switch (code) {
        case Response.DataPacket:
          this.#readPacket(body, this.#delivery);
          if (this.#packets.isExhausted) this.#end("lost", new SttpError("ConnectionLost", exhausted));
          return;
        case Response.NoOP:
          return;
        case Response.Succeeded:
          return this.#succeeded(inResponseTo, body);
        case Response.Failed:
          return this.#failed(inResponseTo, this.#text(body));
        case Response.UpdateSignalIndexCache:
          return this.#givingWay.carryOut(this.#updateCache(body));
        case Response.UpdateBaseTimes:
          return this.#updateBaseTimes(body);
        case Response.UpdateCipherKeys:
          return this.#updateCipherKeys(body);
        case Response.DataStartTime:
          return emit({ kind: "dataStartTime", ticks: decodeDataStartTime(body) });
        case Response.ProcessingComplete:
          return this.#completed(this.#text(body));
        case Response.BufferBlock:
          return this.#givingWay.carryOut(this.#blocks.receive(body));
        case Response.Notify:
          return this.#notified(decodeNotification(body, encoding));
        case Response.ConfigurationChanged:
          return this.#host.configurationChanged();
        default:
          return this.#handOff(code, inResponseTo, body);
      }
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      this.#host.drop("malformedResponse", `${responseName(code)}: ${error.message}`);
    }
  }

  /** User responses, and what is not in the protocol. */
  #handOff(code: number, inResponseTo: number, body: Uint8Array): void {
    if (code >= Response.UserResponse00 && code <= Response.UserResponse15) {
      const isCommand = inResponseTo >= Command.UserCommand00 && inResponseTo <= Command.UserCommand15;
      if (isCommand && this.#exchanges.succeed(inResponseTo, () => this.#channel.keep(body))) return;
      const message = `${responseName(code)} to ${commandName(inResponseTo)}, which was not waiting for it`;
      return this.#host.drop("unexpectedResponse", message);
    }
    this.#host.drop("unknownResponse", `there is no response ${responseName(code)}`);
  }

  #readPacket(body: Uint8Array, delivery: Delivery): void {
    const { filling } = delivery;
    const from = filling.length;
    this.#packets.read(body, filling);
    if (this.#replay === undefined) this.#host.observe?.(filling, from, false);
    else if (delivery.ended) this.#discard(filling, from);
    delivery.trim();
  }

  /** Nobody takes what comes after the end of history. */
  #discard(batch: MeasurementBatch, from: number): void {
    const count = batch.length - from;
    batch.length = from;
    this.#host.counters.measurements -= count;
    this.#host.drop("unexpectedResponse", "a data packet came after the end of history");
  }

  /** The publisher has accepted a Subscribe: here in the stream its data may begin. */
  #accepted(): void {
    if (this.#replay === this.#nextReplay) return;
    this.#delivery.commit();
    if (this.#replay === undefined) this.#host.historyBegins?.();
    this.#replay = this.#nextReplay;
  }

  #completed(message: string): void {
    this.#host.emit({ kind: "processingComplete", message });
    if (this.#replay === undefined) return;
    this.#replay.isComplete = true;
    this.#replay.delivery.end();
  }

  #succeeded(command: number, body: Uint8Array): void {
    if (command === Command.DefineOperationalModes) {
      const message = this.#text(body);
      if (omitsCacheIndex.test(message)) this.#packets.expectNoFlags();
      return this.#host.emit({ kind: "modesAccepted", message });
    }
    if (command === Command.Subscribe) this.#accepted();
    if (this.#exchanges.succeed(command, () => this.#channel.keep(body))) return;
    // Some publishers say so whenever they replace keys.
    if (command !== Command.RotateCipherKeys) {
      this.#host.drop(
        "unexpectedResponse",
        `Succeeded to ${commandName(command)}, which was not waiting for it`,
      );
    }
  }

  #failed(command: number, message: string): void {
    if (command === Command.Connect) {
      return this.#end("refused", refusal("Refused", "the connection", message));
    }
    if (command === Command.DefineOperationalModes) {
      return this.#end("refused", refusal("UnsupportedVersion", "the operational modes", message));
    }
    if (!this.#exchanges.refuse(command, message)) {
      this.#host.drop("unexpectedResponse", `Failed to ${commandName(command)}: ${message}`);
    }
  }

  /** A publisher that does not read what it is told gets no more of it; the block will come again. */
  #confirmBlock(sequence: number): void {
    if (this.#channel.isCongested) return;
    this.#channel.send(Command.ConfirmBufferBlock, encodeBufferBlockConfirmation(sequence));
  }

  #notified(notification: NotificationMessage): void {
    this.#host.notifications.receive(notification, this, () => {
      this.#channel.send(Command.ConfirmNotification, encodeNotificationHash(notification.hash));
    });
  }

  #updateBaseTimes(body: Uint8Array): void {
    this.#dataChannel?.forgetRepeated();
    this.#packets.updateBaseTimes(body);
    if (this.#host.options.confirmBaseTimes) {
      this.#channel.send(Command.ConfirmUpdateBaseTimes, new Uint8Array(0));
    }
  }

  #updateCipherKeys(body: Uint8Array): void {
    const cipherIndex = this.#packets.updateCipherKeys(body);
    this.#channel.send(Command.ConfirmUpdateCipherKeys, new Uint8Array(0));
    this.#host.emit({ kind: "cipherKeys", cipherIndex });
  }

  *#updateCache(body: Uint8Array): Generator<void, void, unknown> {
    const { options, counters, emit } = this.#host;
    const { version, limits } = options;
    const format = this.#format;
    this.#isReadingCache = true;
    try {
      const gzip = options.compressSignalIndexCache;
      const { cacheIndex, cache } = yield* decodeCacheUpdateSteps(body, { version, gzip, encoding, limits });
      yield* this.#packets.installCacheSteps(cacheIndex, cache, format);
      this.#accepted();
      counters.caches++;
      this.#cachesReceived++;
      this.#signalCount = cache.size;
      if (version > 1) this.#confirmCache();
      this.#unauthorized = cache.unauthorized;
      emit({ kind: "signals", cacheIndex, signals: cache.size, unauthorized: cache.unauthorized.length });
      this.#onCache?.();
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      this.#host.drop("malformedCache", error.message);
      // It can't be confirmed, and until it is the publisher sends no other: there is no way on from here.
      const message = `the publisher sent a signal index cache that can't be used: ${error.message}`;
      this.#end("lost", new SttpError(error.code, message, { cause: error }));
    } finally {
      this.#isReadingCache = false;
    }
  }

  #confirmCache(): void {
    this.#channel.send(Command.ConfirmUpdateSignalIndexCache, new Uint8Array(0));
    if (!this.#packets.undecided) return;
    // Behind the confirmation a command that changes nothing; its answer tells that the confirmation was read.
    this.#exchanges.request(Command.UpdateProcessingInterval, encodeInterval(this.#processingInterval), {
      timeout: confirmationTimeout,
      onSettled: () => this.#packets.confirmationAnswered(),
    }).catch(() => {
      // Any answer will do, and after the time-out none is needed.
    });
  }

  /** A text as the publisher sends it. One of them puts an int32 length in front (§15), which gives it away. */
  #text(body: Uint8Array): string {
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    if (body.length >= 4 && view.getUint32(0) === body.length - 4) this.#packets.isSttpapi = true;
    return decodeResponseText(body, encoding, maxTextLength);
  }
}

function encodeInterval(interval: number): Uint8Array {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setInt32(0, interval);
  return body;
}

/** Whether every packet tells its instants to the tick. */
function isExact({ includeTime, useMillisecondResolution }: CompactFormat): boolean {
  return includeTime && !useMillisecondResolution;
}
