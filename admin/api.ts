import { Hono } from "hono";
import { Actions, takeAction } from "./actions.ts";
import { readJson } from "./bodies.ts";
import { type AdminContext, type AdminEnv, type AdminRequest, numberIn } from "./context.ts";
import { checkPosition, positionOf, streamEvents } from "./event_stream.ts";
import { listConnections, ListParameters } from "./connections.ts";
import { OpenApi } from "./openapi.ts";
import { Problem } from "./problems.ts";
import { Query } from "./query.ts";
import { DeviceParameters, SignalParameters } from "./signals.ts";
import { MAX_PAST, TrendParameters, trendSignals } from "./trends.ts";
import { browseTable, summarizeTables, TableParameters } from "./tables.ts";

/** Readers of events and trends at a time, each of which occupies a connection. */
const MAX_STREAMS = 64;

/** The JSON API, version 1. */
export function createApi(context: AdminContext): Hono<AdminEnv> {
  const { ended, log, observer, options } = context;
  const api = new Hono<AdminEnv>();
  let streams = 0;

  api.get("/openapi.json", (c) => {
    new Query(c.req.url, []);
    const server = { url: options.basePath === "" ? "/" : options.basePath };
    return c.json({ ...OpenApi, servers: [server] });
  });

  api.get("/status", (c) => {
    new Query(c.req.url, []);
    return c.json({ time: options.clock.now(), user: c.env.user, systems: observer.status() });
  });

  api.get("/connections", (c) => {
    const query = new Query(c.req.url, ListParameters);
    return c.json(listConnections(observer.connections(query.text("system")), query));
  });

  api.get("/connections/:id", (c) => {
    const query = new Query(c.req.url, ["system"]);
    return c.json(observer.connection(query.text("system"), numberIn(c)));
  });

  for (const action of Actions) {
    api.post(action.path, async (c) => c.json((await takeAction(context, c, action, readJson)).answer));
  }

  /** @param open Makes the body, given what is to be called when its reader has gone. */
  const stream = (c: AdminRequest, open: (onEnd: () => void) => ReadableStream): Response => {
    const headers = { "content-type": "text/event-stream", "x-accel-buffering": "no" };
    // Nobody would read what HEAD leaves out, nor end it.
    if (c.req.raw.method === "HEAD") return c.body(null, 200, headers);
    if (ended.aborted) throw new Problem(503, "Closed", "the admin has been closed");
    if (streams >= MAX_STREAMS) {
      throw new Problem(
        503,
        "TooManyStreams",
        `${MAX_STREAMS} readers of events are connected, and no more may be`,
      );
    }
    streams++;
    return c.body(open(() => streams--), 200, headers);
  };

  api.get("/events", (c) => {
    const query = new Query(c.req.url, ["after"]);
    const position = positionOf(c.req.header("last-event-id") ?? checkPosition(query.text("after")), log);
    return stream(c, (onEnd) => streamEvents(log, position, options.clock, ended, onEnd));
  });

  api.get("/trend", async (c) => {
    const query = new Query(c.req.url, TrendParameters, "signal");
    const { directory, trends } = await observer.signalsNow(query.text("system"));
    const { handles } = directory.chosen(trendSignals(query));
    const past = query.whole("past", 0, 0, MAX_PAST);
    return stream(c, (onEnd) => trends.stream(handles, past, ended, onEnd));
  });

  api.get("/signals", async (c) => {
    return c.json(await observer.listSignals(new Query(c.req.url, SignalParameters)));
  });

  api.get("/devices", async (c) => {
    return c.json(await observer.listDevices(new Query(c.req.url, DeviceParameters)));
  });

  api.get("/groups", (c) => c.json(observer.groups(new Query(c.req.url, ["system"]).text("system"))));

  api.get("/certificates", (c) => {
    const query = new Query(c.req.url, ["system"]);
    return c.json(observer.certificates(query.text("system")));
  });

  api.get("/bans", (c) => {
    const { name, system } = observer.publisher(new Query(c.req.url, ["system"]).text("system"));
    return c.json({ system: name, bans: observer.statsOf(system).bans });
  });

  api.get("/history", (c) => {
    const { name, system } = observer.publisher(new Query(c.req.url, ["system"]).text("system"));
    return c.json({ system: name, history: observer.statsOf(system).history });
  });

  api.get("/log-level", (c) => {
    new Query(c.req.url, []);
    return c.json({ level: options.log?.level ?? null });
  });

  api.get("/metadata", (c) => {
    const query = new Query(c.req.url, ["system"]);
    const { system, metadata } = observer.metadata(query.text("system"));
    return c.json({ system, name: metadata.name, tables: summarizeTables(metadata) });
  });

  api.get("/metadata-changes", async (c) => {
    return c.json(await observer.metadataChanges(new Query(c.req.url, ["system"]).text("system")));
  });

  api.get("/metadata/:table", async (c) => {
    const query = new Query(c.req.url, TableParameters);
    const { system, metadata } = observer.metadata(query.text("system"));
    return c.json({ system, ...await browseTable(metadata, c.req.param("table"), query) });
  });

  return api;
}
