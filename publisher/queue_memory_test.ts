import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import { assertSttpError } from "../tests/support/hostile.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import {
  FRAME_OVERHEAD,
  HeldAnswers,
  type Holder,
  type LongAnswer,
  QueueMemory,
  type SharedFrame,
} from "./queue_memory.ts";
import { Rig, type ScriptedPeer, settle } from "./testdata/rig.ts";

const KIB = 1024;
const MIB = 1024 ** 2;

/** A queue that has not moved for long. */
function holder(): Holder {
  return { held: new HeldAnswers(), isStuck: true, giveWay: () => {} };
}

function frame(length: number): SharedFrame {
  return { bytes: new Uint8Array(length), holders: 0 };
}

Deno.test("what several queues hold counts once, and until the last lets go of it", () => {
  const memory = new QueueMemory(MIB);
  const [data, piece] = [frame(1000), new Uint8Array(500)];
  const queues = [holder(), holder(), holder()];
  for (const queue of queues) {
    memory.hold(data);
    memory.holdAnswer([piece], queue);
  }
  assertEquals(memory.bytes, 1500 + 2 * FRAME_OVERHEAD);
  // Another object, if with the same bytes.
  const other = new Uint8Array(500);
  memory.holdAnswer([other], queues[0]!);
  assertEquals(memory.bytes, 2000 + 3 * FRAME_OVERHEAD);
  memory.releasePiece(other, queues[0]!, undefined);
  for (const queue of queues.slice(1)) {
    memory.release(data);
    memory.releasePiece(piece, queue, undefined);
  }
  assertEquals(memory.bytes, 1500 + 2 * FRAME_OVERHEAD);
  memory.release(data);
  assertEquals(memory.bytes, 500 + FRAME_OVERHEAD);
  memory.releasePiece(piece, queues[0]!, undefined);
  assertEquals(memory.bytes, 0);
  assertEquals(queues.map(({ held }) => held.bytes), [0, 0, 0]);
});

Deno.test("with too much in all, data has equal shares of what answers leave, and 256 KiB at least", () => {
  const memory = new QueueMemory(8 * MIB);
  const queues = [holder(), holder(), holder(), holder()];
  for (const queue of queues) memory.join(queue);
  const [data, more] = [frame(8 * MIB - FRAME_OVERHEAD), frame(1)];
  memory.hold(data);
  assertEquals(memory.dataLimit, Infinity);
  memory.hold(more);
  assertEquals(memory.dataLimit, 2 * MIB);
  for (const queue of queues.slice(2)) memory.leave(queue);
  assertEquals(memory.dataLimit, 4 * MIB);
  const answer = new Uint8Array(4 * MIB - FRAME_OVERHEAD);
  const held = memory.holdAnswer([answer], queues[0]!);
  assertEquals(memory.dataLimit, 2 * MIB);
  memory.holdAnswer([new Uint8Array(4 * MIB)], queues[0]!);
  assertEquals(memory.dataLimit, 256 * KIB);
  memory.release(data);
  memory.releasePiece(answer, queues[0]!, held);
  assertEquals(memory.dataLimit, Infinity);
});

Deno.test("a long answer has room next to data, if others leave some, or if it is there already", () => {
  const memory = new QueueMemory(MIB);
  memory.hold(frame(8 * MIB));
  const first = [new Uint8Array(400 * KIB), new Uint8Array(400 * KIB)];
  memory.makeRoom(first, holder());
  const reader = holder();
  const held = memory.holdAnswer(first, reader);
  const before = memory.bytes;

  const second = new Uint8Array(400 * KIB);
  const message =
    `would take ${1200 * KIB + 3 * FRAME_OVERHEAD} bytes of the publisher's memory with this one, ` +
    `at most ${MIB} expected`;
  assertSttpError("LimitExceeded", () => memory.makeRoom([second], holder()), message);
  assertSttpError("LimitExceeded", () => memory.makeRoom([...first, second], holder()), message);
  assertEquals(memory.bytes, before, "who asks holds nothing");
  memory.makeRoom(first, holder());
  memory.makeRoom([...first, new Uint8Array(64 * KIB - FRAME_OVERHEAD)], holder());

  memory.releasePiece(first[0]!, reader, held);
  memory.makeRoom([second], holder());
});

