/**
 * Measurements from publishers on to subscribers.
 *
 * @module
 */
import {
  type BufferBlock,
  compareDataSets,
  customaryPort,
  type DataSet,
  isGuid,
  MeasurementBatch,
  parseTarget,
  type Publisher,
  SttpError,
  Subscriber,
  type SubscriberOptions,
} from "../../mod.ts";
import { mergeMetadata, type MergeReport } from "./merge_metadata.ts";

/** A publisher that measurements come from. */
export interface UpstreamSettings {
  /** What it is called in events. */
  readonly name: string;
  /** Where it is, `host:port`. */
  readonly address: string;
  /** How to subscribe to it; batches, buffer blocks and notifications go to the relay. */
  readonly options: Omit<
    SubscriberOptions,
    "address" | "onBatch" | "onBufferBlock" | "onNotification" | "gapRecovery"
  >;
  /** Whether to get what was missed while there was no connection, from the history of that publisher; default false. */
  readonly recover?: boolean;
}

/** What happens to a relay, besides what happens to its publisher and its subscribers. */
export type RelayEvent =
  /** The metadata of all publishers together was defined. */
  | {
    readonly kind: "metadata";
    readonly upstreams: number;
    readonly signals: number;
    readonly report: MergeReport;
  }
  /** The metadata of a publisher can't be used, so nothing of it goes on; `null`: that of all together. */
  | { readonly kind: "metadataRejected"; readonly upstream: string | null; readonly error: SttpError }
  /** Subscribed to a publisher, or not any more. */
  | { readonly kind: "live" | "lost"; readonly upstream: string }
  /** A publisher refuses us for good. */
  | { readonly kind: "closed"; readonly upstream: string; readonly error: SttpError };

/** What came from one publisher. */
export interface UpstreamStats {
  readonly name: string;
  readonly address: string;
  /** Whether there is a subscription. */
  readonly live: boolean;
  /** Measurements that went on. */
  readonly forwarded: number;
  /** Measurements that did not, because the metadata of this publisher does not describe their signals. */
  readonly undescribed: number;
  /** Measurements that did not, because their signals are taken from a publisher before this one. */
  readonly elsewhere: number;
  /** Buffer blocks that went on. */
  readonly bufferBlocks: number;
  /** Notifications that went on. */
  readonly notifications: number;
}

/**
 * Subscribes to publishers and publishes what comes from all of them. Their metadata becomes one, which follows theirs.
 * A signal that several have is taken from the first of them that is there, so that each measurement goes on once.
 *
 * The connections to publishers come and go by themselves; those of subscribers do not notice.
 */
export class Relay implements AsyncDisposable {
  readonly #publisher: Publisher;
  readonly #emit: (event: RelayEvent) => void;
  readonly #upstreams: readonly Upstream[];
  /** The merged metadata, as it was defined last. */
  #metadata: DataSet | undefined;
  /** By the publisher's handle: where its measurements are taken from, -1 when nobody describes it. */
  #origins = new Int16Array(0);

