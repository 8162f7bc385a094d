import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { type HistoryStats, MemoryHistory } from "../../history/mod.ts";
import { DataSet } from "../../metadata/data_set.ts";
import { ManualClock } from "../../transport/clock.ts";
import { createAdmin } from "../admin.ts";
import {
  AskedAdmin,
  connection,
  EPOCH,
  plant,
  plantPublisher,
  SCRIPT,
  Secrets,
  signalId,
  StillPublisher,
} from "../testdata/systems.ts";
import { bytes, duration, moment, rate } from "./text.ts";

const accept = { headers: { accept: "text/html" } };

async function page(admin: AskedAdmin, path: string, status = 200): Promise<string> {
  const response = await admin.get(path, accept);
  const text = await response.text();
  assertEquals(response.status, status, text);
  assertMatch(response.headers.get("content-type")!, /^text\/html/);
  return text;
}

/** A publisher in which every text that comes from outside is a script. */
function hostile(): StillPublisher {
  const { subscription } = connection(1);
  const certificate = { name: SCRIPT, fingerprint: SCRIPT, validTo: EPOCH };
  const client = { source: SCRIPT, version: SCRIPT, updatedOn: SCRIPT };
  const texts = {
    address: SCRIPT,
    certificate,
    algorithms: SCRIPT,
    subscription: { ...subscription!, filter: SCRIPT, client, extra: { [SCRIPT]: SCRIPT } },
    events: { [SCRIPT]: 1 },
    dropped: { overflow: 1 },
  };
  const closed = { at: EPOCH, reason: "stalled", message: SCRIPT } as const;
  const publisher = new StillPublisher([connection(1, texts)], [connection(2, { ...texts, closed })]);
  publisher.present = { ...publisher.present, name: SCRIPT };
  const dataSet = new DataSet("Grid");
  const table = dataSet.addTable(SCRIPT);
  table.addColumn(SCRIPT, "string");
  table.addRow([SCRIPT]);
  publisher.dataSet = dataSet;
  const bans = [{ id: 1, kind: "host", name: SCRIPT, until: EPOCH + 60_000, reason: SCRIPT }] as const;
  const history = { ...new MemoryHistory().stats(), failing: true, problem: SCRIPT };
  publisher.present = { ...publisher.present, bans, history };
  return publisher;
}

Deno.test("no text from outside becomes markup, on any page", async () => {
  const admin = new AskedAdmin(hostile());
  const script = encodeURIComponent(SCRIPT);
  const pages: [string, number][] = [
    ["/", 200],
    [`/connections?state=all&search=${script}`, 200],
    ["/connections/1", 200],
    ["/connections/2", 200],
    ["/metadata", 200],
    [`/metadata/${script}?search=${script}`, 200],
    [`/metadata/${script}?filter=${script}`, 400],
    [`/metadata/${script}?filter=True&search=script`, 200],
    [`/metadata/x${script}`, 404],
    [`/connections?sort=${script}`, 400],
    [`/connections?${script}=1`, 400],
    [`/connections?system=${script}`, 404],
    [`/${script}`, 404],
    ["/groups", 200],
    ["/security", 200],
    [`/security?done=${script}`, 200],
    ["/metadata-changes", 200],
    ["/operate", 403],
  ];
  for (const [path, status] of pages) {
    const text = await page(admin, path, status);
    assert(!text.includes("<script>alert"), path);
    assert(!text.includes("<img"), path);
  }
});

Deno.test("no text of metadata becomes markup on the pages of signals, and none of an identity for operators", async () => {
  const admin = AskedAdmin.withUsers(plantPublisher([connection(1, { identity: SCRIPT })]));
  const script = encodeURIComponent(SCRIPT);
  await (await admin.look("/api/v1/signals", 1_000, "reader")).body?.cancel();
  admin.publisher.publish([0, 1, 2, 3], EPOCH, NaN);
  const changed = plant();
  changed.table("DeviceDetail")!.set(0, "Name", SCRIPT);
  await (await admin.as("reader", "/metadata-changes")).body?.cancel();
  admin.publisher.dataSet = changed;
  for (
    const [path, status] of [
      ["/signals", 200],
      [`/signals?search=${script}&device=${script}&signal=${script}`, 200],
      ["/devices", 200],
      [`/trends?signal=${signalId(2)}`, 200],
      [`/trends?signal=${script}`, 404],
      ["/metadata-changes", 200],
      ["/operate", 200],
    ] as const
  ) {
    const response = await admin.as("operator", path, accept);
    const text = await response.text();
    assertEquals(response.status, status, path);
    assert(!text.includes("<script>alert"), path);
    assert(!text.includes("<img"), path);
  }
});

