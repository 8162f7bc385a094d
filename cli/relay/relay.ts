/**
 * Measurements from publishers on to subscribers.
 *
 * @module
 */
import { deriveActiveMeasurementsSteps } from "../../metadata/active_measurements.ts";
import { compareDataSetsSteps } from "../../metadata/changes.ts";
import { inSlices, type Steps } from "../../metadata/steps.ts";
import {
  type BufferBlock,
  type CellValue,
  customaryPort,
  type DataSet,
  isGuid,
  MeasurementBatch,
  parseTarget,
  type Publisher,
  SttpError,
  Subscriber,
  type SubscriberOptions,
  systemClock,
} from "../../mod.ts";
import { Covered } from "./covered.ts";
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
  /**
   * Most different signals that its metadata may bring over the relay's life, besides those that others brought: all of
   * them keep their handles. Stops a publisher that makes up new ones; default 4,194,304.
   */
  readonly signals?: number;
}

/** The default of {@linkcode UpstreamSettings.signals}. */
const MOST_SIGNALS = 4_194_304;
/** So many signals are looked up in a step: less than a millisecond. */
const STEP = 1_024;

/** What happens to a relay, besides what happens to its publisher and its subscribers. */
export type RelayEvent =
  /** The metadata of all publishers together was defined. */
  | {
    readonly kind: "metadata";
    readonly upstreams: number;
    readonly signals: number;
    readonly report: MergeReport;
  }
  /** The metadata of a publisher can't be used, alone or with that of the others. What it had before stays. */
  | { readonly kind: "metadataRejected"; readonly upstream: string; readonly error: SttpError }
  /** A buffer block did not go on, as {@linkcode UpstreamStats} counts it. */
  | {
    readonly kind: "blockDropped";
    readonly upstream: string;
    readonly signalId: string;
    readonly reason: "undescribed" | "elsewhere";
  }
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
  /** How often its metadata could not be used. */
  readonly metadataRejected: number;
  /** Measurements that went on. */
  readonly forwarded: number;
  /** Measurements that did not, because the metadata of this publisher does not describe their signals. */
  readonly undescribed: number;
  /**
   * Measurements that did not, because their signals are taken from a publisher before this one; or, of what was missed
   * and recovered, because they had been delivered from another one.
   */
  readonly elsewhere: number;
  /** Buffer blocks that went on. */
  readonly bufferBlocks: number;
  /** Buffer blocks that did not, although they were confirmed: for want of a description, as with measurements. */
  readonly undescribedBlocks: number;
  /** Buffer blocks that did not, although they were confirmed: their signals are taken from a publisher before this one. */
  readonly elsewhereBlocks: number;
  /** Notifications that went on. */
  readonly notifications: number;
}

/**
 * Subscribes to publishers and publishes what comes from all of them. Their metadata becomes one, which follows theirs.
 * A signal that several have is taken from the first of them that is there. What one of them missed while it was away, and
 * recovers, goes on as far as it was not delivered from another one.
 *
 * The connections to publishers come and go by themselves; those of subscribers do not notice.
 */
export class Relay implements AsyncDisposable {
  readonly #publisher: Publisher;
  readonly #emit: (event: RelayEvent) => void;
  readonly #upstreams: readonly Upstream[];
  /** The merged metadata, as it was defined last. */
  #metadata: DataSet | undefined;
  /** Those that have metadata, the one whose metadata came last at the end. */
  #arrived: Upstream[] = [];
  /** Whether that of a publisher has changed since it was merged. */
  #isStale = false;
  #defining: Promise<void> | undefined;
  /** By the publisher's handle: where its measurements are taken from, -1 when nobody describes it. */
  #origins = new Int16Array(0);
  /** Where one of several recovers: what of it is not missing any more. */
  readonly #delivered: Delivered | undefined;

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
    if (upstreams.length > 1 && upstreams.some(({ recover }) => recover)) this.#delivered = new Delivered();
    this.#upstreams = upstreams.map((settings, i) =>
      new Upstream(settings, publisher, {
        origins: () => this.#origins,
        delivered: this.#delivered,
        index: i,
        emit: (event) => emit(event),
        metadataChanged: (upstream) => {
          this.#arrived = [...this.#arrived.filter((other) => other !== upstream), upstream];
          this.#isStale = true;
          return this.#defining ??= this.#define();
        },
        livenessChanged: () => this.#assign(i),
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

  /** Publishes the metadata of all, as often as it changes meanwhile; data goes on. */
  async #define(): Promise<void> {
    try {
      while (this.#isStale) {
        this.#isStale = false;
        const changed = this.#arrived.filter(({ offered, used }) => offered !== used);
        const error = await this.#adopt(changed);
        if (error === undefined) continue;
        // What was there first stays, so that nobody can take anything away from the others.
        for (const upstream of changed) {
          const reason = changed.length === 1 ? error : await this.#adopt([upstream]);
          if (reason !== undefined) upstream.leaveOut(reason);
        }
      }
    } finally {
      this.#defining = undefined;
    }
  }

  /** Publishes what these offer, with what is used of the others. @returns Why that can't be done. */
  async #adopt(changed: readonly Upstream[]): Promise<SttpError | undefined> {
    const offers = this.#upstreams.map((upstream) =>
      changed.includes(upstream) ? upstream.offered : upstream.used
    );
    const sets = offers.flatMap((offer) => offer?.metadata ?? []);
    try {
      const { dataSet, report } = await inSlices(mergeMetadata(sets), systemClock);
      // A reconnection brings the same again, of which subscribers should not be told.
      if (!await this.#isDefined(dataSet)) this.#publish(dataSet, report, sets.length);
    } catch (error) {
      return unusable(error);
    }
    this.#upstreams.forEach((upstream, i) => upstream.used = offers[i]);
    this.#assign();
  }

