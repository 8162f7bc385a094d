/**
 * The description of the HTTP interface, by OpenAPI 3.1; a test holds it to the routes.
 *
 * @module
 */
import { logThresholds } from "../log/level.ts";
import { Actions } from "./actions.ts";
import type { Field } from "./bodies.ts";
import { ListParameters, MAX_LIMIT, SortNames } from "./connections.ts";
import type { AdminActionName } from "./options.ts";
import { DeviceOrders, DeviceParameters, RateStates, SignalOrders, SignalParameters } from "./signals.ts";
import {
  cell,
  type Json,
  json,
  list,
  number,
  object,
  orNull,
  reference,
  schemas,
  shape,
  table,
  text,
  whole,
} from "./openapi_schemas.ts";
import { MAX_PAST, MAX_TREND_SIGNALS } from "./trends.ts";

const problem = (description: string): Json => ({ description, content: json(reference("Problem")) });
const notFound: Json = { "404": problem("There is no such thing.") };
const badRequest: Json = {
  "400": problem("A parameter makes no sense; the message says what was expected."),
};
/** What may be answered to any request that needs credentials. */
const refusals: Json = {
  "401": problem("Credentials are needed, or those given are wrong."),
  "403": problem("A page of another site asks."),
  "421": problem("The host name is not one of the admin's."),
  "429": problem("Too many wrong credentials came from this address; see Retry-After."),
};
const answers = (description: string, schema: Json, more: Json = {}): Json => ({
  "200": { description, content: json(schema) },
  ...refusals,
  ...more,
});
const stream = (description: string, more: Json): Json => ({
  "200": { description, content: { "text/event-stream": { schema: text } } },
  ...badRequest,
  ...refusals,
  "503": problem("Too many readers of events are connected."),
  ...more,
});
const query = (name: string, description: string, schema: Json): Json => ({
  name,
  in: "query",
  description,
  schema,
});
const path = (name: string, description: string, schema: Json): Json => ({
  name,
  in: "path",
  required: true,
  description,
  schema,
});
const system = query("system", "The system, by the admin's name for it; default the first that fits.", text);
const onlySystem = query(
  "system",
  "The system, by the admin's name for it; needed where there are several.",
  text,
);
const limit = query("limit", "How many at most.", { ...whole, minimum: 1, maximum: MAX_LIMIT, default: 100 });
const offset = query("offset", "How many to leave out before.", { ...whole, minimum: 0, default: 0 });
const id = path("id", "The publisher's number for the connection, or for the ban.", { ...whole, minimum: 1 });

const listParameters: Readonly<Record<string, Json>> = {
  system: query("system", "Only connections of this publisher; default those of all.", text),
  state: query("state", "Open ones, those that ended last, or both.", {
    ...text,
    enum: ["open", "closed", "all"],
    default: "open",
  }),
  search: query(
    "search",
    "Only those with this text in address, ID, certificate, client or filter: in the first 1,024 characters of each.",
    text,
  ),
  sort: query("sort", `One of ${SortNames.join(", ")}; with "-" before it the greatest come first.`, {
    ...text,
    enum: SortNames.flatMap((name) => [name, `-${name}`]),
    default: "id",
  }),
  limit,
  offset,
};

const rateParameters = (orders: readonly string[]): Readonly<Record<string, Json>> => ({
  system,
  search: query("search", "Only those with this text.", text),
  device: query("device", "Only signals of the device with this acronym.", text),
  state: query("state", "`low`: less than 95 % of what is expected comes. `silent`: nothing does.", {
    ...text,
    enum: RateStates,
    default: "all",
  }),
  sort: query("sort", 'What comes first; with "-" before it the greatest. `order` is that of the metadata.', {
    ...text,
    enum: orders,
    default: "order",
  }),
  limit,
  offset,
});
const rateList = (name: string, items: Json): Json =>
  shape({
    system: text,
    seconds: { ...number, description: "Over how many seconds rates are means." },
    total: whole,
    offset: whole,
    [name]: list(items),
  });

