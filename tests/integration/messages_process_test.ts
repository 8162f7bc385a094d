/** Buffer blocks, notifications, user commands, requests and history at a pace, between two processes. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Publisher, type PublisherOptions } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { SttpError } from "../../transport/mod.ts";
import type { Program } from "../interop/program.ts";
import { runChild } from "../support/child.ts";
import { all, Meeting, metadataOf, signalId, until } from "./support.ts";

const size = 10;

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A process that subscribes and tells of each buffer block. */
function blockReader(address: string, options: SubscriberOptions): Program {
  return runChild(async ({ Subscriber, all, say }, { address, options }) => {
    const subscriber = new Subscriber({ filter: all, ...options });
    await subscriber.connect(address);
    say("ready");
    for await (const { signalId, payload } of subscriber.bufferBlocks()) {
      const hash = await crypto.subtle.digest("SHA-256", new Uint8Array(payload));
      say("block", { signalId, length: payload.length, hash: new Uint8Array(hash).toHex() });
    }
  }, { address, options });
}

const older = { bufferBlocks: { layout: "older" } } as const;
const ways: readonly [string, PublisherOptions, SubscriberOptions][] = [
  ["over TCP, compressed", {}, {}],
  ["over TCP, plain", {}, { compressPayload: false }],
  ["in the older layout", older, older],
  ["over UDP, encrypted", { udp: { encrypt: true } }, {
    udp: { interface: "127.0.0.1" },
    bufferBlockRetransmissionTimeout: 0.2,
  }],
];

for (const [name, publisherOptions, subscriberOptions] of ways) {
  Deno.test(`two processes: buffer blocks of up to 1 MB ${name}, each once and in order`, async () => {
    await using meeting = await Meeting.start(size, publisherOptions);
    const { publisher } = meeting;
    await using reader = blockReader(publisher.address, subscriberOptions);
    await reader.next("ready");
    await meeting.confirmed();
    const expected: unknown[] = [];
    for (const [i, length] of [0, 1, 1000, 1_048_576, 5, 200_000, 30].entries()) {
      const payload = new Uint8Array(length);
      for (let from = 0; from < length; from += 65_536) {
        crypto.getRandomValues(payload.subarray(from, from + 65_536));
      }
      // Half of it can be compressed.
      payload.fill(i, length >> 1);
      assertEquals(publisher.publishBufferBlock(signalId(i), payload), 1);
      expected.push({ event: "block", signalId: signalId(i), length, hash: await sha256(payload) });
    }
    for (const block of expected) assertEquals(await reader.next("block"), block);
    await until(() => publisher.stats().open[0]!.bufferBlocks!.waiting === 0);
    const { sent, confirmed, dropped } = publisher.stats().open[0]!.bufferBlocks!;
    assertEquals([sent, confirmed, dropped], [expected.length, expected.length, 0]);
    assertEquals(reader.taken("block"), []);
  });
}

Deno.test("two processes: user commands, schemas, the processing interval and new cipher keys", async () => {
  await using publisher = runChild(async ({ Publisher, SttpError, metadataOf, say, heard }, { size }) => {
    const publisher = new Publisher({
      port: 0,
      hostname: "127.0.0.1",
      udp: { encrypt: true },
      onUserCommand: ({ number, payload }) => {
        if (number === 9) throw new SttpError("Refused", "not today");
        return payload.toReversed();
      },
    });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    say("listening", { address: publisher.address });
    await heard();
    const { cipher, events } = publisher.stats().open[0]!;
    say("seen", { rotations: cipher?.rotations, intervals: events["UpdateProcessingInterval"] });
    await publisher.stop();
  }, { size });
  const subscriber = new Subscriber({ filter: all, udp: { interface: "127.0.0.1" } });
  await using _subscriber = subscriber;
  await subscriber.connect(String((await publisher.next("listening"))["address"]));
  for (const number of [0, 15]) {
    const payload = crypto.getRandomValues(new Uint8Array(5000));
    assertEquals(await subscriber.sendUserCommand(number, payload), payload.toReversed());
  }
  assertStringIncludes(await refusal(subscriber.sendUserCommand(9)) ?? "", "not today");
  const [primary, selection] = [await subscriber.metadataSchema(), await subscriber.signalSelectionSchema()];
  assertEquals(primary.tables.map(({ name }) => name), ["DeviceDetail", "MeasurementDetail"]);
  assertEquals(selection.tables.map(({ name }) => name), ["ActiveMeasurements"]);
  await subscriber.updateProcessingInterval(20);
  // Within a second of the first keys that is refused.
  await until(() => subscriber.stats().cipherKeys === 1);
  for (let error; (error = await refusal(subscriber.rotateCipherKeys())) !== undefined;) {
    assertStringIncludes(error, "within the last second");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await until(() => subscriber.stats().cipherKeys === 2);
  await publisher.send("stop");
  const { rotations, intervals } = await publisher.next("seen");
  assertEquals([rotations, intervals], [1, 1]);
});

/** What a call is refused with; nothing when it is not. */
async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof SttpError && error.code === "Refused") return error.message;
    throw error;
  }
}

