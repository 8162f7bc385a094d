import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MemoryHistory } from "../history/mod.ts";
import { Logger } from "../log/mod.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { ManualClock } from "../transport/clock.ts";
import { type AdminSubscriber, createAdmin } from "./mod.ts";
import { AskedAdmin, connection, EPOCH, SCRIPT, Secrets, StillPublisher } from "./testdata/systems.ts";

const closed = { at: EPOCH - 5, reason: "stalled", message: "it read nothing for 30 s" } as const;

function threeConnections(): StillPublisher {
  return new StillPublisher(
    [
      connection(1),
      connection(2, { queue: { dataBytes: 10, controlBytes: 1, frames: 2, stalledFor: 12_000 } }),
      connection(3, { certificate: { name: "Relay", fingerprint: "ab".repeat(32), validTo: EPOCH - 1 } }),
    ],
    [connection(4, { state: "closed", closed })],
  );
}

Deno.test("status tells of every system, without the single connections", async () => {
  const { systems, time } = await new AskedAdmin(threeConnections()).json("/api/v1/status");
  assertEquals(time, EPOCH);
  assertEquals(systems.length, 1);
  assertEquals(systems[0].system, "publisher");
  assertEquals(systems[0].connections.open, 3);
  assertEquals(systems[0].groups, 1);
  assertEquals(systems[0].open, undefined);
});

Deno.test("connections are listed by state, sorted, searched and cut", async () => {
  const admin = new AskedAdmin(threeConnections());
  const ids = async (query: string): Promise<number[]> => {
    const { connections } = await admin.json(`/api/v1/connections${query}`);
    return connections.map(({ id }: { id: number }) => id);
  };
  assertEquals(await ids(""), [1, 2, 3]);
  assertEquals(await ids("?state=closed"), [4]);
  assertEquals(await ids("?state=all&sort=-id"), [4, 3, 2, 1]);
  assertEquals(await ids("?sort=-stalledFor"), [2, 1, 3]);
  assertEquals(await ids("?sort=-signals&limit=2"), [3, 2]);
  assertEquals(await ids("?limit=2&offset=1"), [2, 3]);
  assertEquals(await ids("?search=RELAY"), [3]);
  assertEquals(await ids("?search=192.0.2.2"), [2]);
  const { total, offset } = await admin.json("/api/v1/connections?limit=1&offset=2");
  assertEquals([total, offset], [3, 2]);
});

Deno.test("parameters that make no sense are refused, with what was expected", async () => {
  const admin = new AskedAdmin(threeConnections());
  for (const query of ["?limit=0", "?limit=1e3", "?limit=-1", "?offset=x", "?sort=toString", "?state=shut"]) {
    assertEquals(await admin.problem(`/api/v1/connections${query}`), [400, "InvalidParameter"], query);
  }
  assertEquals(await admin.problem("/api/v1/connections?order=id"), [400, "UnknownParameter"]);
  assertEquals(await admin.problem("/api/v1/connections?limit=1&limit=2"), [400, "RepeatedParameter"]);
  assertEquals(await admin.problem("/api/v1/connections?system=x"), [404, "NoSystem"]);
});

Deno.test("a connection is told whole, also when it has ended", async () => {
  const admin = new AskedAdmin(threeConnections());
  const open = await admin.json("/api/v1/connections/2");
  assertEquals(open.queue.stalledFor, 12_000);
  assertEquals(open.bytesPerMeasurement, 4);
  assertEquals(open.encoderResets, 1);
  const past = await admin.json("/api/v1/connections/4");
  assertEquals([past.closed, past.encoderResets], [closed, null]);
  for (const id of ["9", "0", "-1", "1e0", "x", "999999999999999999"]) {
    assertEquals(await admin.problem(`/api/v1/connections/${id}`), [404, "NoConnection"], id);
  }
});

