import type { PublisherStats } from "../publisher/snapshot.ts";
import type { Metric, MetricSample } from "./exposition.ts";
import { noneClosed, noneDropped, noneFailed, noneFailedAtTls, noneRefused } from "./reasons.ts";
import type { AdminPublisher, AdminSubscriber, NamedSystem } from "./system.ts";

type Labels = Readonly<Record<string, string>>;

/** Metrics by name, in the order in which they were first added to. */
class Metrics {
  readonly #metrics = new Map<string, Metric & { readonly samples: MetricSample[] }>();

  add(type: Metric["type"], name: string, help: string, labels: Labels, value: number): void {
    let metric = this.#metrics.get(name);
    if (metric === undefined) {
      metric = { name, type, help, samples: [] };
      this.#metrics.set(name, metric);
    }
    metric.samples.push({ labels, value });
  }

  all(): Metric[] {
    return [...this.#metrics.values()];
  }
}

/** What the admins of a system count themselves, from the first of them on. */
export interface OwnCounters {
  /** Requests, by class of status such as `2xx`. */
  readonly requests: Readonly<Record<string, number>>;
  /** Requests with wrong credentials. */
  readonly authenticationFailures: number;
}

/**
 * The metrics of systems: base units, and labels of few values only; no connection has a series of its own, and what
 * counts over connections does not fall when one ends.
 *
 * @param own What the admin itself counts, if it is asked about that.
 * @param statsOf What a publisher says of itself; default its `stats()`.
 */
export function metricsOf(
  systems: readonly NamedSystem[],
  own?: OwnCounters,
  statsOf: (publisher: AdminPublisher) => PublisherStats = (publisher) => publisher.stats(),
): Metric[] {
  const metrics = new Metrics();
  for (const { kind, name, system } of systems) {
    if (kind === "publisher") addPublisher(metrics, name, statsOf(system));
    else addSubscriber(metrics, name, system);
  }
  if (own !== undefined) addOwn(metrics, own);
  return metrics.all();
}

function addOwn(metrics: Metrics, own: OwnCounters): void {
  for (const [status, count] of Object.entries(own.requests)) {
    metrics.add(
      "counter",
      "sttp_admin_requests",
      "Requests answered, by class of status.",
      { status },
      count,
    );
  }
  metrics.add(
    "counter",
    "sttp_admin_authentication_failures",
    "Requests with wrong credentials.",
    {},
    own.authenticationFailures,
  );
}

function addPublisher(metrics: Metrics, system: string, stats: PublisherStats): void {
  const gauge = (name: string, help: string, value: number): void =>
    metrics.add("gauge", `sttp_publisher_${name}`, help, { system }, value);
  const counter = (name: string, help: string, value: number, labels: Labels = {}): void =>
    metrics.add("counter", `sttp_publisher_${name}`, help, { system, ...labels }, value);

  gauge("running", "Whether the publisher takes connections: 1 or 0.", stats.state === "running" ? 1 : 0);
  if (stats.startedAt !== null) {
    gauge("start_time_seconds", "When the publisher was last started, since 1970.", stats.startedAt / 1000);
  }
  gauge("metadata_generation", "How often metadata was defined.", stats.metadata?.generation ?? 0);
  gauge("metadata_signals", "Signals that the metadata describes.", stats.metadata?.signals ?? 0);
  gauge("connections", "Open connections.", stats.connections.open);
  counter("connections_accepted", "Connections made, those refused included.", stats.connections.accepted);
  for (const [reason, count] of Object.entries({ ...noneClosed, ...stats.connections.closed })) {
    counter("connections_closed", "Connections ended, by reason.", count, { reason });
  }
  for (
    const [reason, count] of Object.entries({ ...noneFailedAtTls, ...stats.connections.handshakesFailed })
  ) {
    counter("tls_handshakes_failed", "Connections that failed at TLS, by reason.", count, { reason });
  }
  const subscriptions = stats.open.filter(({ subscription }) => subscription !== null).length;
  gauge("subscriptions", "Open connections with a subscription.", subscriptions);
  gauge("groups", "Groups of subscribers that share an encoder.", stats.groups.length);
  counter("published_batches", "Batches that the application published.", stats.published.batches);
  counter(
    "published_measurements",
    "Measurements that the application published.",
    stats.published.measurements,
  );
  counter(
    "unknown_signal_measurements",
    "Measurements published whose signal is in no metadata.",
    stats.published.unknownSignals,
  );
  counter(
    "sent_measurements",
    "Measurements sent, one for each subscriber that got it.",
    stats.sent.measurements,
  );
  counter("sent_bytes", "Bytes sent, answers included.", stats.sent.bytes);
  for (const [reason, count] of Object.entries({ ...noneDropped, ...stats.dropped })) {
    counter("dropped_measurements", "Measurements that subscribers did not get, by reason.", count, {
      reason,
    });
  }
  let queued = 0;
  let stall = 0;
  for (const { queue } of stats.open) {
    queued += queue.dataBytes + queue.controlBytes;
    stall = Math.max(stall, queue.stalledFor);
  }
  for (const [reason, count] of Object.entries({ ...noneRefused, ...stats.access.refused })) {
    counter("refused_connections", "Connections that were refused, by reason.", count, { reason });
  }
  for (const [decision, count] of Object.entries({ ...noneFailed, ...stats.access.failed })) {
    counter(
      "access_failures",
      "Decisions about access that failed, and so refused, by what they were about.",
      count,
      { decision },
    );
  }
  gauge("bans", "Peers that may not connect at present.", stats.bans.length);
  gauge("pending_notifications", "Notifications that are not confirmed.", stats.notifications.pending);
  if (stats.certificate) {
    const help = "When the publisher's own certificate expires, since 1970.";
    gauge("own_certificate_expiry_time_seconds", help, stats.certificate.validTo / 1000);
  }
  let expiry = Infinity;
  for (const { certificate } of stats.open) expiry = Math.min(expiry, certificate?.validTo ?? Infinity);
  if (expiry < Infinity) {
    gauge(
      "certificate_expiry_time_seconds",
      "When the first of the subscribers' certificates expires, since 1970.",
      expiry / 1000,
    );
  }
  if (stats.history !== null) {
    gauge("history_bytes", "Bytes of history kept.", stats.history.bytes);
    counter("history_recorded_measurements", "Measurements recorded as history.", stats.history.recorded);
    counter(
      "history_lost_measurements",
      "Measurements that could not be recorded as history.",
      stats.history.lost,
    );
    gauge(
      "history_failing",
      "Whether what is published can't be recorded as history at present: 1 or 0.",
      stats.history.failing ? 1 : 0,
    );
  }
  gauge("queued_bytes", "Bytes that wait to be written, over all connections.", queued);
  gauge(
    "waiting_bytes",
    "Bytes of memory that hold these; what several connections get counts once.",
    stats.waitingBytes,
  );
  gauge(
    "longest_stall_seconds",
    "For how long the subscriber that reads least has read nothing.",
    stall / 1000,
  );
}

function addSubscriber(metrics: Metrics, system: string, subscriber: AdminSubscriber): void {
  const { peer, state } = subscriber;
  const stats = subscriber.stats();
  const gauge = (name: string, help: string, value: number): void =>
    metrics.add("gauge", `sttp_subscriber_${name}`, help, { system }, value);
  const counter = (name: string, help: string, value: number, labels: Labels = {}): void =>
    metrics.add("counter", `sttp_subscriber_${name}`, help, { system, ...labels }, value);

  gauge("connected", "Whether the subscriber is connected and ready: 1 or 0.", state === "connected" ? 1 : 0);
  if (peer?.certificate) {
    const help = "When the publisher's certificate expires, since 1970.";
    gauge("publisher_certificate_expiry_time_seconds", help, peer.certificate.validTo / 1000);
  }
  gauge("signals", "Signals in the signal index cache in force.", stats.signals);
  gauge("waiting_measurements", "Measurements that wait for the consumer.", stats.waiting);
  counter("connections", "Connections that came about.", stats.connections);
  counter("received_bytes", "Bytes received over the command channel.", stats.bytes);
  counter("frames", "Frames received.", stats.frames);
  counter("data_packets", "Data packets received, dropped ones included.", stats.packets);
  counter("data_bytes", "Bytes of data packets received.", stats.dataBytes);
  counter("received_measurements", "Measurements received.", stats.measurements);
  counter("datagrams", "Datagrams received from the publisher.", stats.udp.datagrams);
  counter("datagram_bytes", "Bytes of datagrams received from the publisher.", stats.udp.bytes);
  const { datagrams: _, bytes: __, ...instants } = stats.udp;
  for (const [outcome, value] of Object.entries(instants)) {
    // What comes late was not lost, so no counter.
    metrics.add(
      "gauge",
      "sttp_subscriber_udp_measurements",
      "What became of measurements over UDP, as told from timestamps, by outcome.",
      { system, outcome },
      value,
    );
  }
  counter("signal_index_caches", "Signal index caches received.", stats.caches);
  counter("tssc_resets", "TSSC streams that began at sequence 0.", stats.tsscResets);
  counter("metadata_refreshes", "Metadata documents received.", stats.metadataRefreshes);
  counter("pauses", "Times that reading stopped because the delivery buffer was full.", stats.pauses);
  const { gaps } = stats;
  gauge("open_gaps", "Gaps in what came that are known of and not filled.", gaps.open);
  counter("filled_gaps", "Gaps that were filled from the publisher's history.", gaps.filled);
  counter("recovered_measurements", "Measurements that filled gaps.", gaps.measurements);
  counter("gap_failures", "Attempts to fill a gap that failed.", gaps.failures);
  counter("gaps_given_up", "Gaps that were given up because there were too many.", gaps.givenUp);
  for (const [reason, count] of Object.entries(stats.dropped)) {
    counter("dropped", "What was dropped, by reason; measurements, packets or datagrams.", count, { reason });
  }
}
