import { Hono } from "hono";
import { checkAction, disconnect, reasonOfJson } from "./actions.ts";
import { type AdminContext, type AdminEnv, connectionId } from "./context.ts";
import { positionOf, streamEvents } from "./event_stream.ts";
import { listConnections, ListParameters } from "./connections.ts";
import { mediaType } from "./guard.ts";
import { OpenApi } from "./openapi.ts";
import { Problem } from "./problems.ts";
import { Query } from "./query.ts";
import { browseTable, summarizeTables, TableParameters } from "./tables.ts";

/** Readers of events at a time, each of which occupies a connection. */
const MAX_STREAMS = 64;

/** The JSON API, version 1. */
export function createApi(context: AdminContext): Hono<AdminEnv> {
  const { log, observer, options } = context;
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
    return c.json(observer.connection(query.text("system"), connectionId(c)));
  });

  api.post("/connections/:id/disconnect", async (c) => {
    const query = new Query(c.req.url, ["system"]);
    const request = c.req.raw;
    checkAction(context, c.env.user, request);
    if (mediaType(request) !== "application/json") {
      throw new Problem(415, "NotJson", "the body has to be sent as application/json");
    }
    const reason = await reasonOfJson(request);
    return c.json(disconnect(context, c.env.user, query.text("system"), connectionId(c), reason));
  });

  api.get("/events", (c) => {
    const query = new Query(c.req.url, ["after"]);
    const headers = { "content-type": "text/event-stream", "x-accel-buffering": "no" };
    // Nobody would read what HEAD leaves out, nor end it.
    if (c.req.raw.method === "HEAD") return c.body(null, 200, headers);
    if (streams >= MAX_STREAMS) {
      throw new Problem(
        503,
        "TooManyStreams",
        `${MAX_STREAMS} readers of events are connected, and no more may be`,
      );
    }
    streams++;
    const position = positionOf(c.req.header("last-event-id") ?? query.text("after"), log);
    const stream = streamEvents(log, position, options.clock, () => streams--);
    return c.body(stream, 200, headers);
  });

  api.get("/groups", (c) => {
    const query = new Query(c.req.url, ["system"]);
    const { name, system } = observer.publisher(query.text("system"));
    const { open, groups } = system.stats();
    const members = Map.groupBy(open, ({ subscription }) => subscription?.group ?? null);
    return c.json({
      system: name,
      groups: groups.map((group) => ({
        ...group,
        connections: (members.get(group.id) ?? []).map(({ id }) => id),
      })),
    });
  });

  api.get("/certificates", (c) => {
    const query = new Query(c.req.url, ["system"]);
    const { name, system } = observer.publisher(query.text("system"));
    const now = options.clock.now();
    const certificates = system.stats().open.flatMap(({ id, address, certificate }) =>
      certificate === null
        ? []
        : [{ ...certificate, expired: certificate.validTo <= now, connection: id, address }]
    );
    certificates.sort((one, other) => one.validTo - other.validTo);
    return c.json({ system: name, certificates });
  });

  api.get("/metadata", (c) => {
    const query = new Query(c.req.url, ["system"]);
    const { system, metadata } = observer.metadata(query.text("system"));
    return c.json({ system, name: metadata.name, tables: summarizeTables(metadata) });
  });

  api.get("/metadata/:table", (c) => {
    const query = new Query(c.req.url, TableParameters);
    const { system, metadata } = observer.metadata(query.text("system"));
    return c.json({ system, ...browseTable(metadata, c.req.param("table"), query) });
  });

  return api;
}
