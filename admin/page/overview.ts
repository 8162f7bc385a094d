import { html } from "hono/html";
import type { HistoryStats } from "../../history/source.ts";
import type { AdminContext } from "../context.ts";
import type { PublisherSummary, SubscriberSummary } from "../observer.ts";
import { connectionTable, SLOW } from "./connections.ts";
import { eventTable } from "./events.ts";
import { type Html, pill, terms } from "./layout.ts";
import { bytes, count, duration, moment, plural, rate } from "./text.ts";

/** Connections or events that the overview has at most. */
const SHOWN = 10;
/** Milliseconds for which it shows that a connection was too slow. */
const LATELY = 60_000;

/** Every system with its numbers, and the connections that need looking at. */
export function overview(context: AdminContext): Html {
  const { log, observer, options } = context;
  const now = options.clock.now();
  const connections = observer.connections(undefined);
  const slow = connections.filter(({ closed, overflowedAt, queue }) =>
    closed === null && (queue.stalledFor > SLOW || (overflowedAt !== null && overflowedAt > now - LATELY))
  ).sort((one, other) => other.queue.stalledFor - one.queue.stalledFor).slice(0, SHOWN);
  const ended = connections.filter(({ closed }) => closed !== null)
    .sort((one, other) => other.closed!.at - one.closed!.at).slice(0, SHOWN);
  const stalled = new Map<string, number>();
  for (const { closed, queue, system } of connections) {
    if (closed === null && queue.stalledFor > SLOW) stalled.set(system, (stalled.get(system) ?? 0) + 1);
  }
  const systems = observer.status();
  return html`${
    systems.map((system) =>
      system.kind === "publisher"
        ? publisherPanel(system, stalled.get(system.system) ?? 0, now)
        : subscriberPanel(system)
    )
  }
  ${connections.length === 0 ? systems.map(nobody) : ""}
  ${slow.length === 0 ? "" : connectionTable(context, "Slow connections", slow)}
  ${ended.length === 0 ? "" : connectionTable(context, "Ended lately", ended)}
  ${log.last === 0 ? "" : eventTable(log.events.slice(-SHOWN).reverse())}`;
}

/** Where to connect to a publisher that nobody has connected to yet. */
function nobody(system: PublisherSummary | SubscriberSummary): Html | string {
  if (system.kind === "subscriber" || system.state !== "running" || system.address === null) return "";
  return html`<p class="hint">Nobody is connected to ${system.system} yet. It listens on <code>${system.address}</code>.</p>`;
}

/** A number that is looked at: `trend` draws its course while the page is open. */
function figure(
  label: string,
  value: Html | string,
  { kind = "", trend }: { readonly kind?: string; readonly trend?: readonly [key: string, value: number] } =
    {},
): Html {
  const [key, now] = trend ?? [];
  const spark = key === undefined ? "" : html`
    <svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true" data-key="${key}"
      data-value="${now}">
      <polyline points="" />
    </svg>
  `;
  return html`<div class="figure ${kind}"><dt>${label}</dt><dd>${value}</dd>${spark}</div>`;
}

function unit(value: string, of: string): Html {
  return html`${value} <small>${of}</small>`;
}

function panel(head: Html, figures: readonly Html[], facts: Html): Html {
  return html`
    <section
      class="card system"><div class="head">${head}</div><dl class="figures">${figures}</dl>${facts}</section>
  `;
}

