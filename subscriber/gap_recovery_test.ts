import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { withFolder } from "../tests/support/folder.ts";
import { fillDisk } from "../tests/support/full_disk.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { MaxTicks, parseTicks, ticksNow } from "../transport/wire/ticks.ts";
import { checkGapRecovery, GapRecovery, type GapRecoveryOptions } from "./gap_recovery.ts";
import { GapStore } from "./gap_store.ts";
import { type Gap, GapFilling, GapTracker, startOf } from "./gap_tracker.ts";
import { type ReadingOptions, UnansweredError } from "./history.ts";
import type { SubscribeOptions } from "./options.ts";
import { Counters } from "./stats.ts";
import type { SubscriberStatus } from "./status.ts";
import { settle } from "./testdata/scripted_publisher.ts";

const A = "9ae6dd95-bddb-5dd8-8717-000000000001";
const B = "9ae6dd95-bddb-5dd8-8717-000000000002";
const C = "9ae6dd95-bddb-5dd8-8717-000000000003";

function batchOf(...measurements: [signal: number, ticks: bigint][]): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const [signal, ticks] of measurements) batch.add(signal, ticks, 0);
  return batch;
}

/** What is in a batch. */
function contentOf({ signals, ticks, length }: MeasurementBatch): [signal: number, ticks: bigint][] {
  return Array.from({ length }, (_, i) => [signals[i]!, ticks[i]!]);
}

/** Times 7 to 26 of three signals. */
function everything(): MeasurementBatch {
  const all = batchOf();
  for (let ticks = 7n; ticks <= 26n; ticks++) for (const n of [0, 1, 2]) all.add(n, ticks, 0);
  return all;
}

function tableOf(...ids: string[]): SignalTable {
  const signals = new SignalTable();
  for (const id of ids) signals.add(id);
  return signals;
}

Deno.test("a gap has limits for each signal", () => {
  const signals = tableOf(A, B, C);
  const tracker = new GapTracker(signals, new ManualClock());
  assertEquals(tracker.begin("x"), undefined);
  tracker.observe(batchOf([0, 1n], [0, 10n], [1, 8n]), 1);
  assertEquals(startOf(tracker.begin("x")!), 8n);
  // Still without a connection.
  assertEquals([tracker.begin("y")?.filter, tracker.end()], ["x", undefined]);
  tracker.observe(batchOf([0, 20n], [2, 22n], [0, 24n]), 0);
  const gap = tracker.end()!;
  assertEquals([gap.stop, tracker.open], [24n, undefined]);
  const all = everything();
  new GapFilling(gap, signals).keep(all);
  const times: number[][] = [[], [], []];
  for (const [signal, ticks] of contentOf(all)) times[signal]!.push(Number(ticks));
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);
  assertEquals(times, [range(11, 19), range(9, 24), range(11, 21)]);

  tracker.forget();
  assertEquals(tracker.begin("z"), undefined);
});

Deno.test("a signal that fell silent long ago does not make a gap begin then", () => {
  const clock = new ManualClock();
  const tracker = new GapTracker(tableOf(A, B), clock);
  tracker.observe(batchOf([0, 10n], [1, 10n]), 0);
  clock.advance(61_000);
  tracker.observe(batchOf([0, 700n]), 0);
  assertEquals(startOf(tracker.begin("x")!), 700n);
});

Deno.test("a time that is a mistake does not hide what is missed, nor reach beyond what can be asked for", () => {
  const clock = new ManualClock();
  const now = ticksNow(clock);
  const hour = 36_000_000_000n;
  const wrong = [MaxTicks, MaxTicks + 1n, (1n << 62n) - 1n, -1n, now + 1000n * hour];
  for (const time of wrong) {
    const signals = tableOf(A, B);
    const tracker = new GapTracker(signals, clock);
    tracker.observe(batchOf([0, now], [0, time], [1, now]), 0);
    tracker.begin("x");
    // Too early is a mistake, too; an hour ahead may be none.
    tracker.observe(batchOf([0, now - hour], [1, time], [0, now + 30n], [1, now + hour]), 0);
    const gap = tracker.end()!;
    assertEquals([startOf(gap), gap.stop], [now, now + hour]);
    const history = batchOf([0, now + 10n], [1, now + 10n], [0, now + 20n], [0, now + 30n]);
    new GapFilling(gap, signals).keep(history);
    assertEquals(contentOf(history), [[0, now + 10n], [1, now + 10n], [0, now + 20n]]);
  }
});

