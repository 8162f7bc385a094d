import type { HistorySource } from "../history/source.ts";
import { DataSet } from "../metadata/data_set.ts";
import { parseFilter } from "../metadata/filter/parser.ts";
import type { MeasurementRecord, Metadata } from "../metadata/records.ts";
import type { Channel, ChannelListener } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { StatusStream } from "../transport/status_stream.ts";
import { type MeasurementTap, Taps } from "../transport/taps.ts";
import { type Measurement, MeasurementBatch } from "../transport/wire/batch.ts";
import { Access } from "./access.ts";
import { type AccessOptions, checkAccess } from "./access_options.ts";
import { BufferPayload } from "./buffer_blocks.ts";
import { BufferPool } from "./buffer_pool.ts";
import { CommandTurns } from "./command_turns.ts";
import { Connections } from "./connections.ts";
import { DatagramSockets } from "./datagram_sockets.ts";
import { Definition } from "./definition.ts";
import { FilterAccount } from "./filter_account.ts";
import { parcelSize } from "./parcel.ts";
import { LatestMeasurements } from "./latest_on_subscribe.ts";
import type { LinkOptions, OutboundLink } from "./link.ts";
import { fillBatch } from "./measurement_objects.ts";
import { Notifications } from "./notifications.ts";
import { type CheckedOptions, checkOptions, type PublisherOptions } from "./options.ts";
import { Published } from "./published.ts";
import { QueueMemory } from "./queue_memory.ts";
import { Router } from "./router.ts";
import { checkStart, Companion, drainOf, type StartOptions, type StopOptions } from "./run_options.ts";
import { SearchSpace } from "./search_space.ts";
import type { SessionHost } from "./session_host.ts";
import type { PublisherState, PublisherStats } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";
import { SubscriptionMemory } from "./subscription_memory.ts";
import { Turns } from "./turns.ts";

