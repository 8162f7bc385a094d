import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { withFolder } from "../tests/support/folder.ts";
import { type Clock, ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { formatTicks, withLeapSecond } from "../transport/wire/ticks.ts";
import { MemoryHistory } from "./memory_history.ts";
import type { HistorySource } from "./source.ts";
import { SqliteHistory } from "./sqlite_history.ts";

const T0 = 638_500_000_000_000_000n;
const SECOND = 10_000_000n;

function id(n: number): string {
  return `9ae6dd95-bddb-5dd8-8717-${n.toString(16).padStart(12, "0")}`;
}

function table(size: number): SignalTable {
  const signals = new SignalTable();
  for (let n = 0; n < size; n++) signals.add(id(n));
  return signals;
}

async function read(
  history: HistorySource,
  signals: SignalTable,
  handles: number[],
  start = 0n,
  stop = T0 * 2n,
): Promise<[number, bigint, number, number][]> {
  const found: [number, bigint, number, number][] = [];
  const request = { signals, handles: Int32Array.from(handles), start, stop, parameters: "" };
  for await (const batch of history.read(request)) {
    for (let i = 0; i < batch.length; i++) {
      found.push([batch.signals[i]!, batch.ticks[i]!, batch.valueBits[i]!, batch.flags[i]!]);
    }
  }
  return found;
}

const kinds: Record<string, () => HistorySource> = {
  memory: () => new MemoryHistory(),
  sqlite: () => SqliteHistory.open(":memory:", { clock: new ManualClock() }),
};

for (const [kind, open] of Object.entries(kinds)) {
  Deno.test(`${kind}: what was recorded comes back in order of time, bit for bit`, async () => {
    const history = open();
    assertEquals(history.range(), undefined);
    const signals = table(3);
    const batch = new MeasurementBatch();
    const expected: [number, bigint, number, number][] = [];
    for (let n = 0; n < 3000; n++) {
      // Ten times a second, each with a straggler of two seconds ago, and a NaN with a payload of its own.
      const late = n % 10 === 0 ? 2n * SECOND : 0n;
      const ticks = T0 + BigInt(n) * 1_000_000n - late;
      batch.clear();
      batch.add(n % 3, n === 7 ? withLeapSecond(ticks) : ticks, n, n === 9 ? 0x8000_0001 : 0);
      if (n === 8) batch.valueBits[0] = 0x7fc0_1234;
      expected.push([n % 3, batch.ticks[0]!, batch.valueBits[0]!, batch.flags[0]!]);
      history.record!(batch, signals);
    }
    const time = (ticks: bigint): bigint => ticks & 0x3fff_ffff_ffff_ffffn;
    // Stable, so that of equal times the order is that of recording.
    expected.sort((a, b) => Number(time(a[1]) - time(b[1])));
    assertEquals(await read(history, signals, [0, 1, 2]), expected);
    assertEquals(history.range(), { first: T0 - 2n * SECOND, last: T0 + 2999n * 1_000_000n });

    const from = T0 + 10n * SECOND;
    const to = T0 + 20n * SECOND;
    assertEquals(
      await read(history, signals, [2], from, to),
      expected.filter(([signal, ticks]) => signal === 2 && time(ticks) >= from && time(ticks) <= to),
    );
    assertEquals(await read(history, signals, []), []);
    await history.close();
    assertEquals(history.stats!().recorded, 3000);
  });

  Deno.test(`${kind}: handles are whoever's asks, and unknown ones are ignored`, async () => {
    const history = open();
    const batch = new MeasurementBatch();
    batch.add(-1, T0, 1);
    batch.add(1, T0, 2);
    batch.add(5, T0, 3);
    history.record!(batch, table(2));
    const other = new SignalTable();
    other.add(id(9));
    other.add(id(0));
    other.add(id(1));
    assertEquals((await read(history, other, [0, 1, 2])).map(([signal]) => signal), [2]);
    await history.close();
  });

  Deno.test(`${kind}: times after the year 9999 are times like others, told as numbers`, async () => {
    const history = open();
    const signals = table(1);
    const batch = new MeasurementBatch();
    const late = 4_173_518_180_549_394_850n;
    batch.add(0, late, 1);
    batch.add(0, T0, 2);
    history.record!(batch, signals);
    const { first, last } = history.stats!();
    assertEquals([first, last], [formatTicks(T0), "4173518180549394850 ticks"]);
    assertEquals((await read(history, signals, [0], 0n, late)).map(([, ticks]) => ticks), [T0, late]);
    await history.close();
  });

  Deno.test(`${kind}: reading can be aborted`, async () => {
    const history = open();
    const signals = table(1);
    const batch = new MeasurementBatch();
    for (let n = 0; n < 40_000; n++) batch.add(0, T0 + BigInt(n) * 10_000n, n);
    history.record!(batch, signals);
    const stop = new AbortController();
    const request = { signals, handles: Int32Array.of(0), start: 0n, stop: 2n * T0, parameters: "" };
    const error = await assertRejects(async () => {
      for await (const { length } of history.read({ ...request, signal: stop.signal })) {
        if (length > 0) stop.abort();
      }
    }, SttpError);
    assertEquals(error.code, "Aborted");
    await history.close();
  });
}

Deno.test("memory: the oldest goes first", async () => {
  const history = new MemoryHistory({ capacity: 8 });
  const signals = table(1);
  const batch = new MeasurementBatch();
  for (let n = 0; n < 20; n++) {
    batch.clear();
    batch.add(0, T0 + BigInt(n), n);
    history.record(batch, signals);
  }
  const kept = (await read(history, signals, [0])).map(([, ticks]) => Number(ticks - T0));
  assertEquals(kept, [12, 13, 14, 15, 16, 17, 18, 19]);
  assertThrows(() => new MemoryHistory({ capacity: 0 }), RangeError);
});

Deno.test("a file is committed by timer, read by the next who opens it, and has one owner", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/history.db`;
  const clock = new ManualClock();
  const signals = table(2);
  const batch = new MeasurementBatch();
  batch.add(1, T0, 1);
  {
    await using history = SqliteHistory.open(path, { clock });
    history.record(batch, signals);
    clock.advance(500);
    assertEquals(clock.pending, 0);
    const error = assertThrows(() => SqliteHistory.open(path), SttpError);
    assertEquals(error.code, "InvalidState");
    batch.ticks[0] = T0 + 1n;
    history.record(batch, signals);
  }
  {
    await using history = SqliteHistory.open(path, { clock });
    assertEquals((await read(history, signals, [0, 1])).map(([, ticks]) => ticks), [T0, T0 + 1n]);
    await history.close();
    history.record(batch, signals);
    const { lost, blocks, failing, problem } = history.stats();
    assertEquals([lost, blocks, failing, problem], [1, 0, true, "the history is closed"]);
    assertThrows(() => history.range(), SttpError, "closed");
  }
  await Deno.writeTextFile(path, "something else, and long enough to be looked at".repeat(100));
  assertThrows(() => SqliteHistory.open(path), SttpError, "can't be opened");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("what is recorded is committed in time, also while timers are late", () =>
  withFolder(async (folder) => {
    const path = `${folder}/history.db`;
    let now = 0;
    const clock: Clock = { now: () => now, monotonic: () => now, schedule: () => () => {} };
    await using history = SqliteHistory.open(path, { clock });
    const signals = table(1);
    const record = (at: number): void => {
      now = at;
      const batch = new MeasurementBatch();
      batch.add(0, T0 + BigInt(at), 1);
      history.record(batch, signals);
    };
    /** What would be there if the process ended here. */
    const committed = async (): Promise<number[]> => {
      const copy = `${folder}/copy.db`;
      for (const part of ["", "-wal"]) await Deno.copyFile(path + part, copy + part);
      await using there = SqliteHistory.open(copy);
      return (await read(there, signals, [0])).map(([, ticks]) => Number(ticks - T0));
    };
    record(0);
    record(499);
    assertEquals(await committed(), []);
    record(500);
    assertEquals(await committed(), [0, 499, 500]);
  }));

Deno.test("that recording fails is told once, and that it works again, too", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/history.db`;
  await SqliteHistory.open(path).close();
  const database = new DatabaseSync(path);
  database.exec(
    `CREATE TRIGGER full BEFORE INSERT ON blocks WHEN NEW.first = ${T0} BEGIN SELECT RAISE(ABORT, 'disk is full'); END`,
  );
  database.close();
  const told: (string | null)[] = [];
  const signals = table(1);
  {
    await using history = SqliteHistory.open(path, { onProblem: (problem) => told.push(problem) });
    for (const time of [T0 + SECOND, T0, T0, T0 + SECOND, T0 + SECOND, T0]) {
      const batch = new MeasurementBatch();
      batch.add(0, time, 1);
      history.record(batch, signals);
      history.flush();
    }
    const { recorded, lost, problem } = history.stats();
    assertEquals([recorded, lost, problem], [3, 3, "disk is full"]);
  }
  assertEquals(told, ["disk is full", null, "disk is full"]);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("what is thrown when told of a problem is a fault for listeners of such, and in nobody's way", async () => {
  const faults: unknown[] = [];
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    faults.push(event.error);
  };
  globalThis.addEventListener("error", onError);
  try {
    const fault = new Error("told");
    const history = SqliteHistory.open(":memory:", {
      clock: new ManualClock(),
      onProblem: () => {
        throw fault;
      },
    });
    await history.close();
    const batch = new MeasurementBatch();
    batch.add(0, T0, 1);
    history.record(batch, table(1));
    assertEquals(faults, []);
    await Promise.resolve();
    assertEquals([faults, history.stats().lost], [[fault], 1]);
  } finally {
    globalThis.removeEventListener("error", onError);
  }
});

Deno.test("what is in the file and what is not yet come in one order, in small pieces", async () => {
  await using history = SqliteHistory.open(":memory:", { clock: new ManualClock() });
  const signals = table(2);
  const expected: { time: number; place: number }[] = [];
  const batch = new MeasurementBatch();
  for (let n = 0; n < 12; n++) {
    batch.clear();
    for (let i = 0; i < 1500; i++) {
      // Three seconds, in each of which the recordings overlap, with many of the same time.
      const time = (n % 3) * 10_000_000 + 100 * (i >> 2) + 7000 * (n >> 2);
      expected.push({ time, place: expected.length });
      batch.add(i % 2, T0 + BigInt(time), expected.length - 1);
    }
    history.record(batch, signals);
    if (n % 2 === 0 && n < 10) history.flush();
  }
  expected.sort((a, b) => a.time - b.time || a.place - b.place);
  const values: number[] = [];
  const handles = Int32Array.of(0, 1);
  for await (const piece of history.read({ signals, handles, start: T0, stop: 2n * T0, parameters: "" })) {
    assertEquals([piece.length <= 4096, piece.capacity], [true, piece.length]);
    values.push(...piece.values);
  }
  assertEquals(values, expected.map(({ place }) => place));
});

Deno.test("a second of very many blocks is listed some at a time, also while more are written", async () => {
  const clock = new ManualClock();
  await using history = SqliteHistory.open(":memory:", { clock });
  const signals = table(1);
  const batch = new MeasurementBatch();
  const expected: number[][] = [[], [], []];
  let recorded = 0;
  const record = (): void => {
    batch.clear();
    // At its beginning, amid it and at its end: each block is as long as the second.
    for (const part of [0, 1, 2]) {
      expected[part]!.push(recorded);
      batch.add(0, T0 + BigInt(part) * 4_000_000n, recorded++);
    }
    history.record(batch, signals);
  };
  for (let n = 0; n < 2000; n++) {
    record();
    history.flush();
  }
  record();
  let listed = 0;
  let turns = 0;
  const { all } = StatementSync.prototype;
  StatementSync.prototype.all = function (...parameters: unknown[]): ReturnType<typeof all> {
    const answer: ReturnType<typeof all> = Reflect.apply(all, this, parameters);
    listed = Math.max(listed, answer.length);
    // What was not in the file yet gets there, and more comes behind it.
    if (++turns <= 2) {
      history.flush();
      record();
    }
    return answer;
  };
  try {
    const values = (await read(history, signals, [0])).map(([, , value]) =>
      new Float32Array(Int32Array.of(value).buffer)[0]
    );
    assertEquals(values, expected.flat());
  } finally {
    StatementSync.prototype.all = all;
  }
  assertEquals([listed, turns >= 8], [256, true]);
});

Deno.test("the file is asked for its range once, and again when something was given up", async () => {
  const clock = new ManualClock();
  await using history = SqliteHistory.open(":memory:", { clock, maxAge: 60_000 });
  const signals = table(1);
  const batch = new MeasurementBatch();
  let asked = 0;
  const { get } = StatementSync.prototype;
  StatementSync.prototype.get = function (...parameters: unknown[]): ReturnType<typeof get> {
    const answer: ReturnType<typeof get> = Reflect.apply(get, this, parameters);
    if (answer !== undefined && "last" in answer) asked++;
    return answer;
  };
  try {
    assertEquals(history.range(), undefined);
    for (const time of [5n, 3n, 9n, 4n]) {
      batch.clear();
      batch.add(0, T0 + time * SECOND, 1);
      history.record(batch, signals);
      history.flush();
    }
    assertEquals([history.range(), asked], [{ first: T0 + 3n * SECOND, last: T0 + 9n * SECOND }, 1]);
    clock.advance(61_000);
    history.record(batch, signals);
    history.flush();
    assertEquals([history.range(), asked], [{ first: T0 + 4n * SECOND, last: T0 + 4n * SECOND }, 2]);
  } finally {
    StatementSync.prototype.get = get;
  }
});

Deno.test("who looks at a history does not commit it", async () => {
  const clock = new ManualClock();
  await using history = SqliteHistory.open(":memory:", { clock });
  const signals = table(1);
  const batch = new MeasurementBatch();
  for (const time of [T0 + SECOND, T0 + 3n * SECOND, T0]) {
    batch.clear();
    batch.add(0, time, 1);
    history.record(batch, signals);
    assertEquals((await read(history, signals, [0])).at(-1)?.[1], history.range()?.last);
  }
  const { recorded, blocks, first, last } = history.stats();
  assertEquals([recorded, blocks, first, last], [0, 0, formatTicks(T0), formatTicks(T0 + 3n * SECOND)]);
  clock.advance(500);
  assertEquals([history.stats().recorded, history.stats().blocks], [3, 3]);
  assertEquals(history.range(), { first: T0, last: T0 + 3n * SECOND });
});

Deno.test("a damaged block is passed over and counted", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/history.db`;
  const signals = table(1);
  {
    await using history = SqliteHistory.open(path);
    const batch = new MeasurementBatch();
    for (let n = 0n; n < 3n; n++) batch.add(0, T0 + n * SECOND, 1);
    history.record(batch, signals);
  }
  const database = new DatabaseSync(path);
  database.prepare("UPDATE blocks SET data = ? WHERE id = 2").run(Uint8Array.of(1, 2, 3, 4, 5, 6));
  database.close();
  {
    await using history = SqliteHistory.open(path);
    assertEquals((await read(history, signals, [0])).map(([, ticks]) => ticks), [T0, T0 + 2n * SECOND]);
    assertEquals(history.stats().damagedBlocks, 1);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a file that lists the same blocks for ever is read to an end", async () => {
  await using history = SqliteHistory.open(":memory:", { clock: new ManualClock() });
  const signals = table(1);
  const batch = new MeasurementBatch();
  for (const time of [T0, T0 + 1n, T0 + 2n]) {
    batch.clear();
    batch.add(0, time, 1);
    history.record(batch, signals);
    if (time < T0 + 2n) history.flush();
  }
  const { all } = StatementSync.prototype;
  StatementSync.prototype.all = function (...parameters: unknown[]): ReturnType<typeof all> {
    // As if the index were so damaged.
    const answer: ReturnType<typeof all> = Reflect.apply(all, this, [parameters[0], 0]);
    return [...answer, ...answer];
  };
  try {
    assertEquals((await read(history, signals, [0])).map(([, ticks]) => ticks), [T0, T0 + 1n, T0 + 2n]);
  } finally {
    StatementSync.prototype.all = all;
  }
  assertEquals(history.stats().damagedBlocks, 6);
});

Deno.test("the oldest is given up for what is new: by age", async () => {
  const clock = new ManualClock();
  await using history = SqliteHistory.open(":memory:", { clock, maxAge: 60_000 });
  const signals = table(1);
  const batch = new MeasurementBatch();
  // Counted from here on.
  assertEquals(history.stats().blocks, 0);
  for (let n = 0n; n < 10n; n++) {
    batch.clear();
    batch.add(0, T0 + n * 20n * SECOND, 1);
    history.record(batch, signals);
    clock.advance(20_000);
  }
  // The last was recorded at 180 s, when what is older than 120 s went.
  const times = (await read(history, signals, [0])).map(([, ticks]) => Number((ticks - T0) / SECOND));
  assertEquals(times, [120, 140, 160, 180]);
  assertEquals(history.stats().blocks, 4);
});

Deno.test("the oldest is given up for what is new: by size", async () => {
  const clock = new ManualClock();
  const maxBytes = 1024 ** 2;
  await using history = SqliteHistory.open(":memory:", { clock, maxBytes });
  const signals = table(1);
  const batch = new MeasurementBatch();
  const noise = new Uint32Array(50_000);
  for (let n = 0; n < 30; n++) {
    for (let i = 0; i < noise.length; i += 10_000) crypto.getRandomValues(noise.subarray(i, i + 10_000));
    batch.clear();
    for (let i = 0; i < noise.length; i++) {
      batch.add(0, T0 + BigInt(n) * SECOND + BigInt(i), 0);
      batch.valueBits[i] = noise[i]! & 0x7f7f_ffff;
    }
    history.record(batch, signals);
    clock.advance(10_000);
  }
  const { bytes, first, last } = history.stats();
  assertEquals([bytes <= maxBytes, bytes > maxBytes / 4, first !== null && last !== null], [
    true,
    true,
    true,
  ]);
  assertEquals(history.range()!.last, T0 + 29n * SECOND + 49_999n);
});

Deno.test("options out of range", () => {
  for (const options of [{ maxAge: 0 }, { maxBytes: 1000 }, { commitInterval: 1001 }, { maxAge: NaN }]) {
    assertThrows(() => SqliteHistory.open(":memory:", options), RangeError);
  }
  const misspelt = { maxBites: 1_000_000 } as object;
  assertThrows(() => SqliteHistory.open(":memory:", misspelt), TypeError, 'has no option "maxBites"');
});

/** Runs the recorder until it has recorded for so many milliseconds, and kills it. @returns What it said. */
async function recordAndDie(path: string, duration: number): Promise<{ n: number; at: number }[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL("testdata/recorder.ts", import.meta.url).pathname, path],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const said: { n: number; at: number }[] = [];
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      const [n, at] = line.split(" ").map(Number);
      said.push({ n: n!, at: at! });
    }
    if (said.length > 0 && said.at(-1)!.at - said[0]!.at >= duration) break;
  }
  child.kill("SIGKILL");
  await child.status;
  return said;
}

Deno.test("killed while it records, at several instants, a history lacks the last second at most and has no hole", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/history.db`;
  const signals = table(0);
  const handle = signals.add("9ae6dd95-bddb-5dd8-8717-57da1268b9ca");
  let before = 0;
  // Before the first commit, about one, between two, and long after.
  for (const duration of [0, 490, 510, 1200, 2100]) {
    const said = await recordAndDie(path, duration);
    const safe = said.findLast(({ at }) => at <= said.at(-1)!.at - 1000)?.n ?? 0;
    await using history = SqliteHistory.open(path);
    const found = (await read(history, signals, [handle])).map(([, ticks]) => ticks);
    assertEquals(found.length >= Math.max(safe, before), true, `${found.length} of ${said.at(-1)!.n}`);
    assertEquals(found.findIndex((ticks, n) => ticks !== T0 + BigInt(n)), -1);
    assertEquals(history.stats().damagedBlocks, 0);
    before = found.length;
  }
  assertEquals(before > 0, true);
  await Deno.remove(directory, { recursive: true });
});
