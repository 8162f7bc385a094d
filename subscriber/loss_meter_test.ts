import { assert, assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { LossMeter, noLoss } from "./loss_meter.ts";

const start = 638_500_000_000_000_000n;

/** A meter, and a way to tell it what arrived, as `[signal, ticks since the start]`. */
function setUp(): {
  meter: LossMeter;
  counts: ReturnType<typeof noLoss>;
  add: (...seen: [number, number][]) => void;
} {
  const counts = noLoss();
  const meter = new LossMeter(counts);
  return {
    meter,
    counts,
    add: (...seen) => {
      const batch = new MeasurementBatch();
      batch.add(999, 1n, 0); // not to be looked at
      for (const [signal, ticks] of seen) batch.add(signal, start + BigInt(ticks), 0);
      meter.add(batch, 1);
    },
  };
}

/** Ticks of frame `n` at thirty frames a second, as they round. */
function frame(n: number): number {
  return Math.round(n * 10_000_000 / 30);
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b_3c6d);
    state = Math.imul(state ^ state >>> 12, 0x297a_2d39);
    state ^= state >>> 15;
    return (state = (state + 0x9e37_79b9) | 0) >>> 0;
  };
}

Deno.test("nothing is lost where nothing is lost, whatever the rate", () => {
  for (const perSecond of [0.1, 1, 25, 30, 59.94, 120, 1000]) {
    const { counts, add } = setUp();
    for (let n = 0; n < 100; n++) add([3, Math.round(n * 10_000_000 / perSecond)]);
    assertEquals(counts, { ...noLoss(), expected: 100, received: 100 }, `${perSecond} a second`);
  }
});

Deno.test("the first measurements are judged when the interval is known", () => {
  const { counts, add } = setUp();
  for (const n of [0, 1, 3, 4, 5]) add([0, frame(n)]);
  assertEquals(counts, { ...noLoss(), unmeasured: 5 });
  add([0, frame(6)]);
  assertEquals(counts, { ...noLoss(), expected: 7, received: 6, lost: 1 });
});

Deno.test("every instant between two measurements that came is lost", () => {
  const { counts, add } = setUp();
  for (let n = 0; n < 10; n++) add([0, frame(n)]);
  add([0, frame(12)], [0, frame(13)], [0, frame(17)]);
  assertEquals(counts, { ...noLoss(), expected: 18, received: 13, lost: 5 });
});

Deno.test("what comes late was not lost; what comes twice is counted as that", () => {
  const { counts, add } = setUp();
  for (let n = 0; n < 10; n++) add([0, frame(n)]);
  add([0, frame(12)]);
  assertEquals(counts.lost, 2);
  add([0, frame(10)], [0, frame(10)], [0, frame(12)], [0, frame(3)]);
  assertEquals(counts, { ...noLoss(), expected: 13, received: 12, lost: 1, late: 1, repeated: 3 });
  add([0, frame(11)], [0, frame(13)]);
  assertEquals(counts, { ...noLoss(), expected: 14, received: 14, late: 2, repeated: 3 });
});

Deno.test("the loss counted is the loss made: 2 % and disorder, over many signals and hours", () => {
  const { counts, add } = setUp();
  const next = random(1);
  const signals = 20;
  const frames = 20_000;
  const waiting: number[] = [];
  let made = 0;
  let lastLost = false;
  for (let n = 0; n < frames; n++) {
    const isLast = n === frames - 1;
    if (!isLast && next() % 50 === 0) {
      made++;
      lastLost = n === 0;
    } else if (!isLast && n > 10 && next() % 20 === 0) {
      waiting.push(n); // comes after the next one
    } else {
      add(...Array.from({ length: signals }, (_, i): [number, number] => [i, frame(n)]));
      for (const late of waiting.splice(0)) {
        add(...Array.from({ length: signals }, (_, i): [number, number] => [i, frame(late)]));
      }
    }
  }
  assertEquals(lastLost, false);
  assertEquals(counts.lost, made * signals);
  assertEquals(counts.expected, frames * signals);
  assertEquals(counts.received, (frames - made) * signals);
  assert(counts.late > 500 * signals, `${counts.late} late`);
  assertEquals([counts.repeated, counts.silent, counts.unmeasured], [0, 0, 0]);
});