/** Queues that hold such answers of one piece each, and who of them gave way, by number. */
class Crowd {
  readonly memory = new QueueMemory(MIB);
  readonly gone: number[] = [];
  readonly queues: Holder[];

  /** @param held What each holds. @param reads Who of them reads. */
  constructor(held: readonly Uint8Array[][], reads: readonly number[] = []) {
    this.queues = held.map((answers, i) =>
      crowdMember(this.memory, answers.map((answer) => [answer]), !reads.includes(i), () => this.gone.push(i))
    );
  }

  /** One of them, or somebody else, asks for room. */
  ask(kib: number, asker: Holder = holder()): void {
    this.memory.makeRoom([new Uint8Array(kib * KIB)], asker);
  }

  refuses(kib: number, asker?: Holder): void {
    assertSttpError("LimitExceeded", () => this.ask(kib, asker), "at most");
  }
}

/** A queue that holds such answers, in pieces, until it gives way. */
function crowdMember(
  memory: QueueMemory,
  answers: readonly Uint8Array[][],
  isStuck: boolean,
  onGone: () => void,
): Holder {
  let held: [Uint8Array[], LongAnswer | undefined][] = [];
  const giveWay = (): void => {
    for (const [pieces, answer] of held) {
      for (const piece of pieces) memory.releasePiece(piece, queue, answer);
    }
    held = [];
    memory.leave(queue);
    onGone();
  };
  const queue = { held: new HeldAnswers(), isStuck, giveWay };
  memory.join(queue);
  held = answers.map((pieces) => [pieces, memory.holdAnswer(pieces, queue)]);
  return queue;
}

const piece = (kib: number): Uint8Array => new Uint8Array(kib * KIB);

Deno.test("for an answer those give way who hold most and do not read, as far as it takes", () => {
  const crowd = new Crowd([[piece(200)], [piece(50)], [piece(300)], [], [piece(400)]]);
  const { queues, gone } = crowd;
  crowd.ask(500, queues[4]);
  assertEquals(gone, [2, 0], "not who asks, not who holds little");
  crowd.refuses(600, queues[4]);
  crowd.refuses(2048, queues[3]);
  assertEquals(gone, [2, 0], "nobody gives way to what has no room at all");
});

Deno.test("to ask for the same as others who do not read is no way to stay", () => {
  const [shared, twice, read] = [piece(402), piece(200), piece(300)];
  const crowd = new Crowd([[shared], [shared], [twice, twice], [read], [read]], [4]);
  const { gone } = crowd;
  crowd.ask(300);
  assertEquals(gone, [0, 1], "each has half of it, and all goes with the last");
  crowd.refuses(740);
  assertEquals(gone, [0, 1, 2], "who shares with one who reads stays");
});

Deno.test("what is asked for keeps those who hold it, and counts when they give way for what else they hold", () => {
  const asked = piece(400);
  const crowd = new Crowd([[asked], [asked, piece(500)]]);
  const { memory, gone, queues } = crowd;
  memory.makeRoom([asked, piece(200)], queues[0]!);
  assertEquals(gone, [1]);
  const alone = new Crowd([[asked], [piece(300)]]);
  alone.memory.makeRoom([asked, piece(350)], holder());
  assertEquals(alone.gone, [1], "to send it away makes no room");
  const other = new Crowd([[asked, piece(500)]]);
  assertSttpError(
    "LimitExceeded",
    () => other.memory.makeRoom([asked, piece(700)], holder()),
    `${1100 * KIB + 2 * FRAME_OVERHEAD}`,
  );
});

