import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { PublisherStatus } from "../publisher/status.ts";
import { SttpError } from "../transport/errors.ts";
import { serveAdmin } from "./serve.ts";
import { AskedAdmin, SCRIPT, StillPublisher } from "./testdata/systems.ts";

/** A publisher to which things happen when the test says so. */
class TalkingPublisher extends StillPublisher {
  #wake: () => void = () => {};
  readonly #events: (PublisherStatus | null)[] = [];

  /** Something happens; `null` ends the status, as a stop does. */
  async say(...events: (PublisherStatus | null)[]): Promise<void> {
    this.#events.push(...events);
    this.#wake();
    // Until it has been heard.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  async *status(): AsyncIterableIterator<PublisherStatus> {
    for (;;) {
      const event = this.#events.shift();
      if (event === null) return;
      if (event === undefined) await new Promise<void>((resolve) => this.#wake = resolve);
      else yield event;
    }
  }
}

const defined = (generation: number): PublisherStatus => ({
  kind: "metadataDefined",
  generation,
  signals: 1,
});

/** The reader's end of a stream of events. */
class Events implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(response: Response) {
    this.#reader = response.body!.getReader();
  }

  static async open(admin: AskedAdmin, query = "", headers: Record<string, string> = {}): Promise<Events> {
    const response = await admin.get(`/api/v1/events${query}`, { headers });
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    const events = new Events(response);
    assertEquals(await events.next(), "retry: 2000\n\n");
    return events;
  }

  async next(): Promise<string> {
    return new TextDecoder().decode((await this.#reader.read()).value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

Deno.test("events come as they happen, from one run to the next", async () => {
  const publisher = new TalkingPublisher();
  const admin = new AskedAdmin(publisher);
  await publisher.say(defined(1));
  await using events = await Events.open(admin);
  const next = events.next();
  await publisher.say(defined(2), null, defined(3));
  const text = await next + await events.next();
  const [, number, data] = /^id: [0-9a-z]+-(\d+)\ndata: (.*)\n\n/.exec(text)!;
  assertEquals([number, JSON.parse(data!)], ["2", {
    number: 2,
    system: "publisher",
    at: admin.clock.now(),
    event: defined(2),
  }]);
  assertStringIncludes(text, '"generation":3');
});

Deno.test("who comes back gets what it missed, and is told of what is no longer kept", async () => {
  const publisher = new TalkingPublisher();
  const admin = new AskedAdmin(publisher);
  for (let i = 1; i <= 3; i++) await publisher.say(defined(i));
  await using all = await Events.open(admin, "?after=0");
  const text = await all.next();
  const ids = [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
  assertEquals(ids.length, 3);
  {
    await using rest = await Events.open(admin, "", { "last-event-id": ids[1]! });
    assertEquals([...(await rest.next()).matchAll(/^id: (.*)$/gm)].map(([, id]) => id), [ids[2]]);
  }
  await publisher.say(...Array.from({ length: 1_007 }, (_, i) => defined(i + 4)));
  await using late = await Events.open(admin, `?after=${ids[1]}`);
  assertMatch(await late.next(), /^data: \{"missed":8\}\n\nid: [0-9a-z]+-11\n/);
  await using stranger = await Events.open(admin, "?after=0ther-5");
  assertMatch(await stranger.next(), /^data: \{"missed":10\}\n\nid: [0-9a-z]+-11\n/);
});

Deno.test("silence is broken now and then, and no timer is left", async () => {
  const admin = new AskedAdmin(new TalkingPublisher());
  {
    await using events = await Events.open(admin);
    const next = events.next();
    await new Promise((resolve) => setTimeout(resolve, 0));
    admin.clock.advance(15_000);
    assertEquals(await next, ": nothing new\n\n");
  }
  assertEquals(admin.clock.pending, 0);
});

Deno.test("there is a limit to readers, and who leaves makes room", async () => {
  const admin = new AskedAdmin(new TalkingPublisher());
  const open = await Promise.all(Array.from({ length: 64 }, () => Events.open(admin)));
  assertEquals(await admin.problem("/api/v1/events"), [503, "TooManyStreams"]);
  await open.pop()![Symbol.asyncDispose]();
  open.push(await Events.open(admin));
  for (let i = 0; i < 64; i++) await admin.get("/api/v1/events", { method: "HEAD" });
  assertEquals((await admin.get("/api/v1/events", { method: "HEAD" })).status, 200, "takes no room");
  for (const events of open) await events[Symbol.asyncDispose]();
});

Deno.test("readers are sent home when the admin is closed, and leave no timer", async () => {
  const admin = new AskedAdmin(new TalkingPublisher());
  assertEquals(await admin.closeWhileRead("/api/v1/events"), { ended: true, timers: 0 });
});

Deno.test("what is no ID of an event is refused", async () => {
  const admin = new AskedAdmin(new TalkingPublisher());
  for (const after of ["junk", "-1", "1", "a-", "a-1x"]) {
    assertEquals(await admin.problem(`/api/v1/events?after=${after}`), [400, "InvalidParameter"], after);
  }
});

Deno.test("errors are told without what is underneath, and texts can't break out", async () => {
  const publisher = new TalkingPublisher();
  const admin = new AskedAdmin(publisher);
  const cause = new SttpError("ConnectionLost", `a\n\ndata: ${SCRIPT}`, { cause: new Error("inside") });
  const failed = { kind: "connectionLost", error: cause } as unknown as PublisherStatus;
  await publisher.say(failed, { kind: "internalError", message: "x".repeat(5_000), cause: "inside" });
  await using events = await Events.open(admin, "?after=0");
  const text = await events.next();
  assertEquals(text.split("\n").filter((line) => line !== "").length, 4);
  assertStringIncludes(text, '"error":{"code":"ConnectionLost","message":"a\\n\\ndata: ');
  assertEquals(text.includes("inside"), false);
  assertEquals(text.length < 3_000, true);
  const page = await (await admin.get("/")).text();
  assertStringIncludes(page, "Latest events");
  assertEquals(page.includes("<script>alert"), false);
});

Deno.test("a server ends with its readers still there", async () => {
  const publisher = new TalkingPublisher();
  const server = serveAdmin(publisher, { port: 0 });
  const response = await fetch(new URL("api/v1/events", server.url));
  const reader = response.body!.getReader();
  await reader.read();
  await server.close();
  await reader.read().then(({ done }) => assertEquals(done, true), () => {});
});
