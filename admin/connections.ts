import type { ConnectionSnapshot } from "../publisher/snapshot.ts";
import { Problem } from "./problems.ts";
import { clip, type Query } from "./query.ts";
import type { Rates } from "./rates.ts";

/** A connection as the admin tells it. */
export interface ConnectionView extends ConnectionSnapshot {
  /** The publisher that it is one of, by the admin's name for it. */
  readonly system: string;
  /** What is sent to it; nothing once it is closed. */
  readonly rates: Rates;
  /** Bytes of data packets sent for a measurement, on average; `null` before the first. */
  readonly bytesPerMeasurement: number | null;
  /** Measurements that it did not get, for all reasons. */
  readonly droppedMeasurements: number;
  /** How often the encoder that serves it started afresh; `null` while none does. */
  readonly encoderResets: number | null;
}

const closedRates: Rates = { measurementsPerSecond: 0, bytesPerSecond: 0, seconds: 0 };

/**
 * Settings that have no meaning here may be anything, secrets among them. These, in lower case, ask other publishers for
 * synchronised data, and are no secrets; of all others only the names are shown.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  "allowpreemptivepublishing",
  "allowsortsbyarrival",
  "downsamplingmethod",
  "framespersecond",
  "ignorebadtimestamps",
  "timeresolution",
]);

/** What the admin tells of a connection. */
export function viewConnection(
  system: string,
  snapshot: ConnectionSnapshot,
  rates: Rates = closedRates,
  encoderResets: number | null = null,
): ConnectionView {
  const { sent, dropped, subscription } = snapshot;
  return {
    ...snapshot,
    subscription: subscription && { ...subscription, extra: harmless(subscription.extra) },
    system,
    rates,
    bytesPerMeasurement: sent.measurements === 0 ? null : sent.dataBytes / sent.measurements,
    droppedMeasurements: Object.values(dropped).reduce((sum, count) => sum + count, 0),
    encoderResets,
  };
}

function harmless(settings: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      HARMLESS.has(name.toLowerCase()) ? value : "(hidden)",
    ]),
  );
}

/** Characters of a subscriber's text that are looked at: it may send millions. */
const LOOKED_AT = 1_024;

/** What lists can be sorted by. */
const sortKeys: Readonly<Record<string, (connection: ConnectionView) => number | string>> = {
  id: ({ id }) => id,
  address: ({ address }) => address,
  client: ({ subscription }) => subscription?.client.source.slice(0, LOOKED_AT) ?? "",
  state: ({ state }) => state,
  connectedAt: ({ connectedAt }) => connectedAt,
  lastReceivedAt: ({ lastReceivedAt }) => lastReceivedAt,
  signals: ({ subscription }) => subscription?.signals ?? 0,
  measurementsPerSecond: ({ rates }) => rates.measurementsPerSecond,
  bytesPerSecond: ({ rates }) => rates.bytesPerSecond,
  sentMeasurements: ({ sent }) => sent.measurements,
  sentBytes: ({ sent }) => sent.bytes,
  queueBytes: ({ queue }) => queue.dataBytes + queue.controlBytes,
  stalledFor: ({ queue }) => queue.stalledFor,
  latency: ({ latency }) => latency ?? -1,
  droppedMeasurements: ({ droppedMeasurements }) => droppedMeasurements,
};

/** The names that lists can be sorted by; with `-` before it, the greatest comes first. */
export const SortNames: readonly string[] = Object.keys(sortKeys);

/** The query parameters of a list. */
export const ListParameters: readonly string[] = ["system", "state", "search", "sort", "limit", "offset"];

/** Connections that one answer has at most. */
export const MAX_LIMIT = 1_000;

/** A part of the connections that a request asks for. */
export interface ConnectionList {
  /** How many there are of what was asked for. */
  readonly total: number;
  /** How many were left out before the first of these. */
  readonly offset: number;
  readonly connections: readonly ConnectionView[];
}

/**
 * Which connections a request asks for: those of a state, with a text in them, in an order.
 *
 * @throws {Problem} When a parameter makes no sense.
 */
export function listConnections(connections: readonly ConnectionView[], query: Query): ConnectionList {
  const state = query.word("state", ["open", "closed", "all"], "open");
  const limit = query.whole("limit", 100, 1, MAX_LIMIT);
  const offset = query.whole("offset", 0, 0, 1_000_000_000);
  const search = query.text("search")?.toLowerCase();
  let found = connections.filter(({ closed }) => state === "all" || (closed === null) === (state === "open"));
  if (search !== undefined) found = found.filter((connection) => contains(connection, search));
  sortConnections(found, query.text("sort") ?? "id");
  return { total: found.length, offset, connections: found.slice(offset, offset + limit).map(brief) };
}

function contains(
  { address, subscriberId, certificate, subscription }: ConnectionView,
  text: string,
): boolean {
  const { filter = "", client } = subscription ?? {};
  return [address, subscriberId, certificate?.name ?? "", filter, client?.source ?? "", client?.version ?? ""]
    .some((field) => field.slice(0, LOOKED_AT).toLowerCase().includes(text));
}

function sortConnections(connections: ConnectionView[], order: string): void {
  const name = order.replace(/^-/, "");
  const key = Object.hasOwn(sortKeys, name) ? sortKeys[name]! : undefined;
  if (key === undefined) {
    const expected = `expected one of ${SortNames.join(", ")}, with "-" before it for the greatest first`;
    throw new Problem(400, "InvalidParameter", `sort is "${clip(order, 40)}", ${expected}`);
  }
  const sign = order.startsWith("-") ? -1 : 1;
  const keys = new Map(connections.map((connection) => [connection, key(connection)]));
  connections.sort((one, other) => {
    const [a, b] = [keys.get(one)!, keys.get(other)!];
    return (a < b ? -sign : a > b ? sign : 0) || one.id - other.id;
  });
}

/** Filters may be megabytes long; a list has their beginning, and the connection alone has them whole. */
function brief(connection: ConnectionView): ConnectionView {
  const { subscription } = connection;
  if (subscription === null) return connection;
  const { client, filter } = subscription;
  return {
    ...connection,
    subscription: {
      ...subscription,
      filter: clip(filter, 200),
      client: {
        source: clip(client.source, 200),
        version: clip(client.version, 200),
        updatedOn: clip(client.updatedOn, 200),
      },
      extra: {},
    },
  };
}