Deno.test("heavy loss is told as well", () => {
  const { counts, add } = setUp();
  const next = random(7);
  const frames = 5000;
  let received = 0;
  for (let n = 0; n < frames; n++) {
    if (n > 0 && n < frames - 1 && next() % 100 < 30) continue;
    add([0, frame(n)]);
    received++;
  }
  assertEquals([counts.expected, counts.received, counts.lost], [frames, received, frames - received]);
});

Deno.test("timestamps that tremble fit all the same", () => {
  const { counts, add } = setUp();
  const next = random(3);
  for (let n = 0; n < 1000; n++) {
    if (n % 100 !== 50) add([0, frame(n) + next() % 60_000 - 30_000]);
  }
  assertEquals([counts.received, counts.lost, counts.unmeasured], [990, 10, 0]);
});

Deno.test("a long silence is no loss, and no measurement before it counts as late", () => {
  const { counts, add } = setUp();
  for (let n = 0; n < 10; n++) add([0, frame(n)]);
  add([0, frame(10 + 32)]);
  assertEquals(counts, { ...noLoss(), expected: 11, received: 11, silent: 32 });
  add([0, frame(9)], [0, frame(41)]);
  assertEquals([counts.unmeasured, counts.lost, counts.late], [2, 0, 0]);
  add([0, frame(43)]);
  assertEquals(counts.received, 12);
});

Deno.test("the longest gap that counts as loss", () => {
  const { counts, add } = setUp();
  for (let n = 0; n < 10; n++) add([0, frame(n)]);
  add([0, frame(9 + 32)]);
  assertEquals([counts.lost, counts.silent], [31, 0]);
  for (let n = 10; n < 9 + 32; n++) add([0, frame(n)]);
  assertEquals([counts.lost, counts.late, counts.received, counts.expected], [0, 31, 42, 42]);
});

Deno.test("irregular signals tell nothing", () => {
  const { counts, add } = setUp();
  const next = random(5);
  let ticks = 0;
  for (let n = 0; n < 1000; n++) add([0, ticks += 1000 + next() % 10_000_000]);
  assertEquals(counts.unmeasured + counts.received, 1000);
  assert(counts.unmeasured > 500, `${counts.unmeasured} unmeasured`);
});

Deno.test("a signal that becomes slower or faster is learned anew, and that is no loss", () => {
  for (const [before, after] of [[60, 30], [30, 60], [30, 50], [50, 30], [30, 1]] as const) {
    const { counts, add } = setUp();
    let ticks = 0;
    for (let n = 0; n < 60; n++) add([0, Math.round(ticks += 10_000_000 / before)]);
    for (let n = 0; n < 60; n++) add([0, Math.round(ticks += 10_000_000 / after)]);
    assertEquals(counts.lost, 0, `${before} to ${after}`);
    // A gap in what comes then is.
    const { expected } = counts;
    add([0, Math.round(ticks += 20_000_000 / after)]);
    assertEquals([counts.lost, counts.expected], [1, expected + 2], `${before} to ${after}`);
  }
});

Deno.test("leap second bits are no part of the time", () => {
  const { meter, counts } = setUp();
  const batch = new MeasurementBatch();
  for (let n = 0; n < 10; n++) {
    batch.add(0, BigInt.asIntN(64, (start + BigInt(frame(n))) | (n % 2 === 0 ? 1n << 63n : 0n)), 0);
  }
  meter.add(batch, 0);
  assertEquals(counts, { ...noLoss(), expected: 10, received: 10 });
});

Deno.test("after a reset signals are learned anew; what was counted stays", () => {
  const { meter, counts, add } = setUp();
  for (let n = 0; n < 10; n++) add([0, frame(n)]);
  meter.reset();
  add([0, frame(20)]);
  assertEquals(counts, { ...noLoss(), expected: 10, received: 10, unmeasured: 1 });
  for (let n = 21; n < 30; n++) add([0, frame(n)]);
  assertEquals(counts, { ...noLoss(), expected: 20, received: 20 });
});

Deno.test("signals have nothing to do with each other", () => {
  const { counts, add } = setUp();
  for (let n = 0; n < 50; n++) {
    add([70_000, frame(n)]);
    if (n % 2 === 0) add([0, frame(n)]);
    if (n % 10 !== 7) add([129, frame(n)]);
  }
  assertEquals(counts, { ...noLoss(), expected: 125, received: 120, lost: 5 });
});