Deno.test("who has read it shares an answer no more", () => {
  const shared = piece(400);
  const crowd = new Crowd([[shared], [shared], []], [2]);
  const { memory, queues, gone } = crowd;
  const held = memory.holdAnswer([shared], queues[2]!);
  crowd.refuses(700);
  memory.releasePiece(shared, queues[2]!, held);
  crowd.ask(700);
  assertEquals(gone, [0, 1]);
});

Deno.test("who hoards short answers gives way, too: the objects around them count", () => {
  const many = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(10));
  const { gone, memory, queues } = new Crowd([many(100), many(900), many(900)]);
  assertEquals(queues[1]!.held.bytes, 900 * (10 + FRAME_OVERHEAD));
  memory.makeRoom([piece(200)], holder());
  assertEquals(gone, [1], "one is enough");
  memory.makeRoom([piece(900)], holder());
  assertEquals(gone, [1, 2], "100 are not many");
});

/** How often somebody has asked for the length of a piece. */
let looks = 0;

class CountedPiece extends Uint8Array {
  override get length(): number {
    looks++;
    return super.length;
  }
}

Deno.test("to look for who hoards takes the same time however many pieces wait", () => {
  const memory = new QueueMemory(MIB);
  const gone: number[] = [];
  const pieces = (count: number, length: number): Uint8Array[] =>
    Array.from({ length: count }, () => new CountedPiece(length));
  const whole = pieces(500, 100);
  const members = [
    ...[0, 1, 2].map(() => pieces(300, 10).map((answer) => [answer])), // many short answers
    [pieces(400, 10)], // a long one of many pieces
    [whole], // and one that is shared with one who reads
  ].map((answers, i) => crowdMember(memory, answers, true, () => gone.push(i)));
  crowdMember(memory, [whole], false, () => gone.push(-1));
  assertEquals(members.map(({ held }) => held.long.size), [0, 0, 0, 1, 1]);

  const asked = [piece(500), piece(500)];
  let released = 0;
  for (const member of members) {
    const { giveWay } = member;
    member.giveWay = () => {
      const before = looks;
      giveWay();
      released += looks - before;
    };
  }
  looks = 0;
  assertSttpError("LimitExceeded", () => memory.makeRoom(asked, holder()), "at most");
  assertEquals(gone, [3, 0, 1, 2]);
  assertEquals(looks - released, 0, "but when they are released");
  assertSttpError("LimitExceeded", () => memory.makeRoom(asked, holder()), "at most");
  assertEquals(looks - released, 0);
});

// ---- with a publisher ----

const SIGNALS = 4000;

/** A filter expression for the first so many signals. */
function first(count: number): string {
  return `FILTER TOP ${count} ActiveMeasurements WHERE True`;
}

/** A filter expression for the last so many signals. */
function last(count: number): string {
  return `FILTER TOP ${count} ActiveMeasurements WHERE True ORDER BY PointTag DESC`;
}

function waitingBytes(rig: Rig): number {
  return rig.publisher.stats().waitingBytes;
}

Deno.test("while too much waits, who hoards data loses it and who reads loses nothing", async () => {
  await using rig = await Rig.start({ limits: { allQueuesLength: 2 * MIB } }, SIGNALS);
  const hoarders: ScriptedPeer[] = [];
  for (let i = 0; i < 6; i++) hoarders.push(await rig.subscribe(first(SIGNALS - i)));
  // They read some time later, and now and then.
  const slow = await rig.subscribe(first(400));
  const good = await rig.subscribe(first(SIGNALS - 100));
  let published = 0;
  let most = 0;
  const publish = async (): Promise<void> => {
    await rig.publishNoise(SIGNALS, BigInt(published++));
    most = Math.max(most, waitingBytes(rig));
    if (published === 1) await good.expect(Response.DataStartTime);
    while (good.data.length < published * (SIGNALS - 100)) await good.expectData();
  };
  const overflows = (): number[] => rig.publisher.stats().open.map(({ dropped }) => dropped.overflow ?? 0);
  while (overflows().every((count) => count === 0)) await publish();
  assertGreater(most, 1.5 * MIB, "one more publication was too much");
  // The first that lose something leave room to the others, for a while.
  while (overflows().slice(0, 6).includes(0)) await publish();

  assertLess(most, 2.5 * MIB);
  const others = rig.publisher.stats().open.slice(6);
  assertEquals(others.map(({ dropped }) => dropped), [{}, {}], "others notice nothing");
  assertGreater(others[0]!.queue.dataBytes, 10_000);
  await slow.expect(Response.DataStartTime);
  while (slow.data.length < published * 400) await slow.expectData();

  for (const { channel } of [...hoarders, slow, good]) channel.close();
  await settle();
  assertEquals(waitingBytes(rig), 0);
});

