import type { DataSet } from "../metadata/data_set.ts";
import type { PublisherStats } from "../publisher/snapshot.ts";
import type { SubscriberStats } from "../subscriber/stats.ts";
import { type ConnectionView, viewConnection } from "./connections.ts";
import type { CheckedOptions } from "./options.ts";
import { Problem } from "./problems.ts";
import { clip } from "./query.ts";
import { RateMeters, type Rates } from "./rates.ts";
import { metadataOf, type NamedPublisher, type NamedSystem } from "./system.ts";

/** A publisher in short: its stats without the single connections. */
export interface PublisherSummary extends Omit<PublisherStats, "open" | "recentlyClosed" | "groups"> {
  readonly kind: "publisher";
  /** The admin's name for it. */
  readonly system: string;
  /** What it sends to all subscribers. */
  readonly rates: Rates;
  /** How many groups share an encoder. */
  readonly groups: number;
}

/** A subscriber in short. */
export interface SubscriberSummary {
  readonly kind: "subscriber";
  /** The admin's name for it. */
  readonly system: string;
  /** Where it is. */
  readonly state: string;
  /** What it subscribes to; its beginning when it is long. */
  readonly filter: string;
  /** What it receives. */
  readonly rates: Rates;
  /** Its counters. */
  readonly counters: SubscriberStats;
}

/** One of the things that `/readyz` looks at. */
export interface ReadinessCheck {
  readonly system: string;
  readonly check: "running" | "metadata" | "stalls" | "connected";
  readonly ok: boolean;
}

/** Looks at the systems, and remembers what it takes to tell how fast they are. */
export class Observer {
  /** The systems. */
  readonly systems: readonly NamedSystem[];
  readonly #options: CheckedOptions;
  readonly #meters: RateMeters;

  constructor(systems: readonly NamedSystem[], options: CheckedOptions) {
    this.systems = systems;
    this.#options = options;
    this.#meters = new RateMeters(options.clock);
  }

  /** The publishers among the systems. */
  get publishers(): NamedPublisher[] {
    return this.systems.filter((system) => system.kind === "publisher");
  }

  /** The system of a name; without a name, the first. @throws {Problem} When there is none. */
  system(name: string | undefined): NamedSystem {
    return find(this.systems, name, "system");
  }

  /** The publisher of a name; without a name, the first. @throws {Problem} When there is none. */
  publisher(name: string | undefined): NamedPublisher {
    return find(this.publishers, name, "publisher");
  }

  /** A system's metadata. @throws {Problem} When it has none. */
  metadata(name: string | undefined): { system: string; metadata: DataSet } {
    const found = name === undefined
      ? this.systems.find((system) => metadataOf(system) !== undefined) ?? this.systems[0]!
      : this.system(name);
    const metadata = metadataOf(found);
    if (metadata !== undefined) return { system: found.name, metadata };
    throw new Problem(404, "NoMetadata", `${found.name} has no metadata at present`);
  }

  /** Every system in short. */
  status(): (PublisherSummary | SubscriberSummary)[] {
    return this.systems.map(({ kind, name, system }) => {
      if (kind === "subscriber") {
        const counters = system.stats();
        const rates = this.#meters.of(name).read(counters, null);
        const filter = clip(system.subscription.filter ?? "", 200);
        return { kind, system: name, state: system.state, filter, rates, counters };
      }
      const { open: _open, recentlyClosed: _closed, groups, ...stats } = system.stats();
      const rates = this.#meters.of(name).read(stats.sent, stats.startedAt);
      return { ...stats, kind, system: name, rates, groups: groups.length };
    });
  }

  /** The open connections of a publisher, or of all of them, and then those that ended last. */
  connections(name: string | undefined): ConnectionView[] {
    const publishers = name === undefined ? this.publishers : [this.publisher(name)];
    const views: ConnectionView[] = [];
    const keys = new Set(this.systems.map((system) => system.name));
    for (const { name, system } of publishers) {
      const { open, recentlyClosed } = system.stats();
      for (const snapshot of open) {
        const key = `${name}/${snapshot.id}`;
        keys.add(key);
        const rates = this.#meters.of(key).read(snapshot.sent, snapshot.connectedAt);
        views.push(viewConnection(name, snapshot, rates));
      }
      for (const snapshot of recentlyClosed) views.push(viewConnection(name, snapshot));
    }
    if (name === undefined) this.#meters.keep(keys);
    return views;
  }

  /** One connection, open or recently closed. @throws {Problem} When there is none of this number. */
  connection(name: string | undefined, id: number): ConnectionView {
    const publisher = this.publisher(name);
    const { open, recentlyClosed } = publisher.system.stats();
    const present = open.find((snapshot) => snapshot.id === id);
    if (present !== undefined) {
      const meter = this.#meters.of(`${publisher.name}/${id}`);
      return viewConnection(publisher.name, present, meter.read(present.sent, present.connectedAt));
    }
    const past = recentlyClosed.find((snapshot) => snapshot.id === id);
    if (past !== undefined) return viewConnection(publisher.name, past);
    throw new Problem(
      404,
      "NoConnection",
      `${publisher.name} has no connection ${id}, and none that ended lately`,
    );
  }

  /** Whether the systems do what they are for. */
  readiness(): ReadinessCheck[] {
    return this.systems.flatMap(({ kind, name, system }): ReadinessCheck[] => {
      if (kind === "subscriber") {
        return [{ system: name, check: "connected", ok: system.state === "connected" }];
      }
      const { state, metadata, open } = system.stats();
      const stalled = open.some(({ queue }) => queue.stalledFor > this.#options.stallLimit);
      return [
        { system: name, check: "running", ok: state === "running" },
        { system: name, check: "metadata", ok: metadata !== null },
        { system: name, check: "stalls", ok: !stalled },
      ];
    });
  }
}

function find<System extends NamedSystem>(
  systems: readonly System[],
  name: string | undefined,
  kind: string,
): System {
  const found = name === undefined ? systems[0] : systems.find((system) => system.name === name);
  if (found !== undefined) return found;
  const names = systems.map((system) => system.name).join(", ") || "none";
  const problem = name === undefined
    ? `there is no ${kind}`
    : `there is no ${kind} "${clip(name, 60)}"; there is ${names}`;
  throw new Problem(404, "NoSystem", problem);
}