Deno.test("rates are over the time between two looks", async () => {
  const publisher = new StillPublisher([
    connection(1, { sent: { measurements: 100, bytes: 1_000, dataBytes: 0 } }),
  ]);
  const admin = new AskedAdmin(publisher);
  const rates = async () => (await admin.json("/api/v1/connections")).connections[0].rates;
  assertEquals(await rates(), { measurementsPerSecond: 10, bytesPerSecond: 100, seconds: 10 });
  admin.clock.advance(2_000);
  const sent = { measurements: 300, bytes: 1_800, dataBytes: 0 };
  publisher.present = { ...publisher.present, open: [connection(1, { sent })] };
  assertEquals(await rates(), { measurementsPerSecond: 100, bytesPerSecond: 400, seconds: 2 });
  admin.clock.advance(500);
  assertEquals((await rates()).seconds, 2.5);
  admin.clock.advance(60_000);
  assertEquals((await rates()).seconds, 60.5);
  admin.clock.advance(60_000);
  assertEquals((await rates()).seconds, 60);
});

Deno.test("long filters are cut in lists only, and what may be a secret is hidden", async () => {
  const filter = "x".repeat(10_000);
  const { subscription } = connection(1);
  const extra = { pwd: "hunter2", auth: "t", color: "red", FramesPerSecond: "30" };
  const publisher = new StillPublisher([
    connection(1, { subscription: { ...subscription!, filter, extra } }),
  ]);
  const admin = new AskedAdmin(publisher);
  const [listed] = (await admin.json("/api/v1/connections")).connections;
  assertEquals(listed.subscription.filter.length, 200);
  const whole = await admin.json("/api/v1/connections/1");
  assertEquals(whole.subscription.filter, filter);
  const hidden = { pwd: "(hidden)", auth: "(hidden)", color: "(hidden)", FramesPerSecond: "30" };
  assertEquals(whole.subscription.extra, hidden);
});

Deno.test("groups tell whom they serve", async () => {
  const { groups } = await new AskedAdmin(threeConnections()).json("/api/v1/groups");
  assertEquals(groups[0].connections, [1, 2, 3]);
});

Deno.test("certificates tell when they expire", async () => {
  const { certificates } = await new AskedAdmin(threeConnections()).json("/api/v1/certificates");
  assertEquals(
    certificates.map(({ name, expired, connection }: Record<string, unknown>) => [name, expired, connection]),
    [
      ["Relay", true, 3],
    ],
  );
});

Deno.test("the publisher's own certificate and that of a subscriber's publisher are told, too", async () => {
  const certificate = (name: string, validTo: number) => ({ name, fingerprint: "cd".repeat(32), validTo });
  const publisher = threeConnections();
  const own = certificate("West", EPOCH + 86_400_000);
  publisher.present = { ...publisher.present, address: "192.0.2.8:7167", certificate: own };
  const subscriber: AdminSubscriber = {
    state: "connected",
    subscription: {},
    peer: { address: "192.0.2.9:7167", certificate: certificate("East", EPOCH + 3_600_000) },
    stats: () => new Subscriber().stats(),
  };
  const admin = createAdmin({ west: publisher, east: subscriber }, { clock: new ManualClock() });
  const ask = (path: string): Promise<Response> => admin.fetch(new Request(`http://localhost${path}`));
  const told = async (system: string): Promise<unknown> => {
    const { certificates } = await (await ask(`/api/v1/certificates?system=${system}`)).json();
    return certificates.map(({ name, own, connection, address }: Record<string, unknown>) => [
      name,
      own,
      connection,
      address,
    ]);
  };
  assertEquals(await told("west"), [
    ["Relay", false, 3, "192.0.2.3:40000"],
    ["West", true, null, "192.0.2.8:7167"],
  ]);
  assertEquals(await told("east"), [["East", false, null, "192.0.2.9:7167"]]);
  assertStringIncludes(await (await ask("/security")).text(), "the publisher&#39;s own <small");
  const metrics = await (await ask("/metrics")).text();
  const seconds = EPOCH / 1000;
  assertStringIncludes(
    metrics,
    `\nsttp_publisher_own_certificate_expiry_time_seconds{system="west"} ${seconds + 86_400}\n`,
  );
  assertStringIncludes(
    metrics,
    `\nsttp_subscriber_publisher_certificate_expiry_time_seconds{system="east"} ${seconds + 3_600}\n`,
  );
});