Deno.test("what many wait for counts once: nobody loses anything while it fits", async () => {
  await using rig = await Rig.start({ limits: { allQueuesLength: 2 * MIB } }, SIGNALS);
  const peers: ScriptedPeer[] = [];
  for (let i = 0; i < 10; i++) peers.push(await rig.subscribe(first(SIGNALS), { version: 1 }));
  for (let i = 0; i < 50; i++) await rig.publishNoise(SIGNALS, BigInt(i));
  const { open, dropped } = rig.publisher.stats();
  assertGreater(open.reduce((sum, { queue }) => sum + queue.dataBytes, 0), 4 * MIB);
  assertLess(waitingBytes(rig), 2 * MIB);
  assertEquals(dropped, {});
  for (const peer of peers) {
    await peer.expect(Response.DataStartTime);
    while (peer.data.length < 50 * SIGNALS) await peer.expectData();
  }
  await settle();
  assertEquals(waitingBytes(rig), 0);
});

Deno.test("long answers are refused while there is no room for them, and sent when others have been read", async () => {
  await using rig = await Rig.start({ limits: { allQueuesLength: 2 * MIB } }, SIGNALS);
  const plain = { compressMetadata: false, gzip: false, compressSignalIndexCache: false };
  const [a, b, c, d] = await Promise.all([plain, plain, plain, plain].map((modes) => rig.agree(modes)));
  const ask = async (peer: ScriptedPeer, filter = ""): Promise<void> => {
    await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filter, "utf-8"));
    await settle();
  };
  const some = (count: number): string => `FILTER TOP ${count} MeasurementDetail WHERE True`;
  const succeeds = (peer: ScriptedPeer): Promise<Uint8Array> =>
    peer.expect(Response.Succeeded, Command.MetadataRefresh);
  const fails = async (peer: ScriptedPeer, command: number): Promise<void> =>
    assertStringIncludes(await peer.expectText(Response.Failed, command), `at most ${2 * MIB} expected`);

  await ask(a!, some(SIGNALS - 1));
  const one = waitingBytes(rig);
  assertGreater(one, MIB);
  await ask(b!, some(SIGNALS - 2));
  await fails(b!, Command.MetadataRefresh);
  assertEquals(waitingBytes(rig), one);
  // What there is already, what is in memory in any case, and what is short.
  await ask(b!, some(SIGNALS - 1));
  assertEquals(waitingBytes(rig) - one < 10_000, true, "counted once");
  await ask(c!);
  await ask(d!, some(10));
  await succeeds(d!);
  await d!.subscribe({ filterExpression: last(SIGNALS - 3) });
  await fails(d!, Command.Subscribe);
  assertEquals(rig.connection(4).state, "ready");
  assertEquals(rig.connection(4).subscription, null);

  for (const peer of [a!, b!, c!]) await succeeds(peer);
  await settle();
  assertEquals(waitingBytes(rig), 0);
  await ask(b!, some(SIGNALS - 2));
  await succeeds(b!);
  await d!.subscribe({ filterExpression: last(SIGNALS - 3) });
  await d!.expectCache();
  await d!.expect(Response.Succeeded, Command.Subscribe);

  await ask(a!, some(SIGNALS - 4));
  assert(waitingBytes(rig) > MIB);
  a!.channel.close();
  await settle();
  assertEquals(waitingBytes(rig), 0);
});

