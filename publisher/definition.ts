import { deriveActiveMeasurementsSteps } from "../metadata/active_measurements.ts";
import { DataSet } from "../metadata/data_set.ts";
import { type CompileOptions, selectSignalIds } from "../metadata/filter/mod.ts";
import { filterMetadataSteps } from "../metadata/filter/metadata_filter.ts";
import { selectSignalIdsSteps } from "../metadata/filter/select.ts";
import { KnownColumns, textOf, type Values } from "../metadata/known_columns.ts";
import { parseMeasurementKey } from "../metadata/measurement_key.ts";
import { type MeasurementRecord, Metadata } from "../metadata/records.ts";
import { finish, type Steps } from "../metadata/steps.ts";
import type { Clock } from "../transport/clock.ts";
import type { Limits } from "../transport/limits.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { GUID_LENGTH } from "../transport/wire/guid.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { TextEncoding } from "../transport/wire/text.ts";
import type { SignalSelector, UnauthorizedReport } from "./access_options.ts";
import { type FilterText, fingerprintOf, type HeldFilter } from "./filter_account.ts";
import { KeptByWeight } from "./kept_by_weight.ts";
import { encodeMetadata, type MetadataBody } from "./metadata_body.ts";
import { type MetadataPart, partOf } from "./metadata_part.ts";
import { namedSignals } from "./named_signals.ts";
import type { CheckedOptions } from "./options.ts";
import { noSignals, Selection } from "./selection.ts";
import { SignalSet } from "./signal_set.ts";
import type { InTurn } from "./turns.ts";
import { allVisible, type Visibility } from "./visibility.ts";
import { visibleMetadata } from "./visible_metadata.ts";

/** Selects nothing, and narrows nothing. */
const NO_FILTER: FilterText = { text: "", fingerprint: finish(fingerprintOf("")) };
/** Functions that give another result at another time. */
const TIME_DEPENDENT = /\b(?:utc)?now\b/i;
/** What may be kept of a definition for the next asker. */
export interface KeptLimits {
  /** Bytes of selections, over all of them, with their signal index caches. */
  readonly selections: number;
  /** Bytes of what rules select. */
  readonly rules: number;
  /** Bytes of filtered metadata. */
  readonly metadata: number;
  /** Signals of views, over all of them. */
  readonly views: number;
}

/** The {@linkcode KeptLimits} in force. */
export const KEPT: KeptLimits = {
  selections: 64 * 1024 ** 2,
  rules: 16 * 1024 ** 2,
  metadata: 64 * 1024 ** 2,
  views: 4_000_000,
};
/** Bytes of the objects around what is kept; measured with results that are empty. */
const OVERHEAD = 2048;
/** Bytes of a signal's ID as a text. */
const UNAUTHORIZED = 80;
/** A view weighs as many signals besides its own. */
const VIEW_WEIGHT = 1000;
/** How many signals are a step: less than a millisecond. */
const STEP = 512;
/** Bytes of a signal in the columns of a signal index cache. */
const ENTRY = 36;

/** What is kept for a definition and its views together. */
class Shelf {
  readonly selections: KeptByWeight<Selection>;
  readonly filteredBodies: KeptByWeight<MetadataBody>;
  readonly ruleHandles: KeptByWeight<Int32Array | SttpError>;
  readonly views: KeptByWeight<Definition>;
  viewCount = 0;

  constructor({ selections, rules, metadata, views }: KeptLimits) {
    this.selections = new KeptByWeight(selections);
    this.filteredBodies = new KeptByWeight(metadata);
    this.ruleHandles = new KeptByWeight(rules);
    this.views = new KeptByWeight(views);
  }
}

/** What makes a definition a view of another one. */
interface Origin {
  readonly whole: Definition;
  readonly visibility: Visibility;
  readonly report: UnauthorizedReport;
}

/** What is derived from a data set, row by row. */
interface Derived {
  /** It with ActiveMeasurements. */
  readonly active: DataSet;
  /** The handle of each row of MeasurementDetail, -1 where there is no signal. */
  readonly handles: Int32Array;
}

type DefinitionOptions = Pick<CheckedOptions, "nodeId" | "clock"> & {
  /** `filterMilliseconds` is applied. */
  readonly limits?: Partial<Limits>;
  /** Default {@linkcode KEPT}. */
  readonly kept?: KeptLimits;
};