Deno.test("the overview shows every system, who is slow and who has left", async () => {
  const queue = { dataBytes: 2_000, controlBytes: 0, frames: 3, stalledFor: 65_000 };
  const closed = { at: EPOCH - 3_000, reason: "slow", message: "too slow" } as const;
  const publisher = new StillPublisher([connection(1), connection(2, { queue })], [
    connection(3, { closed }),
  ]);
  const text = await page(new AskedAdmin(publisher), "/");
  assertStringIncludes(text, "<caption>Slow connections</caption>");
  assertStringIncludes(text, "1 min 5 s");
  assertStringIncludes(text, "<caption>Ended lately</caption>");
  assertStringIncludes(text, "<dt>Sent</dt><dd>250 <small>measurements/s</small></dd>");
});

Deno.test("the overview tells what a history could not record, and why it can't at present", async () => {
  const publisher = new StillPublisher();
  const admin = new AskedAdmin(publisher);
  const history = new MemoryHistory().stats();
  const shown = async (change: Partial<HistoryStats>): Promise<string> => {
    publisher.present = { ...publisher.present, history: { ...history, ...change } };
    admin.clock.advance(250);
    return /<dt>History<\/dt>\s*<dd>([^]*?)<\/dd>/.exec(await page(admin, "/"))![1]!.trim();
  };
  assertEquals(await shown({}), "empty");
  const range = { first: "2024-01-01T00:00:00Z", last: "2024-01-02T00:00:00Z", bytes: 2048 };
  assertEquals(await shown(range), "2024-01-01 00:00:00Z to 2024-01-02 00:00:00Z, 2.05 kB");
  const failed = { lost: 40, problem: "disk is full" };
  assertEquals(await shown(failed), "empty; 40 measurements not recorded");
  assertMatch(
    await shown({ ...failed, failing: true }),
    /^empty; 40 measurements not recorded <span class="pill bad">fails: disk is full<\/span>$/,
  );
});

Deno.test("slow connections are those that are slow now, and not those that once were", async () => {
  const dropped = { overflow: 5 };
  const publisher = new StillPublisher([
    connection(1, { dropped, overflowedAt: EPOCH - 61_000 }),
    connection(2, { dropped, overflowedAt: EPOCH - 59_000 }),
  ]);
  const admin = new AskedAdmin(publisher);
  const text = await page(admin, "/");
  assertStringIncludes(text, "<caption>Slow connections</caption>");
  assert(text.includes("/connections/2?") && !text.includes("/connections/1?"));
  admin.clock.advance(2_000);
  assert(!(await page(admin, "/")).includes("Slow connections"));
});

Deno.test("a connection's page says whether it is encrypted", async () => {
  const tls = { protocol: "TLSv1.3" };
  const cipher = { index: 1, rotations: 2 } as const;
  const admin = new AskedAdmin(new StillPublisher([connection(1, { tls }), connection(2, { cipher })]));
  const terms = async (id: number): Promise<string[]> => {
    const text = await page(admin, `/connections/${id}`);
    return ["Command channel", "Payload encryption"].map((term) =>
      new RegExp(`<dt>${term}</dt>\\s*<dd>(.*?)</dd>`).exec(text)![1]!
    );
  };
  assertEquals(await terms(1), ["encrypted, TLSv1.3", "none"]);
  assertEquals(await terms(2), ["not encrypted", "key 1, rotated 2 times"]);
  assertMatch(await page(admin, "/security"), /<dt>Connections over TLS<\/dt>\s*<dd>1 of 2<\/dd>/);
});

Deno.test("a measurement's bytes are those of data that was encoded and sent", async () => {
  const admin = new AskedAdmin(new StillPublisher([connection(1)]));
  assertStringIncludes(await page(admin, "/groups"), '<td class="number">5.00</td>');
  assertMatch(await page(admin, "/connections/1"), /<dt>Bytes a measurement<\/dt>\s*<dd>4.00<\/dd>/);
});