Deno.test("metadata tables are listed and browsed", async () => {
  const admin = new AskedAdmin();
  const { tables, name } = await admin.json("/api/v1/metadata");
  assertEquals(name, "Grid");
  assertEquals(tables.map((table: { name: string; rows: number }) => [table.name, table.rows]), [
    ["MeasurementDetail", 3],
    ["DeviceDetail", 0],
  ]);
  const page = await admin.json("/api/v1/metadata/measurementdetail?limit=2");
  assertEquals([page.name, page.total, page.values.length], ["MeasurementDetail", 3, 2]);
  const [first, second] = page.values;
  assertEquals(first.UpdatedOn, "2024-01-01T00:00:00Z");
  assertEquals(second.Number, "9007199254740993");
  assertEquals(second.Weight, "NaN");
  assertEquals(second.PointTag, SCRIPT);
  assertEquals(Object.getOwnPropertyDescriptor(first, "__proto__")?.value, "a");
});

Deno.test("tables are filtered by expression and by text", async () => {
  const admin = new AskedAdmin();
  const tags = async (query: Record<string, string>): Promise<string[]> => {
    const page = await admin.json(`/api/v1/metadata/MeasurementDetail?${new URLSearchParams(query)}`);
    return page.values.map((row: Record<string, string>) => row["PointTag"]);
  };
  assertEquals(await tags({ filter: "Number = 3" }), ["CORDOVA:FREQ"]);
  assertEquals(await tags({ filter: "FILTER TOP 1 MeasurementDetail ORDER BY Number DESC" }), [SCRIPT]);
  assertEquals(await tags({ search: "freq" }), ["SHELBY:FREQ", "CORDOVA:FREQ"]);
  assertEquals(await tags({ search: "freq", filter: "Number > 1" }), ["CORDOVA:FREQ"]);
});

Deno.test("a wrong filter is answered with what is wrong and where", async () => {
  const admin = new AskedAdmin();
  const error = async (filter: string): Promise<Record<string, unknown>> => {
    const response = await admin.get(`/api/v1/metadata/MeasurementDetail?${new URLSearchParams({ filter })}`);
    assertEquals(response.status, 400);
    return (await response.json()).error;
  };
  const misspelled = await error("PointTagg = 'x'");
  assertEquals([misspelled.code, misspelled.kind], ["InvalidFilter", "name"]);
  assertEquals([misspelled.offset, misspelled.line, misspelled.column], [0, 1, 1]);
  assertEquals(misspelled.suggestion, "PointTag");
  const open = await error("PointTag LIKE");
  assertEquals([open.kind, open.expected, open.column], ["syntax", "a value", 14]);
  assertEquals((await error("FILTER DeviceDetail WHERE True")).found, "FILTER DeviceDetail WHERE True");
  assertEquals((await error(`PointTag = '${"x".repeat(20_000)}'`)).kind, "limit");
});

Deno.test("what is not there is told so", async () => {
  const admin = new AskedAdmin();
  assertEquals(await admin.problem("/api/v1/metadata/Nothing"), [404, "NoTable"]);
  assertEquals(await admin.problem("/api/v2/status"), [404, "NotFound"]);
  for (
    const path of ["/assets/", "/assets/..%2fadmin.ts", "/assets/admin.css/..%2f..", "/assets/__proto__"]
  ) {
    assertEquals(await admin.problem(path), [404, "NotFound"], path);
  }
  assertEquals(await admin.problem("/api/v1/metadata/..%2f..%2fetc%2fpasswd"), [404, "NoTable"]);
  admin.publisher.dataSet = undefined;
  assertEquals(await admin.problem("/api/v1/metadata"), [404, "NoMetadata"]);
});

Deno.test("a method that is not there is told from a path that is not, and which there are", async () => {
  const admin = new AskedAdmin(threeConnections());
  for (
    const [method, path, allowed] of [
      ["DELETE", "/api/v1/status", "GET, HEAD"],
      ["DELETE", "/api/v1/connections/1", "GET, HEAD"],
      ["GET", "/api/v1/connections/1/disconnect", "POST"],
      ["PUT", "/metadata/MeasurementDetail", "GET, HEAD"],
      ["POST", "/", "GET, HEAD"],
    ] as const
  ) {
    const response = await admin.get(path, { method });
    assertEquals([response.status, response.headers.get("allow")], [405, allowed], path);
    assertEquals((await response.json()).error.code, "WrongMethod");
  }
  for (const path of ["/api/v1/connections//disconnect", "/api/v1/connections/1/kick"]) {
    const response = await admin.get(path, { method: "POST" });
    assertEquals([response.status, response.headers.get("allow")], [404, null], path);
    await response.body?.cancel();
  }
});

