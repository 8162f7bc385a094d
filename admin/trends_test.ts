import { assert, assertEquals } from "@std/assert";
import { type HistorySource, MemoryHistory } from "../history/mod.ts";
import { SttpError } from "../transport/errors.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Ticks } from "../transport/wire/ticks.ts";
import { SignalMeter } from "./signal_meter.ts";
import { AskedAdmin, EPOCH, plantPublisher, signalId, type StillPublisher } from "./testdata/systems.ts";
import { TrendMemory } from "./trend_past.ts";

/** The reader's end of a trend. */
class Trend implements AsyncDisposable {
  readonly #admin: AskedAdmin;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(admin: AskedAdmin, response: Response) {
    this.#admin = admin;
    this.#reader = response.body!.getReader();
  }

  static open(admin: AskedAdmin, ...signals: number[]): Promise<Trend> {
    return Trend.openWith(admin, 0, ...signals);
  }

  /** @param past Seconds of the past. */
  static async openWith(admin: AskedAdmin, past: number, ...signals: number[]): Promise<Trend> {
    const response = await admin.get(
      `/api/v1/trend?past=${past}&${signals.map((n) => `signal=${signalId(n)}`).join("&")}`,
    );
    assertEquals([response.status, response.headers.get("content-type")], [200, "text/event-stream"]);
    const trend = new Trend(admin, response);
    assertEquals(await trend.text(), "retry: 2000\n\n");
    return trend;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode((await this.#reader.read()).value);
  }

  /** What comes next; time passes until it does. */
  async next(): Promise<string> {
    let text: string | undefined;
    const reading = this.text().then((read) => text = read);
    while (text === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#admin.clock.advance(250);
    }
    return await reading;
  }

  async points(): Promise<unknown> {
    return JSON.parse((await this.next()).replace(/^data: /, ""));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

Deno.test("chosen signals come as they are published, by their place in the request", async () => {
  const admin = new AskedAdmin(plantPublisher());
  const { publisher } = admin;
  publisher.publish([0, 1, 2, 3], EPOCH, 1);
  await using trend = await Trend.open(admin, 4, 1);
  publisher.publish([0, 1], EPOCH + 100, 59.5);
  publisher.publish([3], EPOCH + 100, Infinity);
  assertEquals(await trend.points(), { points: [[1, EPOCH + 100, 59.5], [0, EPOCH + 100, null]] });
  publisher.publish([3], EPOCH + 200, 2);
  assertEquals(await trend.points(), { points: [[0, EPOCH + 200, 2]] });
});

Deno.test("no more than 50 points a second of a signal", async () => {
  const admin = new AskedAdmin(plantPublisher());
  await using trend = await Trend.open(admin, 1);
  for (let i = 0; i < 1_000; i++) admin.publisher.publish([0], EPOCH + i, i);
  const { points } = await trend.points() as { points: unknown[] };
  assertEquals(points.length > 40 && points.length <= 53, true, String(points.length));
});

Deno.test("a reader that is too slow loses the oldest points, and is told", async () => {
  const admin = new AskedAdmin(plantPublisher());
  await using trend = await Trend.open(admin, 1);
  for (let i = 0; i < 10_000; i++) admin.publisher.publish([0], EPOCH + 20 * i, i);
  const { points, missed } = await trend.points() as { points: [number, number, number][]; missed: number };
  assertEquals(points.length + missed, 10_000);
  assertEquals([points[0]![2], points.at(-1)![2]], [missed, 9_999]);
});

Deno.test("silence is broken now and then; who leaves makes room and leaves no timer", async () => {
  const admin = new AskedAdmin(plantPublisher());
  {
    await using trend = await Trend.open(admin, 1);
    assertEquals(await trend.next(), ": nothing new\n\n");
  }
  assertEquals(admin.clock.pending, 0);
  const open = await Promise.all(Array.from({ length: 64 }, () => Trend.open(admin, 1)));
  assertEquals(await admin.problem(`/api/v1/trend?signal=${signalId(1)}`), [503, "TooManyStreams"]);
  for (const trend of open) await trend[Symbol.asyncDispose]();
  await using _ = await Trend.open(admin, 1);
});

Deno.test("a plot ends when the admin is closed, and leaves no timer", async () => {
  const admin = new AskedAdmin(plantPublisher());
  assertEquals(await admin.closeWhileRead(`/api/v1/trend?signal=${signalId(1)}`), { ended: true, timers: 0 });
});

Deno.test("what can't be plotted is refused", async () => {
  const admin = new AskedAdmin(plantPublisher());
  assertEquals(await admin.problem("/api/v1/trend"), [400, "InvalidParameter"]);
  assertEquals(await admin.problem(`/api/v1/trend?signal=${signalId(9)}`), [404, "NoSignal"]);
  const many = Array.from({ length: 17 }, (_, n) => `signal=${signalId(n)}`).join("&");
  assertEquals(await admin.problem(`/api/v1/trend?${many}`), [400, "InvalidParameter"]);
  assertEquals(await admin.problem(`/api/v1/trend?system=a&system=b&signal=${signalId(1)}`), [
    400,
    "RepeatedParameter",
  ]);
  await using twice = await Trend.open(admin, 1, 1);
  admin.publisher.publish([0], EPOCH, 7);
  assertEquals(await twice.points(), { points: [[0, EPOCH, 7]] });
});

/** The points of a signal in what came, which have to be in order of time. */
function pointsOf(came: unknown, signal: number): [time: number, value: number | null][] {
  const { points } = came as { points: [number, number, number | null][] };
  const own = points.filter(([of]) => of === signal).map(([, time, value]) => [time - EPOCH, value] as const);
  for (let i = 1; i < own.length; i++) assert(own[i]![0] > own[i - 1]![0], `${own[i - 1]}, then ${own[i]}`);
  return own as [number, number | null][];
}

/** A publisher that keeps a history. */
function recorded(history: HistorySource = new MemoryHistory()): StillPublisher {
  return Object.assign(plantPublisher(), { history });
}

Deno.test("a plot begins with what the history has, and goes on without a gap or a point twice", async () => {
  const admin = new AskedAdmin(recorded());
  const { clock, publisher } = admin;
  for (let second = 0; second < 100; second++) {
    publisher.publish([0, 3], clock.now(), second);
    clock.advance(1_000);
  }
  const opening = Trend.openWith(admin, 10, 4, 1);
  // These are in the history by the time that it is read, and come as the present, too.
  publisher.publish([0, 3], clock.now(), 100);
  clock.advance(1_000);
  publisher.publish([0], clock.now(), 101);
  await using trend = await opening;
  const came = await trend.points();
  const seconds = (from: number, to: number): [number, number][] =>
    Array.from({ length: to - from + 1 }, (_, i) => [1_000 * (from + i), from + i]);
  assertEquals(pointsOf(came, 0), seconds(91, 100));
  assertEquals(pointsOf(came, 1), seconds(91, 101));
  publisher.publish([0], EPOCH + 102_000, 102);
  assertEquals(pointsOf(await trend.points(), 1), seconds(102, 102));
});

Deno.test("a history of long ago is shown to its end", async () => {
  const publisher = recorded();
  const admin = new AskedAdmin(publisher);
  const ago = EPOCH - 86_400_000;
  for (let second = 0; second < 100; second++) publisher.publish([0], ago + 1_000 * second, second);
  await using trend = await Trend.openWith(admin, 5, 1);
  const points = pointsOf(await trend.points(), 0);
  assertEquals(points.map(([, value]) => value), [94, 95, 96, 97, 98, 99]);
});

Deno.test("of the past there are fewer points the older it is, and its peaks are among them", async () => {
  const publisher = recorded();
  const admin = new AskedAdmin(publisher);
  const frames = 900 * 30;
  for (let frame = 0; frame <= frames; frame++) {
    const value = frame === 100 ? 70 : frame === 200 ? 50 : frame === 201 ? NaN : 60;
    publisher.publish([0], EPOCH + Math.round(1_000 * frame / 30), value);
  }
  admin.clock.advance(900_000);
  await using trend = await Trend.openWith(admin, 900, 1);
  const points = pointsOf(await trend.points(), 0);
  assert(points.length > 1_000 && points.length < 5_000, String(points.length));
  assertEquals([points[0]![0], points.at(-1)![0]], [0, 900_000]);
  assertEquals(points.filter(([, value]) => value !== 60), [[3_333, 70], [6_667, 50]]);
  assertEquals(points.filter(([time]) => time > 895_000).length, 5 * 30);
});

Deno.test("without a history, a page that comes again finds what passed while it was looked at", async () => {
  const admin = new AskedAdmin(plantPublisher());
  const { clock, publisher } = admin;
  publisher.publish([0, 1], EPOCH - 1_000, 0);
  {
    await using first = await Trend.openWith(admin, 900, 1);
    publisher.publish([0, 1], EPOCH, 1);
    assertEquals(pointsOf(await first.points(), 0), [[0, 1]], "of what nobody chose nothing is known");
  }
  publisher.publish([0, 1], EPOCH + 1_000, 2);
  publisher.publish([0], EPOCH + 900, 9);
  clock.advance(59_000);
  {
    await using again = await Trend.openWith(admin, 900, 1, 2);
    assertEquals(pointsOf(await again.points(), 0), [[0, 1], [1_000, 2]]);
    publisher.publish([0, 1], EPOCH + 2_000, 3);
    const came = await again.points();
    assertEquals([pointsOf(came, 0), pointsOf(came, 1)], [[[2_000, 3]], [[2_000, 3]]]);
    await using short = await Trend.openWith(admin, 1, 1);
    assertEquals(pointsOf(await short.points(), 0), [[1_000, 2], [2_000, 3]]);
  }
  assertEquals(clock.pending, 0);
  clock.advance(61_000);
  await using late = await Trend.openWith(admin, 900, 1);
  publisher.publish([0], EPOCH + 3_000, 4);
  assertEquals(pointsOf(await late.points(), 0), [[3_000, 4]], "after a minute it is forgotten");
});

Deno.test("a signal that begins again is plotted anew; others go on", async () => {
  const admin = new AskedAdmin(plantPublisher());
  const { publisher } = admin;
  const trend = await Trend.openWith(admin, 900, 1, 2);
  for (let second = 0; second < 100; second++) publisher.publish([0, 1], EPOCH + 1_000 * second, second);
  publisher.publish([0], EPOCH, 500);
  publisher.publish([0], EPOCH + 1_000, 501);
  await trend[Symbol.asyncDispose]();
  await using again = await Trend.openWith(admin, 900, 1, 2);
  const came = await again.points();
  assertEquals(pointsOf(came, 0), [[0, 500], [1_000, 501]]);
  assertEquals(pointsOf(came, 1).length, 100);
});

Deno.test("what is remembered is bounded: points of a signal, and signals", async () => {
  const admin = new AskedAdmin(plantPublisher());
  const { publisher } = admin;
  const first = await Trend.openWith(admin, 900, 1);
  for (let i = 0; i < 20_000; i++) publisher.publish([0], EPOCH + 20 * i, i);
  await first[Symbol.asyncDispose]();
  await using again = await Trend.openWith(admin, 900, 1);
  const points = pointsOf(await again.points(), 0);
  assertEquals([points[0]![1], points.at(-1)![1]], [20_000 - 8_192, 19_999]);

  const meter = new SignalMeter(publisher, admin.clock);
  for (let n = 10; n < 200; n++) publisher.signals.add(signalId(n));
  const memory = new TrendMemory(meter, admin.clock);
  const leave = memory.attend([0, 1]);
  memory.attend([2])();
  admin.clock.advance(1);
  for (let handle = 3; handle < 64; handle++) memory.attend([handle])();
  assertEquals(memory.size, 64);
  publisher.publish([0, 2, 3, 64], EPOCH, 7);
  memory.attend([64])();
  publisher.publish([64], EPOCH, 7);
  assertEquals(memory.size, 64);
  admin.clock.advance(60_000);
  assertEquals(memory.read([0, 2, 3, 64], 1).map(([signal]) => signal), [0, 2, 3], "in use, and the latest");
  admin.clock.advance(1);
  for (let i = 0; i < 64; i++) publisher.publish([3], EPOCH + 1_000 * i, 7);
  assertEquals(memory.size, 63, "nobody looks at it any more, which its own measurements bring to light");
  memory.read([], 1);
  assertEquals(memory.size, 2, "and anybody who looks at anything");
  leave();
  memory.close();
  meter.close();
  assertEquals(memory.size, 0);
});

Deno.test("a history that fails, or takes too long, holds up no plot", async () => {
  const range = { first: 0n, last: Ticks.fromDate(new Date(EPOCH)) };
  const histories: Partial<HistorySource>[] = [
    {
      range: () => {
        throw new SttpError("InvalidState", "it is closed");
      },
    },
    {
      range: () => range,
      async *read(): AsyncIterable<MeasurementBatch> {
        await Promise.reject(new SttpError("Aborted", "damaged"));
        yield new MeasurementBatch();
      },
    },
    {
      range: () => range,
      async *read(): AsyncIterable<MeasurementBatch> {
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 0));
          yield new MeasurementBatch();
        }
      },
    },
    {
      range: () => range,
      async *read({ signal }): AsyncIterable<MeasurementBatch> {
        await new Promise((resolve) => signal!.addEventListener("abort", resolve));
        yield new MeasurementBatch();
      },
    },
    {
      range: () => range,
      async *read(): AsyncIterable<MeasurementBatch> {
        await new Promise(() => {});
        yield new MeasurementBatch();
      },
    },
  ];
  for (const history of histories) {
    const admin = new AskedAdmin(recorded(history as HistorySource));
    const trend = await Trend.openWith(admin, 900, 1);
    admin.publisher.publish([0], EPOCH, 1);
    assertEquals(pointsOf(await trend.points(), 0), [[0, 1]]);
    await trend[Symbol.asyncDispose]();
    assertEquals(admin.clock.pending, 0);
  }
  const empty = new AskedAdmin(recorded());
  await using trend = await Trend.openWith(empty, 900, 1);
  empty.publisher.publish([0], EPOCH, 1);
  assertEquals(pointsOf(await trend.points(), 0), [[0, 1]]);
});

Deno.test("histories are read for one reader after the other, and for none that has left", async () => {
  const memory = new MemoryHistory();
  let reading = 0;
  let reads = 0;
  const gate = Promise.withResolvers<void>();
  const history: HistorySource = {
    range: () => memory.range(),
    record: (batch, signals) => memory.record(batch, signals),
    close: () => memory.close(),
    async *read(request): AsyncIterable<MeasurementBatch> {
      reads++;
      assertEquals(++reading, 1);
      await gate.promise;
      yield* memory.read(request);
      reading--;
    },
  };
  const admin = new AskedAdmin(recorded(history));
  admin.publisher.publish([0], EPOCH, 1);
  const trends = await Promise.all([1, 2, 3].map(() => Trend.openWith(admin, 900, 1)));
  await trends[1]![Symbol.asyncDispose]();
  gate.resolve();
  for (const trend of [trends[0]!, trends[2]!]) {
    assertEquals(pointsOf(await trend.points(), 0), [[0, 1]]);
    await trend[Symbol.asyncDispose]();
  }
  assertEquals([reads, reading, admin.clock.pending], [2, 0, 0]);
});