Deno.test("a gap in a file that ends later than can be asked for is asked for as far as can be", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/gaps.json`;
    const gap = { filter: "x", stop: String(1n << 62n), last: { [A]: "5" }, first: {} };
    await Deno.writeTextFile(path, JSON.stringify({ gaps: [gap] }));
    const rig = new Rig({ path });
    rig.onRead = () => {
      throw new SttpError("Refused", "no history");
    };
    rig.live(7);
    await rig.settle();
    assertEquals(rig.asked.map(({ stopTimeConstraint }) => stopTimeConstraint), [
      "9999-12-31T23:59:59.9999999Z",
    ]);
    await rig.recovery.lost("x");
  });
});

Deno.test("where the local clock is wrong, that of the data counts", () => {
  const clock = new ManualClock(0);
  const start = ticksNow(clock) + 5_000n * 36_000_000_000n;
  const tracker = new GapTracker(tableOf(A), clock);
  for (let i = 0n; i < 5n; i++) tracker.observe(batchOf([0, start + i]), 0);
  assertEquals(startOf(tracker.begin("x")!), start + 4n);
});

for (const kind of ["followed", "from a file"]) {
  Deno.test(`what was handed over is not handed over again, wherever it broke off, of a gap ${kind}`, () => {
    const signals = tableOf(A, B, C);
    const tracker = new GapTracker(signals, new ManualClock());
    tracker.observe(batchOf([0, 8n], [1, 10n]), 0);
    tracker.begin("x");
    tracker.observe(batchOf([0, 20n], [0, 24n]), 0);
    const noted = tracker.end()!;
    const gap = kind === "followed"
      ? noted
      : { ...noted, last: new Map(noted.last), first: new Map(noted.first) };
    const whole = everything();
    new GapFilling(gap, signals).keep(whole);
    /** Hands so many over of what the publisher is asked for, and gives what is left. */
    const handOver = (gap: Gap, count: number, handedOver: [number, bigint][]): Gap => {
      const filling = new GapFilling(gap, signals);
      const asked = batchOf(...contentOf(everything()).filter(([, ticks]) => ticks >= startOf(gap)));
      filling.keep(asked);
      const part = batchOf(...contentOf(asked).slice(0, count));
      filling.handedOver(part);
      handedOver.push(...contentOf(part));
      if (part.length > 0) assertEquals(startOf(filling.rest), part.ticks[part.length - 1]);
      else assertEquals(filling.rest, gap);
      return filling.rest;
    };
    for (let first = 0; first <= whole.length; first++) {
      for (const second of [0, 1, 4]) {
        const handedOver: [number, bigint][] = [];
        const rest = handOver(handOver(gap, first, handedOver), second, handedOver);
        handOver(rest, Infinity, handedOver);
        assertEquals(handedOver, contentOf(whole));
      }
    }
  });
}

Deno.test("of several measurements of one signal and time none is left out, whichever batches they come in", () => {
  const signals = tableOf(A, B);
  const tracker = new GapTracker(signals, new ManualClock());
  tracker.observe(batchOf([0, 8n], [1, 10n]), 0);
  tracker.begin("x");
  tracker.observe(batchOf([0, 20n], [1, 20n]), 0);
  const filling = new GapFilling(tracker.end()!, signals);
  const handOver = (...measurements: [number, bigint][]): [number, bigint][] => {
    const batch = batchOf(...measurements);
    filling.keep(batch);
    filling.handedOver(batch);
    return contentOf(batch);
  };
  assertEquals(handOver([0, 8n], [0, 9n], [1, 10n]), [[0, 9n]]);
  assertEquals(handOver([1, 10n], [0, 11n], [1, 11n], [0, 11n]), [[0, 11n], [1, 11n], [0, 11n]]);
  assertEquals(handOver([0, 11n], [1, 11n], [1, 12n]), [[0, 11n], [1, 11n], [1, 12n]]);
  assertEquals(handOver([0, 9n], [1, 11n], [1, 12n], [0, 20n]), [[1, 12n]], "what is before has come");
  const { last, from } = filling.rest;
  assertEquals([new Map(last), from], [new Map([[A, 11n], [B, 12n]]), 12n]);
});

Deno.test("what is left of a small gap is small, however many signals there are", () => {
  const { signals } = manySignals(20_000);
  const tracker = new GapTracker(signals, new ManualClock());
  tracker.observe(batchOf([5, 10n], [7, 12n]), 0);
  tracker.begin("x");
  tracker.observe(batchOf([5, 30n], [7, 30n]), 0);
  const noted = tracker.end()!;
  // A signal that has not come since the file was written keeps its time.
  const read = { ...noted, last: new Map([...noted.last, [A, 11n]]) };
  for (const [gap, times] of [[noted, []], [read, [[A, 11n]]]] as const) {
    const filling = new GapFilling(gap, signals);
    const history = batchOf([5, 13n], [9, 14n], [7, 12n]);
    filling.keep(history);
    filling.handedOver(history);
    const { last, first, from, others } = filling.rest;
    assertEquals(
      new Map(last),
      new Map([[signals.idOf(5), 13n], [signals.idOf(7), 12n], [signals.idOf(9), 14n], ...times]),
    );
    assertEquals([last.size, first, from, others], [3 + times.length, gap.first, 14n, 12n]);
    assertEquals([last.get(signals.idOf(7)), last.get(signals.idOf(8))], [12n, undefined]);
  }
});

Deno.test("a file keeps gaps, and nothing else will do", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/gaps.json`;
  const errors: SttpError[] = [];
  const open = (): GapStore => new GapStore(path, (error) => errors.push(error));
  const going = { filter: "a; b", last: new Map([[A, 5n]]), first: new Map(), stop: undefined };
  const ended = { ...going, first: new Map([[A, 9n]]), stop: 1n << 60n, from: 7n, others: 6n };
  open().replace(undefined, going);
  const store = open();
  assertEquals(store.gaps, [going]);
  store.replace(store.gaps[0], ended);
  assertEquals(open().gaps, [ended]);
  store.replace(store.gaps[0], undefined);
  assertEquals([open().gaps, errors], [[], []]);
  for (const text of ["", "{}", `{"gaps":[{"filter":"","stop":"x","last":{},"first":{}}]}`]) {
    await Deno.writeTextFile(path, text);
    assertEquals(assertThrows(open, SttpError).code, "MalformedText");
  }
  await Deno.remove(directory, { recursive: true });
  // Nowhere to write to any more: they are kept in memory.
  store.replace(undefined, ended);
  assertEquals([store.gaps, errors.map(({ code }) => code)], [[ended], ["InvalidState"]]);
});