Deno.test("a fault of the inside is not told to the outside", async () => {
  const publisher = new StillPublisher();
  const lines: string[] = [];
  const clock = new ManualClock();
  const log = new Logger({ clock, output: (line) => lines.push(line) });
  const admin = new AskedAdmin(publisher, { log });
  publisher.stats = () => {
    throw new Error("secret path");
  };
  for (let i = 0; i < 100; i++) {
    const response = await admin.get("/api/v1/status");
    assertEquals(response.status, 500);
    assert(!(await response.text()).includes("secret path"));
  }
  const { level, event, path, error, stack } = JSON.parse(lines[0]!);
  assertEquals([level, event, path], ["error", "admin.internalError", "/api/v1/status"]);
  assertEquals(error, { name: "Error", message: "secret path" });
  assertStringIncludes(stack, "api_test.ts");
  assertEquals(lines.length, 60, "the log's limits hold");
  await log.flush();
  assertEquals([JSON.parse(lines[60]!).count, clock.pending], [40, 0]);
});

Deno.test("what is kept of a publisher ends by itself where nobody asks again, and with the admin", async () => {
  const admin = new AskedAdmin(new StillPublisher([connection(1)]));
  const ask = async (): Promise<void> => {
    for (const path of ["/api/v1/status", "/readyz"]) await (await admin.get(path)).body?.cancel();
  };
  await ask();
  assertEquals(admin.clock.pending, 2);
  admin.clock.advance(1_000);
  assertEquals(admin.clock.pending, 0);
  await ask();
  admin.admin.close();
  assertEquals(admin.clock.pending, 0);
});

Deno.test("healthz says that it is alive, readyz whether the systems are well", async () => {
  const publisher = new StillPublisher([connection(1)]);
  const admin = new AskedAdmin(publisher);
  assertEquals(await (await admin.get("/healthz")).text(), "ok\n");
  assertEquals((await admin.json("/readyz")).ready, true);
  const failing = async (): Promise<string[]> => {
    admin.clock.advance(1_000);
    const response = await admin.get("/readyz");
    assertEquals(response.status, 503);
    const { ready, checks } = await response.json();
    assertEquals(ready, false);
    return checks.filter(({ ok }: { ok: boolean }) => !ok).map(({ check }: { check: string }) => check);
  };
  const { present } = publisher;
  publisher.present = { ...present, state: "stopped", metadata: null };
  assertEquals(await failing(), ["running", "metadata"]);
  const queue = { dataBytes: 1, controlBytes: 0, frames: 1, stalledFor: 10_001 };
  publisher.present = { ...present, open: [connection(1, { queue })] };
  assertEquals(await failing(), ["stalls"]);
  publisher.present = { ...present, open: [connection(1, { overflowedAt: EPOCH - 6_999 })] };
  assertEquals(await failing(), ["overflows"]);
  admin.clock.advance(1_000);
  assertEquals((await admin.json("/readyz")).ready, true);
  const history = { ...new MemoryHistory().stats(), lost: 40, problem: "disk is full" };
  publisher.present = { ...present, history: { ...history, failing: true } };
  assertEquals(await failing(), ["history"]);
  // That it failed once is no reason for ever.
  publisher.present = { ...present, history };
  admin.clock.advance(1_000);
  assertEquals((await admin.json("/readyz")).ready, true);
});

/** Counts how often it is asked. */
class CountingPublisher extends StillPublisher {
  asks = 0;

  override stats(): ReturnType<StillPublisher["stats"]> {
    this.asks++;
    return super.stats();
  }
}

Deno.test("however often anybody asks whether it is ready, a publisher is asked once a second", async () => {
  const publisher = new CountingPublisher();
  const { present } = publisher;
  const admin = new AskedAdmin(publisher);
  const asks = async (): Promise<[asks: number, status: number]> => {
    publisher.asks = 0;
    const answers = await Promise.all(Array.from({ length: 40 }, () => admin.get("/readyz")));
    return [publisher.asks, answers.at(-1)!.status];
  };
  assertEquals(await asks(), [1, 200]);
  publisher.present = { ...present, state: "stopped" };
  admin.clock.advance(999);
  assertEquals(await asks(), [0, 200]);
  admin.clock.advance(1);
  assertEquals(await asks(), [1, 503]);
});

