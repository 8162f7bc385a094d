import { assertEquals, assertStringIncludes } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { type AdminOptions, createAdmin } from "./mod.ts";
import { AskedAdmin, connection, EPOCH, plant, Secrets, StillPublisher } from "./testdata/systems.ts";

const post = (body: unknown): RequestInit => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});
const form = (fields: Record<string, string>): RequestInit => ({
  method: "POST",
  body: new URLSearchParams(fields),
  headers: { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" },
});

/** A publisher with a connection and a ban, and a log. */
function operated(options: AdminOptions = {}): AskedAdmin {
  const publisher = new StillPublisher([connection(1, { identity: "certificate:Relay" })]);
  const bans = [{
    id: 7,
    kind: "host",
    name: "192.0.2.9",
    until: EPOCH + 60_000,
    reason: "too loud",
  }] as const;
  publisher.present = { ...publisher.present, bans };
  return AskedAdmin.withUsers(publisher, options);
}

/** Every action: where it is, what it is sent, what it answers and what the publisher is asked for. */
const actions = [
  ["/connections/1/disconnect", { reason: "x", banSeconds: 60 }, { disconnected: 1 }, ["ban", 1, 60_000]],
  ["/bans/7/lift", {}, { lifted: 7 }, ["liftBan", 7]],
  ["/notifications", { text: "noon\nthen" }, { notified: 2 }, ["notify", "noon\nthen", undefined]],
  ["/cipher-keys/rotate", { connection: 1 }, { rotated: 1 }, ["rotateCipherKeys", 1]],
  ["/metadata/reload", {}, { reloaded: "publisher" }, "reloaded publisher"],
  ["/log-level", { level: "debug" }, { level: "debug" }, "debug"],
] as const;

/** Who was refused, and why. */
function refusals({ actions }: AskedAdmin): unknown[][] {
  return actions.filter(({ done }) => !done).map(({ user, refusal }) => [user, refusal]);
}

function withEverything(options: AdminOptions = {}): { admin: AskedAdmin; log: { level: "info" | "debug" } } {
  const log = { level: "info" as "info" | "debug" };
  const admin: AskedAdmin = operated({
    reloadMetadata: (system) => void admin.publisher.asked.push(`reloaded ${system}`),
    log: {
      get level() {
        return log.level;
      },
      set level(level) {
        log.level = level as "debug";
        admin.publisher.asked.push(level);
      },
    },
    ...options,
  });
  return { admin, log };
}

Deno.test("operators act through JSON and through forms, and each action is told with who took it", async () => {
  for (const [path, body, answer, asked] of actions) {
    const { admin } = withEverything();
    const response = await admin.as("operator", `/api/v1${path}`, post(body));
    const text = await response.text();
    assertEquals(response.status, 200, `${path}: ${text}`);
    const { system, ...rest } = JSON.parse(text);
    assertEquals(rest, answer as unknown);
    assertEquals(system, path === "/log-level" ? undefined : "publisher");
    assertEquals(admin.publisher.asked, [asked] as unknown);
    const { user, parameters, done, refusal, repeated } = admin.actions[0]!;
    assertEquals([user, parameters, done, refusal, repeated], ["otto", body, true, null, 1] as unknown);

    const strings = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String(value)]));
    const fromForm = await admin.as("operator", path, form(strings));
    assertEquals(fromForm.status, 303, path);
    const page = await admin.as("operator", fromForm.headers.get("location")!);
    assertEquals(page.status, 200, fromForm.headers.get("location")!);
    await page.body?.cancel();
    assertEquals(admin.publisher.asked, [asked, asked] as unknown);
  }
});

Deno.test("no action without the role, without being enabled, or for a foreign page", async () => {
  for (const [path, body] of actions) {
    for (const [where, init] of [[`/api/v1${path}`, post(body)], [path, form({})]] as const) {
      const code = async (admin: AskedAdmin, user: "reader" | "operator", more = {}): Promise<string> => {
        const headers = { ...init.headers as Record<string, string>, accept: "application/json", ...more };
        const response = await admin.as(user, where, { ...init, headers });
        assertEquals(response.status, 403, where);
        return (await response.json()).error.code;
      };
      const { admin } = withEverything();
      assertEquals(await code(admin, "reader"), "NotAllowed");
      assertEquals(await code(admin, "operator", { origin: "http://evil.example" }), "ForeignRequest");
      assertEquals((await admin.get(where, init)).status, 401);
      assertEquals([admin.publisher.asked, admin.publisher.disconnected], [[], []]);
      assertEquals(refusals(admin), [["rita", "NotAllowed"], ["otto", "ForeignRequest"]]);
      const off = withEverything({ actions: false }).admin;
      assertEquals(await code(off, "operator"), "ActionsOff");
      assertEquals(off.publisher.asked, []);
      assertEquals(refusals(off), [["otto", "ActionsOff"]]);
    }
  }
});