/**
 * One definition of a publisher's metadata, with all that is derived from it, each made once; or what of one somebody
 * may see: a {@linkcode Definition.view}.
 */
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
  readonly #options: DefinitionOptions;
  readonly #origin: Origin | undefined;
  readonly #shelf: Shelf;
  /** In front of what is its own on the shelf. */
  readonly #mark: string;
  readonly #hiddenCounts = new WeakMap<Visibility, number>();
  /** Of the whole. */
  readonly #bodies = new Map<string, MetadataBody>();
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
   * @param origin For views.
   * @param derived What was derived from the data set already.
   * @throws {SttpError} `InvalidMetadata` when its tables lack what is needed.
   */
  constructor(
    generation: number,
    dataSet: DataSet,
    signals: SignalTable,
    options: DefinitionOptions,
    origin?: Origin,
    derived: Derived = finish(derive(dataSet, signals, options)),
  ) {
    const { active, handles } = derived;
    this.generation = generation;
    this.dataSet = dataSet;
    this.#clock = options.clock;
    this.#options = options;
    this.#origin = origin;
    this.#shelf = origin === undefined ? new Shelf(options.kept ?? KEPT) : origin.whole.#shelf;
    this.#mark = `${this.#shelf.viewCount++} `;
    this.#active = active;
    this.#signals = signals;
    this.#keys = new KnownColumns(dataSet.table("MeasurementDetail")).values("ID");
    let count = 0;
    for (let row = 0; row < handles.length; row++) if (handles[row]! >= 0) count++;
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
   * @throws {SttpError} `InvalidFilter`; `Closed` as by `inTurn`.
   */
  async select(filter: HeldFilter, inTurn: InTurn): Promise<Selection> {
    const { text, id } = filter;
    if (text.trim() === "") return noSignals;
    return this.#shelf.selections.get(this.#keyOf(filter), text) ?? await inTurn({
      key: `selection ${this.generation} ${this.#mark}${id}`,
      length: text.length,
      begin: () => this.#selection(filter),
    });
  }

  /** What is kept of a filter expression is under this key. */
  #keyOf({ fingerprint }: FilterText): string {
    return this.#mark + fingerprint;
  }

  *#selection(filter: FilterText): Steps<Selection> {
    const { text } = filter;
    const key = this.#keyOf(filter);
    const { selections } = this.#shelf;
    const kept = selections.get(key, text);
    if (kept !== undefined) return kept;
    const set = new SignalSet(yield* this.#select(text, this.#active));
    const unauthorized = yield* this.#unauthorized(filter);
    const weight = OVERHEAD + 2 * text.length + set.byteLength + UNAUTHORIZED * unauthorized.length;
    const selection: Selection = new Selection(set, unauthorized.length, {
      entries: () => this.#cacheOf(set, unauthorized),
      // Its caches are kept with it.
      onCached: (bytes) => {
        if (selections.get(key, text) === selection) selections.set(key, selection, weight + bytes, text);
      },
    });
    if (!(yield* tellsTime(text))) selections.set(key, selection, weight, text);
    return selection;
  }

  /** How subscribers' filter expressions are evaluated. */
  get #compileOptions(): CompileOptions {
    const maxMilliseconds = this.#options.limits?.filterMilliseconds;
    return { clock: this.#clock, ...maxMilliseconds !== undefined && { limits: { maxMilliseconds } } };
  }

  /** The handles of the signals that a filter expression about ActiveMeasurements comes to. */
  *#select(filter: string, dataSet: DataSet): Steps<Int32Array> {
    const ids = yield* selectSignalIdsSteps(dataSet, filter, {
      primaryTable: "ActiveMeasurements",
      ...this.#compileOptions,
    });
    const handles = new Int32Array(ids.length);
    for (let i = 0; i < ids.length; i++) {
      // All are in the table already; `add` looks them up without taking note of their texts.
      handles[i] = this.#signals.add(ids[i]!);
      if (i % STEP === STEP - 1) yield;
    }
    const visibility = this.#origin?.visibility;
    // Whatever the table was that it selects from.
    return visibility === undefined ? handles : yield* those(handles, (handle) => visibility.has(handle));
  }

  /** The signals that a filter expression would come to if nothing were hidden, and that are, as far as they are told. */
  *#unauthorized(filter: FilterText): Steps<string[]> {
    if (this.#origin === undefined || this.#origin.report === "none") return [];
    const { whole, visibility, report } = this.#origin;
    try {
      const asked = report === "named" ? yield* namedSignals(filter.text) : filter;
      const { handles } = asked.text.trim() === "" ? noSignals.set : (yield* whole.#selection(asked)).set;
      const hidden = yield* those(handles, (handle) => !visibility.has(handle));
      const ids = new Array<string>(hidden.length);
      for (let i = 0; i < hidden.length; i++) {
        ids[i] = this.#signals.idOf(hidden[i]!);
        if (i % STEP === STEP - 1) yield STEP * UNAUTHORIZED;
      }
      return ids;
    } catch (error) {
      // That it fails in rows that are hidden is not to be known either.
      if (error instanceof SttpError) return [];
      throw error;
    }
  }

  *#cacheOf({ handles, size }: SignalSet, unauthorized: readonly string[]): Steps<SignalIndexCache> {
    yield size * ENTRY;
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
      if (i % STEP === STEP - 1) yield;
    }
    return new SignalIndexCache({ indexes, guids, sources, ids }, { unauthorized });
  }

  /**
   * The handles of some signals, those of disabled measurements included.
   *
   * @throws {SttpError} `InvalidFilter`.
   */
  handlesOf(selector: SignalSelector): Int32Array {
    if (typeof selector !== "string") {
      const handles = selector.map((id) => this.#signals.handleOf(id));
      return Int32Array.from(handles.filter((handle) => handle !== undefined));
    }
    const handles = finish(this.#ruleHandles(selector));
    if (handles instanceof SttpError) throw handles;
    return handles;
  }

  /** Whether {@linkcode Definition.handlesOf} takes no time, and fails at once if it fails. */
  knowsHandlesOf(selector: SignalSelector): boolean {
    return typeof selector !== "string" || this.#shelf.ruleHandles.get(selector) !== undefined;
  }

  /** Has it take no time from now on. @throws {SttpError} `Closed` as by `inTurn`. */
  async learnHandlesOf(selector: SignalSelector, inTurn: InTurn): Promise<void> {
    if (typeof selector !== "string" || this.knowsHandlesOf(selector)) return;
    await inTurn({
      key: `rule ${this.generation} ${selector}`,
      length: selector.length,
      begin: () => this.#ruleHandles(selector),
    });
  }

  *#ruleHandles(selector: string): Steps<Int32Array | SttpError> {
    const kept = this.#shelf.ruleHandles.get(selector);
    if (kept !== undefined) return kept;
    const handles = yield* this.#tried(selector);
    const { byteLength } = handles instanceof SttpError ? noSignals.set.handles : handles;
    this.#shelf.ruleHandles.set(selector, handles, OVERHEAD + 2 * selector.length + byteLength);
    return handles;
  }

  *#tried(selector: string): Steps<Int32Array | SttpError> {
    try {
      return yield* this.#select(selector, yield* this.#everything());
    } catch (error) {
      if (error instanceof SttpError) return error;
      throw error;
    }
  }

  /** ActiveMeasurements with what is disabled: who may not see a signal may not see that either. */
  *#everything(): Steps<DataSet> {
    const { dataSet } = this;
    const { rowCount } = this.#active.table("ActiveMeasurements")!;
    if (rowCount === (dataSet.table("MeasurementDetail")?.rowCount ?? 0)) return this.#active;
    const { nodeId } = this.#options;
    return yield* deriveActiveMeasurementsSteps(dataSet, {
      includeDisabled: true,
      ...nodeId !== undefined && { sourceNodeId: nodeId },
    });
  }

  /** How many of its signals are hidden. */
  hiddenCount(visibility: Visibility): number {
    if (visibility === allVisible) return 0;
    let count = this.#hiddenCounts.get(visibility);
    if (count === undefined) this.#hiddenCounts.set(visibility, count = this.#countHidden(visibility));
    return count;
  }

  #countHidden(visibility: Visibility): number {
    let count = 0;
    for (let handle = 0; handle < this.#rows.length; handle++) {
      if (this.#rows[handle]! >= 0 && !visibility.has(handle)) count++;
    }
    return count;
  }

  /**
   * What of it somebody may see: itself where nothing is hidden, else a definition of the rest, from which all is
   * answered as if there were nothing else.
   *
   * @param report Which hidden signals selections tell of.
   * @throws {SttpError} `Closed` as by `inTurn`.
   */
  async view(visibility: Visibility, report: UnauthorizedReport, inTurn: InTurn): Promise<Definition> {
    if (this.hiddenCount(visibility) === 0) return this;
    const kept = this.#keptView(visibility, report);
    if (kept !== undefined) return kept;
    return await inTurn({
      key: `view ${this.generation} ${report} ${visibility.id}`,
      length: 0,
      begin: () => this.#view(visibility, report),
    });
  }

  #keptView(visibility: Visibility, report: UnauthorizedReport): Definition | undefined {
    const kept = this.#shelf.views.get(`${report} ${visibility.key}`);
    return kept !== undefined && kept.#origin!.visibility.equals(visibility) ? kept : undefined;
  }

  *#view(visibility: Visibility, report: UnauthorizedReport): Steps<Definition> {
    const kept = this.#keptView(visibility, report);
    if (kept !== undefined) return kept;
    const visible = yield* visibleMetadata(this.dataSet, (signalId) => {
      const handle = this.#signals.handleOf(signalId);
      return handle !== undefined && visibility.has(handle);
    });
    const derived = yield* derive(visible, this.#signals, this.#options);
    const origin = { whole: this, visibility, report };
    const view = new Definition(this.generation, visible, this.#signals, this.#options, origin, derived);
    const weight = VIEW_WEIGHT + this.#signals.size + view.signalCount;
    this.#shelf.views.set(`${report} ${visibility.key}`, view, weight);
    return view;
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
   * The body of the answer to a MetadataRefresh (§3). Made when first asked for; those of the whole are kept for
   * good, of the filtered ones, of parts and those of views some.
   *
   * @param filter Filter expressions; empty for all.
   * @param part Which part of it they are applied to.
   * @throws {SttpError} `InvalidFilter`; `Closed` as by `inTurn`.
   */
  async metadataBody(
    filter: HeldFilter,
    encoding: TextEncoding,
    gzip: boolean,
    part: MetadataPart,
    inTurn: InTurn,
  ): Promise<MetadataBody> {
    const isAll = filter.text.trim() === "";
    const asked = isAll ? NO_FILTER : filter;
    const form = `${encoding} ${gzip} ${part}`;
    const key = `${form} ${this.#keyOf(asked)}`;
    return this.#keptBody(key, asked) ?? await inTurn({
      key: `metadata ${this.generation} ${this.#mark}${form} ${isAll ? "" : filter.id}`,
      length: asked.text.length,
      begin: () => this.#body(key, asked, encoding, gzip, part),
    });
  }

  #keptBody(key: string, { text }: FilterText): MetadataBody | undefined {
    return (text === "" ? this.#bodies.get(key) : undefined) ?? this.#shelf.filteredBodies.get(key, text);
  }

  *#body(
    key: string,
    filter: FilterText,
    encoding: TextEncoding,
    gzip: boolean,
    part: MetadataPart,
  ): Steps<MetadataBody> {
    const kept = this.#keptBody(key, filter);
    if (kept !== undefined) return kept;
    const { text } = filter;
    const body = yield* encodeMetadata(yield* this.#narrowed(text, part), encoding, gzip);
    if (text === "" && this.#origin === undefined && part === "all") {
      const forGood = { ...body, isKept: true };
      this.#bodies.set(key, forGood);
      return forGood;
    }
    if (!(yield* tellsTime(text))) {
      this.#shelf.filteredBodies.set(key, body, OVERHEAD + 2 * text.length + body.length, text);
    }
    return body;
  }

  *#narrowed(filter: string, part: MetadataPart): Steps<DataSet> {
    const wanted = yield* partOf(this.dataSet, part);
    return yield* filterMetadataSteps(wanted, filter, this.#compileOptions);
  }
}

