/**
 * A publisher with a subscriber that sends anything at all, and one in good faith that must not notice.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MemoryHistory } from "../../../history/mod.ts";
import type { PublisherStatus } from "../../../publisher/mod.ts";
import { grid, Rig, type ScriptedPeer, signalId } from "../../../publisher/testdata/rig.ts";
import {
  type Channel,
  Command,
  createChannelPair,
  DefaultOperationalModes,
  encodeBufferBlockConfirmation,
  encodeCommand,
  encodeNotificationHash,
  encodeOperationalModes,
  encodeSubscribe,
  FrameReader,
  MeasurementBatch,
  readResponses,
  Response,
  SttpError,
} from "../../../transport/mod.ts";
import { commandBodies, recorded } from "../corpus.ts";
import { damaged, joined } from "../mutate.ts";
import { type FuzzTarget, mustSucceed, target } from "../target.ts";
import { briefly, turns } from "./turns.ts";

/** What happens next. */
type Step =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  | { readonly kind: "advance"; readonly milliseconds: number }
  | { readonly kind: "publish" }
  | { readonly kind: "block"; readonly length: number }
  | { readonly kind: "notify" }
  | { readonly kind: "define"; readonly size: number }
  | { readonly kind: "stall"; readonly on: boolean }
  | { readonly kind: "flood" }
  | { readonly kind: "rights"; readonly denied: readonly number[] };

const all = "FILTER ActiveMeasurements WHERE True";
const codes = Object.values(Command);

/** A command: known or not, its body recorded and damaged. */
const anyCommand = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...codes) },
  { weight: 1, arbitrary: fc.nat(255) },
).chain((code) => damaged(commandBodies(code)).map((body) => encodeCommand(code, body)));

/** A Subscribe that holds together, in all its variety. */
const subscribe = fc.record({
  filterExpression: fc.constantFrom(
    all,
    "FILTER TOP 2 ActiveMeasurements WHERE SignalType = 'FREQ' ORDER BY ID",
    `${signalId(1)};PPA:3;${signalId(99)}`,
    "",
    "FILTER Nowhere WHERE 1",
  ),
  throttled: fc.boolean(),
  publishInterval: fc.constantFrom(0, 0.1, 1, 60),
  includeTime: fc.boolean(),
  useMillisecondResolution: fc.boolean(),
  requestNaNValueFilter: fc.boolean(),
  processingInterval: fc.constantFrom(-1, 0, 10),
  // What is published here is of September 2022.
  startTimeConstraint: fc.constantFrom("", "", "", "2022-01-01", "2022-01-01", "*-1m", "nonsense"),
  stopTimeConstraint: fc.constantFrom("", "*", "2023-01-01"),
  // Nobody listens there.
  dataChannel: fc.constant({ localPort: 9 }),
}, { requiredKeys: ["filterExpression"] }).map((options) =>
  encodeCommand(Command.Subscribe, encodeSubscribe(options, "utf-8"))
);

const modes = fc.record({
  version: fc.constantFrom(1, 2, 3),
  tssc: fc.boolean(),
  gzip: fc.boolean(),
  compressPayloadData: fc.boolean(),
  compressSignalIndexCache: fc.boolean(),
  compressMetadata: fc.boolean(),
}).map((chosen) =>
  encodeCommand(
    Command.DefineOperationalModes,
    encodeOperationalModes({
      encoding: "utf-8",
      extension: 0,
      receiveExternalMetadata: true,
      receiveInternalMetadata: true,
      ...chosen,
    }),
  )
);

/** What a subscriber says first, and so gets to where there is data. */
const openings = [{}, {}, { dataChannel: { localPort: 9 } }, { startTimeConstraint: "2022-01-01" }].map((
  options,
) =>
  joined(
    encodeCommand(Command.DefineOperationalModes, encodeOperationalModes(DefaultOperationalModes)),
    encodeCommand(Command.Subscribe, encodeSubscribe({ filterExpression: all, ...options }, "utf-8")),
    encodeCommand(Command.ConfirmUpdateSignalIndexCache),
  )
);

const small = fc.oneof(
  fc.constantFrom(-1, 0, 10, 1_000, -2).map((milliseconds) => {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setInt32(0, milliseconds);
    return encodeCommand(Command.UpdateProcessingInterval, body);
  }),
  fc.nat(6).map((sequence) =>
    encodeCommand(Command.ConfirmBufferBlock, encodeBufferBlockConfirmation(sequence))
  ),
  fc.nat(0xffffffff).map((hash) => encodeCommand(Command.ConfirmNotification, encodeNotificationHash(hash))),
);

const bare = fc.constantFrom(
  Command.ConfirmUpdateSignalIndexCache,
  Command.Unsubscribe,
  Command.MetadataRefresh,
  Command.RotateCipherKeys,
  Command.UserCommand00,
).map((code) => encodeCommand(code));

