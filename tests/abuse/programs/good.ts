/**
 * Subscribers in good faith, which notice whatever they miss.
 *
 * Commands: `look`, `quit`. Events: `ready`, `look` ({@linkcode GoodLook}).
 *
 * @module
 */
import { Subscriber } from "../../../subscriber/mod.ts";
import { type MeasurementBatch, Ticks } from "../../../transport/mod.ts";
import { commands, emit, settings, sharedNow } from "../../../bench/programs/talk.ts";
import { all, numberOf } from "../../integration/support.ts";

/** Who subscribes, and where. */
export interface GoodSettings {
  readonly address: string;
  readonly subscribers: number;
  readonly signals: number;
}

/** How they fared since the last look. */
export interface GoodLook {
  /** Measurements received, by all. */
  readonly received: number;
  /** Measurements missed, by all: gaps in the values of a signal. */
  readonly missed: number;
  /** Values that belong to another signal. */
  readonly wrong: number;
  /** The fewest and most measurements that one of them received. */
  readonly least: number;
  readonly most: number;
  /** Connections that were lost. */
  readonly lostConnections: number;
  /** From publication to here, in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly most: number };
}

/** As many values as a signal goes through before they come again. */
const ROUNDS = 100;
const epoch = Ticks.UnixEpoch;
const { address, subscribers, signals } = settings<GoodSettings>();

/** One of them. */
class Good {
  readonly subscriber = new Subscriber({ filter: all, reconnect: false });
  received = 0;
  missed = 0;
  wrong = 0;
  lostConnections = 0;
  latencies: number[] = [];
  readonly #last = new Int32Array(signals).fill(-1);
  /** The signal of each handle. */
  readonly #numbers: number[] = [];

  async run(): Promise<void> {
    await this.subscriber.connect(address);
    this.subscriber.closed.then(() => this.lostConnections++);
    this.#take();
  }

  async #take(): Promise<void> {
    for await (const batch of this.subscriber.batches()) this.#check(batch);
  }

  #check(batch: MeasurementBatch): void {
    const now = sharedNow();
    this.received += batch.length;
    let published = 0n;
    for (let i = 0; i < batch.length; i++) {
      const handle = batch.signals[i]!;
      const n = this.#numbers[handle] ??= numberOf(this.subscriber.signals.idOf(handle)!);
      const round = batch.values[i]! - n * ROUNDS;
      if (round < 0 || round >= ROUNDS) this.wrong++;
      const last = this.#last[n]!;
      if (last >= 0) this.missed += (round - last - 1 + ROUNDS) % ROUNDS;
      this.#last[n] = round;
      if (batch.ticks[i] === published) continue;
      published = batch.ticks[i]!;
      this.latencies.push(now - Number(published - epoch) / 10_000);
    }
  }
}

const everyone = Array.from({ length: subscribers }, () => new Good());
await Promise.all(everyone.map((good) => good.run()));
emit("ready", { pid: Deno.pid });

function sum(of: (good: Good) => number): number {
  return everyone.reduce((total, good) => total + of(good), 0);
}

await commands({
  look(): void {
    const latencies = everyone.flatMap((good) => good.latencies).sort((a, b) => a - b);
    const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? 0;
    const counts = everyone.map(({ received }) => received);
    const look: GoodLook = {
      received: sum(({ received }) => received),
      missed: sum(({ missed }) => missed),
      wrong: sum(({ wrong }) => wrong),
      least: Math.min(...counts),
      most: Math.max(...counts),
      lostConnections: sum(({ lostConnections }) => lostConnections),
      latency: { p50: at(0.5), p99: at(0.99), most: at(1) },
    };
    for (const good of everyone) {
      good.received = 0;
      good.latencies = [];
    }
    emit("look", look);
  },
});
Deno.exit();
