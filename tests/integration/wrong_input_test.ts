/** Wrong input on either side: it gets the answer that it deserves, and disturbs nobody. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type Channel,
  Command,
  connectTcp,
  createChannelPair,
  decodeText,
  DefaultOperationalModes,
  encodeCommand,
  encodeOperationalModes,
  encodeResponse,
  FrameReader,
  listenTcp,
  ManualClock,
  readResponses,
  Response,
  SttpError,
} from "../../transport/mod.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import { dropped, Meeting, receive, until } from "./support.ts";

const size = 12;

/** A client that sends what a test says. */
class RawClient {
  readonly channel: Channel;
  readonly #frames = new FrameReader({ maxLength: 1 << 20 });

  private constructor(channel: Channel) {
    this.channel = channel;
  }

  static async connect(meeting: Meeting): Promise<RawClient> {
    return new RawClient(await connectTcp({ hostname: "127.0.0.1", port: meeting.publisher.port }));
  }

  /** Agrees on operational modes first. */
  static async agreed(meeting: Meeting): Promise<RawClient> {
    const client = await RawClient.connect(meeting);
    await client.send(
      encodeCommand(Command.DefineOperationalModes, encodeOperationalModes(DefaultOperationalModes)),
    );
    assertEquals((await client.next())?.code, Response.Succeeded);
    return client;
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.channel.write(bytes);
  }

  /** The next response but NoOP, or `undefined` when the publisher closed the connection. */
  async next(): Promise<{ code: number; inResponseTo: number; text: string } | undefined> {
    for (;;) {
      const payload = this.#frames.next();
      if (payload === undefined) {
        let count: number | null;
        try {
          count = await this.channel.read(this.#frames.writable());
        } catch {
          // A reset is as good as a close.
          count = null;
        }
        if (count === null) return undefined;
        this.#frames.commit(count);
        continue;
      }
      for (const { code, inResponseTo, body } of readResponses(payload)) {
        if (code !== Response.NoOP) return { code, inResponseTo, text: decodeText(body, "utf-8") };
      }
    }
  }
}

const strangers: readonly [string, Uint8Array][] = [
  ["a web browser", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["a TLS client", new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
  ["a frame of 4 GB", new Uint8Array([0xff, 0xff, 0xff, 0xff, 6])],
  ["a frame just over the limit", new Uint8Array([0, 0, 0x20, 0x06, 6])],
  ["a subscription without operational modes", encodeCommand(Command.Subscribe, new Uint8Array(5))],
  ["an empty frame", new Uint8Array(4)],
  ["half the operational modes", encodeCommand(Command.DefineOperationalModes, new Uint8Array(2))],
];

for (const [name, bytes] of strangers) {
  Deno.test(`publisher: ${name} is sent away, and its subscribers do not notice`, async () => {
    const clock = new ManualClock();
    await using meeting = await Meeting.start(size, { clock, handshakeTimeout: 200 });
    const subscriber = await meeting.subscribed();
    const client = await RawClient.connect(meeting);
    await client.send(bytes);
    // With or without an answer before it, the end comes, if only because time is up.
    while (await client.next() !== undefined) clock.advance(200);
    client.channel.close();
    await until(() => meeting.publisher.stats().connections.open === 1);
    await meeting.publish(5);
    assertEquals((await receive(subscriber, 5 * size)).count, 5 * size);
    assertEquals(dropped(subscriber), {});
  });
}

Deno.test("publisher: a frame that is cut off by the end of the connection", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed();
  const client = await RawClient.agreed(meeting);
  await client.send(encodeCommand(Command.Subscribe, new Uint8Array(100)).subarray(0, 50));
  client.channel.close();
  await until(() => meeting.publisher.stats().connections.open === 1);
  await meeting.publish(1);
  assertEquals((await receive(subscriber, size)).count, size);
});

Deno.test("publisher: unknown commands, bad filters and garbage bodies are answered Failed, the connection goes on", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed();
  const client = await RawClient.agreed(meeting);
  const garbage = crypto.getRandomValues(new Uint8Array(200)).fill(0xff, 0, 5);
  const subscribeTo = (filter: string): Uint8Array => {
    const text = new TextEncoder().encode(`filterExpression={${filter}}`);
    const body = new Uint8Array(5 + text.length);
    body[0] = 2;
    new DataView(body.buffer).setUint32(1, text.length);
    body.set(text, 5);
    return body;
  };
  for (
    const [command, body] of [
      [0x42, garbage],
      [0x42, new Uint8Array(0)],
      [Command.Subscribe, garbage],
      [Command.Subscribe, subscribeTo("FILTER ActiveMeasurements WHERE (((")],
      [Command.Subscribe, subscribeTo("FILTER NoSuchTable WHERE True")],
      [Command.MetadataRefresh, garbage],
    ] as const
  ) {
    await client.send(encodeCommand(command, body));
    const answer = await client.next();
    assertEquals([answer?.code, answer?.inResponseTo], [Response.Failed, command]);
    assert(answer!.text.length > 10, answer!.text);
  }
  await client.send(encodeCommand(Command.Subscribe, subscribeTo("PPA:1")));
  assertEquals((await client.next())?.code, Response.UpdateSignalIndexCache);
  const succeeded = await client.next();
  assertEquals(succeeded?.code, Response.Succeeded);
  assertStringIncludes(succeeded!.text, "1 signal");
  await meeting.publish(3);
  assertEquals((await receive(subscriber, 3 * size)).count, 3 * size);
  assertEquals(meeting.publisher.stats().connections.open, 2);
  client.channel.close();
});

/** Answers whoever connects with `bytes`, after the operational modes and with a Succeeded to all commands. */
function serveGarbage(bytes: Uint8Array): { address: string; stop: () => Promise<void> } {
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const channels: Channel[] = [];
  const serving = (async () => {
    for (let channel = await listener.accept(); channel !== null; channel = await listener.accept()) {
      channels.push(channel);
      await channel.write(encodeResponse(Response.Succeeded, Command.Subscribe));
      await channel.write(bytes);
    }
  })();
  return {
    address: listener.address,
    stop: async () => {
      listener.close();
      for (const channel of channels) channel.close();
      await serving;
    },
  };
}

Deno.test("subscriber: what a garbage publisher sends is counted or ends the connection, and nothing else happens", async () => {
  await using meeting = await Meeting.start(size);
  const good = await meeting.subscribed();
  for (let seed = 1; seed <= 40; seed++) {
    // Frames with right lengths around responses of all codes with bodies of noise; every fifth time noise alone.
    let state = seed * 0x9e3779b1;
    const byte = (): number => {
      state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x12345;
      return state >>> 24;
    };
    const parts: Uint8Array[] = [];
    for (let i = 0; i < 50; i++) {
      const body = Uint8Array.from({ length: byte() }, byte);
      const code = i % 3 === 0 ? Response.DataPacket : i % 3 === 1 ? Response.UpdateSignalIndexCache : byte();
      // Refusals are another test's.
      if (code === Response.Failed) continue;
      parts.push(seed % 5 === 0 ? body : encodeResponse(code, Command.Subscribe, body));
    }
    const server = serveGarbage(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()));
    const subscriber = new Subscriber({
      autoRequestMetadata: false,
      autoSubscribe: false,
      reconnect: false,
      address: server.address,
    });
    await subscriber.connect();
    await until(() => subscriber.state === "idle" || subscriber.stats().frames > parts.length);
    const { dropped: reasons, measurements } = subscriber.stats();
    assertEquals(measurements, 0);
    assert(subscriber.state === "idle" || Object.values(reasons).some((count) => count > 0));
    await subscriber.disconnect();
    await server.stop();
  }
  await meeting.publish(2);
  assertEquals((await receive(good, 2 * size)).count, 2 * size);
});

