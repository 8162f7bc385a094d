import { assert, assertEquals, assertMatch } from "@std/assert";
import { serveAdmin } from "./mod.ts";
import {
  AskedAdmin,
  connection,
  plantPublisher,
  Secrets,
  signalId,
  StillPublisher,
} from "./testdata/systems.ts";

const credentials = [{ name: "otto", role: "operator", secret: Secrets.operator }] as const;

/** What a server answers to bytes, whatever they are: the status, and all of it. */
async function exchange(url: string, head: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  using socket = await Deno.connect({ hostname, port: Number(port) });
  await socket.write(new TextEncoder().encode(`${head}\r\nConnection: close\r\n\r\n`));
  const text = await new Response(socket.readable).text();
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1]), text };
}

Deno.test("no spelling of a host's name gets past a server without credentials", async () => {
  await using server = serveAdmin(new StillPublisher([connection(1)]), { port: 0 });
  const { port } = new URL(server.url);
  const good = await exchange(server.url, `GET /api/v1/status HTTP/1.1\r\nHost: localhost:${port}`);
  assertEquals(good.status, 200);
  const heads = [
    "GET /api/v1/status HTTP/1.1\r\nHost: rebound.example",
    `GET /api/v1/status HTTP/1.1\r\nHost: rebound.example:${port}`,
    `GET /api/v1/status HTTP/1.1\r\nHost: localhost.rebound.example:${port}`,
    `GET /api/v1/status HTTP/1.1\r\nHost: localhost@rebound.example:${port}`,
    `GET /api/v1/status HTTP/1.1\r\nHost: rebound.example#localhost`,
    `GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1.rebound.example`,
    `GET /api/v1/status HTTP/1.1\r\nHost: localhost:${port}\r\nHost: rebound.example`,
    `GET /api/v1/status HTTP/1.1\r\nHost: rebound.example\r\nHost: localhost:${port}`,
    `GET http://rebound.example/api/v1/status HTTP/1.1\r\nHost: localhost:${port}`,
    `GET http://localhost:${port}/api/v1/status HTTP/1.1\r\nHost: rebound.example`,
    "GET /api/v1/status HTTP/1.1\r\nHost: rebound.example\r\nX-Forwarded-Host: localhost",
    "GET /api/v1/status HTTP/1.1\r\nHost: rebound.example\r\nForwarded: host=localhost",
  ];
  for (const head of heads) {
    const { status, text } = await exchange(server.url, head);
    assert(status !== 200 && !text.includes("192.0.2.1"), `${head}: ${text}`);
  }
});

Deno.test("no spelling of a path gets past credentials, or to anything that is not there", async () => {
  await using server = serveAdmin(new StillPublisher([connection(1)]), { port: 0, credentials });
  const ask = (path: string, more = ""): Promise<{ status: number; text: string }> =>
    exchange(server.url, `GET ${path} HTTP/1.1\r\nHost: admin.example${more}`);
  const paths = [
    "/healthz/../api/v1/status",
    "/healthz/%2e%2e/api/v1/status",
    "/healthz/..%2fapi/v1/status",
    "/healthz%2f..%2fapi%2fv1%2fstatus",
    "/healthz;/api/v1/status",
    "/healthz%00/api/v1/status",
    "/healthz\\..\\api\\v1\\status",
    "//healthz",
    "/./healthz/",
    "/%68ealthz",
    "/HEALTHZ",
    "/api/v1/%2e%2e/%2e%2e/metrics",
    "/api%2fv1%2fstatus",
    "//admin.example/api/v1/status",
    "/assets/../metrics",
    "/assets/%2e%2e/metrics",
    "http://admin.example/api/v1/status",
  ];
  for (const path of paths) {
    const { status, text } = await ask(path);
    assert([400, 401].includes(status), `${path}: ${text}`);
  }
  assertEquals((await ask("/healthz?/api/v1/status")).text.endsWith("ok\n"), true);
  const token = `\r\nAuthorization: Bearer ${Secrets.operator}`;
  const missing = [
    "/assets/..%2f..%2f..%2fetc%2fpasswd",
    "/assets/%2fetc%2fpasswd",
    "/metadata/..%2f..%2fetc%2fpasswd",
    "/metadata/%ff",
    "/api/v1/metadata/%00",
    "/api/v1/connections/1%2f..%2f2",
    "/api/v1/connections/%31%20",
    "/api/v1/connections/1e0",
    "/connections/__proto__",
    "/api/v1/bans/../../../etc/passwd",
  ];
  for (const path of missing) assertEquals((await ask(path, token)).status, 404, path);
});

