import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryHistory } from "../../history/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import { grid } from "../../publisher/testdata/rig.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { MeasurementBatch, Ticks } from "../../transport/mod.ts";
import { withFolder } from "../support/folder.ts";
import { fillDisk } from "../support/full_disk.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { Meeting } from "./support.ts";

const ALL = "FILTER ActiveMeasurements WHERE True";
const SIGNALS = 5;

/** A publisher that publishes when it is told to; the value of a measurement says which it is. */
class Source implements AsyncDisposable {
  readonly publisher = new Publisher({ port: 0, hostname: "127.0.0.1", history: new MemoryHistory() });
  readonly #start: bigint = Ticks.now() - 6_000_000_000n;
  /** Frames so far. */
  frames = 0;

  async start(): Promise<void> {
    this.publisher.defineMetadata(grid(SIGNALS));
    await this.publisher.start();
  }

  /** Publishes so many frames. Signals are up to two frames late, each differently. */
  publish(count: number): void {
    const batch = new MeasurementBatch();
    for (let i = 0; i < count; i++, this.frames++) {
      for (let n = 0; n < SIGNALS; n++) {
        const ticks = this.#start + BigInt(this.frames - n % 3) * 1000n;
        batch.add(n, ticks, this.frames * SIGNALS + n);
      }
    }
    this.publisher.publish(batch);
  }

  disconnectAll(): void {
    for (const { id } of this.publisher.stats().open) this.publisher.disconnect(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher.stop();
  }
}

/** Takes live data and publishes on and on until an event has come. */
async function until(subscriber: Subscriber, source: Source, live: number[], kind: string): Promise<void> {
  const status = subscriber.status();
  const seen = (async () => {
    for await (const event of status) if (event.kind === kind) return;
  })();
  let isOver = false;
  const over = seen.then(() => isOver = true);
  while (!isOver) {
    source.publish(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await over;
  assertEquals(live.length > 0, true);
}

function options(source: Source, live: number[], recovered: number[], path?: string): SubscriberOptions {
  return {
    filter: ALL,
    address: source.publisher.address,
    reconnect: { initialDelay: 20 },
    onBatch: ({ values, length }) => void live.push(...values.subarray(0, length)),
    gapRecovery: {
      settleTime: 50,
      onRecovered: ({ values, length }) => void recovered.push(...values.subarray(0, length)),
      ...path !== undefined && { path },
    },
  };
}

/** Every value from the first live one to the last, of each signal once. */
function assertOnce(live: number[], recovered: number[]): void {
  const all = [...live, ...recovered].sort((a, b) => a - b);
  for (let n = 0; n < SIGNALS; n++) {
    const own = all.filter((value) => value % SIGNALS === n);
    assertEquals(own, Array.from(own, (_, i) => own[0]! + i * SIGNALS), `signal ${n}`);
  }
}

Deno.test("what was missed in an outage comes once, apart from live data", async () => {
  await using source = new Source();
  await source.start();
  const live: number[] = [];
  const recovered: number[] = [];
  await using subscriber = new Subscriber(options(source, live, recovered));
  await subscriber.connect();
  while (live.length < 100) {
    source.publish(1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (let outage = 0; outage < 2; outage++) {
    const before = recovered.length;
    source.disconnectAll();
    source.publish(500);
    await until(subscriber, source, live, "recovered");
    assertEquals(recovered.length - before >= 490 * SIGNALS, true, `${recovered.length - before}`);
    assertOnce(live, recovered);
  }
});

Deno.test("a full disk for gaps: what was missed still comes once, and is told", () =>
  withFolder(async (folder) => {
    const path = `${folder}/gaps.json`;
    await fillDisk(`${path}.new`);
    await using source = new Source();
    await source.start();
    const live: number[] = [];
    const recovered: number[] = [];
    await using subscriber = new Subscriber(options(source, live, recovered, path));
    const told = (async () => {
      for await (const event of subscriber.status()) if (event.kind === "recoveryFailed") return event.error;
    })();
    await subscriber.connect();
    while (live.length < 100) {
      source.publish(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    source.disconnectAll();
    source.publish(500);
    await until(subscriber, source, live, "recovered");
    assertEquals(recovered.length >= 490 * SIGNALS, true, `${recovered.length}`);
    assertOnce(live, recovered);
    assertStringIncludes((await told)!.message, "can't be noted");
    assertEquals(subscriber.stats().gaps.open, 0);
  }));

Deno.test("a gap outlives the subscriber that saw it begin", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/gaps.json`;
  await using source = new Source();
  await source.start();
  const live: number[] = [];
  const recovered: number[] = [];
  {
    await using subscriber = new Subscriber(options(source, live, recovered, path));
    await subscriber.connect();
    while (live.length < 100) {
      source.publish(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  source.publish(500);
  {
    await using subscriber = new Subscriber(options(source, live, recovered, path));
    await subscriber.connect();
    await until(subscriber, source, live, "recovered");
  }
  assertOnce(live, recovered);
  assertEquals(recovered.length >= 490 * SIGNALS, true, `${recovered.length}`);
  await Deno.remove(directory, { recursive: true });
});

/** Publishes on and on until something is so. */
async function publishUntil(meeting: Meeting, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await meeting.publish(1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

for (const reverse of [false, true]) {
  const who = reverse ? "the publisher connects" : "the subscriber connects";
  Deno.test(`a publisher without history is asked once a connection, and live data goes on; ${who}`, async () => {
    await using meeting = await Meeting.start(4);
    const { publisher } = meeting;
    const reconnect = { initialDelay: 1 };
    const failures: string[] = [];
    let live = 0;
    let recovered = 0;
    const subscriber = meeting.subscriber({
      reconnect,
      onBatch: ({ length }) => void (live += length),
      gapRecovery: { onRecovered: ({ length }) => void (recovered += length), settleTime: 20 },
    });
    const status = subscriber.status();
    const watching = (async () => {
      for await (const event of status) {
        if (event.kind === "recoveryFailed") failures.push(`${event.error.code} ${event.isTriedAgain}`);
      }
    })();
    const { port } = reverse ? await subscriber.listen({ port: 0, hostname: "127.0.0.1" }) : publisher;
    await using proxy = await TcpProxy.open(port);
    if (reverse) publisher.connect(proxy.address, { reconnect });
    else await subscriber.connect(proxy.address);
    await publishUntil(meeting, () => live > 0);
    for (let outage = 1; outage <= 2; outage++) {
      proxy.cut();
      await publishUntil(meeting, () => failures.length === outage);
      const before = live;
      await publishUntil(meeting, () => live > before + 100);
    }
    const { open, filled } = subscriber.stats().gaps;
    await subscriber.disconnect();
    await watching;
    assertEquals([failures, recovered, filled], [Array(2).fill("Refused false"), 0, 0]);
    // Where history took its turn, that made gaps of its own.
    assert(open >= 2);
  });
}
