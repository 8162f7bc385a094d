import { html } from "hono/html";
import type { AdminContext, AdminRequest } from "../context.ts";
import { Query } from "../query.ts";
import {
  DeviceParameters,
  type DeviceView,
  type RateList,
  RateStates,
  SignalParameters,
  type SignalView,
} from "../signals.ts";
import { MAX_PAST, MAX_TREND_SIGNALS, trendSignals } from "../trends.ts";
import { type Column, flag, type Html, pager, select, systemTabs, table } from "./layout.ts";
import { count, plural, rate, reading, timeOfDay } from "./text.ts";

const signalColumns: readonly Column[] = [
  { label: "Plot" },
  { label: "Signal", sort: "pointTag", ascending: true },
  { label: "Device", sort: "device", ascending: true, kind: "minor" },
  { label: "Type", sort: "type", ascending: true, kind: "minor" },
  { label: "Value", kind: "number" },
  { label: "Time", sort: "time", kind: "number" },
  { label: "Flags", kind: "number minor" },
  { label: "Received/s", sort: "received", kind: "number" },
  { label: "Expected/s", sort: "expected", kind: "number" },
  { label: "Missing", sort: "missing", kind: "number" },
];

const deviceColumns: readonly Column[] = [
  { label: "Device", sort: "device", ascending: true },
  { label: "Name", kind: "minor" },
  { label: "Frames/s", kind: "number" },
  { label: "Signals", sort: "signals", kind: "number" },
  { label: "Silent", sort: "silent", kind: "number" },
  { label: "Received/s", sort: "received", kind: "number" },
  { label: "Expected/s", sort: "expected", kind: "number" },
  { label: "Missing", sort: "missing", kind: "number" },
];

/** Every signal with its latest value, and what comes of it against what should. */
export async function signalsPage(context: AdminContext, c: AdminRequest): Promise<Html> {
  const query = new Query(c.req.url, [...SignalParameters, "signal"], "signal");
  const { basePath } = context.options;
  const list = await context.observer.listSignals(query);
  const plotted = query.texts("signal").slice(0, MAX_TREND_SIGNALS);
  const listed = new Set(list.signals.map(({ signalId }) => signalId));
  const device = query.text("device");
  const rows = list.signals.map((signal) =>
    signalRow(signal, list, basePath, plotted.includes(signal.signalId))
  );
  const hidden = (name: string, value: string): Html =>
    html`<input type="hidden" name="${name}" value="${value}">`;
  const of = html`${device === undefined ? "" : hidden("device", device)}${
    plotted.map((id) => hidden("signal", id))
  }`;
  const order = { url: c.req.url, sort: query.text("sort") ?? "order" };
  return html`
    ${tabs(context, c, list.system, "/signals")}
    <div class="bar-of-forms">
      ${search(query, list, of)}
      <form id="plot" action="${basePath}/trends">
        ${hidden("system", list.system)}${plotted.filter((id) => !listed.has(id)).map((id) =>
          hidden("signal", id)
        )}
        <button class="main">Plot chosen signals</button>
      </form>
      ${device === undefined ? "" : html`<p>Of device <b>${device}</b></p>`}
    </div>
    ${table(caption(list, "signal"), signalColumns, rows, order)}
    ${pager(c.req.url, list.offset, list.signals.length, list.total, query.whole("limit", 100, 1, 1_000))}
  `;
}

/** Every device, and what comes of it against what should. */
export async function devicesPage(context: AdminContext, c: AdminRequest): Promise<Html> {
  const query = new Query(c.req.url, DeviceParameters);
  const list = await context.observer.listDevices(query);
  const rows = list.devices.map((device) => deviceRow(device, list, context.options.basePath));
  return html`${tabs(context, c, list.system, "/devices")}
  ${search(query, list)}
  ${
    table(caption(list, "device"), deviceColumns, rows, {
      url: c.req.url,
      sort: query.text("sort") ?? "order",
    })
  }
  ${pager(c.req.url, list.offset, list.devices.length, list.total, query.whole("limit", 100, 1, 1_000))}`;
}

function tabs({ observer, options }: AdminContext, c: AdminRequest, system: string, here: string): Html {
  const pages = [["/signals", "By signal"], ["/devices", "By device"]] as const;
  return html`${systemTabs(c.req.url, observer.systems, system)}<p class="tabs">${
    pages.map(([path, label]) =>
      html`
        <a href="${options.basePath}${path}?system=${encodeURIComponent(system)}" ${flag(
          path === here,
          'aria-current="page"',
        )}>${label}</a>
      `
    )
  }</p>`;
}

function search(query: Query, { system }: RateList, more: Html | string = ""): Html {
  return html`<form class="query" role="search"><input type="hidden" name="system" value="${system}">${more}
    <label>Search <input type="search" name="search" value="${query.text("search") ?? ""}"></label>
    ${select("Rate", "state", RateStates, query.text("state") ?? "all")}
    <input type="hidden" name="sort" value="${query.text("sort") ?? "order"}">
    <button>Show</button></form>`;
}

function caption({ seconds, total }: RateList, noun: string): string {
  return `${plural(total, noun)}, rates over ${rate(seconds)} s`;
}