  async #isDefined(dataSet: DataSet): Promise<boolean> {
    if (this.#metadata === undefined) return false;
    return (await inSlices(compareDataSetsSteps(this.#metadata, dataSet), systemClock)).isEmpty;
  }

  #publish(dataSet: DataSet, report: MergeReport, upstreams: number): void {
    this.#publisher.defineMetadata(dataSet);
    this.#metadata = dataSet;
    const signals = this.#publisher.stats().metadata?.signals ?? 0;
    this.#emit({ kind: "metadata", upstreams, signals, report });
  }

  /**
   * Finds out where each signal's measurements are to be taken from.
   *
   * @param changed The one that is there now, or is not any more; -1 for none.
   */
  #assign(changed: number = -1): void {
    const origins = new Int16Array(this.#publisher.signals.size).fill(-1);
    // The last to claim a signal gets it: first those that are not there, and of either kind the preferred last.
    for (const live of [false, true]) {
      for (let i = this.#upstreams.length - 1; i >= 0; i--) {
        const upstream = this.#upstreams[i]!;
        if (upstream.isLive !== live) continue;
        for (const handle of upstream.used?.described ?? []) origins[handle] = i;
      }
    }
    const before = this.#origins;
    this.#origins = origins;
    if (this.#delivered === undefined) return;
    for (let handle = 0; handle < before.length; handle++) {
      // Between what came until now and what comes from here on something may be missing.
      const origin = before[handle]!;
      if (origin !== origins[handle] || origin === changed) this.#delivered.live.end(handle);
    }
  }
}

/**
 * What went on to subscribers. It is noted all the time, not only while somebody is away: that a connection is lost may be
 * noticed long after the last came over it.
 */
class Delivered {
  /** When it was new; the sources are the upstreams, by their index and 1. */
  readonly live = new Covered();
  /** When it was recovered, each recovery being a source of its own: what it has not come to is still missing. */
  readonly recovered = new Covered();
  /** How many recoveries there were. */
  recoveries = 0;
}

/** Why metadata can't be used: whatever a publisher finds to send, it must not end the relay. */
function unusable(error: unknown): SttpError {
  if (error instanceof SttpError) return error;
  return new SttpError("InvalidMetadata", `the metadata can't be used: ${error}`, { cause: error });
}

/** What a publisher describes. */
interface Description {
  readonly metadata: DataSet;
  /** The signals in that, as the relay's publisher's handles. */
  readonly described: readonly number[];
  /** By such a handle: 1 for those in there. */
  readonly describes: Uint8Array;
}

/** What an upstream needs of its relay. */
interface UpstreamHost {
  readonly index: number;
  /** Where the measurements of signals are taken from, by the publisher's handle; beyond its end from nowhere. */
  origins(): Int16Array;
  /** What need not be recovered any more; `undefined` when nobody else delivers anything. */
  readonly delivered: Delivered | undefined;
  emit(event: RelayEvent): void;
  /** Resolves when it is published, or left out. */
  metadataChanged(upstream: Upstream): Promise<void>;
  livenessChanged(): void;
}

/** One publisher that measurements come from. */
class Upstream {
  readonly name: string;
  readonly subscriber: Subscriber;
  /** What it describes, as it was last received and makes sense. */
  offered: Description | undefined;
  /** That of all upstreams together which is published. */
  used: Description | undefined;
  isLive = false;
  readonly #address: string;
  readonly #publisher: Publisher;
  readonly #host: UpstreamHost;
  /** The publisher's handle by the subscriber's. */
  #handles = new Int32Array(1024);
  #handlesKnown = 0;
  readonly #guid = new Uint8Array(16);
  /** The most signals that it may add to the publisher's, and how many it has. */
  readonly #mostSignals: number;
  #added = 0;
  /** What was received last, whether it could be used or not. */
  #received: DataSet | undefined;
  /** Ends when that is published. */
  #taking: Promise<void> | undefined;
  /** What was told to be of no use. */
  #leftOut: Description | undefined;
  #metadataRejected = 0;
  /** What it recovers now as a source in {@linkcode Delivered}, and how much that could be part of had ended by then. */
  #recovery = 0;
  #recoveriesEnded = -1;
  readonly #batch = new MeasurementBatch();
  #forwarded = 0;
  #undescribed = 0;
  #elsewhere = 0;
  #bufferBlocks = 0;
  #undescribedBlocks = 0;
  #elsewhereBlocks = 0;
  #notifications = 0;

  constructor(
    { name, address, options, recover = false, signals = MOST_SIGNALS }: UpstreamSettings,
    publisher: Publisher,
    host: UpstreamHost,
  ) {
    if (!(Number.isInteger(signals) && signals > 0)) {
      throw new RangeError(`signals ${signals}; expected a whole number from 1 on`);
    }
    if (options.connector === undefined) parseTarget(address, customaryPort(options.tls));
    this.name = name;
    this.#address = address;
    this.#publisher = publisher;
    this.#host = host;
    this.#mostSignals = signals;
    this.subscriber = new Subscriber({
      ...options,
      address,
      onBatch: (batch) => this.#inTime(() => this.#forward(batch)),
      ...recover && {
        gapRecovery: { onRecovered: (batch) => this.#inTime(() => this.#forward(batch, true)) },
      },
      onBufferBlock: (block) => this.#inTime(() => this.#forwardBlock(block)),
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
      metadataRejected: this.#metadataRejected,
      forwarded: this.#forwarded,
      undescribed: this.#undescribed,
      elsewhere: this.#elsewhere,
      bufferBlocks: this.#bufferBlocks,
      undescribedBlocks: this.#undescribedBlocks,
      elsewhereBlocks: this.#elsewhereBlocks,
      notifications: this.#notifications,
    };
  }

  async run(): Promise<void> {
    const events = this.subscriber.status();
    this.subscriber.connect(undefined, { retry: true }).catch(() => {
      // The status says why.
    });
    for await (const event of events) {
      if (event.kind === "metadata") await this.#allTaken();
      else if (event.kind === "subscribed") this.#setLive(true);
      else if (event.kind === "connectionLost" || event.kind === "closed") this.#setLive(false);
      else if (event.kind === "missed") {
        // Whatever it was, this is how it stands.
        await this.#allTaken();
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

  /** Takes over metadata that is new, one after the other. @returns When that is done; `undefined` when none is. */
  #takeMetadata(): Promise<void> | undefined {
    const { metadata } = this.subscriber;
    if (this.#taking !== undefined || metadata === undefined || metadata === this.#received) {
      return this.#taking;
    }
    this.#received = metadata;
    return this.#taking = this.#take(metadata).finally(() => this.#taking = undefined);
  }

  /** Resolves when all metadata that there is by then has been taken over. */
  async #allTaken(): Promise<void> {
    for (let taking; (taking = this.#takeMetadata()) !== undefined;) await taking;
  }

  async #take(metadata: DataSet): Promise<void> {
    try {
      // What makes no sense alone must not be the fault of whoever comes after it.
      await inSlices(deriveActiveMeasurementsSteps(metadata), systemClock);
      const described = await inSlices(this.#signalsOf(metadata), systemClock);
      const describes = new Uint8Array(this.#publisher.signals.size);
      for (const handle of described) describes[handle] = 1;
      this.offered = { metadata, described, describes };
    } catch (error) {
      return this.#reject(unusable(error));
    }
    await this.#host.metadataChanged(this);
  }

  /** What it offers can't be used together with what the others do; when theirs changes, it is tried again. */
  leaveOut(error: SttpError): void {
    if (this.#leftOut === this.offered) return;
    this.#leftOut = this.offered;
    this.#reject(error);
  }

  #reject(error: SttpError): void {
    this.#metadataRejected++;
    this.#host.emit({ kind: "metadataRejected", upstream: this.name, error });
  }

  /** @throws {SttpError} `InvalidMetadata` when it describes no signals, `LimitExceeded` when too many are new. */
  *#signalsOf(metadata: DataSet): Steps<number[]> {
    const column = metadata.table("MeasurementDetail")?.column("SignalID");
    if (column === undefined || column.computed) {
      throw new SttpError("InvalidMetadata", "there is no MeasurementDetail with a SignalID");
    }
    const { values } = column;
    yield* this.#checkRoom(values);
    const { signals } = this.#publisher;
    const described: number[] = [];
    for (let row = 0; row < values.length; row++) {
      const id = values[row];
      if (typeof id === "string" && isGuid(id)) {
        const { size } = signals;
        const handle = signals.add(id);
        if (handle === size) this.#added++;
        this.#map(handle);
        described.push(handle);
      }
      if (row % STEP === STEP - 1) yield;
    }
    return described;
  }

  /** @throws {SttpError} `LimitExceeded` when too many signals are new. */
  *#checkRoom(ids: readonly CellValue[]): Steps<void> {
    const room = this.#mostSignals - this.#added;
    if (ids.length <= room) return;
    const added = new Set<string>();
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row];
      if (typeof id === "string" && isGuid(id) && this.#publisher.signals.handleOf(id) === undefined) {
        added.add(id);
        if (added.size > room) {
          throw new SttpError(
            "LimitExceeded",
            `more than ${room} new signals besides the ${this.#added} that came before, ` +
              `at most ${this.#mostSignals} expected`,
          );
        }
      }
      if (row % STEP === STEP - 1) yield;
    }
  }

  /** Takes note of a publisher's handle that measurements which come already may have. */
  #map(handle: number): void {
    this.#publisher.signals.writeId(handle, this.#guid, 0);
    const own = this.subscriber.signals.handleOfBytes(this.#guid);
    if (own !== undefined && own < this.#handlesKnown) this.#handles[own] = handle;
  }

  /** What comes waits for the metadata that came before it. */
  #inTime(forward: () => void): void | Promise<void> {
    return this.#takeMetadata() === undefined ? forward() : this.#allTaken().then(forward);
  }

  /** @param isRecovered Whether it was missed when it was new. */
  #forward(batch: MeasurementBatch, isRecovered: boolean = false): void {
    this.#learnSignals();
    const { index, delivered } = this.#host;
    const origins = this.#host.origins();
    if (isRecovered) this.#checkRecovery();
    const handles = this.#handles;
    const out = this.#batch;
    out.clear();
    out.append(batch);
    const { signals, ticks, tickWords, valueBits, flags, length } = out;
    let kept = 0;
    for (let i = 0; i < length; i++) {
      const handle = handles[signals[i]!]!;
      const [low, high] = [tickWords[2 * i]!, tickWords[2 * i + 1]!];
      if (isRecovered) {
        if (!this.#isMissing(handle, low, high)) continue;
        delivered?.recovered.note(handle, low, high, this.#recovery);
      } else {
        const origin = origins[handle] ?? -1;
        if (origin !== index) {
          if (origin < 0) this.#undescribed++;
          else this.#elsewhere++;
          continue;
        }
        delivered?.live.note(handle, low, high, index + 1);
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

  /** Whether what is recovered is still to be delivered, whoever the signal is taken from by now; counts it if not. */
  #isMissing(handle: number, low: number, high: number): boolean {
    const { index, delivered } = this.#host;
    if (this.used?.describes[handle] !== 1) this.#undescribed++;
    // What it delivered itself is not in the gap, even if it is not known where that began; and in one recovery nothing
    // comes twice, though a signal may have several measurements of the same time.
    else if (
      delivered?.live.has(handle, low, high, index + 1) ||
      delivered?.recovered.has(handle, low, high, this.#recovery)
    ) this.#elsewhere++;
    else return true;
    return false;
  }

  /** Takes note of another gap that is recovered, or of the rest of one. */
  #checkRecovery(): void {
    const { connections, gaps: { filled, failures, givenUp } } = this.subscriber.stats();
    const ended = connections + filled + failures + givenUp;
    if (ended === this.#recoveriesEnded || this.#host.delivered === undefined) return;
    this.#recoveriesEnded = ended;
    this.#recovery = ++this.#host.delivered.recoveries;
  }

  /** Finds the publisher's handles of signals that are new; -1 of those that nobody describes, or not yet. */
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
      this.#handles[this.#handlesKnown] = this.#publisher.signals.handleOfBytes(this.#guid) ?? -1;
    }
  }

  #forwardBlock({ signalId, payload }: BufferBlock): void {
    const handle = this.#publisher.signals.handleOf(signalId) ?? -1;
    const origin = this.#host.origins()[handle] ?? -1;
    if (origin === this.#host.index) {
      this.#bufferBlocks++;
      this.#publisher.publishBufferBlock(handle, payload);
      return;
    }
    const reason = origin < 0 ? "undescribed" : "elsewhere";
    if (reason === "undescribed") this.#undescribedBlocks++;
    else this.#elsewhereBlocks++;
    this.#host.emit({ kind: "blockDropped", upstream: this.name, signalId, reason });
  }
}
