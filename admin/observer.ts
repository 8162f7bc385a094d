import type { DataSet } from "../metadata/data_set.ts";
import { inSlices } from "../metadata/steps.ts";
import type { ConnectionSnapshot, GroupSnapshot, PublisherStats } from "../publisher/snapshot.ts";
import type { SubscriberStats } from "../subscriber/stats.ts";
import type { PeerCertificate } from "../transport/channel.ts";
import { type ConnectionView, viewConnection } from "./connections.ts";
import { KeptByAge } from "./kept_by_age.ts";
import { type MetadataChangeView, MetadataVersions } from "./metadata_versions.ts";
import type { CheckedOptions } from "./options.ts";
import { Problem } from "./problems.ts";
import { clip, type Query } from "./query.ts";
import { RateMeters, type Rates } from "./rates.ts";
import { SignalMeter } from "./signal_meter.ts";
import { type DeviceView, type RateList, SignalDirectory, type SignalView } from "./signals.ts";
import {
  type AdminPublisher,
  type AdminSubscriber,
  historyOf,
  metadataOf,
  type NamedPublisher,
  type NamedSystem,
  tappedSystem,
} from "./system.ts";
import { Trends } from "./trends.ts";

/** A publisher in short: its stats without the single connections. */
export interface PublisherSummary extends Omit<PublisherStats, "open" | "recentlyClosed" | "groups"> {
  readonly kind: "publisher";
  /** The admin's name for it. */
  readonly system: string;
  /** What it sends to all subscribers. */
  readonly rates: Rates;
  /** How old a measurement of late was when it was published, in milliseconds; `null` when that is not known. */
  readonly delay: number | null;
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
  /** How old a measurement of late was when it came, in milliseconds; `null` when that is not known. */
  readonly delay: number | null;
  /** Its counters. */
  readonly counters: SubscriberStats;
}

/** Subscribers that share an encoder. */
export interface GroupView extends GroupSnapshot {
  /** The numbers of their connections. */
  readonly connections: readonly number[];
}

/** A certificate: the system's own, or one that the other end of a connection has shown. */
export interface CertificateView extends PeerCertificate {
  /** Whether it has expired since. */
  readonly expired: boolean;
  /** Whether it is the system's own. */
  readonly own: boolean;
  /** The number of the connection; `null` for the own, and for that of a subscriber's publisher. */
  readonly connection: number | null;
  /** Where it is shown, or comes from. */
  readonly address: string;
}

/** One of the things that `/readyz` looks at. */
export interface ReadinessCheck {
  readonly system: string;
  readonly check: "running" | "metadata" | "stalls" | "overflows" | "history" | "connected";
  readonly ok: boolean;
}

/** The signals of a system, and what they were read from. */
interface ReadSignals {
  readonly dataSet: DataSet;
  /** How many signals had handles when they were read: more may come. */
  readonly size: number;
  readonly directory: Promise<SignalDirectory>;
}

/** What can be asked about the signals of a system. */
export interface SignalsNow {
  readonly directory: SignalDirectory;
  readonly meter: SignalMeter;
  readonly trends: Trends;
}

/** Milliseconds for which what a publisher says of itself is good: of many connections it takes time to say. */
const STATS_KEPT = 250;
/** Milliseconds for which readiness is good, which anybody may ask for. */
const READINESS_KEPT = 1_000;

/** Looks at the systems, and remembers what it takes to tell how fast they are. */
export class Observer {
  /** The systems. */
  readonly systems: readonly NamedSystem[];
  readonly #options: CheckedOptions;
  readonly #meters: RateMeters<string>;
  /** Of connections, by the name of their publisher. */
  readonly #connectionMeters = new Map<string, RateMeters<number>>();
  readonly #signalMeters = new Map<string, SignalMeter>();
  readonly #trends = new Map<string, Trends>();
  readonly #directories = new Map<string, ReadSignals>();
  readonly #versions: MetadataVersions;
  readonly #stats = new Map<AdminPublisher, KeptByAge<PublisherStats>>();
  readonly #readiness: KeptByAge<ReadinessCheck[]>;
  /** When a publisher was last asked before its time, for a connection that was not there. */
  #lookedAgainAt = -Infinity;