const paths: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  "/healthz": {
    get: {
      summary: "Whether the process is alive",
      security: [],
      responses: { "200": { description: "It is.", content: { "text/plain": { schema: text } } } },
    },
  },
  "/readyz": {
    get: {
      summary:
        "Whether publishers run, with metadata, subscribers that keep up and a history that records, and subscribers " +
        "are connected; as of a second ago at most",
      security: [],
      responses: {
        "200": { description: "All checks are good.", content: json(reference("Readiness")) },
        "503": { description: "One is not.", content: json(reference("Readiness")) },
      },
    },
  },
  "/metrics": {
    get: {
      summary: "Metrics for Prometheus; OpenMetrics where the Accept header names it",
      responses: {
        "200": { description: "The metrics.", content: { "text/plain": { schema: text } } },
        ...refusals,
      },
    },
  },
  "/api/v1/openapi.json": {
    get: {
      summary: "This document",
      responses: answers("The document.", { ...object, additionalProperties: true }),
    },
  },
  "/api/v1/status": {
    get: {
      summary: "Every system in short",
      responses: answers(
        "The systems.",
        shape({ time: whole, user: shape({ name: text, role: text }), systems: list(reference("System")) }),
      ),
    },
  },
  "/api/v1/connections": {
    get: {
      summary: "Connections of publishers",
      parameters: ListParameters.map((name) => listParameters[name]!),
      responses: answers(
        "A part of the list.",
        shape({ total: whole, offset: whole, connections: list(reference("Connection")) }),
        { ...badRequest, ...notFound },
      ),
    },
  },
  "/api/v1/connections/{id}": {
    get: {
      summary: "One connection, open or lately ended",
      parameters: [id, onlySystem],
      responses: answers("The connection.", reference("Connection"), { ...badRequest, ...notFound }),
    },
  },
  "/api/v1/events": {
    get: {
      summary: "What happens, as server-sent events",
      description:
        "Each has data {number, system, at, event}, where event is what the system's status tells; " +
        "{missed} stands for as many that a slow reader did not get.",
      parameters: [
        query(
          "after",
          "The ID of the event last seen; 0 for all that are kept. Default: only those to come.",
          text,
        ),
        { name: "Last-Event-ID", in: "header", description: "The same, as browsers send it.", schema: text },
      ],
      responses: stream("The events.", {}),
    },
  },
  "/api/v1/trend": {
    get: {
      summary: "Measurements of a few signals as they pass, as server-sent events",
      description:
        "Each has data {points: [[signal, time, value], ...]}: the signal's place in the request, milliseconds since " +
        "1970, and the value, null for NaN; of each signal at most 50 a second, in order of time. {missed} tells a slow " +
        "reader how many it did not get.",
      parameters: [
        system,
        {
          ...query("signal", "A signal ID.", { type: "array", items: text, maxItems: MAX_TREND_SIGNALS }),
          required: true,
        },
        query(
          "past",
          "Seconds of the past to begin with: from the publisher's history, else what passed while somebody asked for " +
            "these signals; the older, the fewer points. The default is 0.",
          { type: "integer", minimum: 0, maximum: MAX_PAST },
        ),
      ],
      responses: stream("The points.", notFound),
    },
  },
  "/api/v1/signals": {
    get: {
      summary: "Signals with their latest values, and what comes of each against what should",
      parameters: SignalParameters.map((name) => rateParameters(SignalOrders)[name]!),
      responses: answers("A part of the signals.", rateList("signals", reference("Signal")), {
        ...badRequest,
        ...notFound,
      }),
    },
  },
  "/api/v1/devices": {
    get: {
      summary: "Devices, and what comes of each against what should",
      parameters: DeviceParameters.map((name) => rateParameters(DeviceOrders)[name]!),
      responses: answers("A part of the devices.", rateList("devices", reference("Device")), {
        ...badRequest,
        ...notFound,
      }),
    },
  },
  "/api/v1/bans": {
    get: {
      summary: "Who may not connect at present, the ban that ends first before the others",
      parameters: [system],
      responses: answers("The bans.", shape({ system: text, bans: list(reference("Ban")) }), notFound),
    },
  },
  "/api/v1/history": {
    get: {
      summary: "From when to when there is history, and how much",
      parameters: [system],
      responses: answers(
        "The history.",
        shape({ system: text, history: orNull(reference("History")) }),
        notFound,
      ),
    },
  },
  "/api/v1/log-level": {
    get: {
      summary: "From which level on is logged",
      responses: answers(
        "The level; null where there is no log.",
        shape({
          level: { type: ["string", "null"], enum: [...logThresholds, null] },
        }),
      ),
    },
  },
  "/api/v1/metadata-changes": {
    get: {
      summary: "What changed when a system's metadata was replaced last",
      parameters: [system],
      responses: answers(
        "The tables in which anything changed.",
        shape({ system: text, at: whole, previousAt: orNull(whole), tables: list(reference("TableChange")) }),
        notFound,
      ),
    },
  },
  "/api/v1/groups": {
    get: {
      summary: "Subscribers that share an encoder",
      parameters: [system],
      responses: answers("The groups.", shape({ system: text, groups: list(reference("Group")) }), notFound),
    },
  },
  "/api/v1/certificates": {
    get: {
      summary: "The own certificate and those of the other ends, the one to expire first before the others",
      parameters: [system],
      responses: answers(
        "The certificates.",
        shape({ system: text, certificates: list(reference("ShownCertificate")) }),
        notFound,
      ),
    },
  },
  "/api/v1/metadata": {
    get: {
      summary: "The tables of a system's metadata",
      parameters: [system],
      responses: answers(
        "The tables.",
        shape({ system: text, name: text, tables: list(reference("Table")) }),
        notFound,
      ),
    },
  },
  "/api/v1/metadata/{table}": {
    get: {
      summary: "Rows of a table",
      parameters: [
        path("table", "Its name, in any case.", text),
        system,
        query(
          "filter",
          "A condition such as SignalAcronym = 'FREQ', or a FILTER statement about the table.",
          text,
        ),
        query("search", "Only rows with this text in a cell, times left out.", text),
        limit,
        offset,
      ],
      responses: answers(
        "A part of the rows.",
        shape({
          ...table,
          system: text,
          total: whole,
          offset: whole,
          values: list({ ...object, additionalProperties: cell }),
        }),
        { ...badRequest, ...notFound },
      ),
    },
  },
};

