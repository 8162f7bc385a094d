/**
 * A subscriber whose publisher sends anything at all.
 *
 * @module
 */
import { assert, assertEquals, AssertionError } from "@std/assert";
import fc from "fast-check";
import { type CloseReason, Subscriber, type SubscriberOptions } from "../../../subscriber/mod.ts";
import {
  batchOf,
  cacheFrame,
  cacheOf,
  compactFrame,
  responseFrame,
  ScriptedConnector,
  type ScriptedPublisher,
  tsscFrame,
} from "../../../subscriber/testdata/scripted_publisher.ts";
import {
  Command,
  DataPacketFlags,
  encodeBufferBlock,
  encodeCipherKeys,
  encodeNotification,
  encryptPayload,
  ManualClock,
  type MeasurementBatch,
  Response,
  SttpError,
  TsscEncoder,
} from "../../../transport/mod.ts";
import { metadataOf } from "../../integration/support.ts";
import { recorded, responseBodies } from "../corpus.ts";
import { keys } from "../keys.ts";
import { damaged, joined } from "../mutate.ts";
import { type FuzzTarget, mustSucceed, target } from "../target.ts";
import { briefly, turns } from "./turns.ts";

/** What happens next. */
type Step =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  | {
    readonly kind: "tssc";
    readonly indexes: readonly number[];
    readonly flags: number;
    readonly skip: boolean;
  }
  | { readonly kind: "advance"; readonly milliseconds: number }
  | { readonly kind: "hangUp" }
  | { readonly kind: "ask"; readonly what: number };

const codes = Object.values(Response);
const commands = Object.values(Command);

/** A response: known or not, its body recorded and damaged. */
const anyResponse = fc.record({
  code: fc.oneof(fc.constantFrom(...codes), fc.nat(255)),
  inResponseTo: fc.oneof(fc.constantFrom(...commands), fc.nat(255)),
}).chain(({ code, inResponseTo }) => {
  const bodies = inResponseTo === Command.MetadataRefresh ? recorded().metadata : responseBodies(code);
  return damaged(bodies).map((body) => responseFrame(code, inResponseTo, body));
});

/** A data packet that is encrypted with one of the keys. */
function encryptedFrame(which: "even" | "odd"): Uint8Array {
  const body = compactFrame(batchOf([0, 1, 2])).subarray(10);
  const flags = body[0]! | (which === "odd" ? DataPacketFlags.CipherIndex : 0);
  const payload = encryptPayload(body.subarray(1), keys[which]);
  return responseFrame(Response.DataPacket, Command.Subscribe, joined(new Uint8Array([flags]), payload));
}

/** What a publisher could send, though not here and now. */
const goodFrames = [
  new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
  encryptedFrame("even"),
  encryptedFrame("odd"),
  compactFrame(batchOf([0, 1, 2])),
  compactFrame(batchOf([0, 7]), 0x10),
  cacheFrame(cacheOf([1, 2, 3]), 2, 1),
  cacheFrame(cacheOf([4, 5], [4_194_303, 2]), 2, 0),
  cacheFrame(cacheOf([1, 1], [3, 3]), 1),
  responseFrame(Response.BufferBlock, Command.Subscribe, encodeBufferBlock(0, 1, 1, new Uint8Array(10))),
  responseFrame(Response.BufferBlock, Command.Subscribe, encodeBufferBlock(5, 1, 1, new Uint8Array(10))),
  responseFrame(
    Response.BufferBlock,
    Command.Subscribe,
    encodeBufferBlock(0xffffffff, 3, 9, new Uint8Array(0)),
  ),
  responseFrame(Response.Notify, 0xff, encodeNotification({ hash: 7, text: "Line 7 tripped" }, "utf-8")),
  responseFrame(
    Response.UpdateCipherKeys,
    0xff,
    encodeCipherKeys({ cipherIndex: 1, ...keys }),
  ),
  responseFrame(Response.ConfigurationChanged, 0xff),
  responseFrame(Response.ProcessingComplete, Command.Subscribe, "done"),
  responseFrame(Response.DataStartTime, Command.Subscribe, new Uint8Array(8)),
  responseFrame(Response.UpdateBaseTimes, Command.Subscribe, new Uint8Array(20)),
  responseFrame(Response.NoOP, 0xff),
  ...[Command.Subscribe, Command.Unsubscribe, Command.MetadataRefresh, Command.DefineOperationalModes]
    .flatMap(
      (command) => [
        responseFrame(Response.Succeeded, command, "fine"),
        responseFrame(Response.Failed, command, "not fine"),
      ],
    ),
];