/** Bytes of small frames that one write gathers. */
const WRITE_BUFFER_SIZE = 131_072;
/** Events that a slow reader of `status()` may be behind. */
const STATUS_EVENTS = 256;

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
  readonly #connections: Connections;
  readonly #notifications: Notifications;
  readonly #access: Access;
  readonly #taps = new Taps();
  readonly #status = new StatusStream<PublisherStatus>(
    STATUS_EVENTS,
    (count) => ({ kind: "missed", count }),
    { name: "sttp:publisher", source: this },
  );
  #definition: Definition | undefined;
  #generation = 0;
  #state: PublisherState = "stopped";
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #run: PromiseWithResolvers<void> | undefined;
  #startedAt: number | null = null;
  readonly #companion = new Companion();

  readonly #published = new Published();
  #notStarted = 0;
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
      searches: new SearchSpace(),
      parcelBuffers: new BufferPool(parcelSize(checked.maxPacketSize)),
      maxPacketSize: checked.maxPacketSize,
      maxPublishInterval: checked.maxPublishInterval,
      recentTicks: () => this.#published.recentTicks(checked.clock),
    });
    this.#router = router;
    this.#notifications = new Notifications({
      clock: checked.clock,
      options: checked.notifications,
      emit: (event) => this.#status.emit(event),
    });
    const access = this.#access = new Access(checked.access, {
      clock: checked.clock,
      signals: this.signals,
      emit: (event) => this.#status.emit(event),
    });
    const definition = (): Definition | undefined => this.#definition;
    this.#host = {
      options: checked,
      access,
      latest: checked.latestOnSubscribe ? new LatestMeasurements() : undefined,
      signals: this.signals,
      router,
      writeBuffers: new BufferPool(WRITE_BUFFER_SIZE),
      queueMemory: new QueueMemory(checked.limits.allQueuesLength),
      datagramSockets: checked.udp && new DatagramSockets(checked.udp),
      filters: new FilterAccount(checked.limits.allFiltersLength),
      memory: new SubscriptionMemory(checked.limits.allSubscriptionsLength),
      commandTurns: new CommandTurns(checked.clock),
      turns: new Turns(checked.clock, () => this.#published.batches),
      notifications: this.#notifications,
      get definition(): Definition | undefined {
        return definition();
      },
      emit: (event) => this.#status.emit(event),
    };
    this.#connections = new Connections(this.#host);
  }

  /** Whether it takes connections. */
  get state(): PublisherState {
    return this.#state;
  }

  /** Where it listens, `host:port`. @throws {SttpError} `InvalidState` when it does not. */
  get address(): string {
    return this.#listener.address;
  }

  /** The port it listens on, the real one when 0 was asked for. @throws {SttpError} `InvalidState` when it does not. */
  get port(): number {
    return this.#listener.port;
  }

  get #listener(): ChannelListener {
    const { listener } = this.#connections;
    if (listener === undefined) throw new SttpError("InvalidState", "the publisher does not listen");
    return listener;
  }

  /** Resolves when the present run is over; at once while stopped. */
  get closed(): Promise<void> {
    return this.#run?.promise ?? Promise.resolve();
  }

  // ---- metadata ----

  /** The metadata in force, as it was defined; `undefined` when none is. */
  get dataSet(): DataSet | undefined {
    return this.#definition?.dataSet;
  }

  /** Its records, made when first asked for; `undefined` when none is defined. */
  get metadata(): Metadata | undefined {
    return this.#definition?.metadata;
  }

  /**
   * Defines what can be subscribed to, for the first time or anew: registers its signals, and tells the subscribers,
   * who then refresh and subscribe again. What they get meanwhile is not interrupted.
   *
   * @param dataSet Metadata as in §10, with at least MeasurementDetail; not to be changed afterwards.
   * @throws {SttpError} `InvalidMetadata` when its tables lack what is needed.
   * @throws {TypeError} When it is no DataSet.
   */
  defineMetadata(dataSet: DataSet): void {
    if (!(dataSet instanceof DataSet)) {
      throw new TypeError("defineMetadata() takes a DataSet; for a document use DataSet.fromXml()");
    }
    const generation = this.#generation + 1;
    this.#definition = new Definition(generation, dataSet, this.signals, this.#options);
    this.#generation = generation;
    this.#status.emit({ kind: "metadataDefined", generation, signals: this.#definition.signalCount });
    for (const session of this.#connections.sessions) {
      session.configurationChanged();
      session.rightsMayHaveChanged("metadata");
    }
  }

  /**
   * Puts other access options in force. Who may not connect any more is disconnected. What a subscriber may not see any
   * more it is not sent any more: its subscription goes on with the rest, and gets a new signal index cache. It is told
   * that its metadata has changed; what is allowed it now, it gets by its present filter, or by subscribing again.
   *
   * @param access All of them; what is left out is back at its default.
   * @throws {RangeError} When a number is out of its range.
   * @throws {TypeError} When an option does not exist or a value is not of its kind.
   * @throws {SttpError} `InvalidFilter` when a filter expression can't be parsed.
   *
   * @example
   * ```ts
   * import { Publisher } from "@sttp/sttp/publisher";
   *
   * const publisher = new Publisher({ port: 0, access: { allow: { addresses: ["10.0.0.0/8"] } } });
   * publisher.setAccess({
   *   allow: { addresses: ["10.0.0.0/8", "2001:db8::/32"] },
   *   signals: [
   *     { allow: "FILTER ActiveMeasurements WHERE True" },
   *     { who: { certificates: ["partner"] }, deny: "FILTER ActiveMeasurements WHERE SignalType = 'STAT'" },
   *   ],
   * });
   * ```
   */
  setAccess(access: AccessOptions): void {
    this.#access.replace(checkAccess(access));
    this.#connections.accessChanged();
  }

  /**
   * The enabled measurements that a filter expression (§9) comes to.
   *
   * @param filter About MeasurementDetail unless it says `FILTER … ActiveMeasurements`; `True` for all of them.
   * @throws {SttpError} `InvalidFilter`.
   */
  filterMetadata(filter: string): MeasurementRecord[] {
    if (this.#definition !== undefined) return this.#definition.filterMeasurements(filter);
    // A mistake in it should not wait for metadata to come to light.
    parseFilter(filter);
    return [];
  }

  /** The history that temporal subscriptions are served from; `undefined` when there is none. */
  get history(): HistorySource | undefined {
    return this.#options.history;
  }

  // ---- data ----

  /**
   * Publishes measurements to everybody who subscribes to them. Never waits, and never fails because of a
   * subscriber; the batch may be used again as soon as the call returns. While the publisher does not run, there is
   * nobody to publish to: such measurements are counted under `dropped`, as `notStarted`, and go nowhere.
   *
   * @param batch Measurements whose `signals` are handles of {@linkcode Publisher.signals}.
   * @throws {TypeError} When it is no MeasurementBatch.
   */
  publish(batch: MeasurementBatch): void {
    if (!(batch instanceof MeasurementBatch)) {
      throw new TypeError("publish() takes a MeasurementBatch; for objects use publishMeasurements()");
    }
    const { length } = batch;
    if (length === 0) return;
    if (this.#state === "stopped" || this.#state === "starting") {
      this.#notStarted += length;
      return;
    }
    this.#published.add(batch, this.signals.size);
    this.#router.publish(batch);
    this.#taps.show(batch);
    this.#host.latest?.store(batch, this.signals.size);
    this.#options.history?.record?.(batch, this.signals);
  }

  /**
   * Publishes measurements given as objects; those whose signal is in no metadata defined so far are counted under
   * `unknownSignals` and go nowhere.
   *
   * @throws {TypeError} When a signal ID is not a GUID, or another field not of its kind; then none are published.
   */
  publishMeasurements(measurements: Iterable<Measurement>): void {
    fillBatch(this.#objects, measurements, this.signals);
    this.publish(this.#objects);
  }

  /**
   * Publishes a buffer block: opaque bytes for one signal (§13), to everybody who subscribes to it. It goes behind the
   * measurements that were published before, and is sent again to who does not confirm it. Never waits.
   *
   * @param signal The signal: a handle of {@linkcode Publisher.signals}, or an ID.
   * @param payload At most 16 MiB; copied.
   * @returns How many subscribers it was sent to.
   * @throws {TypeError} When the signal ID is not a GUID, or the payload is no array of bytes.
   * @throws {RangeError} When the payload is too long.
   */
  publishBufferBlock(signal: number | string, payload: Uint8Array): number {
    const block = BufferPayload.copy(payload);
    const handle = typeof signal === "string" ? this.signals.handleOf(signal) ?? -1 : signal;
    let count = 0;
    for (const session of this.#connections.sessions) {
      if (session.sendBufferBlock(handle, block)) count++;
    }
    return count;
  }

  // ---- notifications ----

  /**
   * Notifies the subscribers (§14): those that are here, and those that were here before when they come back. Each gets
   * it until it confirms; who never does gets it again with each connection.
   *
   * A subscriber is known by its certificate's name, else by what it calls itself (the source of its `assemblyInfo`) and
   * its host, and from its first subscription on, with a certificate from its first connection on. What is known
   * outlasts the publisher where the options have a store for it.
   *
   * @param text At most 16,384 bytes of UTF-8.
   * @param options `to`: only this subscriber, an `identity` as in {@linkcode Publisher.stats}.
   * @returns How many subscribers it is for.
   * @throws {TypeError} When there is no text.
   * @throws {RangeError} When it is too long.
   *
   * @example
   * ```ts
   * import { Publisher } from "@sttp/sttp/publisher";
   * import { Subscriber } from "@sttp/sttp/subscriber";
   * import { assertEquals } from "@std/assert";
   *
   * await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
   * await publisher.start();
   * const texts: string[] = [];
   * const arrived = Promise.withResolvers<void>();
   * await using subscriber = new Subscriber({
   *   onNotification: (text) => {
   *     texts.push(text);
   *     arrived.resolve();
   *   },
   * });
   * await subscriber.connect(publisher.address);
   * assertEquals(publisher.notify("maintenance at noon"), 1);
   * await arrived.promise;
   * assertEquals(texts, ["maintenance at noon"]);
   * ```
   */
  notify(text: string, { to }: { readonly to?: string } = {}): number {
    return this.#notifications.notify(text, to);
  }

  // ---- connections ----

  /**
   * Starts to listen, unless `listen` is off, and starts what accompanies it.
   *
   * @param options See {@linkcode StartOptions}.
   * @throws {SttpError} `InvalidState` when it is not stopped; `ConnectFailed` when the address can't be had.
   * @throws {TypeError} When the function that gives the TLS options gives some that can't be used; or what it throws.
   * @throws What the option `admin` throws; and {TypeError} when that gives nothing that can be disposed of.
   */
  async start(options: StartOptions = {}): Promise<void> {
    const { admin } = checkStart(options);
    if (this.#state !== "stopped") {
      throw new SttpError("InvalidState", `the publisher is ${this.#state}, not stopped`);
    }
    this.#state = "starting";
    this.#starting = this.#open(admin);
    await this.#starting;
  }

  async #open(admin: StartOptions["admin"]): Promise<void> {
    try {
      await this.#notifications.load();
      await this.#connections.open();
      await this.#accompany(admin);
    } catch (error) {
      this.#state = "stopped";
      throw error;
    } finally {
      this.#starting = undefined;
    }
    this.#run = Promise.withResolvers();
    this.#state = "running";
    this.#startedAt = this.#options.clock.now();
    this.#status.emit({ kind: "started", address: this.#connections.listener?.address ?? null });
  }

  async #accompany(admin: StartOptions["admin"]): Promise<void> {
    try {
      await this.#companion.start(this, admin);
    } catch (error) {
      await this.#connections.stopConnecting();
      await this.#close();
      throw error;
    }
  }

  /**
   * Connects to a subscriber that listens (§2, a reverse connection): from then on it is served as one that came by
   * itself. When the connection can't be made or is lost, others are tried, ever more slowly, until the link is closed
   * or the publisher stops, or refuses whom it finds there. There may be any number of links; `maxConnections` does not
   * count them.
   *
   * @param address `host:port`; the port is by default 7165, with TLS 7167.
   * @throws {SttpError} `InvalidState` when the publisher is not running.
   * @throws {TypeError} When the address or an option can't be read.
   * @throws {RangeError} When a number is out of its range.
   *
   * @example
   * ```ts
   * import { Publisher } from "@sttp/sttp/publisher";
   * import { Subscriber } from "@sttp/sttp/subscriber";
   * import { assertEquals } from "@std/assert";
   *
   * await using subscriber = new Subscriber();
   * const { address } = await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
   *
   * await using publisher = new Publisher({ listen: false });
   * await publisher.start();
   * const link = publisher.connect(address);
   * for await (const { kind } of subscriber.status()) {
   *   if (kind === "subscribed") break;
   * }
   * assertEquals(link.state, "connected");
   * ```
   */
  connect(address: string, options: LinkOptions = {}): OutboundLink {
    this.#checkRunning();
    return this.#connections.connect(address, options);
  }

  /**
   * Serves a subscriber at the other end of a channel that was made in some other way.
   *
   * @throws {SttpError} `InvalidState` when the publisher is not running; the channel is closed then.
   */
  serve(channel: Channel): void {
    if (this.#state !== "running") channel.close();
    this.#checkRunning();
    this.#connections.serve(channel);
  }

  #checkRunning(): void {
    if (this.#state !== "running") {
      throw new SttpError("InvalidState", `the publisher is ${this.#state}, not running`);
    }
  }

  /**
   * Ends a connection; a link that made it ends, too.
   *
   * @param connectionId The publisher's number for it, as in {@linkcode Publisher.stats}.
   * @param message Why, for operators.
   * @param options `ban`: for how many milliseconds whoever is at the other end may not connect again; by default it
   * may at once. It is known by its certificate; without one, nobody from its host may connect.
   * @returns Whether there was such a connection.
   * @throws {RangeError} When `ban` is no such number.
   */
  disconnect(
    connectionId: number,
    message: string = "disconnected by the publisher",
    { ban = 0 }: { readonly ban?: number } = {},
  ): boolean {
    return this.#connections.disconnect(connectionId, message, ban);
  }

  /** Lets somebody connect again before a ban ends. @returns Whether `stats()` has a ban of this number. */
  liftBan(id: number): boolean {
    return this.#connections.bans.lift(id);
  }

  /**
   * Replaces the keys that payloads are encrypted with (§12), as subscribers may ask for.
   *
   * @param connectionId Whose; by default everybody's.
   * @returns How many connections got new keys: those whose payloads are encrypted, and whose keys are older than 1 s.
   */
  rotateCipherKeys(connectionId?: number): number {
    return this.#connections.rotateCipherKeys(connectionId);
  }

  /**
   * Stops: what accompanies it first, then no new connections, a moment for what was published to be taken, then the
   * connections end. The publisher can be started again; metadata and totals stay. Does nothing while stopped.
   *
   * @throws {SttpError} `InvalidState` when what it would wait for calls it: the option `admin` of {@linkcode StartOptions}.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    const drain = drainOf(options);
    this.#companion.checkIsNotCaller();
    await this.#starting?.catch(() => {});
    if (this.#state === "stopped") return;
    this.#stopping ??= this.#end(drain).finally(() => this.#stopping = undefined);
    await this.#stopping;
  }

  async #end(drain: number): Promise<void> {
    this.#state = "stopping";
    try {
      await this.#companion.end();
    } finally {
      await this.#connections.stopConnecting();
      this.#router.flush();
      if (drain > 0) await this.#connections.drained(drain);
      await this.#close();
      this.#state = "stopped";
      this.#status.emit({ kind: "stopped" });
      this.#status.end();
      this.#run?.resolve();
      this.#run = undefined;
    }
  }

  async #close(): Promise<void> {
    await this.#connections.close();
    await Promise.all([this.#host.commandTurns.idle(), this.#host.turns.idle()]);
    await this.#host.datagramSockets?.close();
    await this.#notifications.close();
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

  /**
   * Has a function look at every batch that is published, beside whom it is for: to show it, or to count.
   *
   * @param tap Gets the batch, which it neither keeps nor changes, and must be quick.
   * @returns What ends it.
   */
  tap(tap: MeasurementTap): () => void {
    return this.#taps.add(tap);
  }

  /** Everything that can be counted, at this moment: a plain object that turns into JSON. */
  stats(): PublisherStats {
    const { dropped, ...connections } = this.#connections.snapshot();
    return {
      name: this.#options.name,
      nodeId: this.#options.nodeId ?? null,
      state: this.#state,
      startedAt: this.#startedAt,
      metadata: this.#definition === undefined ? null : {
        generation: this.#definition.generation,
        signals: this.#definition.signalCount,
      },
      published: this.#published.snapshot(),
      ...connections,
      dropped: this.#notStarted === 0 ? dropped : { ...dropped, notStarted: this.#notStarted },
      groups: this.#router.snapshot(),
      access: this.#access.snapshot(),
      history: this.#options.history?.stats?.() ?? null,
      notifications: this.#notifications.snapshot(),
    };
  }
}
