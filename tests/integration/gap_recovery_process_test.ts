/** An outage of 60 s between two processes: what the publisher published meanwhile comes from its history. */
import { assert, assertEquals } from "@std/assert";
import { Subscriber, type SubscriberStatus } from "../../subscriber/mod.ts";
import { MemoryHistory } from "../../history/mod.ts";
import { MeasurementBatch, Ticks } from "../../transport/mod.ts";
import type { Program } from "../interop/program.ts";
import { runChild } from "../support/child.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { all, Meeting, numberOf, signalId, until } from "./support.ts";

const size = 10;
/** Frames in a minute of data. */
const minute = 60 * 30;
/** A minute of data takes a few seconds, unless it is to take a minute. */
const isReal = Deno.env.get("STTP_REAL_OUTAGE") !== undefined;

/** Counts what came of each frame and signal: live, and recovered. */
class Ledger {
  readonly live = new Map<number, number>();
  readonly recovered = new Map<number, number>();
  /** The last frame of which something came live. */
  newest = -1;
  /** Recovered values that came before an earlier one. */
  disorder = 0;
  #before = -1;

  add(
    subscriber: Subscriber,
    { signals, values, length }: MeasurementBatch,
    into: Map<number, number>,
  ): void {
    for (let i = 0; i < length; i++) {
      const value = values[i]!;
      assertEquals(value % size, numberOf(subscriber.signals.idOf(signals[i]!)));
      into.set(value, (into.get(value) ?? 0) + 1);
      const frame = Math.floor(value / size);
      if (into === this.live) this.newest = Math.max(this.newest, frame);
      if (into !== this.recovered) continue;
      if (frame < this.#before) this.disorder++;
      this.#before = frame;
    }
  }

  /** How often a value came. */
  #count(value: number): number {
    return (this.live.get(value) ?? 0) + (this.recovered.get(value) ?? 0);
  }