const actionTexts: Readonly<Record<AdminActionName, readonly [summary: string, answer: Json]>> = {
  disconnect: ["End a connection, and keep who is at its other end away for a while", {
    disconnected: whole,
  }],
  liftBan: ["End a ban early", { lifted: whole }],
  notify: ["Notify all known subscribers, or the one of an identity", { notified: whole }],
  rotateCipherKeys: ["Replace the cipher keys of all connections that have some, or of one", {
    rotated: whole,
  }],
  reloadMetadata: ["Load a publisher's metadata anew, or have a subscriber ask for it", { reloaded: text }],
  setLogLevel: ["Log from another level on", { level: text }],
};

function schemaOf(field: Field): Json {
  switch (field.kind) {
    case "text":
      return { ...text, maxLength: field.most };
    case "whole":
      return { ...whole, minimum: field.least, maximum: field.most };
    case "word":
      return { ...text, enum: field.words };
  }
}

/** Actions are declared once, with what their bodies may say. */
const posts = new Map(Actions.map(({ name, path, fields }): [string, Readonly<Record<string, Json>>] => {
  const [summary, answer] = actionTexts[name];
  const required = Object.entries(fields)
    .filter(([, field]) => field.kind === "word" || (field.kind === "text" && field.required))
    .map(([field]) => field);
  const body = {
    ...object,
    properties: Object.fromEntries(Object.entries(fields).map(([field, kind]) => [field, schemaOf(kind)])),
    required,
    additionalProperties: false,
  };
  const post = {
    operationId: name,
    summary: `${summary}; for operators, where it is enabled`,
    parameters: [...path.includes(":id") ? [id] : [], onlySystem],
    requestBody: { content: json(body) },
    responses: answers("It is done.", shape({ ...answer, ...name !== "setLogLevel" && { system: text } }), {
      ...badRequest,
      ...notFound,
      "403": problem("The action is not enabled, the user is no operator, or a foreign page asks."),
      "409": problem("The system does not offer it, or it failed."),
      "408": problem("The body does not come."),
      "413": problem("The body is too long."),
      "415": problem("The body is not JSON."),
    }),
  };
  return [`/api/v1${path.replace(":id", "{id}")}`, { post }];
}));

/** The document, without `servers`. */
export const OpenApi: Json = {
  openapi: "3.1.0",
  info: {
    title: "STTP admin",
    version: "1",
    description:
      "Who is connected to publishers and subscribers, and what they get. Times are milliseconds since 1970.",
    license: { name: "MIT", identifier: "MIT" },
  },
  security: [{ bearer: [] }, { basic: [] }],
  paths: Object.fromEntries([
    ...Object.entries(paths).map(([path, methods]) => [path, { ...methods, ...posts.get(path) }]),
    ...[...posts].filter(([path]) => !(path in paths)),
  ]),
  components: {
    schemas,
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer" },
      basic: { type: "http", scheme: "basic" },
    },
  },
};
