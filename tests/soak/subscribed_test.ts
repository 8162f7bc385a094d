import { assertEquals, assertMatch } from "@std/assert";
import type { Sample } from "./report.ts";
import { complaintsOfSubscribers } from "./subscribed.ts";
import type { SubscriberLook } from "./subscribers.ts";

const rate = 30;
const good: SubscriberLook = {
  name: "subscriber 1 (tssc)",
  behind: 20,
  received: 0,
  missing: 0,
  signals: 10,
  interval: 0,
  stall: 0,
  mishaps: [],
};

/** A look at one subscriber after so many minutes. */
function sampleAt(
  at: number,
  subscriber: Partial<SubscriberLook>,
  longestPause = 50,
  dropped: Readonly<Record<string, number>> = {},
): Sample {
  const each = [{ ...good, ...subscriber }];
  return {
    at,
    seconds: 60,
    took: 100,
    files: 1,
    theirFiles: 1,
    publisher: {
      heap: 0,
      external: 0,
      resident: 0,
      timers: 0,
      rounds: at * 60 * rate,
      longestPause,
      open: 1,
      groups: 1,
      closed: {},
      handshakesFailed: {},
      dropped,
      faults: [],
    },
    subscribers: {
      each,
      received: 0,
      latency: { p50: 0, p99: 0, most: 0, p99s: [] },
      explained: {},
      untold: 0,
      stalled: 0,
      unexplained: 0,
      losses: {},
      wrong: 0,
      heap: 0,
      external: 0,
      resident: 0,
      timers: 0,
    },
  };
}

/** What one gets of all signals in so many minutes. */
function everythingOf(minutes: number): number {
  return minutes * 60 * rate * good.signals;
}

function complaints(...samples: Sample[]): string[] {
  return complaintsOfSubscribers(samples, rate);
}

Deno.test("soak: who got everything, but for what is on the way, is nothing to complain of", () => {
  const received = everythingOf(4) - 5 * good.signals;
  assertEquals(complaints(sampleAt(1, {}), sampleAt(5, { received })), []);
});

Deno.test("soak: what is known to be missing is accounted for", () => {
  const received = everythingOf(3);
  assertEquals(complaints(sampleAt(1, {}), sampleAt(5, { received, missing: everythingOf(1) })), []);
  assertEquals(complaints(sampleAt(1, {}), sampleAt(5, { received })), [
    "subscriber 1 (tssc) has 10 signals and had, or knows of, 5400 rounds of 7200",
  ]);
});

Deno.test("soak: a hundred rounds, which the values do not show, are missed", () => {
  const received = everythingOf(4) - 100 * good.signals;
  assertEquals(complaints(sampleAt(1, {}), sampleAt(5, { received })).length, 1);
});

Deno.test("soak: who has no signals got nothing", () => {
  const [complaint] = complaints(sampleAt(1, { signals: 0 }), sampleAt(5, { signals: 0 }));
  assertMatch(complaint!, /has 0 signals/);
});

Deno.test("soak: silence between the first look and the last, once for each subscriber", () => {
  const samples = (longestPause: number): Sample[] => [
    sampleAt(1, {}),
    sampleAt(2, { behind: 61_000 }, longestPause),
    sampleAt(3, { behind: 121_000 }, 2 * longestPause),
    sampleAt(5, { received: everythingOf(4) }),
  ];
  assertEquals(complaints(...samples(50)), [
    "subscriber 1 (tssc) had nothing of the last 61 s, 2.0 min from the start",
  ]);
  assertEquals(complaints(...samples(60_000)), [], "the publisher paused");
});

Deno.test("soak: a throttled subscriber is measured by its interval", () => {
  const first = sampleAt(1, { interval: 1 });
  const received = (rounds: number): Sample => sampleAt(5, { interval: 1, received: rounds * good.signals });
  assertEquals(complaints(first, received(240)), []);
  assertEquals(complaints(first, received(120)), [], "half of it, where the machine is busy");
  assertEquals(complaints(first, received(100)).length, 1);
});

Deno.test("soak: who stalls may be late by so much, and what it misses the publisher has dropped", () => {
  const samples = (detached: number): Sample[] => [
    sampleAt(1, { stall: 60 }, 50, { overflow: 1_000, closed: 1_000 }),
    sampleAt(3, { stall: 60, behind: 119_000, received: everythingOf(0.5) }),
    sampleAt(5, { stall: 60, received: everythingOf(2) }, 50, { overflow: 2_000, detached, closed: 9e9 }),
  ];
  assertEquals(complaints(...samples(everythingOf(2) - 1_000)), []);
  assertEquals(complaints(...samples(everythingOf(2) - 2_000)).length, 1);
});

Deno.test("soak: what nobody planned is told by name", () => {
  const last = { received: everythingOf(4), mishaps: ["connectionLost: gone", "closed"] };
  assertEquals(complaints(sampleAt(1, {}), sampleAt(5, last)), [
    "subscriber 1 (tssc), though nobody planned it: connectionLost: gone",
    "subscriber 1 (tssc), though nobody planned it: closed",
  ]);
});