Deno.test("single actions can be enabled, and the pages show no more than those", async () => {
  const { admin } = withEverything({ actions: ["notify"] });
  assertEquals((await admin.as("operator", "/api/v1/notifications", post({ text: "x" }))).status, 200);
  assertEquals((await admin.as("operator", "/api/v1/connections/1/disconnect", post({}))).status, 403);
  const operate = await (await admin.as("operator", "/operate")).text();
  assertStringIncludes(operate, "/notifications?system=publisher");
  assertStringIncludes(operate, 'value="certificate:Relay"');
  for (const other of ["/cipher-keys", "/metadata/reload", "/log-level"]) {
    assertEquals(operate.includes(other), false);
  }
  const details = await (await admin.as("operator", "/connections/1")).text();
  assertEquals(details.includes('method="post"'), false);
  const overview = await (await admin.as("reader", "/")).text();
  assertEquals(overview.includes("/operate"), false);
});

Deno.test("what is not there can't be acted on, and is told as not done", async () => {
  const { admin } = withEverything();
  const code = async (path: string, body: unknown): Promise<[number, string]> => {
    const response = await admin.as("operator", `/api/v1${path}`, post(body));
    return [response.status, (await response.json()).error.code];
  };
  assertEquals(await code("/bans/8/lift", {}), [404, "NoBan"]);
  assertEquals(await code("/bans/x/lift", {}), [404, "NoBan"]);
  assertEquals(await code("/notifications", { text: "x", to: "nobody" }), [404, "NoSubscriber"]);
  assertEquals(await code("/cipher-keys/rotate", { connection: 2 }), [409, "NotRotated"]);
  assertEquals(await code("/connections/9/disconnect", {}), [404, "NoConnection"]);
  assertEquals(await code("/bans/7/lift?system=other", {}), [404, "NoSystem"]);
  assertEquals(refusals(admin).map(([, why]) => why), [
    "NoBan",
    "NoBan",
    "NoSubscriber",
    "NotRotated",
    "NoConnection",
    "NoSystem",
  ]);
  assertEquals(await code("/notifications", {}), [400, "InvalidBody"]);
  assertEquals(await code("/notifications", { text: " \n\t " }), [400, "InvalidBody"]);
  assertEquals(await code("/notifications", { text: "x".repeat(4_001) }), [400, "InvalidBody"]);
  assertEquals(await code("/notifications", { text: "x", __proto__x: 1 }), [400, "InvalidBody"]);
  assertEquals(await code("/connections/1/disconnect", { banSeconds: -1 }), [400, "InvalidBody"]);
  assertEquals(await code("/connections/1/disconnect", { banSeconds: 1e9 }), [400, "InvalidBody"]);
  assertEquals(await code("/log-level", { level: "loud" }), [400, "InvalidBody"]);
  assertEquals(await code("/log-level", {}), [400, "InvalidBody"]);
  assertEquals(admin.actions.length, 6 + 8);
  assertEquals(admin.actions.some(({ done }) => done), false);
  const { action, system, id, parameters } = admin.actions.at(-4)!;
  assertEquals([action, system, id, parameters], ["disconnect", null, 1, {}], "a wrong body is not told");
});

Deno.test("with several publishers an action says which, or is refused", async () => {
  const both = { west: new StillPublisher([connection(1)]), east: new StillPublisher([connection(1)]) };
  const told: unknown[] = [];
  const admin = createAdmin(both, {
    clock: new ManualClock(),
    credentials: [{ name: "otto", role: "operator", secret: Secrets.operator }],
    actions: true,
    reloadMetadata: () => void told.push("reloaded"),
    onAction: ({ refusal }) => told.push(refusal),
  });
  const act = async (path: string, body: unknown): Promise<unknown> => {
    const headers = { authorization: `Bearer ${Secrets.operator}`, "content-type": "application/json" };
    const init = { method: "POST", body: JSON.stringify(body), headers };
    const response = await admin.fetch(new Request(`http://localhost/api/v1${path}`, init));
    return [response.status, (await response.json()).error?.message];
  };
  const refused = [400, "there are several publishers, so system has to be one of west, east"];
  assertEquals(await act("/connections/1/disconnect", {}), refused);
  assertEquals(await act("/bans/1/lift", {}), refused);
  assertEquals(await act("/notifications", { text: "x" }), refused);
  assertEquals(await act("/cipher-keys/rotate", {}), refused);
  assertEquals((await act("/metadata/reload", {}) as unknown[])[0], 400);
  assertEquals(told, new Array(5).fill("SystemNeeded"));
  assertEquals([both.west.asked, both.west.disconnected, both.east.disconnected], [[], [], []]);
  assertEquals(await act("/connections/1/disconnect?system=east", {}), [200, undefined]);
  assertEquals([both.west.disconnected.length, both.east.disconnected.length], [0, 1]);
  admin.close();
});