/** Those of some handles that a test is true of. */
function* those(handles: Int32Array, test: (handle: number) => boolean): Steps<Int32Array> {
  const found = new Int32Array(handles.length);
  let count = 0;
  for (let i = 0; i < handles.length; i++) {
    if (test(handles[i]!)) found[count++] = handles[i]!;
    if (i % STEP === STEP - 1) yield;
  }
  return found.slice(0, count);
}

/** @throws {SttpError} `InvalidMetadata` when tables lack what is needed. */
function* derive(dataSet: DataSet, signals: SignalTable, { nodeId }: DefinitionOptions): Steps<Derived> {
  const columns = new KnownColumns(dataSet.table("MeasurementDetail"));
  const signalIds = columns.requiredGuids("SignalID");
  const options = nodeId === undefined ? {} : { sourceNodeId: nodeId };
  const active = yield* deriveActiveMeasurementsSteps(dataSet, options);
  const handles = new Int32Array(columns.rowCount).fill(-1);
  for (let row = 0; row < handles.length; row++) {
    const signalId = signalIds[row];
    if (signalId) handles[row] = signals.add(signalId);
    if (row % STEP === STEP - 1) yield;
  }
  return { active, handles };
}

/** So many characters are a step: less than a millisecond. */
const STEP_LENGTH = 131_072;
/** A function's name and what bounds it have fewer characters. */
const OVERLAP = 16;

/** Whether a filter expression may give another result at another time: what it selects must not be kept. */
function* tellsTime(filter: string): Steps<boolean> {
  for (let start = 0; start < filter.length; start += STEP_LENGTH) {
    if (start > 0) yield;
    if (TIME_DEPENDENT.test(filter.slice(Math.max(0, start - OVERLAP), start + STEP_LENGTH))) return true;
  }
  return false;
}
