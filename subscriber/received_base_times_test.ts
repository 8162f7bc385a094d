import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { BaseTimes } from "../transport/wire/base_times.ts";
import { ReceivedBaseTimes } from "./received_base_times.ts";

Deno.test("a rotation holds at once on the command channel, and ten seconds later for datagrams", () => {
  const clock = new ManualClock();
  const received = new ReceivedBaseTimes(clock);
  assertEquals([received.present, received.ofDatagrams], [undefined, undefined]);
  const first = new BaseTimes(0, 1000n, 2000n);
  received.update(first);
  assertEquals([received.present, received.ofDatagrams], [first, first]);
  clock.advance(60_000);
  const second = first.rotate(3000n);
  received.update(second);
  assertEquals([received.present, received.ofDatagrams], [second, first]);
  // Whatever comes into force has the same value in both.
  assertEquals(first.base(1), second.base(1));
  clock.advance(9_999);
  assertEquals(received.ofDatagrams, first);
  clock.advance(1);
  assertEquals(received.ofDatagrams, second);
  clock.advance(50_000);
  const third = second.rotate(4000n);
  received.update(third);
  assertEquals(received.ofDatagrams, second);
});

Deno.test("what is no rotation holds at once for everything", () => {
  const clock = new ManualClock();
  for (
    const next of [
      new BaseTimes(0, 5000n, 6000n),
      new BaseTimes(1, 1000n, 6000n),
      new BaseTimes(0, 1000n, 2000n),
    ]
  ) {
    const received = new ReceivedBaseTimes(clock);
    received.update(new BaseTimes(0, 1000n, 2000n));
    received.update(next);
    assertEquals(received.ofDatagrams, next);
  }
});
