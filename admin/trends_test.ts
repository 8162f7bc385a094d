import { assertEquals } from "@std/assert";
import { AskedAdmin, EPOCH, plantPublisher, signalId } from "./testdata/systems.ts";

/** The reader's end of a trend. */
class Trend implements AsyncDisposable {
  readonly #admin: AskedAdmin;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(admin: AskedAdmin, response: Response) {
    this.#admin = admin;
    this.#reader = response.body!.getReader();
  }

  static async open(admin: AskedAdmin, ...signals: number[]): Promise<Trend> {
    const response = await admin.get(
      `/api/v1/trend?${signals.map((n) => `signal=${signalId(n)}`).join("&")}`,
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
