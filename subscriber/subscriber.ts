/**
 * The subscriber as a program uses it.
 *
 * @module
 */
import type { Channel, PeerInfo } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { inRange, longestDelay } from "../transport/option_checks.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { StatusStream } from "../transport/status_stream.ts";
import { type MeasurementTap, Taps } from "../transport/taps.ts";
import type { Measurement, MeasurementBatch } from "../transport/wire/batch.ts";
import { Command } from "../transport/wire/codes.ts";
import type { DataSet } from "../metadata/data_set.ts";
import type { Metadata } from "../metadata/records.ts";
import { abortError } from "./abort.ts";
import { Changes } from "./changes.ts";
import { type ChannelSource, Dialling, Incoming, openListening } from "./channel_source.ts";
import { type BufferBlock, BufferBlockInbox } from "./buffer_block_inbox.ts";
import { BatchIterator, Delivery } from "./delivery.ts";
import {
  type HistoryConnection,
  type HistoryOptions,
  OpenHistories,
  readHistory,
  SeparateHistory,
} from "./history.ts";
import { GapRecovery } from "./gap_recovery.ts";
import { type FrameIterator, type FrameOptions, FrameSorter, SortedFrames } from "./frames.ts";
import { MeasurementIterator, MeasurementsOfBatch } from "./measurements.ts";
import { readMetadata, ReceivedMetadata } from "./metadata.ts";
import { Notifications } from "./notifications.ts";
import {
  type CheckedOptions,
  checkOptions,
  checkSubscribeOptions,
  type ConnectOptions,
  joinMetadataFilters,
  type ListenOptions,
  type SubscribeOptions,
  type SubscriberOptions,
  type WaitOptions,
} from "./options.ts";
import { isWhole, Run, type RunHost, type SubscriberState, type Wanted } from "./run.ts";
import type { Session } from "./session.ts";
import { Counters, DropLog, type SubscriberStats } from "./stats.ts";
import type { CloseReason, SubscriberStatus } from "./status.ts";
import { SupplyIterator } from "./supply.ts";

/** Events that a slow reader of `status()` may be behind. */
const statusEvents = 256;

/**
 * Receives measurements from a publisher.
 *
 * `connect()` connects, gets the metadata and subscribes; a lost connection comes back by itself. Measurements are
 * taken by iteration, or by the function `onBatch`: one of them, one consumer at a time.
 *
 * @example The names and values of what arrives
 * ```ts
 * import { Grid } from "@sttp/sttp/grid";
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { Subscriber } from "@sttp/sttp/subscriber";
 * import { assertEquals } from "@std/assert";
 *
 * // Somebody to subscribe to
 * await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
 * publisher.defineMetadata((await Grid.create({ devices: 2 })).metadata());
 * await publisher.start();
 * const ticks = 638_500_000_000_000_000n;
 * const measurements = publisher.filterMetadata("True").map(({ signalId }) => {
 *   return { signalId, ticks, value: 59.5, flags: 0 };
 * });
 * const timer = setInterval(() => publisher.publishMeasurements(measurements), 10);
 *
 * await using subscriber = new Subscriber({ filter: "FILTER TOP 20 ActiveMeasurements WHERE True" });
 * await subscriber.connect(publisher.address);
 * const received = new Map<string, number>();
 * for await (const batch of subscriber.batches()) {
 *   for (const { signalId, value } of subscriber.measurementsOf(batch)) {
 *     received.set(subscriber.records?.measurement(signalId)?.pointTag ?? signalId, value);
 *   }
 *   if (received.size === 20) break;
 * }
 * assertEquals([...received.values()], Array(20).fill(59.5));
 * clearInterval(timer);
 * ```
 */
