import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Publisher } from "../publisher/mod.ts";
import { type AdminServer, serveAdmin } from "./mod.ts";
import { StillPublisher } from "./testdata/systems.ts";

Deno.test("it is served over HTTP, under a path of its own", async () => {
  await using server = serveAdmin(new StillPublisher(), { port: 0, basePath: "/admin" });
  const response = await fetch(new URL("api/v1/status", server.url));
  assertEquals((await response.json()).systems[0].name, "grid");
});

Deno.test("without credentials it answers on any of the machine's own addresses", async () => {
  for (const hostname of ["127.0.0.1", "127.0.0.2", "localhost"]) {
    await using server = serveAdmin(new StillPublisher(), { port: 0, hostname });
    assertEquals(await (await fetch(new URL("healthz", server.url))).text(), "ok\n", hostname);
  }
});

Deno.test("a publisher starts its admin, and ends it with what is read from it", async () => {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  let server: AdminServer | undefined;
  const admin = (given: Publisher): AdminServer => server = serveAdmin(given, { port: 0 });
  for (let run = 0; run < 2; run++) {
    await publisher.start({ admin });
    const { url } = server!;
    const status = await (await fetch(new URL("api/v1/status", url))).json();
    assertEquals(status.systems[0].state, "running");
    const events = await fetch(new URL("api/v1/events?after=0", url));
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes('"started"')) text += (await reader.read()).value;
    assertStringIncludes(text, publisher.address, "it was there before the publisher was ready");
    await publisher.stop();
    await assertRejects(async () => {
      while (!(await reader.read()).done);
      throw new Error("it ended");
    });
    await assertRejects(() => fetch(new URL("healthz", url)), TypeError);
  }
});

Deno.test("a publisher does not start without its admin, and its port is free again", async () => {
  await using other = serveAdmin(new StillPublisher(), { port: 0 });
  const taken = Number(new URL(other.url).port);
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  let port = 0;
  await assertRejects(
    () =>
      publisher.start({
        admin: (given) => {
          port = given.port;
          return serveAdmin(given, { port: taken });
        },
      }),
    Deno.errors.AddrInUse,
  );
  await assertRejects(
    () => publisher.start({ admin: (given) => serveAdmin(given, { hostname: "0.0.0.0" }) }),
    TypeError,
    "without credentials",
  );
  assertEquals(publisher.state, "stopped");
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused);
});