const sent = fc.oneof(
  { weight: 3, arbitrary: anyCommand },
  { weight: 3, arbitrary: subscribe },
  { weight: 4, arbitrary: bare },
  { weight: 1, arbitrary: small },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)) },
  { weight: 1, arbitrary: damaged(recorded().clientSessions) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("send" as const), bytes: sent }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      milliseconds: fc.constantFrom(0, 1, 100, 1_000, 5_000, 61_000),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "publish" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("block" as const), length: fc.nat(3_000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "notify" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("define" as const), size: fc.integer({ min: 8, max: 12 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stall" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "flood" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("rights" as const),
      denied: fc.uniqueArray(fc.nat(7), { maxLength: 3 }),
    }),
  },
);

interface Input {
  readonly latestOnSubscribe: boolean;
  /** Whether there are signals that the attacker, and nobody else, may not see. */
  readonly hasRights: boolean;
  /** Whether what goes over UDP is encrypted. */
  readonly encrypts: boolean;
  /** Whether what waits is always too much for the publisher, so that everybody has the least share. */
  readonly isCrowded: boolean;
  /** Whether the attacker confirms what it gets, beside everything else. */
  readonly confirms: boolean;
  readonly greeting: Uint8Array | null;
  readonly steps: readonly Step[];
  /** Sizes of the writes that the attacker's bytes come in. */
  readonly pieces: readonly number[];
}

const session = target("publisher-session", 60, () =>
  fc.record({
    latestOnSubscribe: fc.boolean(),
    hasRights: fc.boolean(),
    encrypts: fc.boolean(),
    isCrowded: fc.boolean(),
    confirms: fc.boolean(),
    greeting: fc.option(fc.oneof(fc.constantFrom(...openings), modes), { freq: 8 }),
    steps: fc.array(step, { minLength: 1, maxLength: 25 }),
    pieces: fc.array(fc.oneof(fc.constant(1 << 20), fc.integer({ min: 1, max: 50 })), {
      minLength: 1,
      maxLength: 4,
    }),
  }), mustSucceed(run));

async function run(input: Input): Promise<void> {
  const { latestOnSubscribe, hasRights, encrypts, isCrowded, confirms, greeting, steps, pieces } = input;
  const history = new MemoryHistory({ capacity: 1_000 });
  await using rig = await Rig.start({
    history,
    onUserCommand: ({ payload }) => payload,
    outboundQueueLimit: isCrowded ? 2 * 262_144 : 262_144,
    ...isCrowded && { limits: { allQueuesLength: 1 } },
    hostname: "127.0.0.1",
    udp: { encrypt: encrypts },
    latestOnSubscribe,
    // The witness is the first to connect.
    ...hasRights && {
      access: { authorizeSignals: ({ id }) => id === 1 ? true : { deny: [signalId(2), signalId(3)] } },
    },
  });
  const faults = faultsOf(rig.publisher.status());
  const witness = new Witness(await rig.subscribe("FILTER ActiveMeasurements WHERE SignalType = 'FREQ'"));
  const [near, channel] = createChannelPair({ bufferLimit: 4_096 });
  rig.publisher.serve({
    peer: { address: "127.0.0.1:50000" },
    read: (into) => near.read(into),
    write: (bytes) => near.write(bytes),
    close: () => near.close(),
  });
  const attacker = new Attacker(channel, pieces, confirms);
  if (greeting !== null) attacker.send(greeting);
  let published = 0;
  for (const step of steps) {
    switch (step.kind) {
      case "send":
        attacker.send(step.bytes);
        break;
      case "advance":
        rig.clock.advance(step.milliseconds);
        break;
      case "publish": {
        const batch = new MeasurementBatch();
        for (let n = 0; n < 8; n++) batch.add(n, 638_000_000_000_000_000n + BigInt(published), n);
        rig.publisher.publish(batch);
        published += 6;
        break;
      }
      case "block":
        rig.publisher.publishBufferBlock(signalId(3), new Uint8Array(step.length));
        break;
      case "notify":
        rig.publisher.notify("All is well");
        break;
      case "define":
        rig.publisher.defineMetadata(grid(step.size));
        break;
      case "stall":
        attacker.stalled = step.on;
        break;
      case "rights":
        // The witness is the first to connect.
        rig.publisher.setAccess({
          authorizeSignals: ({ id }) => id === 1 ? true : { deny: step.denied.map(signalId) },
        });
        break;
      case "flood":
        // More than a queue holds, to one who does not read.
        attacker.stalled = true;
        for (let i = 0; i < FLOODS; i++) {
          rig.publisher.publish(noise());
          published += 6 * noise().length / 8;
          await briefly(() => witness.received >= published, () => rig.clock.advance(10));
        }
    }
    await turns(2);
    assert(
      rig.publisher.stats().open.every(({ queue }) => queue.dataBytes <= 262_144),
      "a queue over its limit",
    );
  }
  attacker.stalled = false;
  await briefly(() => witness.received >= published, () => rig.clock.advance(100));
  assertEquals(witness.received, published, "the one in good faith got something else than was published");
  channel.close();
  await briefly(() => rig.publisher.stats().open.length <= 1, () => rig.clock.advance(1_000));
  assertEquals(rig.publisher.stats().open.length, 1, "sessions left");
  await briefly(() => rig.publisher.stats().waitingBytes === 0, () => rig.clock.advance(10));
  assertEquals(rig.publisher.stats().waitingBytes, 0, "memory left");
  JSON.stringify(rig.publisher.stats());
  await attacker.ended;
  assertEquals(faults, []);
}