/** A publisher that notifies who is told to it, and keeps notifications in a file. */
function notifier(path: string): Program {
  return runChild(
    async ({ Publisher, FileNotificationStore, metadataOf, say, heard }, { path, size }) => {
      const store = new FileNotificationStore(path);
      const publisher = new Publisher({ port: 0, hostname: "127.0.0.1", notifications: { store } });
      publisher.defineMetadata(metadataOf(size));
      await publisher.start();
      say("listening", { address: publisher.address });
      for (let text; (text = await heard()) !== undefined;) {
        say("notified", { text, count: publisher.notify(text) });
      }
    },
    { path, size },
    ["read", "write"].map((permission) => `--allow-${permission}=${path},${path}.new`),
  );
}

Deno.test("two processes: a notification outlives the publisher that is killed, and comes once", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/notifications.json`;
  try {
    const texts: string[] = [];
    const assemblyInfo = { source: "control room", version: "1", updatedOn: "2024-01-01" };
    const subscribe = async (publisher: Program): Promise<Subscriber> => {
      const subscriber = new Subscriber({
        filter: all,
        assemblyInfo,
        onNotification: (text) => void texts.push(text),
      });
      await subscriber.connect(String((await publisher.next("listening"))["address"]));
      return subscriber;
    };
    const isKept = async (text: string): Promise<boolean> =>
      (await Deno.readTextFile(path).catch(() => "")).includes(text);
    {
      await using publisher = notifier(path);
      const subscriber = await subscribe(publisher);
      await publisher.send("the first");
      await until(() => texts.length === 1);
      await subscriber.disconnect();
      await publisher.send("the second");
      assertEquals((await publisher.next("notified", ({ text }) => text === "the second"))["count"], 1);
      await until(() => isKept("the second"));
      await publisher.kill();
    }
    await using publisher = notifier(path);
    await using _subscriber = await subscribe(publisher);
    await until(() => texts.includes("the second"));
    // Confirmed, it is kept no longer.
    await until(async () => !await isKept("the second"));
    assertEquals(texts.filter((text) => text === "the second").length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("two processes: a subscriber that is killed before it confirms is notified again", async () => {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  await using _publisher = publisher;
  publisher.defineMetadata(metadataOf(size));
  await publisher.start();
  const listener = (isSlow: boolean): Program =>
    runChild(async ({ Subscriber, all, say, heard }, { address, isSlow }) => {
      const subscriber = new Subscriber({
        filter: all,
        address,
        assemblyInfo: { source: "control room", version: "1", updatedOn: "2024-01-01" },
        onNotification: async (text) => {
          say("notification", { text });
          // It is confirmed when this is done.
          if (isSlow) await heard();
        },
      });
      await subscriber.connect();
      say("ready");
      if (!isSlow) await heard();
    }, { address: publisher.address, isSlow });
  {
    await using slow = listener(true);
    await slow.next("ready");
    await until(() => publisher.stats().open[0]?.identity?.startsWith("client:control room") === true);
    assertEquals(publisher.notify("storm at noon"), 1);
    await slow.next("notification");
  }
  await until(() => publisher.stats().open.length === 0);
  assertEquals(publisher.stats().notifications.pending, 1);
  await using quick = listener(false);
  assertEquals((await quick.next("notification"))["text"], "storm at noon");
  await until(() => publisher.stats().notifications.pending === 0);
});

Deno.test("two processes: history whose pace is changed midway, to its end; and history that is cancelled", async () => {
  await using publisher = runChild(async (tools, { size }) => {
    const { Publisher, MemoryHistory, MeasurementBatch, Ticks, metadataOf, signalId, say, heard } = tools;
    const publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history: new MemoryHistory() });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    const batch = new MeasurementBatch();
    const start = Ticks.now() - 60n * Ticks.PerSecond;
    for (let i = 0; i < 100; i++) {
      batch.add(publisher.signals.add(signalId(i % size)), start + BigInt(i) * Ticks.PerMillisecond, i, 0);
    }
    publisher.publish(batch);
    say("listening", { address: publisher.address });
    await heard();
    await publisher.stop();
  }, { size });
  const subscriber = new Subscriber({
    filter: all,
    startTimeConstraint: "*-5m",
    stopTimeConstraint: "*",
    processingInterval: 3_600_000,
  });
  await using _subscriber = subscriber;
  const status = subscriber.status();
  /** The next end of history that is told. */
  const ended = async (): Promise<string> => {
    for (;;) {
      const { value: event } = await status.next();
      if (event?.kind === "processingComplete") return event.message;
    }
  };
  await subscriber.connect(String((await publisher.next("listening"))["address"]));
  const values: number[] = [];
  for await (const batch of subscriber.batches()) {
    values.push(...batch.values.subarray(0, batch.length));
    // The second would come in an hour.
    if (values.length === 1) await subscriber.updateProcessingInterval(0);
    if (values.length === 100) break;
  }
  assertEquals(values, Array.from({ length: 100 }, (_, i) => i));
  assertEquals(await ended(), "Replay is complete: 100 measurements.");

  await subscriber.subscribe({ processingInterval: 3_600_000 });
  await subscriber.measurements().next();
  await subscriber.unsubscribe();
  assertEquals(await ended(), "Replay was cancelled.");
  assertEquals(await publisher.quit(), 0);
});