Deno.test("who chooses other signals to plot keeps the system and those that there are", async () => {
  const clock = new ManualClock();
  const admin = createAdmin({ one: plantPublisher(), two: plantPublisher() }, { clock });
  const ask = async (path: string): Promise<string> => {
    const answer = admin.fetch(new Request(`http://localhost${path}`));
    await new Promise((resolve) => setTimeout(resolve, 0));
    clock.advance(1_000);
    return await (await answer).text();
  };
  const trends = await ask(`/trends?system=two&signal=${signalId(1)}&signal=${signalId(4)}`);
  const [, back] = /href="(\/signals\?[^"]*)">Choose other signals/.exec(trends)!;
  assertEquals(back, `/signals?system=two&amp;signal=${signalId(1)}&amp;signal=${signalId(4)}`);
  const shown = await ask(`${back!.replaceAll("&amp;", "&")}&limit=1`);
  const form = /<form id="plot"[^]*?<\/form>/.exec(shown)![0];
  assertMatch(form, /name="system" value="two"/);
  assert(
    form.includes(signalId(4)) && !form.includes(signalId(1)),
    "what is not in the list goes with the form",
  );
  assertMatch(shown, new RegExp(`value="${signalId(1)}" form="plot"[^>]* checked`));
  assertStringIncludes(await ask("/trends?system=two"), 'href="/signals?system=two"');
  admin.close();
});

Deno.test("the overview of a publisher that nobody has come to says where it is", async () => {
  const waiting = await page(new AskedAdmin(), "/");
  assertStringIncludes(
    waiting,
    "Nobody is connected to publisher yet. It listens on <code>127.0.0.1:7165</code>.",
  );
  assert(!(await page(new AskedAdmin(new StillPublisher([connection(1)])), "/")).includes("Nobody"));
});

Deno.test("the table of connections is sorted by its heads", async () => {
  const admin = new AskedAdmin(new StillPublisher([connection(1), connection(2)]));
  const text = await page(admin, "/connections?sort=-signals&search=client");
  assert(text.indexOf(">client 2 1.0<") < text.indexOf(">client 1 1.0<"));
  assertStringIncludes(text, 'aria-sort="descending"><a href="?sort=signals&amp;search=client">Signals</a>');
  assertStringIncludes(text, 'value="client"');
});

Deno.test("a wrong filter is explained below it, and stays in its field", async () => {
  const admin = new AskedAdmin();
  const text = await page(
    admin,
    "/metadata/MeasurementDetail?filter=Number+%3E+1+AND+PointTagg+%3D+%27%3C%27",
    400,
  );
  assertStringIncludes(text, 'value="Number &gt; 1 AND PointTagg = &#39;&lt;&#39;"');
  assertStringIncludes(text, "<mark>PointTagg</mark>");
  assertStringIncludes(text, "did you mean PointTag?");
  const good = await page(admin, "/metadata/MeasurementDetail?filter=Number+%3D+3");
  assertStringIncludes(good, "CORDOVA:FREQ</td>");
  assertStringIncludes(good, "<caption>MeasurementDetail, 1 row</caption>");
});

Deno.test("long tables are shown in parts", async () => {
  const text = await page(new AskedAdmin(), "/metadata/MeasurementDetail?limit=1&offset=1");
  assertStringIncludes(text, "2 to 2 of 3");
  assertStringIncludes(text, '<a href="?limit=1&amp;offset=0">Previous</a>');
  assertStringIncludes(text, '<a href="?limit=1&amp;offset=2">Next</a>');
});

Deno.test("an operator's page has the form that disconnects, and it works without script", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]), { basePath: "/admin" });
  const path = "/admin/connections/1/disconnect?system=publisher";
  const asOperator = await (await admin.as("operator", "/admin/connections/1")).text();
  assertStringIncludes(asOperator, `<form class="action stack" method="post" action="${path}">`);
  assert(!(await (await admin.as("reader", "/admin/connections/1")).text()).includes('method="post"'));
  const form = (headers: Record<string, string>): RequestInit => ({
    method: "POST",
    body: new URLSearchParams({ reason: "too slow" }),
    headers,
  });
  const own = { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" };
  for (
    const headers of [{}, { ...own, origin: "http://evil.example" }, {
      ...own,
      "sec-fetch-site": "cross-site",
    }]
  ) {
    assertEquals((await admin.as("operator", path, form(headers))).status, 403);
  }
  assertEquals((await admin.as("reader", path, form(own))).status, 403);
  assertEquals(admin.publisher.disconnected, []);
  const response = await admin.as("operator", path, form(own));
  assertEquals([response.status, response.headers.get("location")], [
    303,
    "/admin/connections/1?done=disconnect&system=publisher",
  ]);
  assertEquals(admin.publisher.disconnected, [[1, "disconnected by otto: too slow"]]);
});