/** When a publisher sends round after round at thirty a second, in milliseconds, if now and then it has to wait. */
function* lateRounds(rounds: number, pauses: (next: () => number) => number): Generator<number> {
  const next = random(11);
  let free = 0;
  for (let n = 0; n < rounds; n++) {
    const at = Math.max(n * 1000 / 30, free);
    yield at;
    // What it has missed it sends at once.
    free = at + 1 + pauses(next);
  }
}

Deno.test("of a publisher that is late, and sends then what was due, hardly anything is taken for lost", () => {
  const { counts, add } = setUp();
  const pauses = (next: () => number): number => next() % 40 === 0 ? next() % 400 : 0;
  let late = 0;
  let last = 0;
  for (const at of lateRounds(20_000, pauses)) {
    add([0, Math.round(10_000 * at)]);
    if (at - last > 50) late++;
    last = at;
  }
  assert(late > 200, `late ${late} times only`);
  assert(counts.lost < 200, `${counts.lost} lost`);
  assert(counts.received > 18_000, `${counts.received} received`);
  assertEquals(counts.received + counts.unmeasured, 20_000);
  assertEquals(counts.expected, counts.received + counts.lost);
});

Deno.test("loss shows beside that", () => {
  const { counts, add } = setUp();
  const pauses = (next: () => number): number => next() % 100 === 0 ? next() % 300 : 0;
  const next = random(2);
  let lost = 0;
  for (const at of lateRounds(20_000, pauses)) {
    if (next() % 50 === 0) lost++;
    else add([0, Math.round(10_000 * at)]);
  }
  assert(Math.abs(counts.lost - lost) < lost / 10, `${counts.lost} told, ${lost} were lost`);
});

Deno.test("a gap before which something was late is filled only by as much as comes", () => {
  const { counts, add } = setUp();
  const interval = 333_333;
  for (let n = 0; n < 10; n++) add([0, n * interval]);
  // Four were due at 10 to 13, and two of them come with the next.
  for (const at of [14, 14.01, 14.02, 15, 16]) add([0, Math.round(at * interval)]);
  assertEquals(counts, { ...noLoss(), expected: 17, received: 15, lost: 2 });
  // What comes at no instant long after is no part of it.
  for (const at of [17, 18, 19, 20, 20.1, 21]) add([0, Math.round(at * interval)]);
  assertEquals([counts.lost, counts.unmeasured], [2, 1]);
});

Deno.test("an interval that was learned from a burst is given up, and most of what seemed lost with it", () => {
  for (const burst of [6, 10, 40]) {
    for (const spacing of [5_000, 12_000, 50_000, 110_000]) {
      const { counts, add } = setUp();
      const next = random(burst + spacing);
      let ticks = 0;
      for (let n = 0; n < burst; n++) add([0, ticks += spacing]);
      // Trembling, so that no two gaps are alike.
      for (let n = 0; n < 100; n++) add([0, ticks += 313_333 + next() % 40_000]);
      const { lost } = counts;
      assert(lost < 64, `${lost} lost after ${burst}, ${spacing} ticks apart`);
      add([0, ticks += 666_666]);
      assertEquals(counts.lost, lost + 1, `${burst}, ${spacing} ticks apart`);
      assertEquals(counts.received + counts.unmeasured, burst + 101);
    }
  }
});

Deno.test("what always comes in pairs, the later one first, is late and not lost", () => {
  const { counts, add } = setUp();
  for (let n = 0; n < 10; n++) add([0, frame(n)]);
  for (let n = 10; n < 100; n += 2) add([0, frame(n + 1)], [0, frame(n)]);
  assertEquals(counts, { ...noLoss(), expected: 100, received: 100, late: 45 });
});

Deno.test("whatever comes, no count is negative, and what is expected came or is lost", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const { counts, add } = setUp();
    const next = random(seed);
    const steps = [333_333, 333_333, 333_333, 1_000, 166_000, 500_000, 1_000_000, 3_000_000, 20_000_000];
    let ticks = 0;
    let added = 0;
    for (let n = 0; n < 500; n++) {
      const step = steps[next() % (1 + seed % steps.length)]!;
      // Now and then something old, or the same again.
      const at = next() % 7 === 0 ? Math.max(0, ticks - (next() % 12) * 333_333) : ticks += step;
      add([0, at]);
      added++;
    }
    const { expected, received, lost, repeated, unmeasured } = counts;
    for (const [name, count] of Object.entries(counts)) assert(count >= 0, `${name} ${count}, seed ${seed}`);
    assertEquals([expected, received + repeated + unmeasured], [received + lost, added], `seed ${seed}`);
  }
});
