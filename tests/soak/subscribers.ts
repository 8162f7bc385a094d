/**
 * Twenty subscribers of all kinds that check what they get. Commands: `look`, `quit`. Events: `ready`, `look`
 * ({@linkcode MixedLook}).
 *
 * @module
 */
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { type MeasurementBatch, Ticks } from "../../transport/mod.ts";
import { commands, emit, settings, sharedNow } from "../../bench/programs/talk.ts";
import { all, dropped, numberOf } from "../integration/support.ts";

/** How they have fared. */
export interface MixedLook {
  /** Measurements since the last look. */
  readonly received: number;
  /** Delays since the last look, in milliseconds; of those that are neither throttled nor slow. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly most: number };
  /** Measurements so far that are missing, by the reason that was counted for them. */
  readonly explained: Readonly<Record<string, number>>;
  /** Measurements so far that are missing without a reason. */
  readonly unexplained: number;
  /** Values under a wrong name. */
  readonly wrong: number;
  readonly resident: number;
}

const { address, signals } = settings<{ address: string; signals: number }>();
const ROUNDS = 100;
const epoch = Ticks.UnixEpoch;

/** One of them. */
class Mixed {
  readonly subscriber: Subscriber;
  readonly kind: string;
  received = 0;
  missed = 0;
  wrong = 0;
  latencies: number[] = [];
  readonly #last = new Int32Array(signals).fill(-1);
  readonly #numbers: number[] = [];
  readonly #pause: number;

  constructor(kind: string, options: SubscriberOptions, pause = 0) {
    this.kind = kind;
    this.#pause = pause;
    this.subscriber = new Subscriber({ address, filter: all, ...options });
  }

  /** Whether every measurement should come. */
  get isComplete(): boolean {
    return this.kind !== "throttled";
  }

  /** What its losses are counted as, on this side. */
  get counted(): number {
    const { udp } = this.subscriber.stats();
    return Object.values(dropped(this.subscriber)).reduce((sum, count) => sum + count, 0) + udp.lost;
  }

  async run(): Promise<void> {
    await this.subscriber.connect();
    this.#take();
  }

  async #take(): Promise<void> {
    for await (const batch of this.subscriber.batches()) {
      this.#check(batch);
      if (this.#pause > 0) await new Promise((resolve) => setTimeout(resolve, this.#pause));
    }
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
      if (last >= 0 && this.isComplete) this.missed += (round - last - 1 + ROUNDS) % ROUNDS;
      this.#last[n] = round;
      if (batch.ticks[i] === published || this.kind === "throttled" || this.#pause > 0) continue;
      published = batch.ticks[i]!;
      this.latencies.push(now - Number(published - epoch) / 10_000);
    }
  }
}

const half = "FILTER ActiveMeasurements WHERE SignalType IN ('FREQ', 'STAT')";
const everybody = [
  ...Array.from({ length: 6 }, () => new Mixed("tssc", {})),
  ...Array.from({ length: 4 }, () => new Mixed("compact", { compressPayload: false })),
  ...Array.from({ length: 3 }, () => new Mixed("filtered", { filter: half })),
  ...Array.from({ length: 2 }, () => new Mixed("throttled", { throttled: true, publishInterval: 1 })),
  new Mixed("milliseconds", { compressPayload: false, useMillisecondResolution: true }),
  new Mixed("version 1", { version: 1 }),
  new Mixed("udp", { udp: true, compressPayload: false }),
  ...Array.from(
    { length: 2 },
    () => new Mixed("slow", { deliveryBuffer: 5_000, overflow: "dropOldest" }, 200),
  ),
];
await Promise.all(everybody.map((mixed) => mixed.run()));
emit("ready", { pid: Deno.pid });

await commands({
  look(): void {
    const latencies = everybody.flatMap(({ latencies }) => latencies).sort((a, b) => a - b);
    const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? 0;
    const explained: Record<string, number> = {};
    let unexplained = 0;
    let received = 0;
    let wrong = 0;
    for (const mixed of everybody) {
      received += mixed.received;
      wrong += mixed.wrong;
      // Counted before it is missed: a loss shows when the next value of the signal has come.
      const counted = mixed.counted;
      const known = Math.min(mixed.missed, counted);
      if (known > 0) explained[mixed.kind] = (explained[mixed.kind] ?? 0) + known;
      unexplained += mixed.missed - known;
      mixed.received = 0;
      mixed.latencies = [];
    }
    const look: MixedLook = {
      received,
      latency: { p50: at(0.5), p99: at(0.99), most: at(1) },
      explained,
      unexplained,
      wrong,
      resident: Deno.memoryUsage().rss,
    };
    emit("look", look);
  },
});
Deno.exit();