Deno.test("a full disk: what the file of gaps held stays, and all is noted when there is room", () =>
  withFolder(async (folder) => {
    const path = `${folder}/gaps.json`;
    const errors: string[] = [];
    const store = new GapStore(path, ({ message }) => errors.push(message));
    const noted = (): Gap[] => [...new GapStore(path, () => {}).gaps];
    const gap = { filter: "a", last: new Map([[A, 5n]]), first: new Map([[A, 9n]]), stop: 9n };
    store.replace(undefined, gap);
    const empty = await fillDisk(`${path}.new`);
    const later = { ...gap, last: new Map([[A, 15n]]), first: new Map([[A, 19n]]), stop: 19n };
    store.replace(undefined, later);
    assertEquals([errors.length, noted()], [1, [gap]]);
    assertStringIncludes(errors[0]!, `what was missed can't be noted in ${path}`);
    await empty();
    store.replace(gap, undefined);
    assertEquals([errors.length, noted()], [1, [later]]);
  }));

/** Many signals, and a measurement of each. */
function manySignals(count: number): { signals: SignalTable; batch: MeasurementBatch } {
  const signals = new SignalTable();
  const batch = new MeasurementBatch(count);
  const id = new Uint8Array(16);
  for (let i = 0; i < count; i++) {
    new DataView(id.buffer).setUint32(4, i);
    batch.add(signals.addBytes(id), BigInt(i) + 1n, 0);
  }
  return { signals, batch };
}