  /** Whether everything from the first live value to the end of a frame has come. */
  isComplete(frame: number): boolean {
    const first = this.live.keys().next().value!;
    for (let value = (frame + 1) * size - 1; value >= first; value--) {
      if (this.#count(value) === 0) return false;
    }
    return true;
  }

  /** The values that came more than once. */
  repeated(): number[] {
    return [...this.live.keys(), ...this.recovered.keys()].filter((value) => this.#count(value) > 1);
  }
}

for (const reverse of [false, true]) {
  const who = reverse ? "the publisher connects" : "the subscriber connects";
  Deno.test(`two processes: an outage of 60 s, after which everything has come once; ${who}`, async () => {
    const directory = await Deno.makeTempDir();
    await using subscriber: Subscriber = new Subscriber({
      filter: all,
      reconnect: { initialDelay: 20, maxDelay: 100 },
      onBatch: (batch): void => ledger.add(subscriber, batch, ledger.live),
      gapRecovery: {
        onRecovered: (batch): void => ledger.add(subscriber, batch, ledger.recovered),
        settleTime: 100,
      },
    });
    const ledger = new Ledger();
    const failures: SubscriberStatus[] = [];
    const status = subscriber.status();
    const watching = (async () => {
      for await (const event of status) if (event.kind === "recoveryFailed") failures.push(event);
    })();
    await using child = runChild(
      async (tools, args) => {
        const { Publisher, SqliteHistory, MeasurementBatch, metadataOf, signalId, ticksNow, say, heard } =
          tools;
        await using history = SqliteHistory.open(args.path);
        await using publisher = new Publisher({
          hostname: "127.0.0.1",
          ...args.reverse ? { listen: false } : { port: 0 },
          history,
        });
        publisher.defineMetadata(metadataOf(args.size));
        await publisher.start();
        say("started", args.reverse ? {} : { port: publisher.port });
        const target = await heard();
        if (args.reverse) publisher.connect(target!, { reconnect: { initialDelay: 20, maxDelay: 100 } });
        let isOver = false;
        heard().then(() => isOver = true);
        // An hour of data at most, in its past.
        const start = ticksNow() - 36_000_000_000n;
        const batch = new MeasurementBatch(args.size);
        for (let frame = 0; !isOver; frame++) {
          batch.clear();
          for (let n = 0; n < args.size; n++) {
            const handle = publisher.signals.add(signalId(n));
            batch.add(handle, start + BigInt(frame) * 333_333n, frame * args.size + n, 0);
          }
          publisher.publish(batch);
          if (frame % 25 === 0) say("frame", { frame, lost: history.stats().lost });
          await new Promise((resolve) => setTimeout(resolve, args.pause));
        }
      },
      {
        reverse,
        size,
        pause: isReal ? 1000 / 30 : 0,
        path: `${directory}/history.db`,
      },
      [`--allow-read=${directory}`, `--allow-write=${directory}`],
    );
    const { port } = await child.next("started");
    const target = reverse
      ? (await subscriber.listen({ port: 0, hostname: "127.0.0.1" })).port
      : Number(port);
    await using proxy = await TcpProxy.open(target);
    await child.send(proxy.address);
    /** How far the publisher is. */
    let frame = 0;
    const follow = (): number => {
      for (const told of child.taken("frame")) {
        frame = Number(told["frame"]);
        assertEquals(told["lost"], 0);
      }
      return frame;
    };
    if (!reverse) await subscriber.connect(proxy.address);
    await until(() => ledger.live.size > 100 * size);

    // The second outage is short; it brings what was missed while history took its turns after the first.
    for (const length of [minute, 100]) {
      // Nothing goes through.
      proxy.toServer = proxy.toClient = { cutAfter: 0 };
      proxy.cut();
      await until(() => subscriber.state !== "connected");
      const end = ledger.newest + length;
      while (follow() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      proxy.toServer = proxy.toClient = {};
      await until(() => ledger.isComplete(end));
      assert(ledger.recovered.size >= length * size, `${ledger.recovered.size} recovered`);
    }
    // Whatever is still under way would come twice.
    const before = ledger.live.size;
    await until(() => ledger.live.size > before + 500 * size);
    assertEquals([ledger.repeated(), ledger.disorder, failures], [[], 0, []]);
    await subscriber.disconnect();
    await watching;
    assertEquals(await child.quit("enough"), 0, child.log);
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("two processes: a subscriber that is killed, and what it missed until it was started again", async () => {
  const directory = await Deno.makeTempDir();
  await using meeting = await Meeting.start(size, { history: new MemoryHistory() });
  const { publisher } = meeting;
  const batch = new MeasurementBatch(size);
  const start = Ticks.now() - 36_000_000_000n;
  let frame = 0;
  const timer = setInterval(() => {
    batch.clear();
    for (let n = 0; n < size; n++) {
      const handle = publisher.signals.add(signalId(n));
      batch.add(handle, start + BigInt(frame) * 333_333n, frame * size + n, 0);
    }
    publisher.publish(batch);
    frame++;
  }, 2);
  const run = (): Program =>
    runChild(
      async ({ Subscriber, say, heard }, { address, filter, path }) => {
        const told =
          (event: string) => ({ values, length }: { values: Float32Array; length: number }): void =>
            say(event, { values: Array.from(values.subarray(0, length)) });
        await using subscriber = new Subscriber({
          filter,
          onBatch: told("live"),
          gapRecovery: { onRecovered: told("recovered"), path, settleTime: 100, noteInterval: 200 },
        });
        await subscriber.connect(address);
        await heard();
      },
      { address: publisher.address, filter: all, path: `${directory}/gaps.json` },
      [`--allow-read=${directory}`, `--allow-write=${directory}`],
    );
  const [live, recovered] = [new Set<number>(), new Set<number>()];
  let twice = 0;
  let [oldest, newest] = [Infinity, -Infinity];
  const follow = (child: Program): void => {
    for (const [event, into] of [["live", live], ["recovered", recovered]] as const) {
      for (const { values } of child.taken(event)) {
        for (const value of values as number[]) {
          if (into.has(value)) twice++;
          into.add(value);
          if (event === "live") [oldest, newest] = [Math.min(oldest, value), Math.max(newest, value)];
        }
      }
    }
  };
  await using first = run();
  // The file tells that it has noted how far it is.
  await until(() => {
    follow(first);
    return live.size > 100 * size && exists(`${directory}/gaps.json`);
  });
  await first.kill();
  follow(first);
  const seen = newest;
  const restarted = frame + 300;
  await until(() => frame > restarted);
  await using second = run();
  await until(() => {
    follow(second);
    return newest > (restarted + 100) * size && recovered.size > 0;
  });
  const to = newest;
  await until(() => {
    follow(second);
    for (let value = oldest; value <= to; value++) {
      if (!live.has(value) && !recovered.has(value)) return false;
    }
    return true;
  });
  clearInterval(timer);
  assertEquals(twice, 0);
  // What came twice is what it received last.
  for (const value of recovered) if (live.has(value)) assert(value <= seen);
  assertEquals(await second.quit(), 0, second.log);
  await Deno.remove(directory, { recursive: true });
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
