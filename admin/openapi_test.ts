import { Validator } from "@seriousme/openapi-schema-validator";
import { assert, assertEquals } from "@std/assert";
import { ActionLog } from "./action_log.ts";
import { createApp } from "./app.ts";
import { ListParameters } from "./connections.ts";
import { EventLog } from "./event_log.ts";
import { Observer } from "./observer.ts";
import { OpenApi } from "./openapi.ts";
import { checkOptions } from "./options.ts";
import { nameSystems } from "./system.ts";
import { DeviceParameters, SignalParameters } from "./signals.ts";
import { TableParameters } from "./tables.ts";
import {
  AskedAdmin,
  connection,
  EPOCH,
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
    counters: () => ({ requests: {}, authenticationFailures: 0 }),
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

/** What an answer says against its schema: the part of JSON Schema that the document uses. */
// deno-lint-ignore no-explicit-any
function mismatches(value: any, schema: any, at = "$"): string[] {
  if (schema.$ref !== undefined) {
    return mismatches(value, document.components.schemas[schema.$ref.split("/").at(-1)], at);
  }
  // deno-lint-ignore no-explicit-any
  const tries = (schemas: any[]): string[][] => schemas.map((one) => mismatches(value, one, at));
  if (schema.allOf !== undefined) return tries(schema.allOf).flat();
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const results = tries(choices);
    return results.some((result) => result.length === 0) ? [] : results[0]!;
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
  const missing = (schema.required ?? []).filter((name: string) => !(name in value));
  return [
    ...missing.map((name: string) => `${at}.${name} is missing`),
    ...Object.entries(schema.properties ?? {}).filter(([name]) => name in value)
      .flatMap(([name, property]) => mismatches(value[name], property, `${at}.${name}`)),
  ];
}

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
  publisher.metadata = { dataSet: changed };
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

Deno.test("the document says where it is found", async () => {
  const { servers } = await new AskedAdmin(new StillPublisher(), { basePath: "/admin" }).json(
    "/admin/api/v1/openapi.json",
  );
  assertEquals(servers, [{ url: "/admin" }]);
});
