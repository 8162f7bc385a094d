import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Logger } from "../log/mod.ts";
import { ManualClock } from "../transport/mod.ts";
import { Authenticator } from "./authentication.ts";
import { type AdminOptions, createAdmin, serveAdmin } from "./mod.ts";
import { AskedAdmin, connection, Secrets, StillPublisher } from "./testdata/systems.ts";

const basic = (text: string): string => `Basic ${btoa(text)}`;
const post = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body,
  headers: { "content-type": "application/json", ...headers },
});
const path = "/api/v1/connections/1/disconnect";

/** Puts another function in a place, until it is disposed of. */
function instead<Name extends string, Call>(of: Record<Name, Call>, name: Name, call: Call): Disposable {
  const before = of[name];
  of[name] = call;
  return { [Symbol.dispose]: () => void (of[name] = before) };
}

Deno.test("without credentials it answers to the machine's own names only", async () => {
  const admin = new AskedAdmin();
  const status = async (url: string, headers: Record<string, string> = {}): Promise<number> => {
    return (await admin.admin.fetch(new Request(url, { headers }))).status;
  };
  assertEquals(await status("http://localhost/healthz"), 200);
  assertEquals(await status("http://127.0.0.1:8080/healthz"), 200);
  assertEquals(await status("http://[::1]:8080/healthz"), 200);
  assertEquals(await status("http://rebound.example/healthz"), 421);
  assertEquals(await status("http://localhost.example/healthz"), 421);
  assertEquals(await status("http://localhost/healthz", { host: "rebound.example:80" }), 421);
  assertEquals(await status("http://localhost/healthz", { "x-forwarded-host": "localhost" }), 200);
});

Deno.test("host names can be given", async () => {
  const admin = new AskedAdmin(new StillPublisher(), { hosts: ["Grid.example"] });
  assertEquals((await admin.admin.fetch(new Request("http://grid.example/healthz"))).status, 200);
  assertEquals((await admin.get("/healthz")).status, 421);
});

Deno.test("credentials are needed for everything but health", async () => {
  const admin = AskedAdmin.withUsers();
  for (const open of ["/healthz", "/readyz"]) assertEquals((await admin.get(open)).status, 200);
  for (
    const closed of [
      "/metrics",
      "/api/v1/status",
      "/api/v1/openapi.json",
      "/nothing",
      "/healthz/",
      "//healthz",
    ]
  ) {
    const response = await admin.get(closed);
    assertEquals(response.status, 401, closed);
    assertStringIncludes(response.headers.get("www-authenticate")!, "Basic realm=");
    await response.body?.cancel();
  }
});

Deno.test("bearer and basic both tell who it is", async () => {
  const admin = AskedAdmin.withUsers();
  const user = async (authorization: string): Promise<unknown> => {
    const response = await admin.get("/api/v1/status", { headers: { authorization } });
    return response.status === 200 ? (await response.json()).user : response.status;
  };
  assertEquals(await user(`Bearer ${Secrets.reader}`), { name: "rita", role: "reader" });
  assertEquals(await user(`bearer ${Secrets.operator}`), { name: "otto", role: "operator" });
  assertEquals(await user(basic(`otto:${Secrets.operator}`)), { name: "otto", role: "operator" });
  assertEquals(await user(basic(`rita:${Secrets.operator}`)), 401);
  assertEquals(await user(basic(Secrets.operator)), 401);
  assertEquals(await user(`Bearer ${Secrets.operator.slice(0, -1)}`), 401);
  assertEquals(await user("Bearer "), 401);
  assertEquals(await user(`Digest ${Secrets.operator}`), 401);
});

Deno.test("wrong credentials are logged with where they came from, and not with what was given", async () => {
  const lines: string[] = [];
  const clock = new ManualClock();
  const log = new Logger({ clock, output: (line) => lines.push(line) });
  const admin = AskedAdmin.withUsers(undefined, { log });
  const attempt = async (authorization: string, from?: string): Promise<void> => {
    const response = await admin.get("/api/v1/status", { headers: { authorization } }, from);
    assertEquals(response.status, 401);
    await response.body?.cancel();
  };
  await attempt("Bearer typed-by-mistake", "192.0.2.7");
  await attempt(basic("typed:typed-by-mistake"), "2001:db8::1");
  await attempt("typed");
  const logged = lines.map((line) => JSON.parse(line));
  assertEquals(logged.map(({ level, event, address }) => [level, event, address]), [
    ["warning", "admin.signInFailed", "192.0.2.7"],
    ["warning", "admin.signInFailed", "2001:db8::1"],
    ["warning", "admin.signInFailed", null],
  ]);
  assert(!lines.join().includes("typed"));
  // Who gives none has tried nothing, and who gives right ones has not failed.
  await (await admin.get("/api/v1/status")).body?.cancel();
  await (await admin.as("reader", "/api/v1/status")).body?.cancel();
  assertEquals(lines.length, 3);
  for (let i = 0; i < 100; i++) await attempt("Bearer typed", `192.0.2.${i}`);
  assertEquals(lines.length, 60, "the log's limits hold");
  await log.flush();
});

