import { html } from "hono/html";
import { mayAct } from "../actions.ts";
import { type ConnectionView, listConnections, ListParameters } from "../connections.ts";
import type { AdminContext, AdminRequest } from "../context.ts";
import { clip, Query } from "../query.ts";
import { type Html, pager, table, terms } from "./layout.ts";
import { bytes, count, duration, moment, plural, rate } from "./text.ts";

const columns: readonly (readonly [string, string | undefined])[] = [
  ["Connection", "id"],
  ["Address", "address"],
  ["Client", "client"],
  ["State", "state"],
  ["Signals", "signals"],
  ["Measurements/s", "measurementsPerSecond"],
  ["Bytes/s", "bytesPerSecond"],
  ["Bytes each", undefined],
  ["Queue", "queueBytes"],
  ["Stalled", "stalledFor"],
  ["Dropped", "droppedMeasurements"],
];

/** The page of connections: with a search, sorted by any column. */
export function connectionsPage(context: AdminContext, c: AdminRequest): Html {
  const query = new Query(c.req.url, ListParameters);
  const { observer } = context;
  const { total, offset, connections } = listConnections(observer.connections(query.text("system")), query);
  const state = query.word("state", ["open", "closed", "all"], "open");
  const sort = query.text("sort") ?? "id";
  const option = (value: string): Html =>
    html`<option${
      value === state
        ? html`
          selected
        `
        : ""
    }>${value}</option>`;
  return html`
    <form class="query" role="search">
      <label>Search <input type="search" name="search" value="${query.text("search") ?? ""}"></label>
      <label>State <select name="state">${["open", "closed", "all"].map(option)}</select></label>
      <input type="hidden" name="sort" value="${sort}">
      <button>Show</button>
    </form>
    ${connectionTable(context, `${plural(total, "connection")}`, connections, { url: c.req.url, sort })}
    ${pager(c.req.url, offset, connections.length, total, query.whole("limit", 100, 1, 1_000))}
  `;
}

/** A table of connections; its heads sort it where they are told the present order. */
export function connectionTable(
  context: AdminContext,
  caption: string,
  connections: readonly ConnectionView[],
  order?: { readonly url: string; readonly sort: string },
): Html {
  const heads = columns.map(([label, key]) => {
    if (order === undefined || key === undefined) return html`<th scope="col">${label}</th>`;
    const { sort } = order;
    const target = new URL(order.url);
    // Numbers are looked at from the greatest; a second click turns the order round.
    target.searchParams.set("sort", sort === `-${key}` ? key : `-${key}`);
    target.searchParams.delete("offset");
    const direction = sort === key ? "ascending" : sort === `-${key}` ? "descending" : "none";
    return html`<th scope="col" aria-sort="${direction}"><a href="${target.search}">${label}</a></th>`;
  });
  const now = context.options.clock.now();
  return table(caption, html`${heads}`, connections.map((connection) => row(context, connection, now)));
}

function row({ options, observer }: AdminContext, connection: ConnectionView, now: number): Html {
  const { id, system, subscription, rates, queue, closed, bytesPerMeasurement } = connection;
  const name = observer.publishers.length > 1 ? `${system} ${id}` : String(id);
  const client = subscription?.client;
  return html`
    <tr${queue.stalledFor > 1_000 && closed === null
      ? html`
        class="warn"
      `
      : ""}>
      <td><a href="${options.basePath}/connections/${id}?system=${encodeURIComponent(
        system,
      )}">${name}</a></td>
      <td>${connection.address}${connection.certificate === null ? "" : html`
        <small>${clip(connection.certificate.name, 60)}</small>
      `}</td>
      <td>${client === undefined ? "" : clip(`${client.source} ${client.version}`, 60)}</td>
      <td>${closed === null
        ? connection.state
        : html`${closed.reason} <small>${duration(now - closed.at)} ago</small>`}</td>
      <td class="number">${subscription === null ? "" : count(subscription.signals)}</td>
      <td class="number">${rate(rates.measurementsPerSecond)}</td>
      <td class="number">${bytes(rates.bytesPerSecond)}</td>
      <td class="number">${bytesPerMeasurement === null ? "" : bytesPerMeasurement.toFixed(2)}</td>
      <td class="number">${bytes(queue.dataBytes + queue.controlBytes)}</td>
      <td class="number">${queue.stalledFor === 0 ? "" : duration(queue.stalledFor)}</td>
      <td class="number">${count(connection.droppedMeasurements)}</td>
      </tr>
  `;
}