export class Subscriber implements AsyncDisposable {
  /**
   * What the handles in a batch's `signals` column stand for. A signal keeps its handle over resubscriptions and
   * reconnections.
   */
  readonly signals: SignalTable = new SignalTable();
  readonly #options: CheckedOptions;
  readonly #counters = new Counters();
  readonly #status = new StatusStream<SubscriberStatus>(
    statusEvents,
    (count) => ({ kind: "missed", count }),
    { name: "sttp:subscriber", source: this },
  );
  readonly #drops: DropLog;
  readonly #delivery: Delivery;
  readonly #bufferBlocks: BufferBlockInbox;
  readonly #gaps: GapRecovery | undefined;
  readonly #taps = new Taps();
  readonly #wanted: Wanted;
  readonly #changes: Changes;
  readonly #metadata: ReceivedMetadata;
  readonly #host: RunHost;
  #run: Run | undefined;
  #histories = new OpenHistories();
  #closed = Promise.withResolvers<CloseReason>();
  /** Whether there was a run before, whose end `closed` tells until the next begins. */
  #ran = false;

  /**
   * Checks the options; nothing happens before {@linkcode Subscriber.connect}.
   *
   * @throws {TypeError} When an option does not exist or is of a wrong type.
   * @throws {RangeError} When a number is out of its range.
   */
  constructor(options: SubscriberOptions = {}) {
    const checked = this.#options = checkOptions(options);
    const { clock, gapRecovery } = checked;
    const signals = this.signals;
    const counters = this.#counters;
    const emit = (event: SubscriberStatus): void => this.#status.emit(event);
    this.#drops = new DropLog(counters, clock, (reason, count, message) => {
      emit({ kind: "dropped", reason, count, message });
    });
    const drop: RunHost["drop"] = (reason, message, count) => this.#drops.drop(reason, message, count);
    this.#delivery = new Delivery({
      capacity: checked.deliveryBuffer,
      overflow: checked.overflow,
      onBatch: checked.onBatch,
      onDropped: (count) => drop("overflow", "the consumer is too slow", count),
    });
    this.#bufferBlocks = new BufferBlockInbox(checked.bufferBlocks, checked.onBufferBlock, drop);
    this.#wanted = { subscription: checked.subscription, subscribing: checked.autoSubscribe };
    this.#changes = new Changes(this.#wanted, () => this.#run);
    this.#metadata = new ReceivedMetadata({ options: checked, counters, emit });
    this.#gaps = gapRecovery && new GapRecovery(gapRecovery, {
      clock,
      signals,
      counters,
      timeout: checked.commandTimeout,
      wanted: this.#wanted,
      openHistory: (signal) => this.#openHistory(signal),
      emit,
    });
    this.#host = {
      options: checked,
      signals,
      counters,
      delivery: this.#delivery,
      bufferBlocks: this.#bufferBlocks,
      notifications: new Notifications({ onNotification: checked.onNotification, counters, emit, drop }),
      wanted: this.#wanted,
      metadata: this.#metadata,
      taps: this.#taps,
      gaps: this.#gaps,
      emit,
      drop,
      onEnd: (reason) => this.#ended(reason),
    };
  }

  /** Where the subscriber is. */
  get state(): SubscriberState {
    return this.#run?.state ?? "idle";
  }

  /** Who is at the other end of the connection; `undefined` when there is none. */
  get peer(): PeerInfo | undefined {
    return this.#run?.peer;
  }

  /** The metadata of the publisher, as last received; `undefined` before that. It stays when the connection goes. */
  get metadata(): DataSet | undefined {
    return this.#metadata.dataSet;
  }

  /** The signal IDs that the present subscription asks for and the publisher does not grant. */
  get unauthorized(): readonly string[] {
    return this.#run?.session?.unauthorized ?? [];
  }

  /**
   * {@linkcode Subscriber.metadata} as records of devices, measurements and phasors; made when first asked for.
   *
   * @throws {SttpError} `InvalidMetadata` when it has measurements but no signal IDs.
   */
  get records(): Metadata | undefined {
    return this.#metadata.records;
  }

  /** What is, or will be, subscribed to. */
  get subscription(): Readonly<SubscribeOptions> {
    return this.#wanted.subscription;
  }

  /** Resolves with the reason when the run has ended: the present one, else the last, else the first. Never rejects. */
  get closed(): Promise<CloseReason> {
    return this.#closed.promise;
  }

  /**
   * Connects, gets the metadata (unless `autoRequestMetadata` is off) and subscribes (unless `autoSubscribe` is off).
   * May be called again after the end. Metadata that the publisher refuses is done without, unless there are
   * `metadataFilters`, which may be what it refuses.
   *
   * Measurements come from when the publisher has read the confirmation of its signal index cache (§5), a moment after
   * `connect()` resolves: what it publishes before that is not part of the subscription.
   *
   * @param address `host:port`; default: the `address` of the options.
   * @throws {SttpError} `ConnectFailed`, `TimedOut`, `ConnectionLost`; `Refused` or `UnsupportedVersion` with the
   * publisher's reason; `Aborted`; `Closed` by `disconnect()`; `InvalidState` when running already.
   * @throws {TypeError} When the address can't be read.
   * @throws {RangeError} When its port is 0.
   */
  async connect(address: string = this.#options.address, options: ConnectOptions = {}): Promise<void> {
    const { signal, retry = false } = options;
    const source = new Dialling(address, this.#options);
    this.#checkIdle();
    if (signal?.aborted) throw abortError(signal, "connect()");
    const run = this.#begin(source, retry);
    const onAbort = (): void => run.stop(abortError(signal!, "connect()"));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await run.ready;
    } catch (error) {
      await run.ended;
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Listens for a publisher that connects (§2, a reverse connection), and then does what `connect()` does. When the
   * connection is lost, the publisher is expected to come back. One publisher is served at a time, others are turned
   * away; a `SubscriberListener` is for several.
   *
   * @returns Where it listens, once it does: `host:port`, and the port, the real one when 0 was asked for.
   * @throws {SttpError} `ConnectFailed` when the address can't be had; `InvalidState` when running already; `Closed`
   * by `disconnect()`.
   * @throws {TypeError} When the TLS options can't be used, or have no certificate.
   * @throws {RangeError} When the port makes no sense.
   */
  async listen(options: ListenOptions = {}): Promise<{ address: string; port: number }> {
    this.#checkIdle();
    const histories = this.#histories;
    const listening = openListening(options, this.#host, (source) => {
      if (this.#histories !== histories) throw new SttpError("Closed", "the subscriber was disconnected");
      this.#checkIdle();
      this.#begin(source, true);
    });
    histories.add(listening.catch(() => {})); // disconnect() waits for it, too
    return await listening;
  }

  /**
   * Uses a connection to a publisher that was made in some other way, and then does what `connect()` does; a connection
   * that there is already ends. When it is lost, another one is expected to be handed over.
   *
   * @throws {SttpError} `InvalidState` when running by `connect()` or `listen()`; the channel is closed then.
   */
  serve(channel: Channel): void {
    let source = this.#run?.source;
    if (source === undefined) this.#begin(source = new Incoming(channel.peer.address), true);
    if (!(source instanceof Incoming) || source.isListening) {
      channel.close();
      throw new SttpError("InvalidState", "the subscriber gets its connections from elsewhere");
    }
    source.offer(channel);
    this.#run?.session?.close();
  }

  #checkIdle(): void {
    if (this.#run === undefined) return;
    const { address } = this.#run.source;
    throw new SttpError("InvalidState", `the subscriber is running already, with ${address}`);
  }

  #begin(source: ChannelSource, retry: boolean): Run {
    if (this.#ran) this.#closed = Promise.withResolvers();
    this.#ran = true;
    const run = this.#run = new Run(source, retry, this.#host);
    this.#delivery.start();
    this.#bufferBlocks.start();
    run.start();
    return run;
  }

  #ended(reason: CloseReason): void {
    this.#run = undefined;
    this.#delivery.end();
    this.#bufferBlocks.end();
    this.#status.emit({ kind: "closed", reason });
    this.#status.end();
    this.#closed.resolve(reason);
  }

  /**
   * Subscribes to something else or in another way; what is not given stays as it is. While there is a subscription,
   * the new one replaces it without a gap; if the publisher refuses it, the old one goes on. Without a connection,
   * this is what the next one subscribes to. It is so, too, when the connection is lost meanwhile; any other failure
   * leaves {@linkcode Subscriber.subscription} as it was. Calls of this, `unsubscribe()` and
   * `updateProcessingInterval()` take turns: each finds what the one before has come to.
   *
   * @throws {SttpError} `Refused` with the publisher's reason, `TimedOut`, `Aborted`, `ConnectionLost`.
   * @throws {TypeError} When an option does not exist, is of a wrong type, or is a text that can't be sent.
   * @throws {RangeError} When a number is out of its range.
   */
  async subscribe(options: SubscribeOptions = {}, { signal }: WaitOptions = {}): Promise<void> {
    const changes = checkSubscribeOptions(options);
    await this.#changes.make(signal, "subscribe()", async (session) => {
      const subscription = { ...this.#wanted.subscription, ...changes };
      Object.assign(this.#wanted, { subscription, subscribing: true });
      if (session === undefined) return;
      await session.subscribe(subscription, signal);
      this.#gaps?.forget(isWhole(subscription));
    });
  }

  /**
   * Ends the subscription and keeps the connection. There is none at the next connection either, until
   * {@linkcode Subscriber.subscribe} is called; unless it fails for another reason than that the connection is lost.
   *
   * @throws {SttpError} `Aborted`, before it is sent: afterwards the answer is waited for, a second at most, but the
   * `commandTimeout` while a `subscribe()` is unanswered; `TimedOut` without either; `ConnectionLost`; `Refused`.
   */
  async unsubscribe({ signal }: WaitOptions = {}): Promise<void> {
    await this.#changes.make(signal, "unsubscribe()", async (session) => {
      this.#wanted.subscribing = false;
      await session?.unsubscribe(signal);
      this.#gaps?.forget();
    });
  }

  /**
   * Asks the publisher to replace the keys that it encrypts payloads with (§12). Resolves when it has; the status
   * tells of every replacement, asked for or not.
   *
   * @throws {SttpError} `Closed` when there is no connection; `Refused` with the publisher's reason, such as that
   * nothing is encrypted, or that the keys are no second old; `TimedOut`, `Aborted`, `ConnectionLost`.
   */
  async rotateCipherKeys({ signal }: WaitOptions = {}): Promise<void> {
    await this.#connected.rotateCipherKeys(signal);
  }

  /**
   * Gets the metadata anew.
   *
   * @param filters Filter expressions, each for one table, which is narrowed (§3); default: those of the options.
   * @returns The metadata, which is now {@linkcode Subscriber.metadata}, too.
   * @throws {SttpError} `Closed` when there is no connection; `Refused` with the publisher's reason; `TimedOut`,
   * `Aborted`, `ConnectionLost`; `InvalidMetadata` or `LimitExceeded` when the answer can't be used.
   */
  async refreshMetadata(
    filters: string | readonly string[] = this.#options.metadataFilters,
    { signal }: WaitOptions = {},
  ): Promise<DataSet> {
    const text = joinMetadataFilters(filters);
    return await this.#metadata.refresh(this.#connected, text, signal);
  }

  /**
   * The schema of the publisher's metadata (§14): its tables and columns, without rows.
   *
   * @throws {SttpError} As {@linkcode Subscriber.refreshMetadata}.
   */
  async metadataSchema({ signal }: WaitOptions = {}): Promise<DataSet> {
    const body = await this.#connected.requestSchema(Command.GetPrimaryMetadataSchema, signal);
    return await readMetadata(body, this.#options.limits, signal);
  }

  /**
   * The schema of what filter expressions select from (§14): the columns of ActiveMeasurements, without rows.
   *
   * @throws {SttpError} As {@linkcode Subscriber.refreshMetadata}.
   */
  async signalSelectionSchema({ signal }: WaitOptions = {}): Promise<DataSet> {
    const body = await this.#connected.requestSchema(Command.GetSignalSelectionSchema, signal);
    return await readMetadata(body, this.#options.limits, signal);
  }

  /**
   * Sends a command of the application's own (§14) and waits for the answer of the publisher's application. Commands
   * of the same number go one after another. An answer tells no more than the number: one that comes after `TimedOut`
   * is taken for that of the next command with this number, if one is waiting by then.
   *
   * @param number Which of the sixteen, 0 to 15.
   * @param payload What goes with it.
   * @returns The body of the UserResponse; empty when the command was only said to have succeeded.
   * @throws {SttpError} `Closed` when there is no connection; `Refused` with the publisher's reason; `TimedOut` after
   * the `commandTimeout`; `Aborted`, `ConnectionLost`.
   * @throws {RangeError} When there is no such command.
   *
   * @example
   * ```ts
   * import { Publisher } from "@sttp/sttp/publisher";
   * import { Subscriber } from "@sttp/sttp/subscriber";
   * import { assertEquals } from "@std/assert";
   *
   * await using publisher = new Publisher({
   *   port: 0,
   *   hostname: "127.0.0.1",
   *   onUserCommand: ({ number, payload }) => Uint8Array.of(number, ...payload),
   * });
   * await publisher.start();
   * await using subscriber = new Subscriber();
   * await subscriber.connect(publisher.address);
   * assertEquals(await subscriber.sendUserCommand(3, Uint8Array.of(1, 2)), Uint8Array.of(3, 1, 2));
   * ```
   */
  async sendUserCommand(
    number: number,
    payload: Uint8Array = new Uint8Array(0),
    { signal }: WaitOptions = {},
  ): Promise<Uint8Array> {
    inRange(number, "number", 0, 15, true);
    return await this.#connected.sendUserCommand(number, payload, signal);
  }

  /**
   * Changes how fast history is replayed (§11), for the present subscription and those after it. Live data does not
   * change.
   *
   * @param interval Milliseconds a frame: -1, the publisher's choice; 0, as fast as it can.
   * @throws {SttpError} `Closed` when there is no connection; `Refused` with the publisher's reason, such as that there
   * is no subscription; `TimedOut`, `Aborted`, `ConnectionLost`.
   * @throws {RangeError} When it is no interval.
   */
  async updateProcessingInterval(interval: number, { signal }: WaitOptions = {}): Promise<void> {
    inRange(interval, "interval", -1, longestDelay, true);
    await this.#changes.make(signal, "updateProcessingInterval()", async () => {
      await this.#connected.updateProcessingInterval(interval, signal);
      if (this.#run?.isLent) return;
      this.#wanted.subscription = { ...this.#wanted.subscription, processingInterval: interval };
    });
  }

  /** The session that there is. @throws {SttpError} `Closed` when there is none. */
  get #connected(): Session {
    const session = this.#run?.session;
    if (session === undefined) throw new SttpError("Closed", "there is no connection to a publisher");
    return session;
  }

  /**
   * The measurements, in batches: the fastest way. Each batch is lent until the next one is asked for; `clone()` it
   * to keep it. Packets that arrive while the loop is busy come together in the next batch. The iteration goes over
   * reconnections and ends when the run ends; ended by `break`, or by another run while its loop is busy, another
   * iteration can go on from there.
   *
   * @throws {SttpError} From the iterator: `InvalidState` when somebody iterates already or there is an `onBatch`;
   * `Aborted`.
   */
  batches({ signal }: WaitOptions = {}): AsyncIterableIterator<MeasurementBatch> {
    return new BatchIterator(this.#delivery, signal);
  }

  /**
   * The measurements one by one, as objects. `for await` costs about 100 ns for each; where that matters, iterate
   * {@linkcode Subscriber.batches} and walk each batch by {@linkcode Subscriber.measurementsOf}, four times as fast.
   *
   * @throws {SttpError} From the iterator, as {@linkcode Subscriber.batches}.
   */
  measurements({ signal }: WaitOptions = {}): AsyncIterableIterator<Measurement> {
    return new MeasurementIterator(new BatchIterator(this.#delivery, signal), this.#delivery, this.signals);
  }

  /** The measurements of one batch as objects of their own, which may be kept. */
  measurementsOf(batch: MeasurementBatch): IterableIterator<Measurement> {
    return new MeasurementsOfBatch(batch, this.signals);
  }

  /**
   * The buffer blocks (§13): opaque bytes for one signal, in the publisher's order, each once. They wait for this
   * iteration, within the bounds of the options `bufferBlocks`; while it is busy and there is no more room, the rest is
   * left to the publisher to send again. While nobody reads them, the oldest are discarded. It goes over reconnections
   * and ends when the run ends.
   *
   * @throws {SttpError} From the iterator: `InvalidState` when somebody iterates already or there is an
   * `onBufferBlock`; `Aborted`.
   */
  bufferBlocks({ signal }: WaitOptions = {}): AsyncIterableIterator<BufferBlock> {
    return new SupplyIterator(this.#bufferBlocks, signal);
  }

  /**
   * The measurements sorted into frames: `framesPerSecond` instants a second, each with all measurements whose
   * timestamps round to it, in order of time. A frame is handed over when `lagTime` has passed; measurements that
   * come later than that, or are more than `leadTime` ahead, are discarded and counted in the iterator's `stats()`.
   * Each frame is lent until the next one is asked for.
   *
   * @throws {TypeError} When an option does not exist or is of a wrong type.
   * @throws {RangeError} When a number is out of its range.
   * @throws {SttpError} From the iterator, as {@linkcode Subscriber.batches}.
   *
   * @example
   * ```ts
   * import type { Subscriber } from "@sttp/sttp/subscriber";
   *
   * export async function print(subscriber: Subscriber): Promise<void> {
   *   for await (const { ticks, measurements } of subscriber.frames({ framesPerSecond: 30, lagTime: 2 })) {
   *     console.log(ticks, measurements.length);
   *   }
   * }
   * ```
   */
  frames(options: FrameOptions = {}, { signal }: WaitOptions = {}): FrameIterator {
    const batches = new BatchIterator(this.#delivery, signal);
    return new SortedFrames(batches, new FrameSorter(options), this.#options.clock);
  }

  /**
   * Measurements of the past (§11), in order of time. Ends when the publisher has sent all of them. Each batch is lent
   * until the next one is asked for.
   *
   * They come over a connection of its own, so that the subscription that there is goes on. Where the publisher makes
   * the connections there is but one, unless `historyAddress` tells of another way: then history is read in the place of
   * live data, which comes again when the iteration has ended, by `break` at the latest. There is one such reading at a
   * time; others wait for its end. What `subscribe()` asks for meanwhile comes after it.
   *
   * @throws {TypeError} When a time is neither ticks nor a text, or an option is of a wrong type.
   * @throws {RangeError} When a number is out of its range.
   * @throws {SttpError} From the iterator: `Refused` with the publisher's reason, such as that it keeps no history;
   * `ConnectFailed`, `ConnectionLost`, `Aborted`; `TimedOut`, also when the publisher falls silent before the end, see
   * `silenceTimeout`; `Closed` by `disconnect()`, or when it is for the publisher to connect, and it is not there.
   *
   * @example The last five minutes
   * ```ts
   * import type { Subscriber } from "@sttp/sttp/subscriber";
   *
   * export async function review(subscriber: Subscriber): Promise<void> {
   *   for await (const batch of subscriber.history({ start: "*-5m" })) {
   *     console.log(batch.length, batch.ticks[0]);
   *   }
   * }
   * ```
   */
  history(options: HistoryOptions): AsyncIterableIterator<MeasurementBatch> {
    return readHistory(() => this.#openHistory(options.signal), options, this.#wanted.subscription);
  }

  #openHistory(signal: AbortSignal | undefined): Promise<HistoryConnection> {
    const { address, historyAddress } = this.#options;
    const run = this.#run;
    if (historyAddress === undefined && run?.source.incoming) return run.borrow(signal);
    const source = new Dialling(historyAddress ?? run?.source.address ?? address, this.#options);
    return Promise.resolve(new SeparateHistory(source, this.#host, this.#histories));
  }

  /**
   * What happens from now on, until the run ends. Any number may read; one that is more than 256 events behind loses
   * the oldest and is told how many.
   */
  status(): AsyncIterableIterator<SubscriberStatus> {
    return this.#status.read();
  }

  /**
   * Has a function look at measurements as they come in, beside whom they are handed over to: to show them, or to count.
   *
   * @param tap Gets a batch and where what is new in it begins; it neither keeps nor changes it, and must be quick.
   * @returns What ends it.
   */
  tap(tap: MeasurementTap): () => void {
    return this.#taps.add(tap);
  }

  /** The counters at this moment. */
  stats(): SubscriberStats {
    return this.#counters.snapshot(this.#delivery.waiting, this.#run?.session?.signalCount ?? 0);
  }

  /**
   * Ends the run, and what history is being read, with `Closed`: resolves when all connections are closed and nothing is
   * left behind. May be called at any time.
   */
  async disconnect(): Promise<void> {
    const [run, histories] = [this.#run, this.#histories];
    this.#histories = new OpenHistories();
    const reason = new SttpError("Closed", "the subscriber was disconnected");
    run?.stop(reason);
    // What the run reads itself has ended then.
    const ended = (run?.ended ?? Promise.resolve()).then(() => histories.end(reason));
    // Whoever calls this meanwhile waits for the same.
    this.#histories.add(ended);
    await ended;
  }

  /** The same as {@linkcode Subscriber.disconnect}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }
}