Deno.test("a log that throws neither lets anybody guess on nor breaks an answer", async () => {
  const throws = (event: string): void => {
    throw new Error(`no room for ${event}`);
  };
  for (const fail of [throws, (event: string) => Promise.reject(new Error(`no room for ${event}`))]) {
    const log: AdminOptions["log"] = { level: "info", warning: fail, error: fail };
    const admin = AskedAdmin.withUsers(undefined, { log });
    const told: string[] = [];
    using _ = instead(console, "error", (line: string) => void told.push(line));
    const status = async (secret: string, from = "192.0.2.7"): Promise<number> => {
      const headers = { authorization: `Bearer ${secret}` };
      const response = await admin.get("/api/v1/status", { headers }, from);
      await response.body?.cancel();
      return response.status;
    };
    admin.publisher.stats = () => {
      throw new Error("a fault");
    };
    assertEquals(await status(Secrets.reader), 500);
    for (let i = 0; i < 10; i++) assertEquals(await status(`guess-${i}`), 401);
    assertEquals(await status("guess"), 429);
    const lines = told.map((line) => JSON.parse(line));
    assertEquals(lines.map(({ level, event }) => [level, event]), [
      ["error", "admin.internalError"],
      ...Array.from({ length: 10 }, () => ["warning", "admin.signInFailed"]),
    ]);
    assertEquals([lines[0].error.message, lines[0].logFailure.message], [
      "a fault",
      "no room for admin.internalError",
    ]);
    assertEquals(lines[1].address, "192.0.2.7");
    // From many addresses it fills no disk.
    for (let i = 0; i < 100; i++) assertEquals(await status("guess", `198.51.100.${i}`), 401);
    assertEquals(told.length, 1 + 60);
    admin.admin.close();
  }
});

Deno.test("attempts are counted before anybody is told of them", () => {
  const tellers: string[] = [];
  const authenticator = new Authenticator(
    [{ name: "rita", role: "reader", secret: Secrets.reader }],
    new ManualClock(),
    (address) => {
      tellers.push(address);
      throw new Error("cannot tell");
    },
  );
  for (let i = 0; i < 10; i++) assertThrows(() => authenticator.authenticate("Bearer guess", "192.0.2.7"));
  assertEquals(authenticator.authenticate("Bearer guess", "192.0.2.7").kind, "tooMany");
  assertEquals(tellers.length, 10);
});

Deno.test("without a log of the application's the admin has one of its own, to standard error", async () => {
  for (const [name, log] of [["nothing", undefined], ["a level", { level: "info" }]] as const) {
    const code = `import { createAdmin } from "./admin/mod.ts";
      import { Publisher } from "./publisher/mod.ts";
      const credentials = [{ name: "rita", role: "reader", secret: "reader-secret-0001" }];
      const admin = createAdmin(new Publisher(), { credentials, log: ${JSON.stringify(log)} });
      await admin.fetch(new Request("http://localhost/", { headers: { authorization: "Bearer typed" } }));
      admin.close();`;
    const cwd = new URL("..", import.meta.url);
    const args = ["eval", "--config", "deno.json", code];
    const { stderr } = await new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1" } })
      .output();
    const text = new TextDecoder().decode(stderr);
    assertStringIncludes(text, '"level":"warning","event":"admin.signInFailed","address":null', name);
    assert(!text.includes("typed"), name);
  }
});