/** Everything about one connection, with what an operator can do about it. */
export function connectionPage(context: AdminContext, c: AdminRequest, connection: ConnectionView): Html {
  const { options, observer } = context;
  const { certificate, cipher, closed, dataChannel, modes, queue, rates, sent, subscription, system } =
    connection;
  const now = options.clock.now();
  const canDisconnect = closed === null && mayAct(context, c.env.user) &&
    observer.publisher(system).system.disconnect !== undefined;
  return html`
    ${closed === null
      ? ""
      : html`<p class="notice">Ended ${moment(closed.at)} (${closed.reason}): ${closed.message}</p>`}
    <div class="cards">
      <section class="card"><h2>Connection</h2>${terms([
        ["Publisher", system],
        ["State", connection.state],
        ["Address", `${connection.address}, ${connection.direction}`],
        ["Subscriber ID", html`<code>${connection.subscriberId}</code>`],
        [
          "Certificate",
          certificate === null ? "none" : `${certificate.name}, expires ${moment(certificate.validTo)}`,
        ],
        ["Connected", `${moment(connection.connectedAt)}, ${duration(now - connection.connectedAt)} ago`],
        ["Last heard of", `${duration(now - connection.lastReceivedAt)} ago`],
        ["Version", modes === null ? "not agreed" : String(modes.version)],
        ["Text", modes?.encoding],
        [
          "Encryption of payloads",
          cipher === null ? "none" : `key ${cipher.index}, rotated ${plural(cipher.rotations, "time")}`,
        ],
        [
          "Data over UDP",
          dataChannel === null
            ? "no"
            : `${dataChannel.from} to ${dataChannel.to}, ${plural(dataChannel.datagrams, "datagram")}`,
        ],
      ])}</section>
      <section class="card"><h2>Subscription</h2>${subscription === null ? html`<p>None.</p>` : terms([
        [
          "Client",
          `${subscription.client.source} ${subscription.client.version} ${subscription.client.updatedOn}`,
        ],
        ["Signals", `${count(subscription.signals)}, and ${count(subscription.unauthorized)} not granted`],
        ["Format", subscription.format],
        ["Cache", `${connection.cacheIndex}, ${subscription.confirmed ? "confirmed" : "not confirmed"}`],
        ["Group", subscription.group === null ? "none yet" : String(subscription.group)],
        ["Filter", html`<code class="filter">${clip(subscription.filter, 4_000)}</code>`],
      ])}</section>
      <section class="card"><h2>Flow</h2>
    <p class="figure"><b>${rate(rates.measurementsPerSecond)}</b> measurements/s</p>${terms([
      ["Bytes", `${bytes(rates.bytesPerSecond)}/s`],
      ["Sent", `${plural(sent.measurements, "measurement")}, ${bytes(sent.bytes)}`],
      ["Bytes a measurement", connection.bytesPerMeasurement?.toFixed(2)],
      [
        "Queue",
        `${bytes(queue.dataBytes)} of data, ${bytes(queue.controlBytes)} of answers, ${
          plural(queue.frames, "frame")
        }`,
      ],
      ["Stalled for", queue.stalledFor === 0 ? "not stalled" : duration(queue.stalledFor)],
    ])}</section>
      <section class="card"><h2>Dropped measurements</h2>${counters(
        connection.dropped,
      )}<h2>Events</h2>${counters(connection.events)}</section>
    </div>
    ${canDisconnect
      ? html`<form class="action" method="post" action="${options.basePath}/connections/${connection.id}/disconnect?system=${
        encodeURIComponent(system)
      }">
<label>Reason <input name="reason" maxlength="200"></label> <button class="danger">Disconnect</button>
</form>`
      : ""}
  `;
}

function counters(counts: Readonly<Record<string, number>>): Html {
  const entries = Object.entries(counts);
  return entries.length === 0
    ? html`<p>None.</p>`
    : terms(entries.map(([name, number]) => [name, count(number)]));
}
