import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Sample, summarise } from "./report.ts";

const MIB = 1024 ** 2;
const MINUTES = 30;

/** What differs from a run without any trouble, by the minute. */
interface Course {
  readonly heap?: (minute: number) => number;
  readonly external?: (minute: number) => number;
  readonly resident?: (minute: number) => number;
  readonly files?: (minute: number) => number;
  readonly stalled?: number;
  readonly dropped?: number;
}

function failuresOf(course: Course): readonly string[] {
  return resultOf(course).failures;
}

function resultOf(
  { heap, external, resident, files, stalled = 0, dropped = 0 }: Course,
): ReturnType<typeof summarise> {
  const steady = (of: ((minute: number) => number) | undefined, minute: number): number =>
    of?.(minute) ?? 100;
  const samples = Array.from({ length: MINUTES }, (_, i): Sample => ({
    at: i + 1,
    seconds: 60,
    took: 10,
    files: steady(files, i + 1),
    theirFiles: 20,
    publisher: {
      heap: steady(heap, i + 1) * MIB,
      external: steady(external, i + 1) * MIB,
      resident: steady(resident, i + 1) * MIB,
      timers: 20,
      rounds: 1800 * i,
      longestPause: 40,
      open: 20,
      groups: 5,
      closed: {},
      handshakesFailed: {},
      dropped: { overflow: dropped },
      faults: [],
    },
    subscribers: {
      each: [],
      received: 0,
      latency: { p50: 1, p99: 2, most: 3, p99s: [2] },
      explained: {},
      untold: 0,
      stalled,
      unexplained: 0,
      losses: {},
      wrong: 0,
      heap: 100 * MIB,
      external: 0,
      resident: 100 * MIB,
      timers: 20,
    },
  }));
  return summarise(samples, { minutes: MINUTES, rate: 30, polls: 0, connections: 0, problems: [] });
}

Deno.test("soak: the first five minutes may grow, and afterwards 5 %", () => {
  assertEquals(failuresOf({ heap: (minute) => minute <= 5 ? 20 * minute : 100 + minute / 10 }), []);
});

Deno.test("soak: a heap that creeps up is told, and one that was too large in between", () => {
  const grown = ["the heap of the publisher has grown"];
  assertEquals(failuresOf({ heap: (minute) => 100 + minute / 2, external: () => 0 }), grown);
  assertEquals(
    failuresOf({ heap: (minute) => minute > 12 && minute < 18 ? 110 : 100, external: () => 0 }),
    grown,
  );
});

Deno.test("soak: buffers and what is resident are judged, too", () => {
  assertEquals(failuresOf({ external: (minute) => 100 + 3 * minute }), [
    "the heap and buffers of the publisher has grown",
  ]);
  assertEquals(failuresOf({ resident: (minute) => 100 + minute }), []);
  assertEquals(failuresOf({ resident: (minute) => 100 + 2 * minute }), [
    "the resident memory of the publisher has grown",
  ]);
});

Deno.test("soak: files that stay open are told", () => {
  assertEquals(failuresOf({ files: (minute) => 50 + minute }), ["open files of the publisher have grown"]);
});

Deno.test("soak: what who stalls misses is explained by what the publisher dropped, and not beyond", () => {
  assertEquals(failuresOf({ stalled: 500, dropped: 500 }), []);
  assertEquals(failuresOf({ stalled: 501, dropped: 500 }), ["1 measurements are missing without a reason"]);
  assertStringIncludes(resultOf({ stalled: 500, dropped: 700 }).text, "stalled 500");
});