Deno.test("what a caller sends comes back in no header", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  const own = { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" };
  const send = (query: string, fields: string): Promise<Response> =>
    admin.as("operator", `/connections/1/disconnect${query}`, {
      method: "POST",
      body: fields,
      headers: { ...own, "content-type": "application/x-www-form-urlencoded" },
    });
  for (const fields of ["reason=a%0d%0aSet-Cookie:+x", "reason=%00", "reason=a%0ab", "reason%0d%0a=x"]) {
    const response = await send("", fields);
    assertEquals([response.status, response.headers.get("set-cookie")], [400, null], fields);
    await response.body?.cancel();
  }
  const elsewhere = await send("?system=publisher%0d%0aSet-Cookie:+x", "reason=x");
  assertEquals(elsewhere.status, 404);
  for (const [name, value] of elsewhere.headers) assert(!`${name}${value}`.includes("ookie"));
  assertEquals(admin.publisher.disconnected, []);
  const line = "\r\nSet-Cookie: x";
  const text = await (await admin.as("operator", "/api/v1/notifications", {
    method: "POST",
    body: JSON.stringify({ text: `noon${line}`, to: "nobody" }),
    headers: { "content-type": "application/json" },
  })).json();
  assertEquals(text.error.code, "NoSubscriber");
});

Deno.test("a body that does not come, breaks off or does not end is not waited for", async () => {
  const admin = AskedAdmin.withUsers(new StillPublisher([connection(1)]));
  const send = async (body: ReadableStream<Uint8Array>): Promise<unknown> => {
    const response = await admin.as("operator", "/api/v1/connections/1/disconnect", {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    return [response.status, (await response.json()).error.code];
  };
  let cancelled = 0;
  const cancel = (): void => void cancelled++;
  const slow = send(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([123])), cancel }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  admin.clock.advance(10_000);
  assertEquals([await slow, cancelled], [[408, "BodyTooSlow"], 1]);
  const endless = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(10_000).fill(32)), cancel });
  assertEquals([await send(endless), cancelled], [[413, "BodyTooLong"], 2]);
  const broken = new ReadableStream({ pull: (c) => c.error(new Error("reset")) });
  assertEquals(await send(broken), [400, "InvalidBody"]);
  assertEquals([admin.publisher.disconnected, admin.clock.pending], [[], 0]);
});

Deno.test("who announces a body without end is answered before that has come", async () => {
  await using server = serveAdmin(new StillPublisher([connection(1)]), {
    port: 0,
    credentials,
    actions: true,
    onAction: () => {},
  });
  const head = [
    "POST /api/v1/connections/1/disconnect HTTP/1.1",
    "Host: localhost",
    `Authorization: Bearer ${Secrets.operator}`,
    "Content-Type: application/json",
    "Content-Length: 99999999999",
    "",
    " ".repeat(70_000),
  ].join("\r\n");
  const { hostname, port } = new URL(server.url);
  using socket = await Deno.connect({ hostname, port: Number(port) });
  const sent = socket.write(new TextEncoder().encode(head));
  const answer = new Uint8Array(1024);
  const length = await socket.read(answer);
  assertMatch(new TextDecoder().decode(answer.subarray(0, length!)), /^HTTP\/1\.1 413 /);
  await sent;
});

Deno.test("HEAD has no body and opens no stream; other methods do nothing and say nothing to other sites", async () => {
  const admin = new AskedAdmin(plantPublisher([connection(1)]));
  for (const path of ["/", "/metrics", "/api/v1/status", "/api/v1/connections/1", "/assets/admin.js"]) {
    const [get, head] = [await admin.get(path), await admin.get(path, { method: "HEAD" })];
    assertEquals([head.status, await head.text()], [get.status, ""], path);
    assertEquals(head.headers.get("content-type"), get.headers.get("content-type"));
    await get.body?.cancel();
  }
  for (let i = 0; i < 100; i++) {
    for (const path of ["/api/v1/events", `/api/v1/trend?signal=${signalId(1)}`]) {
      assertEquals((await admin.get(path, { method: "HEAD" })).status, 200);
    }
  }
  const cross = {
    origin: "http://evil.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
  };
  for (const path of ["/", "/api/v1/status", "/api/v1/connections/1/disconnect"]) {
    for (const method of ["OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"]) {
      const response = await admin.get(path, { method, headers: cross });
      assert([404, 405].includes(response.status), `${method} ${path}`);
      for (const name of response.headers.keys()) assert(!name.startsWith("access-control-"));
      await response.body?.cancel();
    }
  }
  assertEquals(admin.publisher.disconnected, []);
});

