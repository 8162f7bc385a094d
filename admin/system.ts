/**
 * What the admin sees of the systems that it shows: snapshots, events and a few calls, and neither class.
 *
 * @module
 */
import type { HistorySource } from "../history/source.ts";
import type { DataSet } from "../metadata/data_set.ts";
import type { PublisherStats } from "../publisher/snapshot.ts";
import type { PublisherStatus } from "../publisher/status.ts";
import type { SubscriberStats } from "../subscriber/stats.ts";
import type { SubscriberStatus } from "../subscriber/status.ts";
import type { PeerCertificate } from "../transport/channel.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementTap } from "../transport/taps.ts";

/** What handles in batches stand for. */
export interface AdminSignals {
  /** How many signals there are; handles run from 0 to `size - 1`. */
  readonly size: number;
  /** The handle of a signal, or `undefined` when there is none. */
  handleOf(signalId: string): number | undefined;
}

/** A system at which measurements can be looked at as they pass. */
export interface TappedSystem {
  /** What handles in batches stand for. */
  readonly signals: AdminSignals;
  /** Has a function look at measurements as they pass; the result ends it. */
  tap(tap: MeasurementTap): () => void;
}

/** A history, and what handles stand for in it. */
export interface AdminHistory {
  /** Tells from when to when there is something, and reads it. */
  readonly source: Pick<HistorySource, "range" | "read">;
  /** What handles stand for. */
  readonly signals: SignalTable;
}

/** A publisher as the admin sees it; `Publisher` is one. */
export interface AdminPublisher extends Partial<TappedSystem> {
  /** What handles in batches stand for, and in the history. */
  readonly signals?: SignalTable;
  /** Where measurements of the past can be read; without it, plots begin with what passed while somebody looked. */
  readonly history?: AdminHistory["source"] | undefined;
  /** Everything that can be counted, at this moment. */
  stats(): PublisherStats;
  /** What happens from now on; without it there are no events to show. */
  status?(): AsyncIterableIterator<PublisherStatus>;
  /** The metadata in force; without it there is none to browse. */
  readonly dataSet?: DataSet | undefined;
  // Of the following, each that is left out is an action that is not there.
  /**
   * Ends a connection, and says whether there was one of this number; `ban`: for how many milliseconds whoever is at
   * its other end may not connect again.
   */
  disconnect?(connectionId: number, message: string, options?: { readonly ban?: number }): boolean;
  /** Ends a ban early, and says whether there was one of this number. */
  liftBan?(id: number): boolean;
  /** Notifies all known subscribers, or the one of an identity, and says how many these are. */
  notify?(text: string, options?: { readonly to?: string }): number;
  /** Replaces the cipher keys of all connections that have some, or of one, and says of how many. */
  rotateCipherKeys?(connectionId?: number): number;
}

/** A subscriber as the admin sees it; `Subscriber` is one. */
export interface AdminSubscriber extends Partial<TappedSystem> {
  /** Where it is; `connected` is the one that is ready. */
  readonly state: string;
  /** What it subscribes to. */
  readonly subscription: { readonly filter?: string | undefined };
  /** The publisher that it is connected to; without it its certificate is not shown. */
  readonly peer?: { readonly address: string; readonly certificate?: PeerCertificate } | undefined;
  /** The counters at this moment. */
  stats(): SubscriberStats;
  /** What happens from now on; without it there are no events to show. */
  status?(): AsyncIterableIterator<SubscriberStatus>;
  /** The metadata that it has received; without it there is none to browse. */
  readonly metadata?: DataSet | undefined;
  /** Asks the publisher for its metadata. Without it, that action is not there. */
  refreshMetadata?(): Promise<unknown>;
}

/** What an admin can show. */
export type AdminSystem = AdminPublisher | AdminSubscriber;

/** A publisher with the name that the admin has for it. */
export interface NamedPublisher {
  readonly kind: "publisher";
  readonly name: string;
  readonly system: AdminPublisher;
}

/** A subscriber with the name that the admin has for it. */
export interface NamedSubscriber {
  readonly kind: "subscriber";
  readonly name: string;
  readonly system: AdminSubscriber;
}

/** A system with the name that the admin has for it. */
export type NamedSystem = NamedPublisher | NamedSubscriber;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/**
 * Names what `createAdmin` was given: one system is called by its kind, several as the program calls them.
 *
 * @throws {TypeError} When there is none, or one is no system, or a name can't be part of an address.
 */
export function nameSystems(systems: AdminSystem | Readonly<Record<string, AdminSystem>>): NamedSystem[] {
  if (isSystem(systems)) return [named(undefined, systems)];
  const result = Object.entries(systems).map(([name, system]) => {
    if (!NAME.test(name)) {
      throw new TypeError(`a system is named "${name}", letters, digits, "-", "_" and "." expected`);
    }
    if (!isSystem(system)) throw new TypeError(`${name} is no publisher and no subscriber`);
    return named(name, system);
  });
  if (result.length === 0) throw new TypeError("there is no system to show");
  return result;
}

function isSystem(value: AdminSystem | Readonly<Record<string, AdminSystem>>): value is AdminSystem {
  return typeof value.stats === "function";
}

function named(name: string | undefined, system: AdminSystem): NamedSystem {
  return isPublisher(system)
    ? { kind: "publisher", name: name ?? "publisher", system }
    : { kind: "subscriber", name: name ?? "subscriber", system };
}

function isPublisher(system: AdminSystem): system is AdminPublisher {
  return "published" in system.stats();
}

/** The metadata of a system, if it has any at present. */
export function metadataOf({ kind, system }: NamedSystem): DataSet | undefined {
  return kind === "publisher" ? system.dataSet : system.metadata;
}

/** A system at which measurements can be looked at, if it is one. */
export function tappedSystem({ system }: NamedSystem): TappedSystem | undefined {
  return system.tap !== undefined && system.signals !== undefined ? system as TappedSystem : undefined;
}

/** The history of a system, if it has one. */
export function historyOf({ kind, system }: NamedSystem): AdminHistory | undefined {
  if (kind !== "publisher" || system.history === undefined || system.signals === undefined) return undefined;
  return { source: system.history, signals: system.signals };
}
