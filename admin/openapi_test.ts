import { Validator } from "@seriousme/openapi-schema-validator";
import { assert, assertEquals } from "@std/assert";
import { Grid } from "../grid/mod.ts";
import { MemoryHistory } from "../history/mod.ts";
import { Publisher } from "../publisher/mod.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { createTestCertificates, MeasurementBatch } from "../transport/mod.ts";
import { ActionLog } from "./action_log.ts";
import { createAdmin } from "./admin.ts";
import { createApp } from "./app.ts";
import { ListParameters } from "./connections.ts";
import { EventLog } from "./event_log.ts";
import { Observer } from "./observer.ts";
import { OpenApi } from "./openapi.ts";
import { Logger } from "../log/mod.ts";
import { checkOptions } from "./options.ts";
import { nameSystems } from "./system.ts";
import { DeviceParameters, SignalParameters } from "./signals.ts";
import { TableParameters } from "./tables.ts";
import {
  AskedAdmin,
  connection,
  EPOCH,
  forgetfulClock,
  plant,
  plantPublisher,
  Secrets,
  StillPublisher,
} from "./testdata/systems.ts";
import { TrendParameters } from "./trends.ts";

// deno-lint-ignore no-explicit-any
const document = OpenApi as any;

/** Routes that are for people: pages and what belongs to them. */
const isMachine = (path: string): boolean => /^\/(?:api\/|metrics$|healthz$|readyz$)/.test(path);

Deno.test("the document is valid OpenAPI", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  assertEquals([valid, errors, validator.version], [true, undefined, "3.1"]);
  const wrong = structuredClone(document);
  delete wrong.info.title;
  assertEquals((await new Validator().validate(wrong)).valid, false);
});

Deno.test("the document has every route, and no other", () => {
  const options = checkOptions({});
  const systems = nameSystems(new StillPublisher());
  const observer = new Observer(systems, options);
  const log = new EventLog(systems, options.clock);
  const app = createApp({
    options,
    observer,
    log,
    actions: new ActionLog(options.onAction, options.clock),
    ownLog: new Logger(),
    totals: { requests: {}, authenticationFailures: 0 },
    ended: new AbortController().signal,
  });
  const routes = app.routes.filter(({ path }) => isMachine(path)).map(({ method, path }) =>
    `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`
  );
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assertEquals([...new Set(routes)].sort(), described.sort());
});

Deno.test("the document has the parameters that the routes read", () => {
  const names = (path: string, place: string): string[] => {
    const { parameters } = document.paths[path].get;
    return parameters.filter((parameter: { in: string }) => parameter.in === place)
      .map(({ name }: { name: string }) => name).sort();
  };
  assertEquals(names("/api/v1/connections", "query"), [...ListParameters].sort());
  assertEquals(names("/api/v1/metadata/{table}", "query"), [...TableParameters].sort());
  assertEquals(names("/api/v1/signals", "query"), [...SignalParameters].sort());
  assertEquals(names("/api/v1/devices", "query"), [...DeviceParameters].sort());
  assertEquals(names("/api/v1/trend", "query"), [...TrendParameters].sort());
  for (const [path, methods] of Object.entries(document.paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    // deno-lint-ignore no-explicit-any
    for (const { parameters = [] } of Object.values(methods as any) as any[]) {
      const described = parameters.filter((parameter: { in: string }) => parameter.in === "path");
      assertEquals(described.map(({ name }: { name: string }) => name), inPath, path);
    }
  }
});

Deno.test("every reference in the document leads somewhere", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  assert(references.length > 0);
  for (const [, name] of references) assert(name! in document.components.schemas, name);
});

