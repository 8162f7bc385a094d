import type { DataSet } from "../metadata/data_set.ts";
import type { MeasurementRecord, Metadata } from "../metadata/records.ts";
import type { Channel, ChannelListener } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { type Measurement, MeasurementBatch } from "../transport/wire/batch.ts";
import { Command } from "../transport/wire/codes.ts";
import { ticksNow, TicksPerSecond, timeOf } from "../transport/wire/ticks.ts";
import { BufferPool } from "./buffer_pool.ts";
import { Counters } from "./counters.ts";
import { DatagramSockets } from "./datagram_sockets.ts";
import { Definition } from "./definition.ts";
import { parcelSize } from "./group.ts";
import { type CheckedOptions, checkOptions, type PublisherOptions } from "./options.ts";
import { Router } from "./router.ts";
import { Session, type SessionHost } from "./session.ts";
import type { ConnectionSnapshot, PublisherState, PublisherStats } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";
import { StatusStream } from "./status_stream.ts";

/** How {@linkcode Publisher.stop} stops. */
export interface StopOptions {
  /** Milliseconds that subscribers get to take what was published for them; default 1,000. */
  readonly drain?: number;
}

/** Bytes of small frames that one write gathers. */
const WRITE_BUFFER_SIZE = 131_072;
/** Events that a slow reader of `status()` may be behind. */
const STATUS_EVENTS = 256;
/** Closed connections that are remembered. */
const CLOSED_CONNECTIONS = 100;
/** Refused connections that are given the time to read why. */
const REFUSED_CONNECTIONS = 64;
/** Milliseconds before the next try when taking in a connection failed. */
const ACCEPT_PAUSE = 100;

/**
 * Publishes measurements to any number of subscribers over STTP (IEEE 2664).
 *
 * Measurements are published in batches whose `signals` are handles of {@linkcode Publisher.signals}; defining
 * metadata makes a handle for every signal in it. {@linkcode Publisher.publish} never waits for a subscriber: one
 * that is too slow loses data, which is counted, or its connection, and nobody else notices.
 *
 * @example A publisher that publishes every signal once
 * ```ts
 * import { DataSet } from "@sttp/sttp/metadata";
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { MeasurementBatch, Ticks } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const xml = `<Grid xmlns:xs="http://www.w3.org/2001/XMLSchema">
 *   <xs:schema><xs:element name="Grid"><xs:complexType><xs:choice><xs:element name="MeasurementDetail">
 *     <xs:complexType><xs:sequence>
 *       <xs:element name="SignalID" type="xs:string" /><xs:element name="ID" type="xs:string" />
 *       <xs:element name="PointTag" type="xs:string" /><xs:element name="SignalAcronym" type="xs:string" />
 *       <xs:element name="Enabled" type="xs:boolean" />
 *     </xs:sequence></xs:complexType>
 *   </xs:element></xs:choice></xs:complexType></xs:element></xs:schema>
 *   <MeasurementDetail>
 *     <SignalID>9ae6dd95-bddb-5dd8-8717-57da1268b9ca</SignalID><ID>PPA:1</ID><PointTag>SHELBY:FREQ</PointTag>
 *     <SignalAcronym>FREQ</SignalAcronym><Enabled>true</Enabled>
 *   </MeasurementDetail>
 * </Grid>`;
 *
 * await using publisher = new Publisher({ port: 0 });
 * publisher.defineMetadata(await DataSet.fromXml(xml));
 * await publisher.start();
 *
 * const batch = new MeasurementBatch();
 * for (const { signalId } of publisher.filterMetadata("SignalAcronym <> 'STAT'")) {
 *   batch.add(publisher.signals.add(signalId), Ticks.now(), 60);
 * }
 * publisher.publish(batch);
 * assertEquals(publisher.stats().published.measurements, 1);
 * ```
 */