Deno.test("refused actions are told with who asked, from where and why, and never with what they sent along", async () => {
  const { admin } = withEverything();
  const headers = { authorization: `Bearer ${Secrets.reader}`, "content-type": "application/json" };
  const body = JSON.stringify({ reason: Secrets.operator });
  const response = await admin.get("/api/v1/connections/1/disconnect?system=publisher", {
    method: "POST",
    headers,
    body,
  }, "192.0.2.7");
  assertEquals(response.status, 403);
  assertEquals(admin.actions, [{
    at: EPOCH,
    user: "rita",
    address: "192.0.2.7",
    action: "disconnect",
    system: null,
    id: null,
    parameters: {},
    done: false,
    refusal: "NotAllowed",
    repeated: 1,
  }]);
  const anonymous = new AskedAdmin(new StillPublisher());
  await anonymous.get("/connections/1/disconnect", form({ reason: "x" }), "::1");
  const { user, address, refusal } = anonymous.actions[0]!;
  assertEquals([user, address, refusal], ["anonymous", "::1", "ActionsOff"]);
});

Deno.test("a flood of refused actions is told in short, each user's for itself", async () => {
  const { admin } = withEverything();
  const ask = async (user: "reader" | "operator", path: string): Promise<void> => {
    await (await admin.as(user, `/api/v1${path}`, post({}))).body?.cancel();
  };
  for (let i = 0; i < 500; i++) await ask("reader", "/bans/7/lift");
  assertEquals(admin.actions.length, 60);
  await ask("operator", "/bans/8/lift");
  await ask("operator", "/bans/7/lift");
  assertEquals(admin.actions.slice(60).map(({ user, done }) => [user, done]), [["otto", false], [
    "otto",
    true,
  ]]);
  admin.clock.advance(60_000);
  assertEquals(admin.actions.slice(62).map(({ user, repeated }) => [user, repeated]), [["rita", 440]]);
  for (let i = 0; i < 61; i++) await ask("reader", "/bans/7/lift");
  admin.admin.close();
  assertEquals(admin.actions.length, 63 + 61, "what was left out is told at the end");
  assertEquals(admin.clock.pending, 0);
});

Deno.test("an application's log that fails takes nothing back", async () => {
  const { error } = console;
  const told: unknown[] = [];
  console.error = (problem) => told.push(problem);
  const throws = (): void => {
    throw new Error("disk full");
  };
  try {
    for (const onAction of [throws, () => Promise.reject(new Error("disk full"))]) {
      const { admin } = withEverything({ onAction });
      assertEquals((await admin.as("operator", "/api/v1/bans/7/lift", post({}))).status, 200);
    }
  } finally {
    console.error = error;
  }
  assertEquals(told.map(String), ["Error: disk full", "Error: disk full"]);
});

Deno.test("what a system does not offer is refused, and a failing reload tells nothing of the inside", async () => {
  const publisher = new StillPublisher();
  const bare = Object.assign(publisher, {
    notify: undefined,
    rotateCipherKeys: undefined,
    liftBan: undefined,
  });
  const admin = AskedAdmin.withUsers(bare as never);
  const code = async (path: string, body: unknown): Promise<unknown> => {
    const response = await admin.as("operator", `/api/v1${path}`, post(body));
    return [response.status, (await response.json()).error.code];
  };
  for (const [path, body] of actions.slice(1)) {
    assertEquals(await code(path, body), [409, "NotOffered"], path);
  }
  const failing = operated({
    reloadMetadata: () => {
      throw new Error("no file /secret/path");
    },
  });
  const { error } = console;
  console.error = () => {};
  try {
    const response = await failing.as("operator", "/api/v1/metadata/reload", post({}));
    assertEquals(response.status, 409);
    assertEquals((await response.text()).includes("secret"), false);
  } finally {
    console.error = error;
  }
});

Deno.test("what changed in metadata is told when it has been replaced", async () => {
  const admin = operated();
  admin.publisher.dataSet = plant();
  const read = async (): Promise<Record<string, unknown>> =>
    await (await admin.as("reader", "/api/v1/metadata-changes")).json();
  assertEquals((await read())["tables"] instanceof Array, true);
  admin.clock.advance(1_000);
  const changed = plant();
  const devices = changed.table("DeviceDetail")!;
  devices.set(0, "Name", "Shelby station");
  devices.addRow(["PARIS", "Paris", 30]);
  admin.publisher.dataSet = changed;
  const { previousAt, at, tables } = await read() as { previousAt: number; at: number; tables: unknown[] };
  assertEquals([previousAt, at], [EPOCH, EPOCH + 1_000]);
  assertEquals(tables, [{
    name: "DeviceDetail",
    presence: "both",
    addedColumns: [],
    removedColumns: [],
    added: 1,
    removed: 0,
    changed: 1,
    unchanged: 1,
    rows: [
      {
        change: "changed",
        row: "SHELBY",
        cells: [{ column: "Name", before: "Shelby", after: "Shelby station" }],
      },
      { change: "added", row: "PARIS", cells: [] },
    ],
  }]);
  assertEquals(await read(), { system: "publisher", previousAt, at, tables }, "asked again");
});
