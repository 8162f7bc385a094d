import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Channel } from "../transport/channel.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import { nextTurn } from "../transport/next_turn.ts";
import { encodeCommand } from "../transport/wire/frame.ts";
import { CommandReader, type CommandTaker } from "./command_reader.ts";
import { CommandTurns } from "./command_turns.ts";
import { checkOptions } from "./options.ts";
import { settle } from "./testdata/rig.ts";

/** Takes commands, each of which is done when the test says so. */
class Taker implements CommandTaker {
  readonly state = "ready";
  /** Whether who ends its side of the connection still waits for answers. */
  readonly stays: boolean;
  /** First byte and length of each command, when it was begun. */
  readonly begun: [code: number, length: number][] = [];
  readonly #done: (() => void)[] = [];

  constructor(stays: boolean = false) {
    this.stays = stays;
  }

  inputEnded(): Promise<false> {
    return this.stays ? new Promise(() => {}) : Promise.resolve(false);
  }

  take(payload: Uint8Array): Promise<void> {
    this.begun.push([payload[0]!, payload.length]);
    return new Promise((resolve) => this.#done.push(resolve));
  }

  /** Ends the command that is under way, and lets the next one begin. */
  async next(): Promise<void> {
    this.#done.shift()!();
    await settle();
  }
}

function readerOf(channel: Channel): CommandReader {
  const clock = new ManualClock();
  return new CommandReader(channel, checkOptions({ clock }), new CommandTurns(clock));
}

/** Whether a promise is settled by what can happen without time passing. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await settle();
  return settled;
}

Deno.test("who closes the connection is gone, whatever is under way", async () => {
  const [near, far] = createChannelPair();
  const taker = new Taker();
  const run = readerOf(near).run(taker);
  await far.write(encodeCommand(2));
  await far.write(encodeCommand(3));
  assertEquals(await isSettled(run), false);
  far.close();
  assert(await isSettled(run), "it is not noticed");
  await taker.next();
  assertEquals(taker.begun, [[2, 1]], "what was behind it is not begun");
});

Deno.test("of who stays to hear the answers, all that came is carried out, one after the other", async () => {
  const [near, far] = createChannelPair();
  const taker = new Taker(true);
  const run = readerOf(near).run(taker);
  for (const code of [2, 3, 4]) await far.write(encodeCommand(code, new Uint8Array(1000)));
  await settle();
  far.close();
  for (const codes of [[2], [2, 3], [2, 3, 4]]) {
    assertEquals(await isSettled(run), false);
    assertEquals(taker.begun, codes.map((code): [number, number] => [code, 1001]));
    await taker.next();
  }
  assert(await isSettled(run));
});

Deno.test("a connection that breaks ends what is under way with its error", async () => {
  const broken = Promise.withResolvers<number>();
  const [near, far] = createChannelPair();
  let reads = 0;
  const channel: Channel = {
    peer: near.peer,
    read: (into) => ++reads === 1 ? near.read(into) : broken.promise,
    write: (bytes) => near.write(bytes),
    close: () => near.close(),
  };
  const taker = new Taker();
  const run = readerOf(channel).run(taker);
  await far.write(encodeCommand(2));
  await settle();
  broken.reject(new SttpError("ConnectionLost", "it broke"));
  await assertRejects(() => run, SttpError, "it broke");
  assertEquals([taker.begun, reads], [[[2, 1]], 2]);
});

Deno.test("commands that are read ahead come in order and whole, one at a time", async () => {
  const [near, far] = createChannelPair();
  const taker = new Taker();
  const reader = readerOf(near);
  const run = reader.run(taker);
  const lengths = [0, 3, 5000, 1, 1023, 1024, 1025, 12_000, 0, 7];
  const expected: [number, number][] = lengths.map((length, i) => [i, length + 1]);
  let sent = 0;
  for (const [i, length] of lengths.entries()) {
    const frame = encodeCommand(i, new Uint8Array(length));
    sent += frame.length;
    // In pieces, so that reads end anywhere.
    for (let at = 0; at < frame.length; at += 700) {
      await far.write(frame.subarray(at, at + 700));
      if (i % 3 === 0) await settle();
    }
  }
  for (let i = 0; i < lengths.length; i++) {
    await settle();
    assertEquals(taker.begun, expected.slice(0, i + 1));
    await taker.next();
  }
  assertEquals(reader.receivedBytes, sent);
  // And what comes after that, with one read pending.
  await far.write(encodeCommand(99));
  await settle();
  assertEquals(taker.begun.at(-1), [99, 1]);
  await taker.next();
  far.close();
  assert(await isSettled(run));
});

Deno.test("64 KiB are read ahead, and no more", async () => {
  const [near, far] = createChannelPair({ bufferLimit: 1024 });
  const taker = new Taker();
  const run = readerOf(near).run(taker);
  await far.write(encodeCommand(2));
  await settle();
  let written = 0;
  const frame = encodeCommand(3, new Uint8Array(1019));
  const writing = (async () => {
    for (; written < 200; written++) await far.write(frame);
  })();
  for (let i = 0; i < 200; i++) await settle();
  // 64 of them, and one in the connection's own buffer.
  assertEquals(written, 65);
  for (let i = 0; i < 201; i++) await taker.next();
  await writing;
  assertEquals(taker.begun.length, 201);
  assertEquals(written, 200);
  far.close();
  assert(await isSettled(run));
});

Deno.test("what is carried out at once is read as it comes", async () => {
  const [near, far] = createChannelPair();
  const sizes: number[] = [];
  const channel: Channel = {
    peer: near.peer,
    read: (into) => {
      sizes.push(into.length);
      return near.read(into);
    },
    write: (bytes) => near.write(bytes),
    close: () => near.close(),
  };
  let count = 0;
  const run = readerOf(channel).run({
    state: "ready",
    take: () => {
      count++;
      return Promise.resolve();
    },
    inputEnded: () => Promise.resolve(false),
  });
  for (let i = 0; i < 10; i++) {
    await far.write(encodeCommand(2));
    await settle();
  }
  // One read for each command and one that is pending: nothing was read meanwhile.
  assertEquals([count, sizes.length], [10, 11]);
  far.close();
  await run;
});

Deno.test("of a command that is never finished a little is read at a time, and others have their turn", async () => {
  let [reads, turns, longest] = [0, 0, 0];
  // Its length is 8 MiB, and all of it is there at once.
  const start = Uint8Array.of(0, 128, 0, 0);
  const [{ peer }] = createChannelPair();
  const channel: Channel = {
    peer,
    read: (into) => {
      longest = Math.max(longest, into.length);
      if (++reads === 1) into.set(start);
      return Promise.resolve(reads === 1 ? start.length : reads < 120 ? into.length : null);
    },
    write: () => Promise.resolve(),
    close: () => {},
  };
  const clock = new ManualClock();
  const reader = new CommandReader(
    channel,
    checkOptions({ clock, limits: { handshakeFrameLength: 16_777_216 } }),
    new CommandTurns(clock),
  );
  const run = reader.run(new Taker());
  let isOver = false;
  run.then(() => isOver = true);
  for (; !isOver; turns++) await nextTurn();
  assertEquals(longest, 65_536);
  // 28 reads of 64 KiB take 2 ms.
  assert(turns >= 3, `${reads} reads in ${turns} turns`);
});