/** What an answer says against its schema, the part of JSON Schema that the document uses; and what that leaves out. */
// deno-lint-ignore no-explicit-any
function mismatches(value: any, schema: any, at = "$"): string[] {
  if (schema.$ref !== undefined) {
    return mismatches(value, document.components.schemas[schema.$ref.split("/").at(-1)], at);
  }
  // deno-lint-ignore no-explicit-any
  const tries = (schemas: any[]): string[][] => schemas.map((one) => mismatches(value, one, at));
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const results = tries(choices);
    return results.toSorted((one, other) => one.length - other.length)[0]!;
  }
  if ("const" in schema) return value === schema.const ? [] : [`${at} is no ${schema.const}`];
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const types: string[] = [schema.type].flat().map((type) => type === "integer" ? "number" : type);
  if (!types.includes(kind)) return [`${at} is ${kind}, no ${schema.type}`];
  if (schema.type === "integer" && !Number.isInteger(value)) return [`${at} is no integer`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at} is none of ${schema.enum}`];
  if (kind === "array") {
    // deno-lint-ignore no-explicit-any
    return value.flatMap((item: any, i: number) => mismatches(item, schema.items, `${at}[${i}]`));
  }
  if (kind !== "object") return [];
  const { properties = {}, required = [], additionalProperties: others } = schema;
  const missing = required.filter((name: string) => !(name in value));
  return [
    ...missing.map((name: string) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, of]) => {
      if (Object.hasOwn(properties, name)) return mismatches(of, properties[name], `${at}.${name}`);
      if (others === true) return [];
      return others ? mismatches(of, others, `${at}.${name}`) : [`${at}.${name} is not described`];
    }),
  ];
}

Deno.test("answers that are not as described are found out", () => {
  const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
  assertEquals(mismatches({ a: 1 }, schema), []);
  assertEquals(mismatches({ a: 1, b: 2 }, schema), ["$.b is not described"]);
  assertEquals(mismatches({}, schema), ["$.a is missing"]);
  assertEquals(mismatches({ a: "1" }, schema), ["$.a is string, no integer"]);
  assertEquals(mismatches({ a: 1, b: "x" }, { ...schema, additionalProperties: schema.properties.a }), [
    "$.b is string, no integer",
  ]);
});

Deno.test("what is answered is as the document says", async () => {
  const closed = { at: 1, reason: "stalled", message: "x" } as const;
  const certificate = { name: "Relay", fingerprint: "ab", validTo: 1 };
  const open = [connection(1), connection(2, { subscription: null, modes: null, certificate })];
  const publisher = plantPublisher(open);
  const bans = [{ id: 1, kind: "host", name: "192.0.2.9", until: 1, reason: "" }] as const;
  publisher.present = { ...publisher.present, recentlyClosed: [connection(3, { closed })], bans };
  const admin = AskedAdmin.withUsers(publisher, { log: { level: "info" } });
  await (await admin.look("/api/v1/signals", 1_000, "reader")).body?.cancel();
  publisher.publish([0, 1], EPOCH, NaN);
  const changed = plant();
  changed.table("DeviceDetail")!.set(0, "Name", "X");
  publisher.dataSet = changed;
  const asked = {
    "/api/v1/openapi.json": "",
    "/api/v1/status": "",
    "/api/v1/connections": "?state=all",
    "/api/v1/connections/{id}": "",
    "/api/v1/groups": "",
    "/api/v1/certificates": "",
    "/api/v1/bans": "",
    "/api/v1/history": "",
    "/api/v1/log-level": "",
    "/api/v1/signals": "",
    "/api/v1/devices": "",
    "/api/v1/metadata": "",
    "/api/v1/metadata-changes": "",
    "/api/v1/metadata/{table}": "?limit=2",
    "/readyz": "",
  };
  for (const [path, query] of Object.entries(asked)) {
    const url = path.replace("{id}", "2").replace("{table}", "MeasurementDetail") + query;
    const response = await admin.as("reader", url);
    assertEquals(response.status, 200, url);
    const { schema } = document.paths[path].get.responses["200"].content["application/json"];
    assertEquals(mismatches(await response.json(), schema), [], path);
  }
  const wrong = await admin.as("reader", "/api/v1/connections?limit=x");
  assertEquals(mismatches(await wrong.json(), document.components.schemas.Problem), []);
  assert(!JSON.stringify(document).includes(Secrets.reader));
});

Deno.test("what is answered about a real publisher and subscriber, with all that they can have, is as the document says", async () => {
  const grid = await Grid.create({ devices: 2 });
  const { authority, server, client } = await createTestCertificates();
  const ca = authority.certificate;
  const publisher = new Publisher({
    port: 0,
    hostname: "127.0.0.1",
    tls: { ...server, ca },
    history: new MemoryHistory(),
    udp: { encrypt: true },
  });
  const subscriber = new Subscriber({ filter: "True", udp: true, tls: { ...client, ca } });
  const admin = createAdmin({ grid: publisher, client: subscriber }, {
    credentials: [{ name: "otto", role: "operator", secret: Secrets.operator }],
    actions: true,
    onAction: () => {},
    clock: forgetfulClock(),
  });
  // deno-lint-ignore no-explicit-any
  const ask = async (method: "get" | "post", path: string, values = "", body?: unknown): Promise<any> => {
    const url = `http://localhost${path.replace("{id}", "1")}${values}`;
    const headers = { authorization: `Bearer ${Secrets.operator}`, "content-type": "application/json" };
    const init = {
      method: method.toUpperCase(),
      headers,
      ...body !== undefined && { body: JSON.stringify(body) },
    };
    const response = await admin.fetch(new Request(url, init));
    const answer = await response.json();
    assertEquals(response.status, 200, `${url}: ${JSON.stringify(answer)}`);
    const { schema } = document.paths[path][method].responses["200"].content["application/json"];
    assertEquals(mismatches(answer, schema), [], path);
    return answer;
  };
  try {
    await ask("get", "/api/v1/status");
    publisher.defineMetadata(grid.metadata());
    grid.bind(publisher.signals);
    await publisher.start();
    await subscriber.connect(publisher.address);
    const batches = subscriber.batches();
    while (publisher.stats().groups.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const batch = new MeasurementBatch();
    grid.write(batch, 638_500_000_000_000_000n);
    publisher.publish(batch);
    await batches.next();
    publisher.publishBufferBlock(batch.signals[0]!, new Uint8Array(10));
    await ask("get", "/api/v1/status");
    await ask("get", "/api/v1/connections", "?state=all");
    const { bufferBlocks, certificate, cipher, dataChannel, tls } = await ask(
      "get",
      "/api/v1/connections/{id}",
    );
    assertEquals([tls, certificate.name], [{ protocol: "TLSv1.3" }, "client"]);
    assertEquals([bufferBlocks.sent, cipher.index, dataChannel.errors], [1, 0, 0]);
    assertEquals((await ask("get", "/api/v1/groups")).groups.length, 1);
    assertEquals((await ask("get", "/api/v1/certificates")).certificates.length, 2);
    assertEquals((await ask("get", "/api/v1/history")).history.recorded, batch.length);
    for (const path of ["/readyz", "/api/v1/metadata", "/api/v1/metadata-changes", "/api/v1/log-level"]) {
      await ask("get", path);
    }
    await ask("post", "/api/v1/notifications", "", { text: "noon" });
    await ask("post", "/api/v1/connections/{id}/disconnect", "?system=grid", { banSeconds: 60 });
    assertEquals((await ask("get", "/api/v1/bans")).bans.length, 1);
    await ask("post", "/api/v1/bans/{id}/lift", "", {});
  } finally {
    admin.close();
    await subscriber[Symbol.asyncDispose]();
    await publisher.stop();
  }
});

Deno.test("streams are described with all that may be answered", () => {
  for (const path of ["/api/v1/events", "/api/v1/trend"]) {
    const described = Object.keys(document.paths[path].get.responses);
    for (const status of ["200", "400", "401", "403", "421", "429", "503"]) {
      assert(described.includes(status), `${path}: ${status}`);
    }
  }
});

Deno.test("the document says where it is found", async () => {
  const { servers } = await new AskedAdmin(new StillPublisher(), { basePath: "/admin" }).json(
    "/admin/api/v1/openapi.json",
  );
  assertEquals(servers, [{ url: "/admin" }]);
});