Deno.test("whoever guesses is held up, and others are not", async () => {
  const admin = AskedAdmin.withUsers();
  const attempt = async (secret: string, from: string): Promise<number> => {
    const headers = { authorization: `Bearer ${secret}` };
    const response = await admin.get("/api/v1/status", { headers }, from);
    await response.body?.cancel();
    return response.status;
  };
  for (let i = 0; i < 10; i++) assertEquals(await attempt(`guess-${i}`, "2001:db8::1"), 401);
  assertEquals(await attempt("guess", "2001:db8::1"), 429);
  for (const neighbour of ["2001:db8::2", "2001:db8::a:b:c:d", "2001:DB8:0:0:1::"]) {
    assertEquals(await attempt(Secrets.reader, neighbour), 429, "all of a network are held up together");
  }
  assertEquals(await attempt(Secrets.reader, "2001:db8:0:1::1"), 200);
  assertEquals(
    await attempt(Secrets.reader, "2001:db8::1"),
    429,
    "a right guess is not told from a wrong one",
  );
  assertEquals(await attempt(Secrets.reader, "192.0.2.7"), 200);
  const held = await admin.get("/api/v1/status", { headers: { authorization: "Bearer x" } }, "2001:db8::1");
  assertEquals(held.headers.get("retry-after"), "6");
  admin.clock.advance(5_999);
  assertEquals(await attempt(Secrets.reader, "2001:db8::1"), 429);
  admin.clock.advance(1);
  assertEquals(await attempt("guess", "2001:db8::1"), 401);
  assertEquals(await attempt(Secrets.reader, "2001:db8::1"), 429, "one guess in six seconds");
  admin.clock.advance(6_000);
  assertEquals(await attempt(Secrets.reader, "2001:db8::1"), 200);
  const metrics = await (await admin.as("reader", "/metrics")).text();
  assertStringIncludes(metrics, "\nsttp_admin_authentication_failures_total 11\n");
});

Deno.test("an operator ends a connection, and it is told who did", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  const response = await admin.as("operator", path, post('{"reason":"too slow"}'));
  assertEquals([response.status, await response.json()], [200, { disconnected: 1, system: "publisher" }]);
  assertEquals(admin.publisher.disconnected, [[1, "disconnected by otto: too slow"]]);
  assertEquals(admin.actions, [{
    at: admin.clock.now(),
    user: "otto",
    address: null,
    action: "disconnect",
    system: "publisher",
    id: 1,
    parameters: { reason: "too slow" },
    done: true,
    refusal: null,
    repeated: 1,
  }]);
  const gone = await admin.as("operator", "/api/v1/connections/2/disconnect", post(""));
  assertEquals([gone.status, (await gone.json()).error.code], [404, "NoConnection"]);
});

Deno.test("nobody else ends one", async () => {
  const publisher = new StillPublisher([connection(1)]);
  const code = async (
    admin: AskedAdmin,
    user: "reader" | "operator",
    init: RequestInit,
  ): Promise<unknown> => {
    const response = await admin.as(user, path, init);
    return [response.status, (await response.json()).error.code];
  };
  const users = AskedAdmin.withUsers(publisher);
  assertEquals(await code(users, "reader", post("{}")), [403, "NotAllowed"]);
  assertEquals((await users.get(path, post("{}"))).status, 401);
  assertEquals((await users.as("operator", path)).status, 405, "GET is no action");
  const off = AskedAdmin.withUsers(publisher, { actions: false });
  assertEquals(await code(off, "operator", post("{}")), [403, "ActionsOff"]);
  const anonymous = await new AskedAdmin(publisher).get(path, post("{}"));
  assertEquals((await anonymous.json()).error.code, "ActionsOff");
  assertEquals(publisher.disconnected, []);
});