Deno.test("subscriber: a publisher that vanishes at any byte of a session leaves a clean end", async () => {
  // A session of a real publisher, cut at many places.
  await using meeting = await Meeting.start(size, {}, "memory");
  const recording: Uint8Array[] = [];
  const recorder = meeting.subscriber();
  const recorded = new Subscriber({
    filter: recorder.subscription.filter!,
    connector: async () => {
      const [near, far] = createChannelPair();
      meeting.publisher.serve(far);
      return await Promise.resolve({
        ...near,
        peer: near.peer,
        read: async (into: Uint8Array) => {
          const count = await near.read(into);
          if (count !== null) recording.push(into.slice(0, count));
          return count;
        },
        write: (bytes: Uint8Array) => near.write(bytes),
        close: () => near.close(),
      });
    },
  });
  await recorded.connect();
  await meeting.confirmed();
  await meeting.publish(3);
  await receive(recorded, 3 * size);
  await recorded.disconnect();
  const session = new Uint8Array(await new Blob(recording as BlobPart[]).arrayBuffer());

  for (let cut = 0; cut < session.length; cut += 1 + Math.floor(session.length / 100)) {
    const [near, far] = createChannelPair({ bufferLimit: 1 << 20 });
    const subscriber = new Subscriber({
      filter: "PPA:1",
      reconnect: false,
      connector: () => Promise.resolve(near),
    });
    const connecting = subscriber.connect().then(() => undefined, (error) => error);
    await far.write(session.subarray(0, cut));
    far.close();
    const error = await connecting;
    if (error !== undefined) assert(error instanceof SttpError);
    const reason = await subscriber.closed;
    assert(reason.kind === "lost" || reason.kind === "connectFailed", reason.kind);
    assertEquals(subscriber.state, "idle");
    await assertRejects(() => subscriber.refreshMetadata(), SttpError);
  }
});