Deno.test("what a publisher says is good for 250 ms, whoever asks, and until an action", async () => {
  const publisher = new CountingPublisher([connection(1)]);
  const { present } = publisher;
  const admin = AskedAdmin.withUsers(publisher);
  const paths = [
    ...["status", "connections", "connections/1", "groups", "certificates", "bans", "history"]
      .map((path) => `/api/v1/${path}`),
    ...["/", "/connections", "/connections/1", "/groups", "/security", "/operate", "/metrics", "/readyz"],
  ];
  const askAll = async (): Promise<number> => {
    publisher.asks = 0;
    for (const path of paths) assertEquals((await admin.as("operator", path)).status, 200, path);
    return publisher.asks;
  };
  assertEquals(await askAll(), 1);
  publisher.present = { ...present, waitingBytes: 1_000 };
  const waiting = async (): Promise<number> =>
    (await (await admin.as("reader", "/api/v1/status")).json()).systems[0].waitingBytes;
  admin.clock.advance(249);
  assertEquals(await askAll(), 0);
  assertEquals(await waiting(), 120);
  const disconnect = async (user: "reader" | "operator"): Promise<number> =>
    (await admin.as(user, "/api/v1/connections/1/disconnect", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    })).status;
  // Who may not act drops nothing.
  assertEquals(await disconnect("reader"), 403);
  assertEquals(await waiting(), 120);
  assertEquals(await disconnect("operator"), 200);
  assertEquals(await waiting(), 1_000);
  // Who asks for a connection that has come since finds it.
  publisher.present = { ...present, open: [connection(1), connection(2)] };
  assertEquals((await admin.as("reader", "/api/v1/connections/2")).status, 200);
  admin.clock.advance(250);
  assertEquals(await askAll(), 1);
});

Deno.test("who asks for connections that are not there has the publisher asked for new ones four times a second", async () => {
  const publisher = new CountingPublisher();
  const { present } = publisher;
  const admin = new AskedAdmin(publisher);
  const ask = async (id: number): Promise<number> => (await admin.get(`/api/v1/connections/${id}`)).status;
  const asks = async (): Promise<number> => {
    publisher.asks = 0;
    for (let id = 10; id < 50; id++) assertEquals(await ask(id), 404);
    return publisher.asks;
  };
  // What is kept, and once more what is new.
  assertEquals(await asks(), 2);
  publisher.present = { ...present, open: [connection(50)] };
  admin.clock.advance(249);
  assertEquals([await asks(), await ask(50)], [0, 404]);
  admin.clock.advance(1);
  assertEquals([await ask(50), await asks()], [200, 1]);
});

Deno.test("rates are over the time between what was counted, not between those who asked", async () => {
  const publisher = new StillPublisher();
  const admin = new AskedAdmin(publisher);
  const rates = async (): Promise<[rate: number, seconds: number]> => {
    const { measurementsPerSecond, seconds } = (await admin.json("/api/v1/status")).systems[0].rates;
    return [measurementsPerSecond, seconds];
  };
  const count = (measurements: number): void => {
    publisher.present = { ...publisher.present, sent: { measurements, bytes: 0 } };
  };
  count(0);
  await rates();
  admin.clock.advance(1_000);
  count(1_000);
  assertEquals(await rates(), [1_000, 1]);
  admin.clock.advance(200);
  count(1_200);
  assertEquals(await rates(), [1_000, 1]);
});

Deno.test("of a subscriber's long texts the first 1,024 characters are searched and sorted by", async () => {
  const { subscription } = connection(1);
  const withTexts = (id: number, filter: string, source: string): ReturnType<typeof connection> =>
    connection(id, {
      subscription: { ...subscription!, filter, client: { ...subscription!.client, source } },
    });
  const beginning = "x".repeat(1_023);
  const admin = new AskedAdmin(
    new StillPublisher([
      withTexts(1, `${beginning}Y`, `${beginning}zb`),
      withTexts(2, `${beginning}xY`, `${beginning}za`),
    ]),
  );
  const ids = async (query: string): Promise<number[]> =>
    (await admin.json(`/api/v1/connections?${query}`)).connections.map(({ id }: { id: number }) => id);
  assertEquals(await ids("search=xxY"), [1]);
  // Beyond them there is nothing to tell these apart.
  assertEquals(await ids("sort=client"), [1, 2]);
  assertEquals(await ids("sort=-client"), [1, 2]);
});