Deno.test("a gap of very many signals: everything else has its turn while it is written", () =>
  withFolder(async (folder) => {
    const path = `${folder}/gaps.json`;
    const { signals, batch } = manySignals(150_000);
    const tracker = new GapTracker(signals, new ManualClock());
    tracker.observe(batch, 0);
    const gap = tracker.begin("x")!;
    const store = new GapStore(path, (error) => {
      throw error;
    });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    store.replace(undefined, gap);
    assertEquals(store.isSaving, true);
    // It changes in the middle, and the file ends as it is then.
    const small = { filter: "y", last: new Map([[A, 5n]]), first: new Map(), stop: 9n };
    store.replace(undefined, small);
    await store.saved;
    clearInterval(timer);
    assert(turns > 0);
    const [read, ...rest] = new GapStore(path, () => {}).gaps;
    assertEquals([read!.filter, read!.last.size, read!.first.size, read!.stop], ["x", 150_000, 0, undefined]);
    for (const [id, time] of gap.last) {
      if (read!.last.get(id) !== time) throw new Error(`${id} is not at ${time}`);
    }
    assertEquals(rest, [small]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["gaps.json"]);
  }));

Deno.test("who waits for the end of a connection finds the gap in the file, however many signals there are", () =>
  withFolder(async (folder) => {
    const path = `${folder}/gaps.json`;
    const rig = new Rig({ path });
    const { signals, batch } = manySignals(100_000);
    for (let i = 1; i < signals.size; i++) rig.signals.add(signals.idOf(i));
    rig.recovery.observe(batch, 0);
    await rig.recovery.lost("a");
    assertEquals(new GapStore(path, () => {}).gaps.map(({ last }) => last.size), [100_000]);
    // The note that takes long leaves no timer behind a connection that is lost meanwhile.
    rig.recovery.observe(batch, 0);
    await rig.settle(1000);
    await rig.settle(10_000);
    await rig.recovery.lost("a");
    assertEquals(rig.clock.pending, 0);
  }));

/** A recovery, with a publisher's history that does what a test says. */
class Rig {
  readonly clock = new ManualClock();
  readonly signals = tableOf(A);
  readonly events: SubscriberStatus[] = [];
  /** The values that were handed over. */
  readonly recovered: number[] = [];
  /** What was asked for. */
  readonly asked: SubscribeOptions[] = [];
  readonly counters = new Counters();
  readonly recovery: GapRecovery;
  /** Called when history is asked for. */
  onRead: (subscription: SubscribeOptions, reading: ReadingOptions) => void | Promise<void> = () => {};
  /** Called after each batch of it. */
  onSent: () => void = () => {};
  /** Whether there is live data between. */
  sendsLive = false;
  onRecovered: () => void | Promise<void> = () => {};

  constructor(options: Partial<GapRecoveryOptions> = {}) {
    const given = checkGapRecovery({
      onRecovered: ({ ticks, length }) => {
        this.recovered.push(...Array.from(ticks.subarray(0, length), Number));
        return this.onRecovered();
      },
      settleTime: 1000,
      ...options,
    });
    this.recovery = new GapRecovery(given!, {
      clock: this.clock,
      signals: this.signals,
      counters: this.counters,
      timeout: 60_000,
      wanted: { subscription: { filter: "now", throttled: true, lagTime: 3 }, subscribing: true },
      openHistory: () =>
        Promise.resolve({
          read: (subscription, reading) => this.#read(subscription, reading),
          close: () => Promise.resolve(),
        }),
      emit: (event) => this.events.push(event),
    });
  }