Deno.test("pages of other sites can lead here, and have it do no work", async () => {
  const admin = new AskedAdmin(new StillPublisher([connection(1)]));
  const status = async (headers: Record<string, string>, method = "GET"): Promise<number> => {
    const response = await admin.get("/api/v1/connections", { headers, method });
    await response.body?.cancel();
    return response.status;
  };
  for (const site of ["cross-site", "same-site"]) {
    for (const dest of ["empty", "image", "script", "iframe", "style"]) {
      assertEquals(await status({ "sec-fetch-site": site, "sec-fetch-dest": dest }), 403, dest);
      assertEquals(await status({ "sec-fetch-site": site, "sec-fetch-dest": dest }, "HEAD"), 403, dest);
    }
    assertEquals(await status({ "sec-fetch-site": site, "sec-fetch-dest": "document" }), 200);
  }
  assertEquals(await status({ "sec-fetch-site": "same-origin", "sec-fetch-dest": "empty" }), 200);
  assertEquals(await status({ "sec-fetch-site": "none", "sec-fetch-dest": "document" }), 200);
});

Deno.test("nothing that is about the systems may be kept by anybody on the way", async () => {
  const admin = AskedAdmin.withUsers(plantPublisher([connection(1)]));
  const paths = [
    "/",
    "/connections/1",
    "/api/v1/status",
    "/metrics",
    "/operate",
    "/nothing",
    "/api/v1/events",
  ];
  for (const path of paths) {
    const response = await admin.as("operator", path);
    assertEquals(response.headers.get("cache-control"), "no-store", path);
    await response.body?.cancel();
  }
  const denied = await admin.get("/");
  assertEquals([denied.status, denied.headers.get("cache-control")], [401, "no-store"]);
  await denied.body?.cancel();
  const asset = await admin.as("reader", "/assets/admin.css");
  assertMatch(asset.headers.get("cache-control")!, /^private, /);
  await asset.body?.cancel();
});

Deno.test("guesses from ever more addresses take no more memory than those of some thousands", async () => {
  const admin = AskedAdmin.withUsers();
  const attempt = async (from: string, secret = "a wrong one"): Promise<number> => {
    const headers = { authorization: `Bearer ${secret}` };
    const response = await admin.get("/api/v1/openapi.json", { headers }, from);
    await response.body?.cancel();
    return response.status;
  };
  for (let i = 0; i < 10; i++) assertEquals(await attempt("192.0.2.1", "guess"), 401);
  assertEquals(await attempt("192.0.2.1", Secrets.reader), 429);
  for (let i = 0; i < 4_095; i++) await attempt(`10.0.${i >> 8}.${i & 255}`, "guess");
  assertEquals(await attempt("192.0.2.1", Secrets.reader), 429, "4,096 are remembered");
  await attempt("10.1.0.0", "guess");
  assertEquals(await attempt("192.0.2.1", Secrets.reader), 200, "and the one of longest ago is forgotten");
});

Deno.test("whose guesses were held up is not forgotten for right secrets of others, nor for requests without any", async () => {
  const admin = AskedAdmin.withUsers();
  const ask = async (from: string, secret?: string): Promise<number> => {
    const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
    const response = await admin.get("/api/v1/openapi.json", { headers }, from);
    await response.body?.cancel();
    return response.status;
  };
  for (let i = 0; i < 10; i++) await ask("192.0.2.1", "guess");
  for (let i = 0; i < 5_000; i++) {
    const from = `10.0.${i >> 8}.${i & 255}`;
    assertEquals(await ask(from, i % 2 === 0 ? Secrets.reader : undefined), i % 2 === 0 ? 200 : 401);
  }
  assertEquals(await ask("192.0.2.1", Secrets.reader), 429);
});
