import { assert, assertEquals } from "@std/assert";
import { acceptAll, TAKEN_AT_A_TIME } from "./accept_loop.ts";
import type { Channel, ChannelListener } from "./channel.ts";
import { systemClock } from "./clock.ts";
import { createChannelPair } from "./memory_channel.ts";

/** Where so many wait to be taken in. */
function crowd(size: number): ChannelListener & { asked: number } {
  return {
    address: "memory:0",
    port: 0,
    asked: 0,
    accept(): Promise<Channel | null> {
      return Promise.resolve(this.asked++ < size ? createChannelPair()[0] : null);
    },
    close: () => {},
  };
}

const onError = (message: string): void => assert(false, message);

Deno.test("what was closed while others had their turn is asked for nobody any more", async () => {
  const stop = new AbortController();
  const listener = crowd(100);
  let taken = 0;
  await acceptAll(listener, {
    clock: systemClock,
    signal: stop.signal,
    onError,
    onChannel: (channel) => {
      channel.close();
      if (++taken === TAKEN_AT_A_TIME) setTimeout(() => stop.abort(), 0);
    },
  });
  assertEquals([taken, listener.asked], [32, 32]);
});

Deno.test("of many who connect at the same time 32 are taken in before everything else has a turn", async () => {
  const turns: number[] = [];
  let turn = 0;
  const timer = setInterval(() => turn++, 0);
  await acceptAll(crowd(100), {
    clock: systemClock,
    signal: new AbortController().signal,
    onError,
    onChannel: (channel) => {
      turns.push(turn);
      channel.close();
    },
  });
  clearInterval(timer);
  const together = Array.from(Map.groupBy(turns, (turn) => turn).values(), ({ length }) => length);
  assertEquals(together, [32, 32, 32, 4]);
});