  /**
   * Connects to nobody yet.
   *
   * @param publisher Whose metadata and measurements are the relay's from now on; starting and stopping it is not.
   * @param upstreams The publishers that measurements come from, those to be preferred first.
   * @param emit Is told what happens.
   * @throws {TypeError} When the address or the options of one can't be used.
   * @throws {RangeError} When a number in them is out of its range.
   */
  constructor(
    publisher: Publisher,
    upstreams: readonly UpstreamSettings[],
    emit: (event: RelayEvent) => void = () => {},
  ) {
    this.#publisher = publisher;
    this.#emit = emit;
    this.#upstreams = upstreams.map((settings, i) =>
      new Upstream(settings, publisher, {
        origins: () => this.#origins,
        index: i,
        emit: (event) => emit(event),
        metadataChanged: () => this.#define(),
        livenessChanged: () => this.#assign(),
      })
    );
  }

  /** The subscribers to the publishers, by name. */
  get subscribers(): Readonly<Record<string, Subscriber>> {
    return Object.fromEntries(this.#upstreams.map(({ name, subscriber }) => [name, subscriber]));
  }

  /** What came from each. */
  stats(): UpstreamStats[] {
    return this.#upstreams.map((upstream) => upstream.stats());
  }

  /** Begins to connect to all of them, until they are there. Resolves when all of them have ended. */
  async run(): Promise<void> {
    await Promise.all(this.#upstreams.map((upstream) => upstream.run()));
  }

  /** Ends the connections to publishers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#upstreams.map(({ subscriber }) => subscriber.disconnect()));
  }

  /** Publishes the metadata of all, if it is not what it was. */
  #define(): void {
    const sets = this.#upstreams.map(({ metadata }) => metadata).filter((set) => set !== undefined);
    if (sets.length === 0) return;
    const { dataSet, report } = mergeMetadata(sets);
    // A reconnection brings the same again, of which subscribers should not be told.
    if (this.#metadata === undefined || !compareDataSets(this.#metadata, dataSet).isEmpty) {
      try {
        this.#publisher.defineMetadata(dataSet);
      } catch (error) {
        if (!(error instanceof SttpError)) throw error;
        return this.#emit({ kind: "metadataRejected", upstream: null, error });
      }
      this.#metadata = dataSet;
      const signals = this.#publisher.stats().metadata?.signals ?? 0;
      this.#emit({ kind: "metadata", upstreams: sets.length, signals, report });
    }
    this.#assign();
  }

  /** Finds out where each signal's measurements are to be taken from. */
  #assign(): void {
    const origins = new Int16Array(this.#publisher.signals.size).fill(-1);
    // The last to claim a signal gets it: first those that are not there, and of either kind the preferred last.
    for (const live of [false, true]) {
      for (let i = this.#upstreams.length - 1; i >= 0; i--) {
        const upstream = this.#upstreams[i]!;
        if (upstream.isLive !== live) continue;
        for (const handle of upstream.described) origins[handle] = i;
      }
    }
    this.#origins = origins;
  }
}

/** What an upstream needs of its relay. */
interface UpstreamHost {
  readonly index: number;
  /** Where the measurements of signals are taken from, by the publisher's handle; beyond its end from nowhere. */
  origins(): Int16Array;
  emit(event: RelayEvent): void;
  metadataChanged(): void;
  livenessChanged(): void;
}

/** One publisher that measurements come from. */
class Upstream {
  readonly name: string;
  readonly subscriber: Subscriber;
  /** What it describes, as it was last received and could be used. */
  metadata: DataSet | undefined;
  /** The signals in that, as the publisher's handles. */
  described: readonly number[] = [];
  isLive = false;
  readonly #address: string;
  readonly #publisher: Publisher;
  readonly #host: UpstreamHost;
  /** The publisher's handle by the subscriber's. */
  #handles = new Int32Array(1024);
  #handlesKnown = 0;
  readonly #guid = new Uint8Array(16);
  readonly #batch = new MeasurementBatch();
  #forwarded = 0;
  #undescribed = 0;
  #elsewhere = 0;
  #bufferBlocks = 0;
  #notifications = 0;