export class Publisher implements AsyncDisposable {
  /** The signals that can be published, with their handles; metadata registers its own. */
  readonly signals: SignalTable = new SignalTable();
  readonly #options: CheckedOptions;
  readonly #router: Router;
  readonly #host: SessionHost;
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #status = new StatusStream<PublisherStatus>(
    STATUS_EVENTS,
    (count) => ({ kind: "missed", count }),
  );
  #definition: Definition | undefined;
  #generation = 0;

  #state: PublisherState = "stopped";
  #listener: ChannelListener | undefined;
  #accepting: Promise<void> = Promise.resolve();
  #endPause: (() => void) | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #run: PromiseWithResolvers<void> | undefined;
  #startedAt: number | null = null;
  #nextId = 1;

  // Totals; those of connections do not include the open ones.
  #batches = 0;
  #measurements = 0;
  #unknownSignals = 0;
  #sentMeasurements = 0;
  #sentBytes = 0;
  readonly #dropped = new Counters();
  readonly #closedByReason = new Counters();
  readonly #recentlyClosed: ConnectionSnapshot[] = [];

  readonly #lastTicks = new BigInt64Array(1);
  readonly #lastTickWords = new Int32Array(this.#lastTicks.buffer);
  readonly #objects = new MeasurementBatch();

  /**
   * Takes the options; nothing happens before {@linkcode Publisher.start}.
   *
   * @param options See {@linkcode PublisherOptions}.
   * @throws {RangeError} When a number is out of its range.
   * @throws {TypeError} When a value is not of its kind.
   */
  constructor(options: PublisherOptions = {}) {
    const checked = checkOptions(options);
    this.#options = checked;
    const router = new Router({
      clock: checked.clock,
      scratch: new MeasurementBatch(),
      parcelBuffers: new BufferPool(parcelSize(checked.maxPacketSize)),
      maxPacketSize: checked.maxPacketSize,
      maxPublishInterval: checked.maxPublishInterval,
      recentTicks: () => this.#recentTicks(),
    });
    this.#router = router;
    const definition = (): Definition | undefined => this.#definition;
    this.#host = {
      options: checked,
      router,
      writeBuffers: new BufferPool(WRITE_BUFFER_SIZE),
      datagramSockets: checked.udp && new DatagramSockets(checked.udp),
      get definition(): Definition | undefined {
        return definition();
      },
      emit: (event) => this.#status.emit(event),
    };
  }

  /** Whether it takes connections. */
  get state(): PublisherState {
    return this.#state;
  }

  /** Where it listens, `host:port`. @throws {SttpError} `InvalidState` when it does not. */
  get address(): string {
    return this.#listening().address;
  }

  /** The port it listens on, the real one when 0 was asked for. @throws {SttpError} `InvalidState` when it does not. */
  get port(): number {
    return this.#listening().port;
  }

  #listening(): ChannelListener {
    if (this.#listener === undefined) throw new SttpError("InvalidState", "the publisher is not started");
    return this.#listener;
  }

  /** Resolves when the present run is over; at once while stopped. */
  get closed(): Promise<void> {
    return this.#run?.promise ?? Promise.resolve();
  }

  // ---- metadata ----

  /** The records of the metadata in force; `undefined` when none is defined. */
  get metadata(): Metadata | undefined {
    return this.#definition?.metadata;
  }

  /**
   * Defines what can be subscribed to, for the first time or anew: registers its signals, and tells the subscribers,
   * who then refresh and subscribe again. What they get meanwhile is not interrupted.
   *
   * @param dataSet Metadata as in §10, with at least MeasurementDetail; not to be changed afterwards.
   * @throws {SttpError} `InvalidMetadata` when its tables lack what is needed.
   */
  defineMetadata(dataSet: DataSet): void {
    const generation = this.#generation + 1;
    this.#definition = new Definition(generation, dataSet, this.signals, this.#options);
    this.#generation = generation;
    this.#status.emit({ kind: "metadataDefined", generation, signals: this.#definition.signalCount });
    for (const session of this.#sessions.keys()) session.configurationChanged();
  }

  /**
   * The enabled measurements that a filter expression (§9) comes to.
   *
   * @param filter About MeasurementDetail unless it says `FILTER … ActiveMeasurements`; `True` for all of them.
   * @throws {SttpError} `InvalidFilter`.
   */
  filterMetadata(filter: string): MeasurementRecord[] {
    return this.#definition?.filterMeasurements(filter) ?? [];
  }

  // ---- data ----

  /**
   * Publishes measurements to everybody who subscribes to them. Never waits, and never fails because of a
   * subscriber; the batch may be used again as soon as the call returns.
   *
   * @param batch Measurements whose `signals` are handles of {@linkcode Publisher.signals}.
   */
  publish(batch: MeasurementBatch): void {
    const { length, signals, tickWords } = batch;
    if (length === 0) return;
    this.#batches++;
    this.#measurements += length;
    const known = this.signals.size;
    let unknown = 0;
    for (let i = 0; i < length; i++) {
      if (signals[i]! >>> 0 >= known) unknown++;
    }
    this.#unknownSignals += unknown;
    this.#lastTickWords[0] = tickWords[2 * length - 2]!;
    this.#lastTickWords[1] = tickWords[2 * length - 1]!;
    this.#router.publish(batch);
  }

  /**
   * Publishes measurements given as objects; those whose signal is in no metadata defined so far are counted under
   * `unknownSignals` and go nowhere.
   *
   * @throws {TypeError} When a signal ID is not a GUID; then none are published.
   */
  publishMeasurements(measurements: Iterable<Measurement>): void {
    const batch = this.#objects;
    batch.clear();
    for (const { signalId, ticks, value, flags } of measurements) {
      batch.add(this.signals.handleOf(signalId) ?? -1, ticks, value, flags);
    }
    this.publish(batch);
  }

  /** The timestamp last published, when it is near enough to the clock to be taken for real time (§4). */
  #recentTicks(): bigint | undefined {
    const ticks = timeOf(this.#lastTicks[0]!);
    const ahead = ticks - ticksNow(this.#options.clock);
    return ahead <= 5n * TicksPerSecond && ahead >= -10n * TicksPerSecond ? ticks : undefined;
  }

  // ---- connections ----

  /**
   * Starts to listen.
   *
   * @throws {SttpError} `InvalidState` when it is not stopped; `ConnectFailed` when the address can't be had.
   */
  start(): Promise<void> {
    if (this.#state !== "stopped") {
      return Promise.reject(new SttpError("InvalidState", `the publisher is ${this.#state}, not stopped`));
    }
    this.#state = "starting";
    this.#starting = this.#listen();
    return this.#starting;
  }

  async #listen(): Promise<void> {
    let listener: ChannelListener;
    try {
      listener = await this.#options.listen();
    } catch (error) {
      this.#state = "stopped";
      throw error;
    } finally {
      this.#starting = undefined;
    }
    this.#run = Promise.withResolvers();
    this.#listener = listener;
    this.#state = "running";
    this.#startedAt = this.#options.clock.now();
    this.#status.emit({ kind: "started", address: listener.address });
    this.#accepting = this.#accept(listener);
  }

  async #accept(listener: ChannelListener): Promise<void> {
    while (this.#state === "running") {
      try {
        const channel = await listener.accept();
        if (channel === null) break;
        if (this.#state === "running") this.#admit(channel);
        else channel.close();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#status.emit({ kind: "acceptFailed", message });
        // What failed, such as a lack of file descriptors, would fail again at once.
        await this.#pause(ACCEPT_PAUSE);
      }
    }
  }

  #pause(milliseconds: number): Promise<void> {
    if (this.#state !== "running") return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(milliseconds, () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = undefined;
        cancel();
        resolve();
      };
    });
  }

  /**
   * Serves a subscriber at the other end of a channel that did not come through the listener.
   *
   * @throws {SttpError} `InvalidState` when the publisher is not running; the channel is closed then.
   */
  serve(channel: Channel): void {
    if (this.#state !== "running") {
      channel.close();
      throw new SttpError("InvalidState", `the publisher is ${this.#state}, not running`);
    }
    this.#admit(channel);
  }

  #admit(channel: Channel): void {
    let leaving = 0;
    for (const session of this.#sessions.keys()) {
      if (session.state === "leaving") leaving++;
    }
    const session = new Session(this.#nextId++, channel, this.#host);
    const { maxConnections } = this.#options;
    const open = this.#sessions.size - leaving;
    this.#sessions.set(session, this.#serve(session));
    this.#status.emit({ kind: "connected", connection: session.reference });
    if (open < maxConnections) return;
    const text = `Connection refused: ${maxConnections} subscribers are connected, and no more are allowed.`;
    session.refuse(Command.Connect, "refused", text);
    if (leaving >= REFUSED_CONNECTIONS) session.close("refused", text);
  }

  async #serve(session: Session): Promise<void> {
    await session.run();
    this.#sessions.delete(session);
    const { measurements, bytes } = session.sent;
    this.#sentMeasurements += measurements;
    this.#sentBytes += bytes;
    const { reason, message } = session.closed!;
    this.#closedByReason.add(reason);
    const snapshot = session.snapshot();
    this.#dropped.addAll(snapshot.dropped);
    this.#recentlyClosed.unshift(snapshot);
    if (this.#recentlyClosed.length > CLOSED_CONNECTIONS) this.#recentlyClosed.pop();
    this.#status.emit({ kind: "disconnected", connection: session.reference, reason, message });
  }

  /**
   * Ends a connection.
   *
   * @param connectionId The publisher's number for it, as in {@linkcode Publisher.stats}.
   * @param message Why, for operators.
   * @returns Whether there was such a connection.
   */
  disconnect(connectionId: number, message: string = "disconnected by the publisher"): boolean {
    for (const session of this.#sessions.keys()) {
      if (session.id !== connectionId) continue;
      session.close("disconnected", message);
      return true;
    }
    return false;
  }

  /**
   * Stops: no new connections, a moment for what was published to be taken, then the connections end. The publisher
   * can be started again; metadata and totals stay. Does nothing while stopped.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    const { drain = 1000 } = options;
    if (!(drain >= 0)) throw new RangeError(`drain is ${drain}, a number of milliseconds expected`);
    await this.#starting?.catch(() => {});
    if (this.#state === "stopped") return;
    this.#stopping ??= this.#end(drain).finally(() => this.#stopping = undefined);
    await this.#stopping;
  }

  async #end(drain: number): Promise<void> {
    this.#state = "stopping";
    this.#listener?.close();
    this.#endPause?.();
    await this.#accepting;
    this.#listener = undefined;
    this.#router.flush();
    if (drain > 0) await this.#drain(drain);
    for (const session of this.#sessions.keys()) session.close("stopped", "the publisher stopped");
    await Promise.all(this.#sessions.values());
    await this.#host.datagramSockets?.close();
    this.#state = "stopped";
    this.#status.emit({ kind: "stopped" });
    this.#status.end();
    this.#run?.resolve();
    this.#run = undefined;
  }

  /** Waits until nothing is queued any more, but no longer than this. */
  async #drain(milliseconds: number): Promise<void> {
    const drained = Promise.all(Array.from(this.#sessions.keys(), (session) => session.drained()));
    const { promise: timeUp, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.schedule(milliseconds, resolve);
    await Promise.race([drained, timeUp]);
    cancel();
  }

  /** As {@linkcode Publisher.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // ---- watching ----

  /**
   * What happens from now on, until the publisher stops. Every reader gets all events; one that is too slow is told
   * how many it missed.
   *
   * @example
   * ```ts
   * import { Publisher } from "@sttp/sttp/publisher";
   * import { assertEquals } from "@std/assert";
   *
   * const publisher = new Publisher({ port: 0 });
   * const status = publisher.status();
   * await publisher.start();
   * await publisher.stop();
   * const kinds: string[] = [];
   * for await (const event of status) kinds.push(event.kind);
   * assertEquals(kinds, ["started", "stopped"]);
   * ```
   */
  status(): AsyncIterableIterator<PublisherStatus> {
    return this.#status.read();
  }

  /** Everything that can be counted, at this moment: a plain object that turns into JSON. */
  stats(): PublisherStats {
    const open = Array.from(this.#sessions.keys(), (session) => session.snapshot());
    const dropped = new Counters();
    dropped.addAll(this.#dropped.toObject());
    let measurements = this.#sentMeasurements;
    let bytes = this.#sentBytes;
    for (const connection of open) {
      dropped.addAll(connection.dropped);
      measurements += connection.sent.measurements;
      bytes += connection.sent.bytes;
    }
    return {
      name: this.#options.name,
      nodeId: this.#options.nodeId ?? null,
      state: this.#state,
      address: this.#listener?.address ?? null,
      startedAt: this.#startedAt,
      metadata: this.#definition === undefined ? null : {
        generation: this.#definition.generation,
        signals: this.#definition.signalCount,
      },
      published: {
        batches: this.#batches,
        measurements: this.#measurements,
        unknownSignals: this.#unknownSignals,
      },
      sent: { measurements, bytes },
      dropped: dropped.toObject(),
      connections: {
        open: open.length,
        accepted: this.#nextId - 1,
        closed: this.#closedByReason.toObject(),
      },
      open,
      recentlyClosed: [...this.#recentlyClosed],
      groups: this.#router.snapshot(),
    };
  }
}
