/**
 * What comes of every signal and device against what should come.
 *
 * @module
 */
import type { DataSet } from "../metadata/data_set.ts";
import { DeviceRecord } from "../metadata/device_record.ts";
import { KnownColumns, RowReader, textOf, type Values } from "../metadata/known_columns.ts";
import { engineeringUnits } from "../metadata/signal_kind.ts";
import { sortSteps } from "../metadata/sort.ts";
import type { Steps } from "../metadata/steps.ts";
import { SttpError } from "../transport/errors.ts";
import { isGuid, normalizeGuid } from "../transport/wire/guid.ts";
import { Problem } from "./problems.ts";
import { clip, type Query } from "./query.ts";
import type { SignalMeter } from "./signal_meter.ts";
import type { AdminSignals } from "./system.ts";
import { textMatcher } from "./tables.ts";

/** A signal as the admin tells it. */
export interface SignalView {
  readonly signalId: string;
  readonly pointTag: string;
  /** The measurement key. */
  readonly key: string;
  /** The device's acronym. */
  readonly device: string;
  /** The signal type, such as `FREQ`. */
  readonly type: string;
  /** The unit of its values; empty where the protocol names none. */
  readonly units: string;
  readonly description: string;
  /** Measurements a second that its device should send. */
  readonly expected: number;
  /** Measurements a second that there are. */
  readonly received: number;
  /** The latest measurement, time in milliseconds since 1970; `null` before the first. A `null` value is NaN. */
  readonly latest: { readonly value: number | null; readonly time: number; readonly flags: number } | null;
}

/** A device as the admin tells it; signals of no device are together under the empty name. */
export interface DeviceView {
  readonly device: string;
  readonly name: string;
  /** Frames a second that it should send. */
  readonly framesPerSecond: number;
  readonly signals: number;
  /** How many of them there are no measurements of. */
  readonly silent: number;
  /** Measurements a second that it should send. */
  readonly expected: number;
  /** Measurements a second that there are. */
  readonly received: number;
}

/** A part of a list, and how it was measured. */
export interface RateList {
  readonly system: string;
  /** Over how many seconds rates are means. */
  readonly seconds: number;
  /** How many there are of what was asked for. */
  readonly total: number;
  /** How many were left out before the first of these. */
  readonly offset: number;
}

const SignalSorts = [
  "order",
  "pointTag",
  "device",
  "type",
  "expected",
  "received",
  "missing",
  "time",
] as const;
const DeviceSorts = ["order", "device", "signals", "silent", "expected", "received", "missing"] as const;
const descending = <Name extends string>(names: readonly Name[]): (Name | `-${Name}`)[] =>
  names.flatMap((name): (Name | `-${Name}`)[] => [name, `-${name}`]);

/** What signals can be sorted by. */
export const SignalOrders: readonly string[] = descending(SignalSorts);
/** What devices can be sorted by. */
export const DeviceOrders: readonly string[] = descending(DeviceSorts);
/** `silent`: nothing comes. `low`: less than 95 % of what is expected, or nothing. */
export const RateStates = ["all", "low", "silent"] as const;
/** The query parameters of the list of signals. */
export const SignalParameters: readonly string[] = [
  "system",
  "search",
  "device",
  "state",
  "sort",
  "limit",
  "offset",
];
/** The query parameters of the list of devices. */
export const DeviceParameters: readonly string[] = ["system", "search", "state", "sort", "limit", "offset"];

/** Below this part of what is expected, something is wrong. */
const ENOUGH = 0.95;

/** So many signals are looked at in a step: less than a millisecond. */
const STEP = 256;

/** What signals of one device have in common. */
interface Origin {
  /** The device's acronym. */
  readonly device: string;
  readonly name: string;
  /** 0 where that can't be told. */
  readonly framesPerSecond: number;
}

/** The columns of MeasurementDetail that are shown. */
interface SignalColumns {
  readonly signalId: Values;
  readonly pointTag: Values;
  readonly key: Values;
  readonly type: Values;
  readonly description: Values;
}

