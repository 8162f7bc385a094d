/**
 * What comes of every signal and device against what should come.
 *
 * @module
 */
import type { Metadata } from "../metadata/records.ts";
import type { MeasurementRecord } from "../metadata/measurement_record.ts";
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

/** The signals of a system: which there are, what is expected of each, and what comes. */
export class SignalDirectory {
  readonly #system: string;
  readonly #meter: SignalMeter;
  readonly #records: MeasurementRecord[] = [];
  readonly #handles: number[] = [];
  readonly #metadata: Metadata;
  /** How many signals had handles when this was made: more may come. */
  readonly #size: number;

  constructor(system: string, metadata: Metadata, signals: AdminSignals, meter: SignalMeter) {
    this.#system = system;
    this.#metadata = metadata;
    this.#meter = meter;
    this.#size = signals.size;
    for (const record of metadata.measurements) {
      if (!record.enabled) continue;
      // A subscriber has handles for what it has subscribed to.
      const handle = signals.handleOf(record.signalId);
      if (handle === undefined) continue;
      this.#records.push(record);
      this.#handles.push(handle);
    }
  }

  /** Whether it is still about these. */
  isFor(metadata: Metadata, signals: AdminSignals): boolean {
    return this.#metadata === metadata && this.#size === signals.size;
  }

  /** The signals that a request asks for. @throws {Problem} When a parameter makes no sense. */
  signals(query: Query): RateList & { readonly signals: readonly SignalView[] } {
    const { state, sort, limit, offset, matches } = readList(query, SignalOrders);
    const device = query.text("device");
    const { seconds, of } = this.#meter.rates();
    const found: number[] = [];
    for (let i = 0; i < this.#records.length; i++) {
      const record = this.#records[i]!;
      if (device !== undefined && record.deviceAcronym !== device) continue;
      if (state !== "all" && !isInState(state, expectedOf(record), of(this.#handles[i]!))) continue;
      if (matches !== undefined && !mentions(record, matches)) continue;
      found.push(i);
    }
    this.#sortSignals(found, sort, of);
    const signals = found.slice(offset, offset + limit).map((i) => this.#view(i, of));
    return { system: this.#system, seconds, total: found.length, offset, signals };
  }

  #sortSignals(found: number[], sort: string, of: (handle: number) => number): void {
    const name = sort.replace(/^-/, "") as typeof SignalSorts[number];
    const record = (i: number): MeasurementRecord => this.#records[i]!;
    const handle = (i: number): number => this.#handles[i]!;
    const keys: Record<typeof SignalSorts[number], (i: number) => number | string> = {
      order: (i) => i,
      pointTag: (i) => record(i).pointTag,
      device: (i) => record(i).deviceAcronym,
      type: (i) => record(i).signalType,
      expected: (i) => expectedOf(record(i)),
      received: (i) => of(handle(i)),
      missing: (i) => expectedOf(record(i)) - of(handle(i)),
      time: (i) => this.#meter.latest(handle(i))?.time ?? -Infinity,
    };
    if (sort !== "order") sortBy(found, keys[name], sort.startsWith("-"));
  }

  #view(i: number, of: (handle: number) => number): SignalView {
    const record = this.#records[i]!;
    const handle = this.#handles[i]!;
    return {
      signalId: record.signalId,
      pointTag: record.pointTag,
      key: record.key,
      device: record.deviceAcronym,
      type: record.signalType,
      units: record.units,
      description: record.description,
      expected: expectedOf(record),
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
  devices(query: Query): RateList & { readonly devices: readonly DeviceView[] } {
    const { state, sort, limit, offset, matches } = readList(query, DeviceOrders);
    const { seconds, devices } = this.#sumUp();
    const found = devices.filter((view) =>
      (state === "all" || (state === "silent" ? view.silent > 0 : view.received < ENOUGH * view.expected)) &&
      (matches === undefined || matches(view.device) || matches(view.name))
    );
    const name = sort.replace(/^-/, "") as typeof DeviceSorts[number];
    const key = name === "missing"
      ? (view: DeviceView) => view.expected - view.received
      : name === "order"
      ? undefined
      : (view: DeviceView) => view[name];
    if (key !== undefined) sortBy(found, key, sort.startsWith("-"));
    else if (sort.startsWith("-")) found.reverse();
    const part = found.slice(offset, offset + limit);
    return { system: this.#system, seconds, total: found.length, offset, devices: part };
  }

  #sumUp(): { readonly seconds: number; readonly devices: readonly DeviceView[] } {
    const { seconds, of } = this.#meter.rates();
    const byName = new Map<string, { -readonly [Name in keyof DeviceView]: DeviceView[Name] }>();
    for (let i = 0; i < this.#records.length; i++) {
      const record = this.#records[i]!;
      const { deviceAcronym: device } = record;
      let view = byName.get(device);
      if (view === undefined) {
        const { name = "", framesPerSecond = 0 } = record.device ?? {};
        view = { device, name, framesPerSecond, signals: 0, silent: 0, expected: 0, received: 0 };
        byName.set(device, view);
      }
      const received = of(this.#handles[i]!);
      view.signals++;
      view.expected += expectedOf(record);
      view.received += received;
      if (received === 0) view.silent++;
    }
    return { seconds, devices: [...byName.values()] };
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
      const i = this.#records.findIndex(({ signalId }) => signalId === id.toLowerCase());
      if (i < 0) {
        throw new Problem(404, "NoSignal", `there is no signal "${clip(id, 40)}" in ${this.#system}`);
      }
      handles.push(this.#handles[i]!);
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

/** What the device of a signal should send of it a second; 0 where that can't be told. */
function expectedOf({ device }: MeasurementRecord): number {
  return device?.framesPerSecond ?? 0;
}

function isInState(state: "low" | "silent", expected: number, received: number): boolean {
  return state === "silent" ? received === 0 : received < ENOUGH * expected || received === 0;
}

function mentions(record: MeasurementRecord, matches: (text: string) => boolean): boolean {
  return matches(record.pointTag) || matches(record.description) || matches(record.deviceAcronym) ||
    matches(record.key) || matches(record.signalType) || matches(record.signalId);
}

function sortBy<Item>(items: Item[], key: (item: Item) => number | string, isDescending: boolean): void {
  const sign = isDescending ? -1 : 1;
  const keyed = items.map((item, place) => ({ item, place, key: key(item) }));
  keyed.sort((one, other) =>
    (one.key < other.key ? -sign : one.key > other.key ? sign : 0) || one.place - other.place
  );
  keyed.forEach(({ item }, i) => items[i] = item);
}
