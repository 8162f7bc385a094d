import { deriveActiveMeasurements } from "../metadata/active_measurements.ts";
import { DataSet } from "../metadata/data_set.ts";
import { filterMetadata, selectSignalIds } from "../metadata/filter/mod.ts";
import { KnownColumns, textOf, type Values } from "../metadata/known_columns.ts";
import { parseMeasurementKey } from "../metadata/measurement_key.ts";
import { type MeasurementRecord, Metadata } from "../metadata/records.ts";
import type { Clock } from "../transport/clock.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { GUID_LENGTH } from "../transport/wire/guid.ts";
import { encodeSignalIndexCache, SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { TextEncoding } from "../transport/wire/text.ts";
import { CacheBlock } from "./cache_block.ts";
import { encodeMetadata, type MetadataBody } from "./metadata_body.ts";
import type { CheckedOptions } from "./options.ts";
import { SignalSet } from "./signal_set.ts";

/** What a filter expression comes to: the signals, and their cache in every form that was asked for. */
export class Selection {
  /** The signals. */
  readonly set: SignalSet;
  readonly #entries: () => SignalIndexCache;
  readonly #caches = new Map<string, Promise<CacheBlock>>();

  /** @param entries Makes the signal index cache of the set. */
  constructor(set: SignalSet, entries: () => SignalIndexCache = () => SignalIndexCache.from([])) {
    this.set = set;
    this.#entries = entries;
  }

  /** The signal index cache, made once for each form. */
  cache(gzip: boolean, encoding: TextEncoding): Promise<CacheBlock> {
    const key = `${encoding} ${gzip}`;
    let cache = this.#caches.get(key);
    if (cache === undefined) {
      cache = CacheBlock.create(encodeSignalIndexCache(this.#entries(), encoding), gzip);
      this.#caches.set(key, cache);
    }
    return cache;
  }
}

/** What every filter comes to while there is no metadata. */
export const noSignals: Selection = new Selection(new SignalSet(new Int32Array(0)));

/** Functions that give another result at another time: what they select must not be kept. */
const TIME_DEPENDENT = /\b(?:utc)?now\b/i;
/** How many signals, over all of them, the selections kept may have. */
const KEPT_SIGNALS = 2_000_000;
/** How many bytes filtered metadata kept for the next asker may have. */
const KEPT_METADATA = 64 * 1024 ** 2;

/** One definition of a publisher's metadata, with all that is derived from it, each made once. */
export class Definition {
  /** Counts definitions, from 1. */
  readonly generation: number;
  /** As the application gave it. */
  readonly dataSet: DataSet;
  /** How many measurements it describes. */
  readonly signalCount: number;
  readonly #signals: SignalTable;
  readonly #clock: Clock;
  /** With ActiveMeasurements, which subscriptions select from. */
  readonly #active: DataSet;
  readonly #selections = new Kept<Selection>(KEPT_SIGNALS);
  /** By encoding and compression. */
  readonly #bodies = new Map<string, Promise<MetadataBody>>();
  readonly #filteredBodies = new Kept<MetadataBody>(KEPT_METADATA);
  /** Those being made: who asks for the same meanwhile waits for it. */
  readonly #bodiesToCome = new Map<string, Promise<MetadataBody>>();
  #metadata: Metadata | undefined;
  #primarySchema: string | undefined;
  #selectionSchema: string | undefined;
  /** The keys in MeasurementDetail by row, and the row of each signal by handle. */
  readonly #keys: Values;
  readonly #rows: Int32Array;

  /**
   * Registers every signal.
   *
   * @param dataSet Not to be changed afterwards.
   * @throws {SttpError} `InvalidMetadata` when its tables lack what is needed.
   */
  constructor(
    generation: number,
    dataSet: DataSet,
    signals: SignalTable,
    { nodeId, clock }: Pick<CheckedOptions, "nodeId" | "clock">,
  ) {
    this.generation = generation;
    this.dataSet = dataSet;
    this.#clock = clock;
    const columns = new KnownColumns(dataSet.table("MeasurementDetail"));
    const signalIds = columns.requiredGuids("SignalID");
    this.#active = deriveActiveMeasurements(dataSet, nodeId === undefined ? {} : { sourceNodeId: nodeId });
    this.#signals = signals;
    this.#keys = columns.values("ID");
    const handles = new Int32Array(columns.rowCount).fill(-1);
    let count = 0;
    for (let row = 0; row < handles.length; row++) {
      const signalId = signalIds[row];
      if (!signalId) continue;
      handles[row] = signals.add(signalId);
      count++;
    }
    this.signalCount = count;
    this.#rows = new Int32Array(signals.size).fill(-1);
    // Of several rows of a signal the first counts.
    for (let row = handles.length - 1; row >= 0; row--) {
      if (handles[row]! >= 0) this.#rows[handles[row]!] = row;
    }
  }

  /** Its records; made when first asked for, as not every publisher needs them. */
  get metadata(): Metadata {
    return this.#metadata ??= new Metadata(this.dataSet);
  }

  /** The schema of the metadata as an XML document (§14). */
  get primarySchema(): string {
    return this.#primarySchema ??= this.dataSet.toXmlSchema();
  }

  /** The schema of ActiveMeasurements, which subscriptions select from, as an XML document (§14). */
  get selectionSchema(): string {
    return this.#selectionSchema ??= this.#activeAlone().toXmlSchema();
  }

  #activeAlone(): DataSet {
    const dataSet = new DataSet(this.dataSet.name);
    dataSet.addTable(this.#active.table("ActiveMeasurements")!);
    return dataSet;
  }

  /**
   * The signals that a subscription's filter expression comes to.
   *
   * @throws {SttpError} `InvalidFilter`.
   */
  select(filter: string): Selection {
    if (filter.trim() === "") return noSignals;
    const kept = this.#selections.get(filter);
    if (kept !== undefined) return kept;
    const ids = selectSignalIds(this.#active, filter, {
      primaryTable: "ActiveMeasurements",
      clock: this.#clock,
    });
    // All are in the table already; `add` looks them up without taking note of their texts.
    const set = new SignalSet(Int32Array.from(ids, (id) => this.#signals.add(id)));
    const selection = new Selection(set, () => this.#cacheOf(set));
    if (!TIME_DEPENDENT.test(filter)) this.#selections.set(filter, selection, 1 + set.size);
    return selection;
  }

  #cacheOf({ handles, size }: SignalSet): SignalIndexCache {
    const indexes = new Int32Array(size);
    const guids = new Uint8Array(size * GUID_LENGTH);
    const sources = new Array<string>(size);
    const ids = new BigUint64Array(size);
    for (let i = 0; i < size; i++) {
      const handle = handles[i]!;
      const key = parseMeasurementKey(textOf(this.#keys[this.#rows[handle] ?? -1]));
      indexes[i] = i;
      this.#signals.writeId(handle, guids, i * GUID_LENGTH);
      sources[i] = key?.source ?? "";
      ids[i] = key?.id ?? 0n;
    }
    return new SignalIndexCache({ indexes, guids, sources, ids });
  }

  /**
   * The enabled measurements that a filter expression comes to; one without FILTER is about MeasurementDetail.
   *
   * @throws {SttpError} `InvalidFilter`.
   */
  filterMeasurements(filter: string): MeasurementRecord[] {
    const records: MeasurementRecord[] = [];
    const options = { primaryTable: "MeasurementDetail", clock: this.#clock };
    for (const id of selectSignalIds(this.#active, filter, options)) {
      const record = this.metadata.measurement(id);
      if (record?.enabled) records.push(record);
    }
    return records;
  }

  /**
   * The body of the answer to a MetadataRefresh (§3). Made when first asked for; the unfiltered ones are kept for
   * good, of the filtered ones some.
   *
   * @param filter Filter expressions; empty for all.
   * @throws {SttpError} `InvalidFilter`.
   */
  async metadataBody(filter: string, encoding: TextEncoding, gzip: boolean): Promise<MetadataBody> {
    const form = `${encoding} ${gzip}`;
    if (filter.trim() === "") {
      let body = this.#bodies.get(form);
      if (body === undefined) {
        body = encodeMetadata(this.dataSet, encoding, gzip);
        this.#bodies.set(form, body);
        // One that failed must not stand for those to come.
        body.catch(() => this.#bodies.delete(form));
      }
      return await body;
    }
    const key = `${form} ${filter}`;
    const kept = this.#filteredBodies.get(key) ?? this.#bodiesToCome.get(key);
    if (kept !== undefined) return await kept;
    const toCome = encodeMetadata(
      filterMetadata(this.dataSet, filter, { clock: this.#clock }),
      encoding,
      gzip,
    );
    this.#bodiesToCome.set(key, toCome);
    try {
      const body = await toCome;
      if (!TIME_DEPENDENT.test(filter)) this.#filteredBodies.set(key, body, body.length);
      return body;
    } finally {
      this.#bodiesToCome.delete(key);
    }
  }
}

/** Values by text, of which the least recently used go when they weigh too much together. */
class Kept<Value> {
  readonly #limit: number;
  readonly #values = new Map<string, { value: Value; weight: number }>();
  #weight = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): Value | undefined {
    const entry = this.#values.get(key);
    if (entry === undefined) return undefined;
    // A Map keeps the order of insertion: the last used is the last.
    this.#values.delete(key);
    this.#values.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value, weight: number): void {
    if (weight > this.#limit) return;
    this.#weight += weight - (this.#values.get(key)?.weight ?? 0);
    this.#values.delete(key);
    this.#values.set(key, { value, weight });
    for (const [oldest, entry] of this.#values) {
      if (this.#weight <= this.#limit) break;
      this.#values.delete(oldest);
      this.#weight -= entry.weight;
    }
  }
}