Deno.test("metrics are counters and gauges without a series for each connection", async () => {
  const admin = new AskedAdmin(threeConnections());
  const response = await admin.get("/metrics");
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  assertStringIncludes(text, '\nsttp_publisher_sent_bytes_total{system="publisher"} 20000\n');
  assertStringIncludes(
    text,
    '\nsttp_publisher_dropped_measurements_total{system="publisher",reason="overflow"} 7\n',
  );
  assertStringIncludes(text, '\nsttp_publisher_longest_stall_seconds{system="publisher"} 12\n');
  assertStringIncludes(text, "\n# TYPE sttp_publisher_sent_bytes_total counter\n");
  assert(!text.includes("192.0.2."));
  for (const line of text.trimEnd().split("\n")) {
    assertMatch(line, /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{(?:[a-z]+="[^"]*",?)*\})? \S+)$/);
  }
});

Deno.test("every reason that there can be has its series from the start", async () => {
  const publisher = new StillPublisher();
  const { present } = publisher;
  const access = { ...present.access, refused: {} };
  publisher.present = { ...present, dropped: {}, access };
  const text = await (await new AskedAdmin(publisher).get("/metrics")).text();
  for (
    const [name, label] of [
      ["connections_closed", 'reason="stalled"'],
      ["connections_closed", 'reason="slow"'],
      ["tls_handshakes_failed", 'reason="untrusted"'],
      ["dropped_measurements", 'reason="overflow"'],
      ["dropped_measurements", 'reason="notStarted"'],
      ["refused_connections", 'reason="banned"'],
      ["access_failures", 'decision="rule"'],
    ]
  ) {
    assertStringIncludes(text, `\nsttp_publisher_${name}_total{system="publisher",${label}} 0\n`);
  }
  assertStringIncludes(
    text,
    '\nsttp_publisher_connections_closed_total{system="publisher",reason="peerClosed"} 2\n',
  );
});

Deno.test("the admin's own totals outlast it, as those of its publisher do", async () => {
  const publisher = new StillPublisher();
  const credentials = [{ name: "rita", role: "reader", secret: Secrets.reader }] as const;
  const first = new AskedAdmin(publisher, { credentials });
  assertEquals((await first.get("/metrics", { headers: { authorization: "Bearer wrong" } })).status, 401);
  assertEquals((await first.as("reader", "/metrics")).status, 200);
  first.admin.close();
  const next = new AskedAdmin(publisher, { credentials });
  const text = await (await next.as("reader", "/metrics")).text();
  assertStringIncludes(text, "\nsttp_admin_authentication_failures_total 1\n");
  assertStringIncludes(text, '\nsttp_admin_requests_total{status="2xx"} 1\n');
  const other = await (await new AskedAdmin(new StillPublisher(), { credentials }).as("reader", "/metrics"))
    .text();
  assertStringIncludes(other, '\nsttp_admin_requests_total{status="2xx"} 0\n');
});

Deno.test("numbers of connections are not looked up at any of several publishers", async () => {
  const both = { west: threeConnections(), east: threeConnections() };
  const admin = createAdmin(both, { clock: new ManualClock() });
  const ask = (path: string): Promise<Response> => admin.fetch(new Request(`http://localhost${path}`));
  const refused = await ask("/api/v1/connections/2");
  const { error } = await refused.json();
  assertEquals([refused.status, error.code], [400, "SystemNeeded"]);
  assertStringIncludes(error.message, "one of west, east");
  assertEquals((await (await ask("/api/v1/connections/2?system=east")).json()).system, "east");
  assertEquals((await ask("/connections/2")).status, 400);
  admin.close();
});

Deno.test("an admin that is closed answers 503", async () => {
  const admin = new AskedAdmin();
  admin.admin.close();
  for (const path of ["/healthz", "/", "/api/v1/events"]) {
    assertEquals(await admin.problem(path), [503, "Closed"]);
  }
});

Deno.test("OpenMetrics is given on request", async () => {
  const admin = new AskedAdmin();
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  const response = await admin.get("/metrics", { headers: { accept } });
  assertMatch(response.headers.get("content-type")!, /^application\/openmetrics-text; version=1\.0\.0/);
  const text = await response.text();
  assertStringIncludes(text, "\n# TYPE sttp_publisher_sent_bytes counter\nsttp_publisher_sent_bytes_total{");
  assert(text.endsWith("\n# EOF\n"));
});