  constructor(systems: readonly NamedSystem[], options: CheckedOptions) {
    this.systems = systems;
    this.#options = options;
    this.#meters = new RateMeters(options.clock);
    for (const { name, system } of this.publishers) {
      this.#connectionMeters.set(name, new RateMeters(options.clock));
      this.#stats.set(system, new KeptByAge(options.clock, STATS_KEPT, () => system.stats()));
    }
    this.#readiness = new KeptByAge(options.clock, READINESS_KEPT, () => this.#checkReadiness());
    this.#versions = new MetadataVersions(options.clock);
    for (const system of systems) {
      const tapped = tappedSystem(system);
      if (tapped === undefined) continue;
      const meter = new SignalMeter(tapped, options.clock);
      this.#signalMeters.set(system.name, meter);
      this.#trends.set(system.name, new Trends(meter, historyOf(system), options.clock));
    }
    this.noteMetadata();
  }

  /** Looks no more. */
  close(): void {
    this.#readiness.close();
    for (const stats of this.#stats.values()) stats.close();
    for (const trends of this.#trends.values()) trends.close();
    for (const meter of this.#signalMeters.values()) meter.close();
  }

  /** Looks afresh from here on: something was done that has to show. */
  refresh(): void {
    this.#readiness.forget();
    for (const stats of this.#stats.values()) stats.forget();
  }

  /** Takes note of metadata that is new. */
  noteMetadata(): void {
    for (const system of this.systems) {
      const dataSet = metadataOf(system);
      if (dataSet !== undefined) this.#versions.note(system.name, dataSet);
    }
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

  /** The system of a name, which is needed where there are several. @throws {Problem} When it is left out, or wrong. */
  onlySystem(name: string | undefined): NamedSystem {
    return findOnly(this.systems, name, "system");
  }

  /** The publisher of a name, as numbers mean another thing at each. @throws {Problem} When it is left out, or wrong. */
  onlyPublisher(name: string | undefined): NamedPublisher {
    return findOnly(this.publishers, name, "publisher");
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

  /** Who shares an encoder of a publisher. @throws {Problem} When there is no such publisher. */
  groups(name: string | undefined): { readonly system: string; readonly groups: GroupView[] } {
    const { name: system, system: publisher } = this.publisher(name);
    const { open, groups } = this.statsOf(publisher);
    const members = Map.groupBy(open, ({ subscription }) => subscription?.group ?? null);
    return {
      system,
      groups: groups.map((group) => ({
        ...group,
        connections: (members.get(group.id) ?? []).map(({ id }) => id),
      })),
    };
  }

  /**
   * The certificates of a system, the one that expires first before the others: a publisher's own and those of its
   * connections; that of a subscriber's publisher.
   *
   * @throws {Problem} When there is no such system.
   */
  certificates(
    name: string | undefined,
  ): { readonly system: string; readonly certificates: CertificateView[] } {
    const found = name === undefined ? this.publishers[0] ?? this.system(name) : this.system(name);
    const now = this.#options.clock.now();
    const shown = found.kind === "subscriber"
      ? certificatesOfSubscriber(found.system)
      : certificatesOfPublisher(this.statsOf(found.system));
    const certificates = shown.map((view) => ({ ...view, expired: view.validTo <= now }));
    certificates.sort((one, other) => one.validTo - other.validTo);
    return { system: found.name, certificates };
  }

  /** What changed when a system's metadata was replaced last. @throws {Problem} When it has none. */
  async metadataChanges(
    name: string | undefined,
  ): Promise<MetadataChangeView & { readonly system: string }> {
    const { system } = this.metadata(name);
    this.noteMetadata();
    return { system, ...await this.#versions.changes(system)! };
  }

  /** The signals that a request asks for. @throws {Problem} When they are not to be had, or a parameter is wrong. */
  async listSignals(query: Query): Promise<RateList & { readonly signals: readonly SignalView[] }> {
    return await inSlices((await this.signals(query.text("system"))).signals(query), this.#options.clock);
  }

  /** The devices that a request asks for. @throws {Problem} When they are not to be had, or a parameter is wrong. */
  async listDevices(query: Query): Promise<RateList & { readonly devices: readonly DeviceView[] }> {
    return await inSlices((await this.signals(query.text("system"))).devices(query), this.#options.clock);
  }

  /**
   * The signals of a system, by default of the first that has metadata, while they are counted. Who asks after a while
   * waits a second, until there is something to tell.
   *
   * @throws {Problem} When its metadata or measurements are not to be had.
   */
  async signals(name: string | undefined): Promise<SignalDirectory> {
    const { directory, meter } = await this.signalsNow(name);
    await meter.look();
    return directory;
  }

  /** The same without waiting for counts, and what there is to plot of them. @throws {Problem} */
  async signalsNow(name: string | undefined): Promise<SignalsNow> {
    const { system, metadata: dataSet } = this.metadata(name);
    const tapped = tappedSystem(this.system(system));
    const meter = this.#signalMeters.get(system);
    const trends = this.#trends.get(system);
    if (tapped === undefined || meter === undefined || trends === undefined) {
      throw new Problem(404, "NoSignals", `${system} does not show its measurements`);
    }
    const { signals } = tapped;
    let read = this.#directories.get(system);
    if (read?.dataSet !== dataSet || read.size !== signals.size) {
      // Once for all who ask, and while others have their turn.
      const directory = inSlices(
        SignalDirectory.read(system, dataSet, signals, meter),
        this.#options.clock,
      );
      read = { dataSet, size: signals.size, directory };
      this.#directories.set(system, read);
    }
    return { directory: await read.directory, meter, trends };
  }

  /** Every system in short. */
  status(): (PublisherSummary | SubscriberSummary)[] {
    return this.systems.map(({ kind, name, system }) => {
      if (kind === "subscriber") {
        const counters = system.stats();
        const rates = this.#meters.of(name).read(counters, null);
        const filter = clip(system.subscription.filter ?? "", 200);
        return { kind, system: name, state: system.state, filter, rates, delay: this.#delay(name), counters };
      }
      const { value, at } = this.#stats.get(system)!.get();
      const { open: _open, recentlyClosed: _closed, groups, ...stats } = value;
      const rates = this.#meters.of(name).read(stats.sent, stats.startedAt, at);
      return { ...stats, kind, system: name, rates, delay: this.#delay(name), groups: groups.length };
    });
  }

  /** What one of the publishers says of itself, or said a moment ago. */
  statsOf(publisher: AdminPublisher): PublisherStats {
    return this.#stats.get(publisher)!.get().value;
  }

  #delay(system: string): number | null {
    return this.#signalMeters.get(system)?.delay ?? null;
  }

  /** The open connections of a publisher, or of all of them, and then those that ended last. */
  connections(name: string | undefined): ConnectionView[] {
    const publishers = name === undefined ? this.publishers : [this.publisher(name)];
    const views: ConnectionView[] = [];
    for (const { name, system } of publishers) {
      const { value: stats, at } = this.#stats.get(system)!.get();
      const { open, recentlyClosed } = stats;
      const resets = resetsByGroup(stats);
      for (const snapshot of open) views.push(this.#viewOpen(name, snapshot, resets, at));
      for (const snapshot of recentlyClosed) views.push(viewConnection(name, snapshot));
      this.#forgetEnded(name, open);
    }
    return views;
  }

  /** One connection, open or recently closed. @throws {Problem} When there is none of this number, or it is not clear whose. */
  connection(name: string | undefined, id: number): ConnectionView {
    const publisher = this.onlyPublisher(name);
    const kept = this.#stats.get(publisher.system)!;
    const isThere = ({ value: { open, recentlyClosed } }: { value: PublisherStats }): boolean =>
      [...open, ...recentlyClosed].some((snapshot) => snapshot.id === id);
    // It may have come since. Who asks for what is not there again and again gets no more than this.
    if (!isThere(kept.get()) && this.#mayLookAgain()) kept.forget();
    const { value: stats, at } = kept.get();
    this.#forgetEnded(publisher.name, stats.open);
    const present = stats.open.find((snapshot) => snapshot.id === id);
    if (present !== undefined) return this.#viewOpen(publisher.name, present, resetsByGroup(stats), at);
    const past = stats.recentlyClosed.find((snapshot) => snapshot.id === id);
    if (past !== undefined) return viewConnection(publisher.name, past);
    throw new Problem(
      404,
      "NoConnection",
      `${publisher.name} has no connection ${id}, and none that ended lately`,
    );
  }

  #viewOpen(
    name: string,
    snapshot: ConnectionSnapshot,
    resets: ReadonlyMap<number, number>,
    at: number,
  ): ConnectionView {
    const { connectedAt, id, sent, subscription } = snapshot;
    const rates = this.#connectionMeters.get(name)!.of(id).read(sent, connectedAt, at);
    return viewConnection(name, snapshot, rates, resets.get(subscription?.group ?? 0));
  }

  /** Whether it is long enough since a publisher was asked before its time. */
  #mayLookAgain(): boolean {
    const now = this.#options.clock.monotonic();
    const may = now - this.#lookedAgainAt >= STATS_KEPT;
    if (may) this.#lookedAgainAt = now;
    return may;
  }

  /** Forgets the rates of connections of a publisher that have ended. */
  #forgetEnded(name: string, open: readonly ConnectionSnapshot[]): void {
    this.#connectionMeters.get(name)!.keep(new Set(open.map(({ id }) => id)));
  }

  /** Whether the systems do what they are for, as of a second ago at most: it may be asked for without end. */
  readiness(): readonly ReadinessCheck[] {
    return this.#readiness.get().value;
  }

  #checkReadiness(): ReadinessCheck[] {
    return this.systems.flatMap(({ kind, name, system }): ReadinessCheck[] => {
      if (kind === "subscriber") {
        return [{ system: name, check: "connected", ok: system.state === "connected" }];
      }
      const { state, metadata, open, history } = this.statsOf(system);
      const { clock, stallLimit } = this.#options;
      const stalled = open.some(({ queue }) => queue.stalledFor > stallLimit);
      const since = clock.now() - stallLimit;
      const overflows = open.some(({ overflowedAt }) => overflowedAt !== null && overflowedAt > since);
      return [
        { system: name, check: "running", ok: state === "running" },
        { system: name, check: "metadata", ok: metadata !== null },
        { system: name, check: "stalls", ok: !stalled },
        { system: name, check: "overflows", ok: !overflows },
        ...history === null ? [] : [{ system: name, check: "history" as const, ok: !history.failing }],
      ];
    });
  }
}

function certificatesOfSubscriber({ peer }: AdminSubscriber): Omit<CertificateView, "expired">[] {
  const { address = "", certificate } = peer ?? {};
  return certificate ? [{ ...certificate, own: false, connection: null, address }] : [];
}

function certificatesOfPublisher(
  { address, certificate: own, open }: PublisherStats,
): Omit<CertificateView, "expired">[] {
  return [
    ...own ? [{ ...own, own: true, connection: null, address: address ?? "" }] : [],
    ...open.flatMap(({ id, address, certificate }) =>
      certificate ? [{ ...certificate, own: false, connection: id, address }] : []
    ),
  ];
}

/** How often the encoder of each group started afresh. */
function resetsByGroup({ groups }: PublisherStats): ReadonlyMap<number, number> {
  return new Map(groups.map(({ id, resets }) => [id, resets]));
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

function findOnly<System extends NamedSystem>(
  systems: readonly System[],
  name: string | undefined,
  kind: string,
): System {
  if (name !== undefined || systems.length < 2) return find(systems, name, kind);
  const names = systems.map((system) => system.name).join(", ");
  throw new Problem(400, "SystemNeeded", `there are several ${kind}s, so system has to be one of ${names}`);
}