/** Which signals there are, each by its row, its handle and where it comes from. */
interface SignalIndex {
  readonly columns: SignalColumns;
  readonly rows: Int32Array;
  readonly handles: Int32Array;
  readonly origins: readonly Origin[];
  /** For each signal its place in `origins`. */
  readonly originOf: Int32Array;
  /** The place of the signal that has a handle; -1 where there is none. */
  readonly places: Int32Array;
}

/** Reads which signals metadata has. @throws {SttpError} `InvalidMetadata` when they have no IDs. */
function* indexSignals(dataSet: DataSet, signals: AdminSignals): Steps<SignalIndex> {
  const table = dataSet.table("MeasurementDetail");
  const columns = new KnownColumns(table);
  const { rowCount } = columns;
  if (rowCount > 0 && table!.column("SignalID") === undefined) {
    throw new SttpError("InvalidMetadata", "MeasurementDetail has no column SignalID");
  }
  const devices = yield* readDevices(dataSet);
  const places = new Int32Array(signals.size).fill(-1);
  const rows = new Int32Array(rowCount);
  const handles = new Int32Array(rowCount);
  const originOf = new Int32Array(rowCount);
  const origins: Origin[] = [];
  const originByName = new Map<string, number>();
  const reader = new RowReader(columns);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (row % STEP === STEP - 1) yield;
    reader.row = row;
    const signalId = reader.guid("SignalID");
    if (signalId === undefined || !reader.truth("Enabled", true)) continue;
    // A subscriber has handles for what it has subscribed to.
    const handle = signals.handleOf(signalId);
    if (handle === undefined) continue;
    const device = reader.text("DeviceAcronym");
    let origin = originByName.get(device);
    if (origin === undefined) {
      const { name = "", framesPerSecond = 0 } = devices.get(device.toUpperCase()) ?? {};
      origin = origins.push({ device, name, framesPerSecond }) - 1;
      originByName.set(device, origin);
    }
    // More may have got handles meanwhile: they are for the next index.
    if (places[handle] === -1) places[handle] = count;
    rows[count] = row;
    handles[count] = handle;
    originOf[count++] = origin;
  }
  return {
    columns: {
      signalId: columns.values("SignalID"),
      pointTag: columns.values("PointTag"),
      key: columns.values("ID"),
      type: columns.values("SignalAcronym"),
      description: columns.values("Description"),
    },
    rows: rows.subarray(0, count),
    handles: handles.subarray(0, count),
    origins,
    originOf: originOf.subarray(0, count),
    places,
  };
}

/** The devices by their acronyms in upper case, of several the first. */
function* readDevices(dataSet: DataSet): Steps<Map<string, DeviceRecord>> {
  const columns = new KnownColumns(dataSet.table("DeviceDetail"));
  const reader = new RowReader(columns);
  const devices = new Map<string, DeviceRecord>();
  for (; reader.row < columns.rowCount; reader.row++) {
    if (reader.row % STEP === STEP - 1) yield;
    const device = new DeviceRecord(reader);
    const acronym = device.acronym.toUpperCase();
    if (acronym !== "" && !devices.has(acronym)) devices.set(acronym, device);
  }
  return devices;
}

/** The signals of a system: which there are, what is expected of each, and what comes. */
export class SignalDirectory {
  readonly #system: string;
  readonly #meter: SignalMeter;
  readonly #signals: AdminSignals;
  readonly #index: SignalIndex;
  /** By texts, which stay what they are: signals in such an order, each made when it is first asked for. */
  readonly #orders = new Map<string, readonly number[]>();

  private constructor(system: string, index: SignalIndex, signals: AdminSignals, meter: SignalMeter) {
    this.#system = system;
    this.#index = index;
    this.#signals = signals;
    this.#meter = meter;
  }

  /** Reads which signals there are. @throws {Problem} When that is not to be had. */
  static *read(
    system: string,
    dataSet: DataSet,
    signals: AdminSignals,
    meter: SignalMeter,
  ): Steps<SignalDirectory> {
    try {
      return new SignalDirectory(system, yield* indexSignals(dataSet, signals), signals, meter);
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      throw new Problem(404, "NoSignals", `the metadata of ${system} has no signals: ${error.message}`);
    }
  }