Deno.test("pages link and load only what is below their path, and nothing from elsewhere", async () => {
  const admin = new AskedAdmin(plantPublisher([connection(1)]), { basePath: "/admin" });
  await (await admin.look("/admin/signals")).body?.cancel();
  const paths = [
    "",
    "/",
    "/connections",
    "/connections/1",
    "/groups",
    "/signals",
    "/devices",
    "/trends",
    `/trends?signal=${signalId(1)}`,
    "/metadata",
    "/metadata-changes",
    "/security",
  ].map((path) => `/admin${path}`);
  for (const path of paths) {
    const text = await page(admin, path);
    for (const [, target] of text.matchAll(/\b(?:href|src|action|data-stream)="([^"]*)"/g)) {
      assertMatch(target!, /^(?:\/admin\/|\?|#)/, path);
      if (target!.includes("/api/v1/trend")) continue;
      if (!target!.startsWith("/admin/")) continue;
      const response = await admin.get(target!.replaceAll("&amp;", "&"));
      assertEquals(response.status, 200, target);
      await response.body?.cancel();
    }
    const markup = text.replaceAll(/"[^"]*"/g, "");
    assert(!/<style|<[^>]*\s(?:style|on\w+)=/.test(markup), "the content security policy forbids these");
  }
});

Deno.test("it is found below any path: by itself, mounted in a Hono application, and as a route of one", async () => {
  for (const basePath of ["/grid", "/api", "/metrics", "/api/v1"]) {
    const admin = createAdmin(new StillPublisher([connection(1)]), { basePath });
    const own = (): Hono => {
      const app = new Hono();
      app.get("/", (c) => c.text("the application's own"));
      return app;
    };
    const mounted = own().mount(basePath, admin.fetch, { replaceRequest: false });
    const inner = new Hono().all("/*", (c) => admin.fetch(c.req.raw));
    const routed = own().route(basePath, inner);
    for (const app of [mounted, routed]) {
      assertEquals(await (await app.request("http://localhost/")).text(), "the application's own");
    }
    for (const { fetch } of [admin, mounted, routed]) {
      for (const path of ["", "/", "/connections", "/api/v1/status", "/metrics", "/assets/admin.css"]) {
        const response = await fetch(new Request(`http://localhost${basePath}${path}`));
        assertEquals(response.status, 200, basePath + path);
        await response.body?.cancel();
      }
    }
    for (const path of ["/", "/status", "/healthz", `${basePath}x/healthz`]) {
      const response = await admin.fetch(new Request(`http://localhost${path}`));
      assertEquals(response.status, 404, `${basePath}: ${path}`);
      assertEquals((await response.json()).error.code, "NotFound");
    }
    admin.close();
  }
});

Deno.test("style sheet and script are served as what they are, to users only", async () => {
  const admin = AskedAdmin.withUsers();
  for (
    const [path, type] of [
      ["admin.css", "text/css"],
      ["admin.js", "text/javascript"],
      ["trends.js", "text/javascript"],
      ["icon.svg", "image/svg+xml"],
    ] as const
  ) {
    assertEquals((await admin.get(`/assets/${path}`)).status, 401);
    const response = await admin.as("reader", `/assets/${path}`);
    assertEquals(response.headers.get("content-type"), `${type}; charset=utf-8`);
    const text = await response.text();
    assert(!text.includes("innerHTML"));
    if (type === "text/javascript") new Function(`async () => {${text}}`);
  }
});

Deno.test("no page has a secret in it", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  const paths = [
    "/",
    "/connections",
    "/connections/1",
    "/groups",
    "/metadata",
    "/metadata/MeasurementDetail",
    "/security",
    "/operate",
  ];
  for (const path of paths) {
    const text = await (await admin.as("operator", path)).text();
    for (const secret of Object.values(Secrets)) assert(!text.includes(secret), path);
  }
});

Deno.test("numbers and times read well", () => {
  assertEquals([0, 999, 1_000, 1_234_567, 2e18].map(bytes), [
    "0 B",
    "999 B",
    "1.00 kB",
    "1.23 MB",
    "2.00e+3 PB",
  ]);
  assertEquals([0, 5.55, 12_345.6].map(rate), ["0", "5.5", "12,346"]);
  assertEquals([5, 1_500, 65_000, 3_600_000, 90_061_000].map(duration), [
    "5 ms",
    "1 s",
    "1 min 5 s",
    "1 h",
    "1 d 1 h",
  ]);
  assertEquals([EPOCH, NaN].map(moment), ["2024-01-01 00:00:00Z", "-"]);
});
