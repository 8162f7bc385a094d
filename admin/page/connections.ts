import { html } from "hono/html";
import { mayAct } from "../actions.ts";
import { type ConnectionView, listConnections, ListParameters } from "../connections.ts";
import type { AdminContext, AdminRequest } from "../context.ts";
import { clip, Query } from "../query.ts";
import { type Column, counters, type Html, type Order, pager, pill, select, table, terms } from "./layout.ts";
import { bytes, count, duration, moment, plural, rate } from "./text.ts";

/** Milliseconds without progress from which on a subscriber counts as slow. */
export const SLOW = 1_000;

const columns: readonly Column[] = [
  { label: "ID", sort: "id", ascending: true },
  { label: "State", sort: "state", ascending: true },
  { label: "Stalled", sort: "stalledFor", kind: "number" },
  { label: "Client", sort: "client", ascending: true },
  { label: "Address", sort: "address", ascending: true, kind: "minor" },
  { label: "Signals", sort: "signals", kind: "number" },
  { label: "Measurements/s", sort: "measurementsPerSecond", kind: "number" },
  { label: "Bytes/s", sort: "bytesPerSecond", kind: "number" },
  { label: "Bytes each", kind: "number minor" },
  { label: "Queue", sort: "queueBytes", kind: "number" },
  { label: "Dropped", sort: "droppedMeasurements", kind: "number" },
];

/** The page of connections: with a search, sorted by any column. */
export function connectionsPage(context: AdminContext, c: AdminRequest): Html {
  const query = new Query(c.req.url, ListParameters);
  const { observer } = context;
  const system = query.text("system");
  const { total, offset, connections } = listConnections(observer.connections(system), query);
  const sort = query.text("sort") ?? "id";
  const { publishers } = observer;
  return html`<form class="query" role="search">
    <label>Search <input type="search" name="search" value="${query.text("search") ?? ""}"></label>
    ${select("State", "state", ["open", "closed", "all"], query.text("state") ?? "open")}
    ${
    publishers.length < 2
      ? ""
      : select("Publisher", "system", [["", "all"], ...publishers.map(({ name }) => name)], system ?? "")
  }
    <input type="hidden" name="sort" value="${sort}">
    <button>Show</button>
  </form>
  ${connectionTable(context, plural(total, "connection"), connections, { url: c.req.url, sort })}
  ${pager(c.req.url, offset, connections.length, total, query.whole("limit", 100, 1, 1_000))}`;
}

/** A table of connections; its heads sort it where they are told the present order. */
export function connectionTable(
  context: AdminContext,
  caption: string,
  connections: readonly ConnectionView[],
  order?: Order,
): Html {
  const now = context.options.clock.now();
  return table(caption, columns, connections.map((connection) => row(context, connection, now)), order);
}

/** Where a connection stands, in a word and a colour. */
function stateOf({ closed, queue, state }: ConnectionView): Html {
  if (closed !== null) return pill(closed.reason);
  if (queue.stalledFor > SLOW) return pill("stalled", "bad");
  return pill(state, state === "subscribed" ? "good" : state === "leaving" ? "warn" : "");
}

function row({ options, observer }: AdminContext, connection: ConnectionView, now: number): Html {
  const { id, system, certificate, subscription, rates, queue, closed } = connection;
  const { bytesPerMeasurement, droppedMeasurements } = connection;
  const label = observer.publishers.length > 1 ? `${system} ${id}` : String(id);
  const client = subscription?.client;
  const path = `${options.basePath}/connections/${id}?system=${encodeURIComponent(system)}`;
  const slow = closed === null && queue.stalledFor > SLOW;
  const name = certificate === null ? "" : html`<small>${clip(certificate.name, 60)}</small>`;
  const ago = closed === null ? "" : html`<small>${duration(now - closed.at)} ago</small>`;
  return html`
    <tr class="${slow ? "bad" : ""}">
      <td><a href="${path}">${label}</a></td>
      <td class="nowrap">${stateOf(connection)}${ago}</td>
      <td class="number ${slow ? "lost" : ""}">${queue.stalledFor < 100
        ? ""
        : duration(queue.stalledFor)}</td>
      <td class="clip">${client === undefined ? "" : clip(`${client.source} ${client.version}`, 60)}</td>
      <td class="nowrap minor">${connection.address}${name}</td>
      <td class="number">${subscription === null ? "" : count(subscription.signals)}</td>
      <td class="number">${rate(rates.measurementsPerSecond)}</td>
      <td class="number">${bytes(rates.bytesPerSecond)}</td>
      <td class="number minor">${bytesPerMeasurement === null ? "" : bytesPerMeasurement.toFixed(2)}</td>
      <td class="number">${bytes(queue.dataBytes + queue.controlBytes)}</td>
      <td class="number ${droppedMeasurements > 0 ? "late" : ""}">${count(droppedMeasurements)}</td>
    </tr>
  `;
}