/** What the program does meanwhile. */
const asks: readonly ((subscriber: Subscriber) => Promise<unknown>)[] = [
  (subscriber): Promise<unknown> => subscriber.subscribe({ filter: "PPA:2", includeTime: false }),
  (subscriber): Promise<unknown> => subscriber.subscribe({ filter: "", useMillisecondResolution: true }),
  (subscriber): Promise<unknown> => subscriber.unsubscribe(),
  (subscriber): Promise<unknown> => subscriber.refreshMetadata(),
  (subscriber): Promise<unknown> => subscriber.sendUserCommand(3, new Uint8Array(3)),
  (subscriber): Promise<unknown> => subscriber.metadataSchema(),
  (subscriber): Promise<unknown> => subscriber.rotateCipherKeys(),
  (subscriber): Promise<unknown> => subscriber.updateProcessingInterval(5),
  async (subscriber): Promise<unknown> => {
    let count = 0;
    for await (const batch of subscriber.history({ start: "*-5m" })) if ((count += batch.length) > 10) break;
    return count;
  },
];

const sent = fc.oneof(
  { weight: 4, arbitrary: anyResponse },
  { weight: 5, arbitrary: fc.constantFrom(...goodFrames) },
  { weight: 2, arbitrary: damaged(goodFrames) },
  { weight: 1, arbitrary: damaged(recorded().serverSessions.flat()) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("send" as const), bytes: sent }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("tssc" as const),
      indexes: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
      flags: fc.constantFrom(0, 0, 0x10, 0x08),
      skip: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      milliseconds: fc.constantFrom(0, 1, 100, 2_000, 21_000, 61_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "hangUp" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("ask" as const), what: fc.nat(asks.length - 1) }) },
);

interface Input {
  readonly options: SubscriberOptions;
  /** Whether what an outage takes is asked for. */
  readonly recovers: boolean;
  /** Whether commands are answered as they should be, beside everything else. */
  readonly obliging: boolean;
  /** Whether all this begins at once, and not when the subscription is there. */
  readonly quick: boolean;
  /** How the program takes measurements. */
  readonly takes: "batches" | "measurements" | "frames" | "nothing";
  /** Whether it takes buffer blocks. */
  readonly takesBlocks: boolean;
  readonly steps: readonly Step[];
}

const session = target("subscriber-session", 60, () =>
  fc.record({
    options: fc.record({
      version: fc.constantFrom(1 as const, 2 as const, 3 as const),
      compressPayload: fc.boolean(),
      compressMetadata: fc.boolean(),
      compressSignalIndexCache: fc.boolean(),
      autoRequestMetadata: fc.boolean(),
      autoSubscribe: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
      includeTime: fc.boolean(),
      overflow: fc.constantFrom("pause" as const, "dropOldest" as const),
      deliveryBuffer: fc.constantFrom(1, 100, 100_000),
    }),
    recovers: fc.boolean(),
    obliging: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
    quick: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    takes: fc.constantFrom("batches", "batches", "measurements", "frames", "nothing"),
    takesBlocks: fc.boolean(),
    steps: fc.array(step, { minLength: 1, maxLength: 25 }),
  }), mustSucceed(run));