  constructor(
    { name, address, options, recover = false }: UpstreamSettings,
    publisher: Publisher,
    host: UpstreamHost,
  ) {
    if (options.connector === undefined) parseTarget(address, customaryPort(options.tls));
    this.name = name;
    this.#address = address;
    this.#publisher = publisher;
    this.#host = host;
    this.subscriber = new Subscriber({
      ...options,
      address,
      onBatch: (batch) => this.#forward(batch),
      ...recover && { gapRecovery: { onRecovered: (batch) => this.#forward(batch) } },
      onBufferBlock: (block) => this.#forwardBlock(block),
      onNotification: (text) => {
        this.#notifications++;
        publisher.notify(text);
      },
    });
  }

  stats(): UpstreamStats {
    return {
      name: this.name,
      address: this.#address,
      live: this.isLive,
      forwarded: this.#forwarded,
      undescribed: this.#undescribed,
      elsewhere: this.#elsewhere,
      bufferBlocks: this.#bufferBlocks,
      notifications: this.#notifications,
    };
  }

  async run(): Promise<void> {
    const events = this.subscriber.status();
    this.subscriber.connect(undefined, { retry: true }).catch(() => {
      // The status says why.
    });
    for await (const event of events) {
      if (event.kind === "metadata") this.#takeMetadata();
      else if (event.kind === "subscribed") this.#setLive(true);
      else if (event.kind === "connectionLost" || event.kind === "closed") this.#setLive(false);
      else if (event.kind === "missed") {
        // Whatever it was, this is how it stands.
        this.#takeMetadata();
        this.#setLive(this.subscriber.state === "connected");
      }
      if (event.kind === "closed" && event.reason.kind !== "disconnected") {
        this.#host.emit({ kind: "closed", upstream: this.name, error: event.reason.error });
      }
    }
  }

  #setLive(isLive: boolean): void {
    if (this.isLive === isLive) return;
    this.isLive = isLive;
    this.#host.livenessChanged();
    this.#host.emit({ kind: isLive ? "live" : "lost", upstream: this.name });
  }

  #takeMetadata(): void {
    const { metadata } = this.subscriber;
    if (metadata === undefined || metadata === this.metadata) return;
    try {
      this.described = this.#signalsOf(metadata);
      this.metadata = metadata;
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      this.described = [];
      this.metadata = undefined;
      this.#host.emit({ kind: "metadataRejected", upstream: this.name, error });
    }
    this.#host.metadataChanged();
  }

  /** @throws {SttpError} `InvalidMetadata` when it describes no signals. */
  #signalsOf(metadata: DataSet): number[] {
    const column = metadata.table("MeasurementDetail")?.column("SignalID");
    if (column === undefined) {
      throw new SttpError("InvalidMetadata", "there is no MeasurementDetail with a SignalID");
    }
    return column.values.flatMap((id) =>
      typeof id === "string" && isGuid(id) ? [this.#publisher.signals.add(id)] : []
    );
  }

  #forward(batch: MeasurementBatch): void {
    this.#learnSignals();
    const { index } = this.#host;
    const origins = this.#host.origins();
    const handles = this.#handles;
    const out = this.#batch;
    out.clear();
    out.append(batch);
    const { signals, ticks, valueBits, flags, length } = out;
    let kept = 0;
    for (let i = 0; i < length; i++) {
      const handle = handles[signals[i]!]!;
      const origin = origins[handle] ?? -1;
      if (origin !== index) {
        if (origin < 0) this.#undescribed++;
        else this.#elsewhere++;
        continue;
      }
      signals[kept] = handle;
      if (kept !== i) {
        ticks[kept] = ticks[i]!;
        valueBits[kept] = valueBits[i]!;
        flags[kept] = flags[i]!;
      }
      kept++;
    }
    out.length = kept;
    this.#forwarded += kept;
    this.#publisher.publish(out);
  }

  /** Finds the publisher's handles of signals that are new. */
  #learnSignals(): void {
    const { signals } = this.subscriber;
    if (this.#handlesKnown === signals.size) return;
    if (signals.size > this.#handles.length) {
      const handles = new Int32Array(Math.max(signals.size, 2 * this.#handles.length));
      handles.set(this.#handles);
      this.#handles = handles;
    }
    for (; this.#handlesKnown < signals.size; this.#handlesKnown++) {
      signals.writeId(this.#handlesKnown, this.#guid, 0);
      this.#handles[this.#handlesKnown] = this.#publisher.signals.addBytes(this.#guid);
    }
  }

  #forwardBlock({ signalId, payload }: BufferBlock): void {
    const handle = this.#publisher.signals.handleOf(signalId) ?? -1;
    if (this.#host.origins()[handle] !== this.#host.index) return;
    this.#bufferBlocks++;
    this.#publisher.publishBufferBlock(handle, payload);
  }
}
