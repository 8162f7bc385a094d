/**
 * Twenty subscribers of all kinds that check what they get. Commands: `look`, `quit`. Events: `ready`, `look`
 * ({@linkcode MixedLook}).
 *
 * @module
 */
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { commands, emit, settings } from "../../bench/programs/talk.ts";
import { Checker, type Delay, type Latency, latencyOf } from "../abuse/checker.ts";
import { all, dropped } from "../integration/support.ts";

/** How they have fared. */
export interface MixedLook {
  /** Measurements since the last look. */
  readonly received: number;
  /** Delays since the last look, in milliseconds; of those that are neither throttled nor slow. */
  readonly latency: Latency;
  /** Measurements so far that are missing and were counted as lost, by the kind of subscriber. */
  readonly explained: Readonly<Record<string, number>>;
  /** Measurements so far that are missing without a reason. */
  readonly unexplained: number;
  /** What the subscribers have counted as lost so far, by reason. */
  readonly losses: Readonly<Record<string, number>>;
  /** Values under a wrong name. */
  readonly wrong: number;
  /** Their heap, when its garbage is collected. */
  readonly heap: number;
  readonly resident: number;
}

const { address, signals } = settings<{ address: string; signals: number }>();
/** One of them. */
class Mixed {
  readonly subscriber: Subscriber;
  readonly checker: Checker;
  readonly kind: string;
  readonly #pause: number;

  constructor(kind: string, options: SubscriberOptions, pause = 0) {
    this.kind = kind;
    this.#pause = pause;
    this.subscriber = new Subscriber({ address, filter: all, ...options });
    this.checker = new Checker(this.subscriber, signals);
  }

  /** Whether it gets everything, and at once. */
  get isLive(): boolean {
    return this.kind !== "throttled" && this.#pause === 0;
  }

  /** What it missed; a throttled one is meant to. */
  get missed(): number {
    return this.kind === "throttled" ? 0 : this.checker.missed;
  }

  /**
   * What it has counted as lost, by reason. Over UDP that is told from timestamps, and where these tell nothing, some may
   * be lost, too.
   */
  get losses(): Readonly<Record<string, number>> {
    const { lost, silent, unmeasured } = this.subscriber.stats().udp;
    const overUdp = { lostOverUdp: lost, silentOverUdp: silent, unmeasuredOverUdp: unmeasured };
    return {
      ...dropped(this.subscriber),
      ...Object.fromEntries(Object.entries(overUdp).filter(([, count]) => count > 0)),
    };
  }

  async run(): Promise<void> {
    await this.subscriber.connect();
    this.#take();
  }

  async #take(): Promise<void> {
    for await (const batch of this.subscriber.batches()) {
      this.checker.check(batch);
      if (this.#pause > 0) await new Promise((resolve) => setTimeout(resolve, this.#pause));
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
    const delays: Delay[] = [];
    const explained: Record<string, number> = {};
    const losses: Record<string, number> = {};
    let unexplained = 0;
    let received = 0;
    let wrong = 0;
    for (const mixed of everybody) {
      const taken = mixed.checker.take();
      received += taken.received;
      if (mixed.isLive) delays.push(...taken.delays);
      wrong += mixed.checker.wrong;
      // It is counted before it is missed: a loss shows when the next value of the signal has come.
      let counted = 0;
      for (const [reason, count] of Object.entries(mixed.losses)) {
        losses[reason] = (losses[reason] ?? 0) + count;
        counted += count;
      }
      const known = Math.min(mixed.missed, counted);
      if (known > 0) explained[mixed.kind] = (explained[mixed.kind] ?? 0) + known;
      unexplained += mixed.missed - known;
    }
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, rss } = Deno.memoryUsage();
    const look: MixedLook = {
      received,
      latency: latencyOf(delays),
      explained,
      unexplained,
      losses,
      wrong,
      heap: heapUsed,
      resident: rss,
    };
    emit("look", look);
  },
});
Deno.exit();