  #text(column: keyof SignalColumns, i: number): string {
    return textOf(this.#index.columns[column][this.#index.rows[i]!]);
  }

  #origin(i: number): Origin {
    return this.#index.origins[this.#index.originOf[i]!]!;
  }

  /** The signals that a request asks for. @throws {Problem} When a parameter makes no sense. */
  *signals(query: Query): Steps<RateList & { readonly signals: readonly SignalView[] }> {
    const { state, sort, limit, offset, matches } = readList(query, SignalOrders);
    const device = query.text("device");
    const { seconds, of } = this.#meter.rates();
    const { handles } = this.#index;
    const found: number[] = [];
    for (let i = 0; i < handles.length; i++) {
      if (i % STEP === STEP - 1) yield;
      const origin = this.#origin(i);
      if (device !== undefined && origin.device !== device) continue;
      if (state !== "all" && !isInState(state, origin.framesPerSecond, of(handles[i]!))) continue;
      if (matches !== undefined && !this.#mentions(i, matches)) continue;
      found.push(i);
    }
    const sorted = yield* this.#sort(found, sort, of);
    const signals = sorted.slice(offset, offset + limit).map((i) => this.#view(i, of));
    return { system: this.#system, seconds, total: found.length, offset, signals };
  }

  #mentions(i: number, matches: (text: string) => boolean): boolean {
    return matches(this.#text("pointTag", i)) || matches(this.#text("description", i)) ||
      matches(this.#origin(i).device) || matches(this.#text("key", i)) || matches(this.#text("type", i)) ||
      matches(this.#text("signalId", i));
  }

  *#sort(
    found: number[],
    sort: string,
    of: (handle: number) => number,
  ): Steps<readonly number[]> {
    const name = sort.replace(/^-/, "") as typeof SignalSorts[number];
    const isDescending = sort.startsWith("-");
    const handle = (i: number): number => this.#index.handles[i]!;
    const expected = (i: number): number => this.#origin(i).framesPerSecond;
    switch (name) {
      case "order":
        return isDescending ? found.reverse() : found;
      case "pointTag":
        return yield* this.#sortByText(found, sort, (i) => this.#text("pointTag", i));
      case "device":
        return yield* this.#sortByText(found, sort, (i) => this.#origin(i).device);
      case "type":
        return yield* this.#sortByText(found, sort, (i) => this.#text("type", i));
      case "expected":
        return yield* sortBy(found, expected, isDescending);
      case "received":
        return yield* sortBy(found, (i) => of(handle(i)), isDescending);
      case "missing":
        return yield* sortBy(found, (i) => expected(i) - of(handle(i)), isDescending);
      case "time":
        return yield* sortBy(found, (i) => this.#meter.latest(handle(i))?.time ?? -Infinity, isDescending);
    }
  }

  *#sortByText(
    found: readonly number[],
    sort: string,
    text: (i: number) => string,
  ): Steps<readonly number[]> {
    const { length } = this.#index.rows;
    let order = this.#orders.get(sort);
    if (order === undefined) {
      order = yield* sortBy(Array.from({ length }, (_, i) => i), text, sort.startsWith("-"));
      this.#orders.set(sort, order);
    }
    if (found.length === length) return order;
    const isFound = new Uint8Array(length);
    for (const i of found) isFound[i] = 1;
    return order.filter((i) => isFound[i] === 1);
  }

  #view(i: number, of: (handle: number) => number): SignalView {
    const handle = this.#index.handles[i]!;
    const { device, framesPerSecond } = this.#origin(i);
    const type = this.#text("type", i);
    return {
      signalId: normalizeGuid(this.#text("signalId", i)),
      pointTag: this.#text("pointTag", i),
      key: this.#text("key", i).trim(),
      device,
      type,
      units: engineeringUnits(type),
      description: this.#text("description", i),
      expected: framesPerSecond,
      received: of(handle),
      latest: this.#latest(handle),
    };
  }

  #latest(handle: number): SignalView["latest"] {
    const latest = this.#meter.latest(handle);
    if (latest === undefined) return null;
    const { value, time, flags } = latest;
    return { value: Number.isFinite(value) ? value : null, time, flags };
  }

  /** The devices that a request asks for. @throws {Problem} When a parameter makes no sense. */
  *devices(query: Query): Steps<RateList & { readonly devices: readonly DeviceView[] }> {
    const { state, sort, limit, offset, matches } = readList(query, DeviceOrders);
    const { seconds, of } = this.#meter.rates();
    const devices = yield* this.#sumUp(of);
    const found = devices.filter((view) =>
      (state === "all" || (state === "silent" ? view.silent > 0 : view.received < ENOUGH * view.expected)) &&
      (matches === undefined || matches(view.device) || matches(view.name))
    );
    const name = sort.replace(/^-/, "") as typeof DeviceSorts[number];
    const isDescending = sort.startsWith("-");
    let sorted: readonly DeviceView[];
    if (name === "order") sorted = isDescending ? found.reverse() : found;
    else if (name === "missing") {
      sorted = yield* sortBy(found, (view) => view.expected - view.received, isDescending);
    } else sorted = yield* sortBy(found, (view) => view[name], isDescending);
    const part = sorted.slice(offset, offset + limit);
    return { system: this.#system, seconds, total: found.length, offset, devices: part };
  }

  *#sumUp(of: (handle: number) => number): Steps<DeviceView[]> {
    const { handles, origins, originOf } = this.#index;
    const views = origins.map((origin) => ({ ...origin, signals: 0, silent: 0, expected: 0, received: 0 }));
    for (let i = 0; i < handles.length; i++) {
      if (i % STEP === STEP - 1) yield;
      const view = views[originOf[i]!]!;
      const received = of(handles[i]!);
      view.signals++;
      view.expected += view.framesPerSecond;
      view.received += received;
      if (received === 0) view.silent++;
    }
    return views;
  }

  /**
   * Signals by their IDs, with their handles.
   *
   * @throws {Problem} When one is not known.
   */
  chosen(signalIds: readonly string[]): { readonly handles: number[]; readonly signals: SignalView[] } {
    const { of } = this.#meter.rates();
    const handles: number[] = [];
    const signals: SignalView[] = [];
    for (const id of signalIds) {
      const handle = isGuid(id) ? this.#signals.handleOf(id) : undefined;
      const i = handle === undefined ? -1 : this.#index.places[handle] ?? -1;
      if (i < 0) {
        throw new Problem(404, "NoSignal", `there is no signal "${clip(id, 40)}" in ${this.#system}`);
      }
      handles.push(handle!);
      signals.push(this.#view(i, of));
    }
    return { handles, signals };
  }
}

/** What lists have in common. */
interface ListRequest {
  readonly state: typeof RateStates[number];
  readonly sort: string;
  readonly limit: number;
  readonly offset: number;
  /** Whether a text has the one in it that is searched for; `undefined`: there is none. */
  readonly matches: ((text: string) => boolean) | undefined;
}

function readList(query: Query, orders: readonly string[]): ListRequest {
  const search = query.text("search");
  return {
    state: query.word("state", RateStates, "all"),
    sort: query.word("sort", orders, "order"),
    limit: query.whole("limit", 100, 1, 1_000),
    offset: query.whole("offset", 0, 0, 1_000_000_000),
    matches: search === undefined ? undefined : textMatcher(search),
  };
}

function isInState(state: "low" | "silent", expected: number, received: number): boolean {
  return state === "silent" ? received === 0 : received < ENOUGH * expected || received === 0;
}

/** Sorted by a key; those of equal keys in the order that they have. */
function* sortBy<Item>(
  items: readonly Item[],
  key: (item: Item) => number | string,
  isDescending: boolean,
): Steps<Item[]> {
  const sign = isDescending ? -1 : 1;
  const keys: (number | string)[] = [];
  const places: number[] = [];
  for (let place = 0; place < items.length; place++) {
    if (place % STEP === STEP - 1) yield;
    keys.push(key(items[place]!));
    places.push(place);
  }
  const sorted = yield* sortSteps(places, (one, other) => {
    const [a, b] = [keys[one]!, keys[other]!];
    return a < b ? -sign : a > b ? sign : one - other;
  });
  return sorted.map((place) => items[place]!);
}