/** Everything about one connection, with what an operator can do about it. */
export function connectionPage(context: AdminContext, c: AdminRequest, connection: ConnectionView): Html {
  const { closed, system } = connection;
  const publisher = context.observer.publisher(system);
  const canDisconnect = closed === null && mayAct(context, c.env.user, "disconnect", publisher);
  return html`${
    closed === null
      ? ""
      : html`<p class="notice">Ended ${moment(closed.at)} (${closed.reason}): ${closed.message}</p>`
  }
  <div class="cards">
    <section class="card"><h2>Connection ${stateOf(connection)}</h2>${
    peerTerms(context, connection)
  }</section>
    <section class="card"><h2>Subscription</h2>${subscriptionTerms(connection)}</section>
    <section class="card"><h2>Flow</h2>${flowTerms(connection)}</section>
    <section class="card"><h2>Dropped measurements</h2>${counters(connection.dropped)}</section>
    <section class="card"><h2>Commands and events</h2>${counters(connection.events)}</section>
    ${canDisconnect ? disconnectForm(context, connection) : ""}
  </div>`;
}

function peerTerms({ options }: AdminContext, connection: ConnectionView): Html {
  const { certificate, cipher, dataChannel, modes, rights, tls } = connection;
  const now = options.clock.now();
  return terms([
    ["Publisher", connection.system],
    ["Address", `${connection.address}, ${connection.direction}`],
    ["Subscriber ID", html`<code>${connection.subscriberId}</code>`],
    ["Identity", connection.identity ?? undefined],
    [
      "Certificate",
      certificate === null ? "none" : `${certificate.name}, expires ${moment(certificate.validTo)}`,
    ],
    [
      "May see",
      rights === null
        ? undefined
        : `${count(rights.visible)} of ${plural(rights.visible + rights.hidden, "signal")}`,
    ],
    ["Connected", `${moment(connection.connectedAt)}, ${duration(now - connection.connectedAt)} ago`],
    ["Last heard of", `${duration(now - connection.lastReceivedAt)} ago`],
    ["Version", modes === null ? "not agreed" : `${modes.version}, texts in ${modes.encoding}`],
    ["Command channel", tls === null ? "not encrypted" : `encrypted, ${tls.protocol}`],
    [
      "Payload encryption",
      cipher === null ? "none" : `key ${cipher.index}, rotated ${plural(cipher.rotations, "time")}`,
    ],
    [
      "Data over UDP",
      dataChannel === null
        ? "no"
        : `${dataChannel.from} to ${dataChannel.to}, ${plural(dataChannel.datagrams, "datagram")}`,
    ],
  ]);
}

function subscriptionTerms({ cacheIndex, subscription }: ConnectionView): Html {
  if (subscription === null) return html`<p class="empty">None.</p>`;
  const { client, replay } = subscription;
  return terms([
    ["Client", `${client.source} ${client.version} ${client.updatedOn}`],
    ["Signals", `${count(subscription.signals)}, and ${count(subscription.unauthorized)} not granted`],
    ["Format", subscription.format],
    ["Cache", `${cacheIndex}, ${subscription.confirmed ? "confirmed" : "not confirmed"}`],
    ["Encoder", subscription.group === null ? "none" : `group ${subscription.group}`],
    [
      "History",
      replay === null || replay === undefined
        ? undefined
        : `${replay.state}, ${plural(replay.measurements, "measurement")}, at ${
          replay.at ?? "its beginning"
        }`,
    ],
    ["Filter", html`<code>${clip(subscription.filter, 4_000)}</code>`],
  ]);
}

function flowTerms(
  { bytesPerMeasurement, bufferBlocks, encoderResets, latency, queue, rates, receivedBytes, sent }:
    ConnectionView,
): Html {
  return terms([
    [
      "Rate",
      html`<b>${rate(rates.measurementsPerSecond)}</b> measurements/s, ${bytes(rates.bytesPerSecond)}/s`,
    ],
    ["Sent", `${plural(sent.measurements, "measurement")}, ${bytes(sent.bytes)}`],
    ["Bytes a measurement", bytesPerMeasurement?.toFixed(2)],
    ["Encoder resets", encoderResets === null ? undefined : count(encoderResets)],
    ["Received", bytes(receivedBytes)],
    [
      "Confirmed in",
      latency === null || latency === undefined ? undefined : duration(latency),
    ],
    [
      "Queue",
      `${bytes(queue.dataBytes)} of data, ${bytes(queue.controlBytes)} of answers, ${
        plural(queue.frames, "frame")
      }`,
    ],
    [
      "Stalled for",
      queue.stalledFor < 100
        ? "not stalled"
        : html`<span class="${queue.stalledFor > SLOW ? "lost" : ""}">${duration(queue.stalledFor)}</span>`,
    ],
    [
      "Buffer blocks",
      bufferBlocks === null || bufferBlocks === undefined
        ? undefined
        : `${count(bufferBlocks.sent)} sent, ${count(bufferBlocks.waiting)} not confirmed`,
    ],
  ]);
}

function disconnectForm({ options }: AdminContext, { id, system }: ConnectionView): Html {
  const path = `${options.basePath}/connections/${id}/disconnect?system=${encodeURIComponent(system)}`;
  return html`
    <section class="card">
      <h2>End this connection</h2>
      <form class="action stack" method="post" action="${path}">
        <label>Reason <input name="reason" maxlength="200"></label>
        ${select("It may come back", "banSeconds", [
          ["0", "at once"],
          ["600", "after 10 minutes"],
          ["3600", "after an hour"],
          ["86400", "after a day"],
        ], "0")}
        <button class="danger">Disconnect</button>
      </form>
    </section>
  `;
}