Deno.test("a foreign page can't act with an operator's browser", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  const code = async (init: RequestInit): Promise<unknown> => {
    const response = await admin.as("operator", path, init);
    return response.status === 200 ? 200 : (await response.json()).error.code;
  };
  assertEquals(await code(post("{}", { origin: "http://evil.example" })), "ForeignRequest");
  assertEquals(await code(post("{}", { origin: "null" })), "ForeignRequest");
  assertEquals(await code(post("{}", { origin: "http://localhost:8081" })), "ForeignRequest");
  assertEquals(await code(post("{}", { "sec-fetch-site": "cross-site" })), "ForeignRequest");
  assertEquals(await code(post("{}", { "sec-fetch-site": "same-site" })), "ForeignRequest");
  assertEquals(await code(post("{}", { "content-type": "text/plain" })), "ForeignRequest");
  assertEquals(
    await code(post("{}", { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" })),
    200,
  );
  assertEquals(admin.publisher.disconnected.length, 1);
});

Deno.test("bodies of actions are checked", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  const status = async (body: string): Promise<number> => {
    const response = await admin.as("operator", path, post(body));
    await response.body?.cancel();
    return response.status;
  };
  for (const body of ["{", "[]", "null", '{"reason":1}', '{"reason":"a\\nb"}', '{"reasons":""}']) {
    assertEquals(await status(body), 400, body);
  }
  assertEquals(await status(JSON.stringify({ reason: "x".repeat(201) })), 400);
  assertEquals(await status('{"reasons":""}'.padEnd(65_536)), 400);
  assertEquals(await status('{"reasons":""}'.padEnd(65_537)), 413);
  assertEquals(admin.publisher.disconnected, []);
});

Deno.test("every answer has the headers that keep browsers in bounds", async () => {
  const admin = AskedAdmin.withUsers();
  for (
    const response of [
      await admin.get("/healthz"),
      await admin.get("/x"),
      await admin.as("reader", "/metrics"),
    ]
  ) {
    const policy = response.headers.get("content-security-policy")!.split("; ");
    assertEquals(policy.toSorted(), [
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    assertEquals(response.headers.get("x-frame-options"), "DENY");
    assertEquals(response.headers.get("referrer-policy"), "same-origin");
    assertEquals(response.headers.get("cross-origin-opener-policy"), "same-origin");
    assertEquals(response.headers.get("cross-origin-resource-policy"), "same-origin");
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(response.headers.get("access-control-allow-origin"), null);
    await response.body?.cancel();
  }
});

Deno.test("no answer has a secret in it", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  for (const page of ["status", "connections", "connections/1", "metadata", "openapi.json"]) {
    const text = await (await admin.as("operator", `/api/v1/${page}`)).text();
    for (const secret of Object.values(Secrets)) assert(!text.includes(secret), page);
  }
});

Deno.test("options are checked, and secrets are not in the messages", () => {
  const publisher = new StillPublisher();
  const fails = (
    options: AdminOptions,
    kind: typeof TypeError | typeof RangeError,
    message: string,
  ): void => {
    const error = assertThrows(() => createAdmin(publisher, options), kind, message);
    assert(!error.message.includes("hush"));
  };
  const credential = { name: "otto", role: "operator", secret: "hush-hush-hush" } as const;
  fails({ actions: true }, TypeError, "actions need a credential with the role operator");
  fails({ actions: true, credentials: [{ ...credential, role: "reader" }] }, TypeError, "role operator");
  fails(
    { credentials: [{ ...credential, secret: "hush" }] },
    RangeError,
    "4 characters, 12 to 1024 expected",
  );
  fails({ credentials: [{ ...credential, secret: "hush hush hush" }] }, TypeError, "without spaces");
  fails({ credentials: [{ ...credential, name: "a:b" }] }, TypeError, "without colon");
  fails({ credentials: [credential, credential] }, TypeError, "two credentials");
  fails(
    { credentials: [{ ...credential, role: "hush-hush-hush" as "reader" }] },
    TypeError,
    'the role of "otto" has to be reader or operator',
  );
  fails({ basePath: "admin/" }, TypeError, "basePath");
  fails({ stallLimit: 0 }, RangeError, "stallLimit");
  const refusedLogs: unknown[] = [
    null,
    5,
    "info",
    () => {},
    {},
    [],
    { level: 1 },
    { level: "info", warning: "yes" },
    { level: "info", error: null },
  ];
  for (const log of refusedLogs) fails({ log } as AdminOptions, TypeError, "log has to be an object");
  createAdmin(publisher, { log: { level: "info" } }).close();
  createAdmin(publisher, { log: { level: "info", error: (): void => {} } }).close();
  fails({ token: "hush" } as AdminOptions, TypeError, "there is no option token");
  assertThrows(() => createAdmin({}), TypeError, "no system to show");
  assertThrows(() => createAdmin({ "a/b": publisher }), TypeError, 'a system is named "a/b"');
});

Deno.test("it does not listen beyond the machine without credentials", () => {
  for (const hostname of ["0.0.0.0", "::", "192.0.2.1", "127.0.0.1.example"]) {
    assertThrows(
      () => serveAdmin(new StillPublisher(), { hostname, port: 0 }),
      TypeError,
      "without credentials",
    );
  }
});

Deno.test("secrets are compared in a time that tells nothing of them", async () => {
  const source = await Deno.readTextFile(new URL("./authentication.ts", import.meta.url));
  const body = source.slice(source.indexOf("  #userOf("), source.indexOf("/** Digests are"));
  assertStringIncludes(source, 'import { createHash, timingSafeEqual } from "node:crypto";');
  assertStringIncludes(body, "timingSafeEqual(given, ");
  // Nothing else looks at what was given, and no user is passed over once one was found.
  assertEquals(body.match(/\bgiven\b/g)?.length, 2);
  const [, loop] = /\n {4}for \([^]*?\{\n([^]*?)\n {4}\}\n/.exec(body)!;
  assertStringIncludes(loop!, "timingSafeEqual");
  assertEquals(loop!.match(/\b(?:break|continue|return)\b/), null);
});