  async *#read(subscription: SubscribeOptions, reading: ReadingOptions): AsyncGenerator<MeasurementBatch> {
    this.asked.push(subscription);
    await this.onRead(subscription, reading);
    // From the beginning, and a bit too far: what is not missed is left out.
    const stop = parseTicks(subscription.stopTimeConstraint!) + 3n;
    for (let ticks = 1n; ticks <= stop; ticks += 10n) {
      const all = Array.from({ length: 10 }, (_, i): [number, bigint] => [0, ticks + BigInt(i)]);
      yield batchOf(...all.filter(([, ticks]) => ticks <= stop));
      this.onSent();
      if (this.sendsLive) yield batchOf([0, 20_000_000n]);
    }
  }

  /** Live data of these times. */
  live(...times: number[]): void {
    this.recovery.observe(batchOf(...times.map((ticks): [number, bigint] => [0, BigInt(ticks)])), 0);
  }

  /** Lets the time pass after which a recovery begins, and it run. */
  async settle(milliseconds = 1000): Promise<void> {
    this.clock.advance(milliseconds);
    await settle();
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  /** What failed why, and whether it is tried again. */
  failures(): [message: string, isTriedAgain: boolean][] {
    return this.events.flatMap((event) =>
      event.kind === "recoveryFailed" ? [[event.error.message, event.isTriedAgain]] : []
    );
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

Deno.test("several gaps come one after the other, the oldest first, as what was subscribed to then", async () => {
  const rig = new Rig();
  rig.live(1, 2, 3);
  await rig.recovery.lost("a");
  rig.live(10, 11);
  // Lost again before it was known where the first gap ends.
  await rig.recovery.lost("b");
  rig.live(20);
  assertEquals(rig.asked, []);
  await rig.settle();
  assertEquals(rig.recovered, [...numbers(4, 9), ...numbers(12, 19)]);
  assertEquals(rig.kinds(), ["recovered", "recovered"]);
  assertEquals(rig.asked.map(({ filter, throttled, lagTime }) => [filter, throttled, lagTime]), [
    ["a", undefined, 3],
    ["b", undefined, 3],
  ]);
  await rig.settle(10_000);
  assertEquals([rig.asked.length, rig.clock.pending], [2, 0]);
});

Deno.test("a gap goes across a subscription to something else", async () => {
  const rig = new Rig();
  rig.live(1, 2, 3);
  await rig.recovery.lost("a");
  rig.recovery.forget();
  rig.signals.add(B);
  rig.recovery.observe(batchOf([1, 30n], [1, 31n]), 0);
  await rig.settle();
  // Nothing of the old one came again: until the newest of what did.
  assertEquals([rig.recovered, rig.asked[0]!.filter], [numbers(4, 31), "a"]);
  // The new one has a gap of its own.
  await rig.recovery.lost("b");
  rig.recovery.observe(batchOf([1, 40n]), 0);
  await rig.settle();
  assertEquals(rig.asked[1]!.filter, "b");
});

Deno.test("a signal that does not come between two gaps comes once", async () => {
  const rig = new Rig();
  rig.signals.add(B);
  rig.recovery.observe(batchOf([0, 1n], [1, 1n]), 0);
  await rig.recovery.lost("a");
  // Of the history only A is told here, so it is A that does not come.
  rig.recovery.observe(batchOf([1, 10n]), 0);
  await rig.settle();
  assertEquals(rig.recovered, numbers(2, 10));
  await rig.recovery.lost("a");
  rig.recovery.observe(batchOf([1, 20n]), 0);
  await rig.recovery.lost("a");
  rig.recovery.observe(batchOf([0, 30n], [1, 30n]), 0);
  await rig.settle();
  assertEquals(rig.recovered, numbers(2, 29));
});

Deno.test("lost before anything came of another subscription: what it misses comes", async () => {
  const rig = new Rig();
  rig.live(1, 2, 3);
  rig.recovery.forget(true);
  rig.recovery.forget(true);
  await rig.recovery.lost("b");
  rig.live(10);
  await rig.settle();
  assertEquals([rig.recovered, rig.asked.map(({ filter }) => filter)], [numbers(4, 9), ["b"]]);
  // Of one that ends, or shows no gap, nothing is missed.
  rig.recovery.forget(true);
  rig.recovery.forget();
  await rig.recovery.lost("b");
  rig.live(20);
  await rig.settle();
  assertEquals([rig.asked.length, rig.counters.gaps.open], [1, 0]);
});

Deno.test("a publisher without history: told once a connection, and the gap is kept for the next", async () => {
  const rig = new Rig();
  let refuses = true;
  rig.onRead = () => {
    if (refuses) throw new SttpError("Refused", "no history");
  };
  rig.live(1);
  for (let connection = 1; connection <= 2; connection++) {
    await rig.recovery.lost("a");
    rig.live(10 * connection);
    await rig.settle();
    await rig.settle(1_000_000);
  }
  // One gap over the first connection, both over the second.
  assertEquals(rig.kinds(), ["recoveryFailed", "recoveryFailed"]);
  assertEquals(rig.counters.gaps, { open: 2, filled: 0, measurements: 0, failures: 3, givenUp: 0 });
  assertEquals(rig.clock.pending, 0);
  refuses = false;
  await rig.recovery.lost("a");
  rig.live(30);
  await rig.settle();
  assertEquals(rig.recovered, [...numbers(2, 9), ...numbers(11, 19), ...numbers(21, 29)]);
});

Deno.test("a publisher that sends something else than history, or nothing, is as good as one that has none", async () => {
  const rig = new Rig();
  rig.sendsLive = true;
  rig.live(1);
  await rig.recovery.lost("a");
  rig.live(30);
  await rig.settle();
  const other = "the publisher sent something else than history";
  assertEquals(rig.failures(), [[other, false]]);
  // What was good of it stays.
  assertEquals(rig.recovered, numbers(2, 10));

  await rig.recovery.lost("a");
  rig.sendsLive = false;
  const nothing = "the publisher sent nothing";
  rig.onRead = (_, { silenceTimeout }) => {
    assertEquals(silenceTimeout, 60_000);
    throw new UnansweredError(nothing);
  };
  rig.live(40);
  await rig.settle();
  // The other gap is not asked for: that would be for nothing as well.
  assertEquals([rig.failures().slice(1), rig.asked.length], [[[nothing, false]], 2]);
  assertEquals(rig.clock.pending, 0);

  await rig.recovery.lost("a");
  rig.onRead = () => {};
  rig.live(50);
  await rig.settle();
  assertEquals(rig.recovered, [...numbers(2, 29), ...numbers(31, 39), ...numbers(41, 49)]);
});

Deno.test("a publisher that falls silent midway is asked for the rest, unless there was nothing new the last time", async () => {
  const rig = new Rig();
  let batches = 0;
  let most = 2;
  rig.onRead = () => void (batches = 0);
  rig.onSent = () => {
    if (++batches === most) throw new UnansweredError("silent");
  };
  rig.live(1);
  await rig.recovery.lost("a");
  rig.live(50);
  await rig.settle();
  assertEquals(rig.recovered, numbers(2, 20));
  assertEquals(rig.failures(), [["silent", true]]);
  most = 3;
  await rig.settle();
  assertEquals(rig.recovered, numbers(2, 30));
  assertEquals(rig.failures().slice(1), [["silent", true]]);
  await rig.settle(2000);
  assertEquals(rig.failures().slice(2), [["silent", false]]);
  await rig.settle(1_000_000);
  assertEquals([rig.asked.length, rig.clock.pending, rig.counters.gaps.open], [3, 0, 1]);

  most = Infinity;
  await rig.recovery.lost("a");
  rig.live(60);
  await rig.settle();
  assertEquals(rig.recovered, [...numbers(2, 49), ...numbers(51, 59)]);
});

Deno.test("a recovery that fails is tried again, later and later, and goes on where it was", async () => {
  const rig = new Rig();
  rig.onRead = () => {
    throw new SttpError("ConnectFailed", "nobody there");
  };
  rig.live(1);
  await rig.recovery.lost("a");
  rig.live(50);
  for (const [wait, attempts] of [[1000, 1], [999, 1], [1, 2], [1999, 2], [1, 3], [4000, 4]] as const) {
    await rig.settle(wait);
    assertEquals(rig.asked.length, attempts);
  }
  rig.onRead = () => {};
  let calls = 0;
  rig.onRecovered = () => {
    if (++calls === 2) throw new Error("disk full");
  };
  await rig.settle(8000);
  assertEquals(rig.kinds().filter((kind) => kind !== "recoveryFailed"), []);
  // The function failed at its second batch, which comes again.
  assertEquals(rig.recovered, numbers(2, 20));
  await rig.settle(16_000);
  assertEquals(rig.recovered.slice(19), numbers(11, 49));
  assertEquals(rig.kinds().at(-1), "recovered");
  // Where it was: at time 10.
  assertEquals(rig.asked.at(-1)!.startTimeConstraint?.endsWith("00:00:00.000001Z"), true);
});

Deno.test("a recovery that the next loss of the connection interrupts goes on where it was", async () => {
  const rig = new Rig();
  rig.live(1);
  await rig.recovery.lost("a");
  rig.live(50);
  const room = Promise.withResolvers<void>();
  let calls = 0;
  rig.onRecovered = () => ++calls === 2 ? room.promise : undefined;
  rig.onRead = () => rig.asked.length === 1 ? undefined : assertEquals(calls >= 2, true);
  await rig.settle();
  assertEquals(rig.recovered, numbers(2, 20));
  const lost = rig.recovery.lost("a");
  room.resolve();
  await lost;
  rig.live(60);
  await rig.settle();
  assertEquals(rig.recovered, [...numbers(2, 49), ...numbers(51, 59)]);
});

Deno.test("a process that ends without a word: what came since the last note comes again, and nothing is missed", async () => {
  const directory = await Deno.makeTempDir();
  const options = { path: `${directory}/gaps.json`, noteInterval: 10_000 };
  const killed = new Rig(options);
  const reached = () => new GapStore(options.path, () => {}).gaps.map(({ last }) => last.get(A));
  killed.live(1);
  await killed.settle(0);
  assertEquals(reached(), [1n]);
  killed.live(2, 3);
  await killed.settle(9999);
  assertEquals(reached(), [1n]);
  await killed.settle(1);
  assertEquals(reached(), [3n]);
  killed.live(4, 5);
  const rig = new Rig(options);
  rig.live(9);
  await rig.settle();
  assertEquals(rig.recovered, numbers(4, 8));
  const noted = new GapStore(options.path, () => {}).gaps;
  assertEquals(noted.map(({ last, stop }) => [last, stop]), [[new Map([[A, 9n]]), undefined]]);

  // Noted, and then something else is subscribed to.
  await rig.settle(10_000);
  assertEquals(new GapStore(options.path, () => {}).gaps.length, 1);
  rig.recovery.forget();
  assertEquals(new GapStore(options.path, () => {}).gaps, []);
  // Noted, and then lost in good order: one gap.
  rig.live(10);
  await rig.settle(10_000);
  await rig.recovery.lost("a");
  const { gaps } = new GapStore(options.path, () => {});
  assertEquals(gaps.map(({ last }) => last), [new Map([[A, 10n]])]);
  await killed.recovery.lost("a");
  assertEquals([rig.clock.pending, killed.clock.pending], [0, 0]);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a process that ends without a word soon after a gap, or another subscription, misses nothing", async () => {
  const directory = await Deno.makeTempDir();
  const options = { path: `${directory}/gaps.json`, noteInterval: 10_000 };
  const killed = new Rig(options);
  killed.live(1);
  await killed.recovery.lost("a");
  killed.live(5);
  await killed.settle();
  assertEquals(killed.recovered, numbers(2, 4));
  const second = new Rig(options);
  second.live(9);
  await second.settle();
  assertEquals(second.recovered, numbers(6, 8));
  second.recovery.forget(true);
  const third = new Rig(options);
  third.live(15);
  await third.settle();
  assertEquals(third.recovered, numbers(10, 14));
  for (const rig of [killed, second, third]) await rig.recovery.lost("a");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("only so many gaps are kept: the oldest is given up, and told", async () => {
  const rig = new Rig({ maxGaps: 2 });
  rig.live(1);
  for (const time of [10, 20, 30]) {
    await rig.recovery.lost("a");
    rig.live(time);
  }
  assertEquals(rig.events, [{ kind: "gapGivenUp", start: 1n, stop: 10n }]);
  assertEquals(rig.counters.gaps, { open: 2, filled: 0, measurements: 0, failures: 0, givenUp: 1 });
  await rig.settle();
  assertEquals(rig.counters.gaps, { open: 0, filled: 2, measurements: 18, failures: 0, givenUp: 1 });
  assertEquals(rig.recovered, [...numbers(11, 19), ...numbers(21, 29)]);
});

Deno.test("only so many times of signals are kept: the oldest gap is given up for one more, but not the last", async () => {
  // Two gaps that ended, each with a time before and one after it, and one that goes on.
  for (const [maxTimes, kept] of [[5, 3], [4, 2], [1, 1]] as const) {
    const rig = new Rig({ maxTimes });
    rig.live(1);
    for (const time of [10, 20]) {
      await rig.recovery.lost("a");
      rig.live(time);
    }
    await rig.recovery.lost("a");
    assertEquals([rig.counters.gaps.open, rig.counters.gaps.givenUp], [kept, 3 - kept]);
    assertEquals(rig.kinds(), Array(3 - kept).fill("gapGivenUp"));
  }
});

Deno.test("in turn with live data: turns follow while they become shorter by half, then the rest waits", async () => {
  const rig = new Rig();
  rig.live(1);
  await rig.recovery.lost("a");
  rig.clock.advance(60_000);
  rig.live(10);
  let time = 10;
  // What each turn takes of live data, in milliseconds.
  for (const [turn, duration] of [8000, 900, 100, 80, 70].entries()) {
    const { length } = rig.asked;
    rig.onRead = () => {
      rig.recovery.interrupted("a");
      rig.clock.advance(duration);
    };
    await rig.settle();
    assertEquals(rig.asked.length - length, turn < 4 ? 1 : 0, `turn ${turn}`);
    rig.live(time += 10);
  }
  assertEquals(rig.recovered, [...numbers(2, 9), ...numbers(11, 19), ...numbers(21, 29), ...numbers(31, 39)]);
  // A turn that fails is followed by the next one later and later, although there was live data between.
  await rig.recovery.lost("a");
  rig.live(60);
  rig.onRead = () => {
    rig.recovery.interrupted("a");
    throw new SttpError("TimedOut", "no answer");
  };
  for (const [wait, attempts] of [[1000, 5], [1000, 6], [1999, 6], [1, 7], [3999, 7], [1, 8]] as const) {
    await rig.settle(wait);
    assertEquals(rig.asked.length, attempts);
    rig.live(60);
  }
  // The rest comes with the next gap.
  await rig.recovery.lost("a");
  rig.live(70);
  rig.onRead = () => {};
  await rig.settle();
  assertEquals(rig.recovered.slice(-18), [...numbers(41, 49), ...numbers(61, 69)]);
});

Deno.test("options of gap recovery", () => {
  const onRecovered = (): void => {};
  assertEquals(checkGapRecovery(undefined), undefined);
  assertThrows(() => checkGapRecovery({} as { onRecovered: () => void }), TypeError, "onRecovered");
  const misspelt = { onRecovered: () => {}, setleTime: 1 };
  assertThrows(() => checkGapRecovery(misspelt), TypeError, 'gapRecovery has no option "setleTime"');
  assertThrows(() => checkGapRecovery({ onRecovered, settleTime: 0 }), RangeError, "settleTime");
  assertThrows(() => checkGapRecovery({ onRecovered, maxGaps: 0.5 }), RangeError, "maxGaps");
  assertThrows(() => checkGapRecovery({ onRecovered, maxTimes: 0 }), RangeError, "maxTimes");
});
