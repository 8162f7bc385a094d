/** Publishers that always have something to send, while the rest of the program has something to do. */
import { assert, assertEquals } from "@std/assert";
import type { Channel } from "../transport/channel.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { GivingWay } from "./giving_way.ts";
import { oneFrame, responseFrame } from "./testdata/scripted_publisher.ts";
import { Subscriber } from "./subscriber.ts";

const noOp = responseFrame(Response.NoOP, Command.Subscribe);

/** A channel from which the same bytes can be read, so many times, without ever waiting; then it ends. */
function endless(bytes: Uint8Array, times: number): Channel {
  let left = times;
  let at = 0;
  let isFirst = true;
  return {
    peer: { address: "memory:1" },
    read(into): Promise<number | null> {
      if (left === 0) return Promise.resolve(null);
      if (isFirst) {
        isFirst = false;
        into.set(noOp);
        return Promise.resolve(noOp.length);
      }
      const count = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + count));
      at += count;
      if (at === bytes.length) {
        at = 0;
        left--;
      }
      return Promise.resolve(count);
    },
    write: () => Promise.resolve(),
    close: () => {},
  };
}

/** How often a timer comes round while this is read. */
async function turnsWhileReading(bytes: Uint8Array, times: number): Promise<number> {
  await using subscriber = new Subscriber({
    autoRequestMetadata: false,
    autoSubscribe: false,
    reconnect: false,
    connector: () => Promise.resolve(endless(bytes, times)),
  });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await subscriber.connect();
  await subscriber.closed;
  clearInterval(timer);
  return turns;
}

const frames: readonly [string, Uint8Array, number][] = [
  ["frames", noOp, 500_000],
  [
    "responses in one frame",
    oneFrame(Array(500_000).fill(noOp)),
    1,
  ],
  ["frames with nothing in them", new Uint8Array(4), 50_000],
];

for (const [what, bytes, times] of frames) {
  Deno.test(`${what} without a pause: timers come round`, async () => {
    // Joined, so that a read brings as many as it does from a socket.
    const joined = new Uint8Array(bytes.length * Math.max(1, Math.floor(100_000 / bytes.length)));
    for (let at = 0; at < joined.length; at += bytes.length) joined.set(bytes, at);
    assert(await turnsWhileReading(joined, Math.ceil(times * bytes.length / joined.length)) > 1);
  });
}

Deno.test("nobody is waited for before it is due, nor after the end; no timer is left", async () => {
  const givingWay = new GivingWay();
  await givingWay.next();
  assertEquals(givingWay.isDue, false);
  const since = performance.now();
  while (performance.now() - since < 20);
  assertEquals(givingWay.isDue, true);
  await givingWay.next();
  assertEquals(givingWay.isDue, false);
  const waiting = givingWay.next();
  givingWay.close();
  await waiting;
  assertEquals(givingWay.isDue, false);
  await givingWay.next();
});
