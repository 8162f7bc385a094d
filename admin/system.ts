/**
 * What the admin sees of the systems that it shows: snapshots, events and a few calls, and neither class.
 *
 * @module
 */
import type { DataSet } from "../metadata/data_set.ts";
import type { PublisherStats } from "../publisher/snapshot.ts";
import type { PublisherStatus } from "../publisher/status.ts";
import type { SubscriberStats } from "../subscriber/stats.ts";
import type { SubscriberStatus } from "../subscriber/status.ts";

/** A publisher as the admin sees it; `Publisher` is one. */
export interface AdminPublisher {
  /** Everything that can be counted, at this moment. */
  stats(): PublisherStats;
  /** What happens from now on; without it there are no events to show. */
  status?(): AsyncIterableIterator<PublisherStatus>;
  /** The metadata in force; without it there is none to browse. */
  readonly metadata?: { readonly dataSet: DataSet } | undefined;
  /** Ends a connection, and says whether there was one of this number. Without it, that action is not there. */
  disconnect?(connectionId: number, message: string): boolean;
}

/** A subscriber as the admin sees it; `Subscriber` is one. */
export interface AdminSubscriber {
  /** Where it is; `connected` is the one that is ready. */
  readonly state: string;
  /** What it subscribes to. */
  readonly subscription: { readonly filter?: string | undefined };
  /** The counters at this moment. */
  stats(): SubscriberStats;
  /** What happens from now on; without it there are no events to show. */
  status?(): AsyncIterableIterator<SubscriberStatus>;
  /** The metadata that it has received; without it there is none to browse. */
  readonly metadata?: DataSet | undefined;
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
  return kind === "publisher" ? system.metadata?.dataSet : system.metadata;
}