/** So many batches of {@linkcode noise} overflow a queue. */
const FLOODS = 12;
let noisy: MeasurementBatch | undefined;

/** Values that do not compress, of all signals. */
function noise(): MeasurementBatch {
  if (noisy !== undefined) return noisy;
  noisy = new MeasurementBatch(4_000);
  for (let n = 0; n < 4_000; n++) {
    noisy.add(n % 8, 638_000_000_000_000_000n + BigInt(Math.imul(n, 0x9e3779b1) >>> 0), 0);
    noisy.valueBits[n] = Math.imul(n, 0x85ebca6b);
  }
  return noisy;
}

/** Collects what the publisher calls its own faults. */
function faultsOf(status: AsyncIterable<PublisherStatus>): string[] {
  const faults: string[] = [];
  (async (): Promise<void> => {
    for await (const event of status) {
      if (event.kind !== "internalError") continue;
      faults.push(event.cause instanceof Error ? event.cause.stack! : event.message);
    }
  })();
  return faults;
}

/** The one in good faith: counts what it gets. */
class Witness {
  received = 0;

  constructor(peer: ScriptedPeer) {
    this.#read(peer);
  }

  async #read(peer: ScriptedPeer): Promise<void> {
    for (let response; (response = await peer.receive()) !== undefined;) {
      if (response.code === Response.UpdateSignalIndexCache) await peer.confirmCache();
      if (response.code === Response.DataPacket) {
        this.received += new DataView(response.body.buffer).getUint32(1);
      }
    }
  }
}

/** The other one: writes without waiting, and insists that what it reads is well-formed. */
class Attacker {
  readonly ended: Promise<void>;
  #goOn: PromiseWithResolvers<void> | undefined;
  readonly #channel: Channel;
  readonly #pieces: readonly number[];
  readonly #confirms: boolean;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(channel: Channel, pieces: readonly number[], confirms: boolean) {
    this.#channel = channel;
    this.#pieces = pieces;
    this.#confirms = confirms;
    this.ended = this.#read();
  }

  /** Whether it does not read. */
  set stalled(on: boolean) {
    if (on) this.#goOn ??= Promise.withResolvers();
    else this.#goOn = void this.#goOn?.resolve();
  }

  send(bytes: Uint8Array): void {
    this.#writing = this.#writing.then(async () => {
      let from = 0;
      for (let turn = 0; from < bytes.length && !this.#closed; turn++) {
        const size = this.#pieces[turn % this.#pieces.length]!;
        await this.#channel.write(bytes.subarray(from, from + size));
        from += size;
      }
    }).catch((error) => {
      if (!(error instanceof SttpError)) throw error;
      this.#closed = true;
    });
  }

  async #read(): Promise<void> {
    const frames = new FrameReader({ maxLength: 1 << 20 });
    for (;;) {
      await this.#goOn?.promise;
      const length = await this.#channel.read(frames.writable());
      if (length === null) return;
      frames.commit(length);
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        for (const { code, body } of readResponses(frame)) if (this.#confirms) this.#confirm(code, body);
      }
    }
  }

  #confirm(code: number, body: Uint8Array): void {
    const number = (): number => new DataView(body.buffer, body.byteOffset).getUint32(0);
    if (code === Response.UpdateSignalIndexCache) {
      this.send(encodeCommand(Command.ConfirmUpdateSignalIndexCache));
    } else if (code === Response.UpdateCipherKeys) {
      this.send(encodeCommand(Command.ConfirmUpdateCipherKeys));
    } else if (code === Response.BufferBlock) {
      this.send(encodeCommand(Command.ConfirmBufferBlock, encodeBufferBlockConfirmation(number())));
    } else if (code === Response.Notify) {
      this.send(encodeCommand(Command.ConfirmNotification, encodeNotificationHash(number())));
    }
  }
}

/** A publisher's sessions. */
export const publisherTargets: readonly FuzzTarget[] = [session];
