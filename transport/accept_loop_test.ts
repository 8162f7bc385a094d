import { assert, assertEquals, assertLess } from "@std/assert";
import { acceptAll } from "./accept_loop.ts";
import type { ChannelListener } from "./channel.ts";
import { systemClock } from "./clock.ts";
import { createChannelPair } from "./memory_channel.ts";

Deno.test("what was closed while others had their turn is asked for nobody any more", async () => {
  const stop = new AbortController();
  let asked = 0;
  let now = 0;
  await acceptAll({
    address: "memory:0",
    port: 0,
    accept: () => {
      asked++;
      return Promise.resolve(createChannelPair()[0]);
    },
    close: () => {},
  }, {
    clock: { ...systemClock, monotonic: () => now },
    signal: stop.signal,
    onError: (message) => assert(false, message),
    onChannel: (channel) => {
      now += 5;
      channel.close();
      queueMicrotask(() => queueMicrotask(() => stop.abort()));
    },
  });
  assertEquals(asked, 1);
});

Deno.test("who connects at the same time as many others does not keep the rest waiting", async () => {
  let waiting = 100;
  const listener: ChannelListener = {
    address: "memory:0",
    port: 0,
    accept: () => Promise.resolve(waiting-- > 0 ? createChannelPair()[0] : null),
    close: () => {},
  };
  let now = 0;
  let turn = 0;
  const count = (): void => {
    turn++;
    timer = setTimeout(count, 0);
  };
  let timer = setTimeout(count, 0);
  const turns: number[] = [];
  await acceptAll(listener, {
    clock: { ...systemClock, monotonic: () => now },
    signal: new AbortController().signal,
    onError: (message) => assert(false, message),
    onChannel: (channel) => {
      now += 0.5;
      turns.push(turn);
      channel.close();
    },
  });
  clearTimeout(timer);
  assertEquals(turns.length, 100);
  const most = Math.max(...Map.groupBy(turns, (turn) => turn).values().map(({ length }) => length));
  // Four, and timers that come a little late.
  assertLess(most, 20, "connections taken in before others had their turn");
});