async function run({ options, recovers, obliging, quick, takes, takesBlocks, steps }: Input): Promise<void> {
  const clock = new ManualClock();
  const connector = new ScriptedConnector(1 << 20);
  const subscriber = new Subscriber({
    filter: "FILTER ActiveMeasurements WHERE True",
    connector: connector.connect,
    clock,
    ...recovers && { gapRecovery: { onRecovered: (): void => {} } },
    onNotification: (text): void => {
      if (text.length % 2 === 0) throw new Error("not now");
    },
    limits: {
      responseFrameLength: 1 << 16,
      metadataLength: 1 << 18,
      cacheLength: 1 << 16,
      cacheEntries: 1_000,
    },
    ...options,
  });
  const faults: string[] = [];
  const note = (error: unknown): void => {
    const fault = faultIn(error);
    if (fault !== undefined) faults.push(fault);
  };
  const watching = watch(subscriber, note);
  const reading = Promise.all([
    consume(subscriber, takes, note),
    takesBlocks && consumeBlocks(subscriber, note),
  ]);
  const connecting = subscriber.connect("anywhere:1").catch(note);
  let publisher: ScriptedPublisher | undefined;
  const accepting = (async (): Promise<void> => {
    for (;;) {
      publisher = await connector.accept();
      serve(publisher, obliging, options.version ?? 2).catch(note);
    }
  })();
  accepting.catch(note);
  // Mostly it gets to where there is data before anything else happens.
  await turns(quick ? 4 : 60);
  const tssc = new TsscEncoder();
  const asked: Promise<unknown>[] = [];
  for (const step of steps) {
    switch (step.kind) {
      case "send":
        publisher?.send(step.bytes).catch(note);
        break;
      case "tssc": {
        const frame = tsscFrame(tssc, batchOf(step.indexes), step.flags);
        if (!step.skip) publisher?.send(frame).catch(note);
        break;
      }
      case "advance":
        clock.advance(step.milliseconds);
        break;
      case "hangUp":
        publisher?.channel.close();
        break;
      case "ask":
        asked.push(asks[step.what]!(subscriber).catch(note));
    }
    await turns(3);
  }
  JSON.stringify(subscriber.stats());
  await subscriber.disconnect();
  let isOver = false;
  Promise.all([connecting, watching, reading, ...asked]).then(() => isOver = true);
  await briefly(() => isOver, () => clock.advance(1_000));
  assert(isOver, "something waits for ever");
  assertEquals(clock.pending, 0, "timers left");
  assertEquals(faults, []);
}

/** Answers commands as they should be. */
async function serve(publisher: ScriptedPublisher, obliging: boolean, version: number): Promise<void> {
  const document = metadataOf(3).toXml();
  for (let command; (command = await publisher.nextOrEnd()) !== undefined;) {
    if (!obliging) continue;
    if (command.code === Command.MetadataRefresh) {
      await publisher.respond(Response.Succeeded, command.code, document);
    } else if (command.code === Command.Subscribe) {
      await publisher.send(cacheFrame(cacheOf([1, 2, 3, 4]), version, 0));
      await publisher.respond(Response.Succeeded, command.code, "subscribed");
    } else if (command.code !== Command.ConfirmUpdateSignalIndexCache) {
      await publisher.respond(Response.Succeeded, command.code, "hello");
    }
  }
}

/** Events must be well-formed, and what ends the run must not be a fault of ours. */
async function watch(subscriber: Subscriber, note: (error: unknown) => void): Promise<void> {
  for await (const event of subscriber.status()) {
    if ("error" in event) note(event.error);
    if (event.kind === "closed") note((event.reason as Extract<CloseReason, { error: unknown }>).error);
  }
}

/** Whatever is handed out belongs to a signal. */
async function consume(
  subscriber: Subscriber,
  takes: Input["takes"],
  note: (error: unknown) => void,
): Promise<void> {
  const check = (batch: MeasurementBatch): void => {
    for (let i = 0; i < batch.length; i++) {
      assert(subscriber.signals.idOf(batch.signals[i]!) !== undefined, "a measurement of no signal");
    }
  };
  try {
    if (takes === "batches") { for await (const batch of subscriber.batches()) check(batch); }
    if (takes === "frames") {
      let last = -1n;
      for await (
        const { ticks, measurements } of subscriber.frames({ lagTime: 0, useLocalClockAsRealTime: false })
      ) {
        assert(ticks > last, "a frame that is not after the one before");
        last = ticks;
        check(measurements);
      }
    }
    if (takes === "measurements") {
      for await (const { signalId } of subscriber.measurements()) assertEquals(signalId.length, 36);
    }
  } catch (error) {
    note(error);
  }
}

async function consumeBlocks(subscriber: Subscriber, note: (error: unknown) => void): Promise<void> {
  try {
    for await (const { payload } of subscriber.bufferBlocks()) assert(payload.length <= 1 << 24);
  } catch (error) {
    note(error);
  }
}

/** What is no SttpError, or one that covers up a mistake in our code. */
function faultIn(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  if (!(error instanceof SttpError)) return error instanceof Error ? error.stack : String(error);
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    const isMistake = [TypeError, RangeError, ReferenceError, AssertionError].some((type) =>
      cause instanceof type
    );
    // The library that inflates throws whatever it comes upon, and bytes that are not UTF-8 are a TypeError.
    if (isMistake && !/^.*\n.*(?:fflate|TextDecoder\.decode)/.test(cause.stack ?? "")) return cause.stack;
  }
  return undefined;
}

/** A subscriber's session. */
export const subscriberTargets: readonly FuzzTarget[] = [session];
