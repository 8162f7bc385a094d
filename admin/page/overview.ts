import { html } from "hono/html";
import type { AdminContext } from "../context.ts";
import type { LoggedEvent } from "../event_log.ts";
import { clip } from "../query.ts";
import type { PublisherSummary, SubscriberSummary } from "../observer.ts";
import { connectionTable } from "./connections.ts";
import { type Html, table, terms } from "./layout.ts";
import { bytes, count, duration, moment, plural, rate } from "./text.ts";

/** Connections that the overview has at most. */
const SHOWN = 10;

/** Every system with its numbers, and the connections that need looking at. */
export function overview(context: AdminContext): Html {
  const { log, observer, options } = context;
  const now = options.clock.now();
  const connections = observer.connections(undefined);
  const slow = connections.filter(({ closed, queue, droppedMeasurements }) =>
    closed === null && (queue.stalledFor > 1_000 || droppedMeasurements > 0)
  ).sort((one, other) => other.queue.stalledFor - one.queue.stalledFor).slice(0, SHOWN);
  const ended = connections.filter(({ closed }) => closed !== null)
    .sort((one, other) => other.closed!.at - one.closed!.at).slice(0, SHOWN);
  return html`
        <div class="cards">${observer.status().map((system) =>
          system.kind === "publisher" ? publisherCard(system, now) : subscriberCard(system)
        )}</div>
        ${slow.length === 0 ? "" : connectionTable(context, "Slow connections", slow)}
        ${ended.length === 0 ? "" : connectionTable(context, "Ended lately", ended)}
    ${log.last === 0 ? "" : eventTable(log.events.slice(-SHOWN).reverse())}
  `;
}

function publisherCard(publisher: PublisherSummary, now: number): Html {
  const { connections, metadata, published, rates, sent, startedAt } = publisher;
  const dropped = Object.values(publisher.dropped).reduce((sum, number) => sum + number, 0);
  return html`<section class="card"><h2>${publisher.system}</h2>
<p>Publisher <b>${publisher.name}</b> <span class="state ${
    stateClass(publisher.state === "running")
  }">${publisher.state}</span></p>
<p class="figure"><b>${rate(rates.measurementsPerSecond)}</b> measurements/s sent</p>
${
    terms([
      ["Address", publisher.address ?? "does not listen"],
      ["Started", startedAt === null ? "-" : html`${moment(startedAt)}, ${duration(now - startedAt)} ago`],
      [
        "Metadata",
        metadata === null
          ? "none"
          : `${plural(metadata.signals, "signal")}, definition ${metadata.generation}`,
      ],
      ["Connections", `${count(connections.open)} open, ${count(connections.accepted)} so far`],
      ["Encoders", plural(publisher.groups, "group")],
      ["Published", plural(published.measurements, "measurement")],
      [
        "Sent",
        `${plural(sent.measurements, "measurement")}, ${bytes(sent.bytes)}; ${bytes(rates.bytesPerSecond)}/s`,
      ],
      ["Dropped", plural(dropped, "measurement")],
    ])
  }</section>`;
}

function lossOf({ datagrams, expected, lost, late }: SubscriberSummary["counters"]["udp"]): string {
  const percent = expected === 0 ? "loss not known" : `${(100 * lost / expected).toFixed(2)} % lost`;
  return `${plural(datagrams, "datagram")}; ${percent}, ${count(late)} late`;
}

function subscriberCard(subscriber: SubscriberSummary): Html {
  const { counters, rates } = subscriber;
  const dropped = Object.entries(counters.dropped).filter(([, number]) => number > 0);
  return html`<section class="card"><h2>${subscriber.system}</h2>
<p>Subscriber <span class="state ${
    stateClass(subscriber.state === "connected")
  }">${subscriber.state}</span></p>
<p class="figure"><b>${rate(rates.measurementsPerSecond)}</b> measurements/s received</p>
${
    terms([
      ["Filter", html`<code>${subscriber.filter}</code>`],
      ["Signals", count(counters.signals)],
      ["Received", `${plural(counters.measurements, "measurement")}, ${bytes(counters.bytes)}`],
      ...counters.udp.datagrams === 0 ? [] : [["Over UDP", lossOf(counters.udp)] as [string, string]],
      ["Waiting", plural(counters.waiting, "measurement")],
      ["Connections", count(counters.connections)],
      [
        "Dropped",
        dropped.length === 0 ? "nothing" : dropped.map(([reason, n]) => `${reason} ${count(n)}`).join(", "),
      ],
    ])
  }</section>`;
}

function stateClass(good: boolean): string {
  return good ? "good" : "bad";
}

function eventTable(events: readonly LoggedEvent[]): Html {
  const heads = html`
    <th scope="col">When</th>
    <th scope="col">System</th>
    <th scope="col">Event</th>
    <th scope="col">What</th>
  `;
  return table(
    "Latest events",
    heads,
    events.map(({ at, system, event }) => {
      const { kind, ...rest } = event;
      return html`
        <tr>
          <td>${moment(at)}</td>
          <td>${system}</td>
          <td>${kind}</td>
          <td><code>${clip(JSON.stringify(rest), 300)}</code></td>
        </tr>
      `;
    }),
  );
}