function signalRow(
  signal: SignalView,
  { system }: RateList,
  basePath: string,
  isPlotted: boolean,
): Html {
  const { signalId, latest, expected, received } = signal;
  const name = signal.pointTag || signal.key || signalId;
  const href = `${basePath}/trends?system=${encodeURIComponent(system)}&signal=${signalId}`;
  return html`<tr>
    <td><input type="checkbox" name="signal" value="${signalId}" form="plot" aria-label="Plot ${name}" ${
    flag(isPlotted, "checked")
  }></td>
    <td><a href="${href}">${name}</a><small>${signal.description}</small></td>
    <td class="minor">${signal.device}</td><td class="minor">${signal.type}</td>
    <td class="number">${
    latest === null ? html`<span class="empty">none yet</span>` : valueOf(signal, latest)
  }</td>
    <td class="number">${latest === null ? "" : timeOfDay(latest.time)}</td>
    <td class="number minor mono ${latest === null || latest.flags === 0 ? "" : "late"}">${
    latest === null || latest.flags === 0 ? "" : `0x${latest.flags.toString(16)}`
  }</td>
    ${rateCells(expected, received)}
  </tr>`;
}

function valueOf({ units }: SignalView, { value }: { readonly value: number | null }): Html {
  return html`${value === null ? "NaN" : reading(value)} <span class="empty">${units}</span>`;
}

function deviceRow(view: DeviceView, { system }: RateList, basePath: string): Html {
  const { device, framesPerSecond, name, signals, silent, expected, received } = view;
  const of = new URLSearchParams({ system, device });
  return html`<tr>
    <td>${
    device === ""
      ? html`<span class="empty">none</span>`
      : html`<a href="${basePath}/signals?${of}">${device}</a>`
  }</td>
    <td class="minor">${name}</td>
    <td class="number">${framesPerSecond === 0 ? "" : rate(framesPerSecond)}</td>
    <td class="number">${count(signals)}</td>
    <td class="number ${silent > 0 ? "lost" : ""}">${count(silent)}</td>
    ${rateCells(expected, received)}
  </tr>`;
}

function rateCells(expected: number, received: number): Html {
  const part = expected === 0 ? 1 : Math.min(1, received / expected);
  const kind = received === 0 ? "bad" : part < 0.95 ? "warn" : "";
  const missing = Math.max(0, expected - received);
  return html`
    <td class="number">${rate(received)}<svg class="bar" viewBox="0 0 56 5" aria-hidden="true">
        <rect width="56" height="5" rx="2"/><rect class="fill ${kind}" width="${(56 * part).toFixed(
          1,
        )}" height="5" rx="2"/></svg></td>
    <td class="number">${expected === 0 ? "" : rate(expected)}</td>
    <td class="number ${kind === "bad"
      ? "lost"
      : kind === "warn"
      ? "late"
      : ""}">${expected === 0 || missing < 0.05 * expected
      ? ""
      : `${(100 * missing / expected).toFixed(0)} %`}</td>
  `;
}

/** Time windows of plots, in seconds. */
const windows: readonly (readonly [string, string])[] = [
  ["30", "30 s"],
  ["60", "1 min"],
  ["300", "5 min"],
  ["900", "15 min"],
];

/** Plots of chosen signals, drawn by the script; without it, their latest values. */
export async function trendsPage(context: AdminContext, c: AdminRequest): Promise<Html> {
  const { basePath } = context.options;
  const query = new Query(c.req.url, ["system", "signal"], "signal");
  const system = query.text("system");
  const list = new URLSearchParams(system === undefined ? {} : { system });
  if (query.texts("signal").length === 0) {
    return html`
      <p
        class="hint">Nothing is chosen yet. Choose signals to plot in <a href="${basePath}/signals?${list}">the list of
            signals</a>; the address of a page of plots can be kept and shared.</p>
    `;
  }
  const directory = await context.observer.signals(system);
  const { signals } = directory.chosen(trendSignals(query));
  const without = (id: string): string => {
    const target = new URL(c.req.url);
    target.searchParams.delete("signal");
    for (const { signalId } of signals) if (signalId !== id) target.searchParams.append("signal", signalId);
    return `${basePath}/trends${target.search}`;
  };
  const rows = signals.map((signal, i) =>
    html`
      <tr data-signal="${signal.signalId}" data-name="${signal.pointTag || signal.key || signal.signalId}"
        data-unit="${signal.units || signal.type}">
        <td><span class="swatch s${i % 8}"></span><a href="${basePath}/signals?${new URLSearchParams({
          ...Object.fromEntries(list),
          search: signal.signalId,
        })}">${signal.pointTag || signal.key || signal.signalId}</a><small>${signal.description}</small></td>
        <td>${signal.device}</td>
        <td class="number" data-latest>${signal.latest === null ? "" : valueOf(signal, signal.latest)}</td>
        <td class="number minor" data-least></td>
        <td class="number minor" data-most></td>
        <td class="number" data-time>${signal.latest === null ? "" : timeOfDay(signal.latest.time)}</td>
        <td class="number"><a href="${without(signal.signalId)}" aria-label="Remove ${signal
          .pointTag}">Remove</a></td>
      </tr>
    `
  );
  const others = new URLSearchParams([...list, ...signals.map(({ signalId }) => ["signal", signalId])]);
  const stream = new URL(c.req.url);
  stream.searchParams.set("past", String(MAX_PAST));
  return html`
    <form class="query">${select("Window", "window", windows, "60")}
        <a class="button" href="${basePath}/signals?${others}">Choose other signals</a></form>
      <div id="plots"
      data-stream="${basePath}/api/v1/trend${stream
        .search}"><noscript><p class="hint">The plots need script; the
        latest values are below.</p></noscript></div>
      ${table("Signals", [
        { label: "Signal" },
        { label: "Device" },
        { label: "Latest", kind: "number" },
        { label: "Least", kind: "number minor" },
        { label: "Greatest", kind: "number minor" },
        { label: "Time", kind: "number" },
        { label: "", kind: "number" },
      ], rows)}
  `;
}