Deno.test("who does not read long answers gives way to who asks for one, even if others have asked for the same", async () => {
  await using rig = await Rig.start(
    { heartbeatInterval: 60_000, limits: { allQueuesLength: 2 * MIB } },
    SIGNALS,
  );
  const plain = { compressMetadata: false, gzip: false, compressSignalIndexCache: false };
  const peers = Array.from({ length: 5 }, () => rig.agree(plain));
  const [a, b, c, d, e] = await Promise.all(peers);
  const ask = async (peer: ScriptedPeer, count: number): Promise<void> => {
    const filter = `FILTER TOP ${count} MeasurementDetail WHERE True`;
    await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filter, "utf-8"));
    await settle();
  };
  for (const peer of [a!, e!]) await ask(peer, SIGNALS - 1);
  await ask(b!, 500);
  await ask(c!, 500);
  rig.clock.advance(4_999);
  await ask(d!, SIGNALS - 2);
  await d!.expect(Response.Failed, Command.MetadataRefresh);
  rig.clock.advance(1);
  await ask(d!, SIGNALS - 2);
  await d!.expect(Response.Succeeded, Command.MetadataRefresh);
  const { open, connections } = rig.publisher.stats();
  assertEquals(open.map(({ id }) => id), [2, 3, 4]);
  assertEquals(connections.closed, { controlOverflow: 2 });
  for (const peer of [b!, c!]) await peer.expect(Response.Succeeded, Command.MetadataRefresh);
  await settle();
  assertEquals(waitingBytes(rig), 0);
});

Deno.test("where one is enough one gives way, although what he was being sent is not written yet", async () => {
  await using rig = await Rig.start({ heartbeatInterval: 60_000, limits: { allQueuesLength: MIB } }, SIGNALS);
  const plain = { compressMetadata: false, gzip: false, compressSignalIndexCache: false };
  for (let i = 0; i < 4; i++) {
    // Not read, and each is in one piece, which is being written.
    const peer = await rig.agree(plain);
    await peer.subscribe({ filterExpression: first(SIGNALS - i) });
    await settle();
  }
  const asker = await rig.agree(plain);
  const before = waitingBytes(rig);
  assertGreater(before, MIB / 2);
  rig.clock.advance(5000);
  await asker.send(
    Command.MetadataRefresh,
    encodeMetadataRefresh("FILTER TOP 1400 MeasurementDetail WHERE True", "utf-8"),
  );
  await asker.expect(Response.Succeeded, Command.MetadataRefresh);
  const { open, connections } = rig.publisher.stats();
  assertEquals(open.map(({ id }) => id), [2, 3, 4, 5]);
  assertEquals(connections.closed, { controlOverflow: 1 });
});

Deno.test("a cache that the publisher sends by itself is sent even when there is no room for it", async () => {
  await using rig = await Rig.start({ limits: { allQueuesLength: 300_000 } }, SIGNALS);
  const plain = { compressMetadata: false, gzip: false, compressSignalIndexCache: false };
  const peer = await rig.subscribe(first(SIGNALS), plain);
  const [hoarder, other] = [await rig.agree(plain), await rig.agree(plain)];
  await hoarder.send(
    Command.MetadataRefresh,
    encodeMetadataRefresh("FILTER TOP 600 MeasurementDetail WHERE True", "utf-8"),
  );
  await settle();
  assertGreater(waitingBytes(rig), 200_000);
  await other.subscribe({ filterExpression: last(SIGNALS - 1) });
  assertStringIncludes(await other.expectText(Response.Failed, Command.Subscribe), "at most 300000 expected");

  rig.publisher.setAccess({ signals: [{ deny: "FILTER ActiveMeasurements WHERE SignalType = 'STAT'" }] });
  await peer.expect(Response.ConfigurationChanged);
  const { cache } = await peer.expectCache();
  assertEquals([...cache.signalIds].length, 0.75 * SIGNALS);
});