function publisherPanel(publisher: PublisherSummary, stalled: number, now: number): Html {
  const {
    address,
    connections,
    delay,
    history,
    metadata,
    notifications,
    published,
    rates,
    sent,
    startedAt,
    system,
  } = publisher;
  const dropped = Object.entries(publisher.dropped);
  const lost = dropped.reduce((sum, [, number]) => sum + number, 0);
  return panel(
    html`<h2>${system}</h2> ${pill(publisher.state, publisher.state === "running" ? "good" : "bad")}
    <span>Publisher ${publisher.name}</span><span class="at mono">${address ?? "does not listen"}</span>`,
    [
      figure("Sent", unit(rate(rates.measurementsPerSecond), "measurements/s"), {
        trend: [`${system} measurements`, rates.measurementsPerSecond],
      }),
      figure("Traffic", unit(bytes(rates.bytesPerSecond), "/s"), {
        trend: [`${system} bytes`, rates.bytesPerSecond],
      }),
      figure("Connections", count(connections.open), { trend: [`${system} connections`, connections.open] }),
      figure("Stalled", count(stalled), { kind: stalled > 0 ? "bad" : "" }),
      figure("Dropped", count(lost), { kind: lost > 0 ? "warn" : "" }),
      figure("Age of data", ageOf(delay)),
    ],
    terms([
      ["Started", startedAt === null ? "-" : `${moment(startedAt)}, ${duration(now - startedAt)} ago`],
      [
        "Metadata",
        metadata === null
          ? "none"
          : `${plural(metadata.signals, "signal")}, definition ${metadata.generation}`,
      ],
      ["Accepted", `${plural(connections.accepted, "connection")} so far`],
      ["Encoders", plural(publisher.groups, "group")],
      ["Published", plural(published.measurements, "measurement")],
      ["Sent", `${plural(sent.measurements, "measurement")}, ${bytes(sent.bytes)}`],
      ["Dropped", lost === 0 ? undefined : listOf(dropped)],
      ["History", history === null || history === undefined ? undefined : historyOf(history)],
      [
        "Notifications",
        notifications === undefined || notifications.subscribers === 0
          ? undefined
          : `${count(notifications.pending)} not confirmed, ${
            plural(notifications.subscribers, "subscriber")
          } known`,
      ],
    ], "facts"),
  );
}

function listOf(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([reason, number]) => `${reason} ${count(number)}`).join(", ");
}

function historyOf({ bytes: size, failing, first, last, lost, problem }: HistoryStats): Html {
  const range = first === null || last === null
    ? "empty"
    : `${moment(Date.parse(first))} to ${moment(Date.parse(last))}, ${bytes(size)}`;
  const missing = lost === 0 ? "" : `; ${plural(lost, "measurement")} not recorded`;
  return html`${range}${missing} ${failing ? pill(`fails: ${problem}`, "bad") : ""}`;
}

function ageOf(delay: number | null): string {
  // Recorded data may be years old: that is no delay, and clocks may differ.
  if (delay === null || Math.abs(delay) > 3_600_000) return "-";
  return delay < 0 ? `-${duration(-delay)}` : duration(delay);
}

function lossOf({ datagrams, expected, lost, late }: SubscriberSummary["counters"]["udp"]): string {
  const percent = expected === 0 ? "loss not known" : `${(100 * lost / expected).toFixed(2)} % lost`;
  return `${plural(datagrams, "datagram")}; ${percent}, ${count(late)} late`;
}

function subscriberPanel(subscriber: SubscriberSummary): Html {
  const { counters, delay, rates, state, system } = subscriber;
  const dropped = Object.entries(counters.dropped).filter(([, number]) => number > 0);
  return panel(
    html`<h2>${system}</h2> ${pill(state, state === "connected" ? "good" : "bad")} <span>Subscriber</span>`,
    [
      figure("Received", unit(rate(rates.measurementsPerSecond), "measurements/s"), {
        trend: [`${system} measurements`, rates.measurementsPerSecond],
      }),
      figure("Traffic", unit(bytes(rates.bytesPerSecond), "/s"), {
        trend: [`${system} bytes`, rates.bytesPerSecond],
      }),
      figure("Signals", count(counters.signals)),
      figure("Waiting", count(counters.waiting)),
      figure("Dropped", count(dropped.reduce((sum, [, number]) => sum + number, 0)), {
        kind: dropped.length > 0 ? "warn" : "",
      }),
      figure("Age of data", ageOf(delay)),
    ],
    terms([
      ["Filter", html`<code>${subscriber.filter}</code>`],
      ["Received", `${plural(counters.measurements, "measurement")}, ${bytes(counters.bytes)}`],
      ["Over UDP", counters.udp.datagrams === 0 ? undefined : lossOf(counters.udp)],
      ["Connections", `${count(counters.connections)} so far`],
      ["Dropped", dropped.length === 0 ? undefined : listOf(dropped)],
    ], "facts"),
  );
}
