/**
 * Twenty subscribers of all kinds that check what they get. Commands: `look`, `quit`. Events: `ready`, `look`
 * ({@linkcode MixedLook}).
 *
 * @module
 */
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { Ticks } from "../../transport/mod.ts";
import { commands, emit, settings, sharedNow } from "../../bench/programs/talk.ts";
import { Checker, type Delay, type Latency, latencyOf } from "../abuse/checker.ts";
import type { Whereabouts } from "../abuse/programs/publisher.ts";
import { CountingClock } from "../abuse/counting_clock.ts";
import { all, dropped } from "../integration/support.ts";

/** How one of them has fared so far. */
export interface SubscriberLook {
  readonly name: string;
  /** Milliseconds since the publication of the latest that it has. */
  readonly behind: number;
  readonly received: number;
  /** Measurements that are known to be missing; of who stalls only the publisher knows. */
  readonly missing: number;
  /** How many it subscribes to. */
  readonly signals: number;
  /** Seconds from one measurement of a signal to the next, when it asked for that; else 0, and it gets all. */
  readonly interval: number;
  /** Seconds for which it reads nothing, again and again; what it misses the publisher must have counted. */
  readonly stall: number;
  /** What happened to it that nobody planned. */
  readonly mishaps: readonly string[];
}

/** How they have fared. */
export interface MixedLook {
  readonly each: readonly SubscriberLook[];
  /** Measurements since the last look. */
  readonly received: number;
  /** Delays since the last look, in milliseconds; of those that are neither throttled nor slow. */
  readonly latency: Latency;
  /** Measurements so far that are missing and were counted as lost, by the kind of subscriber. */
  readonly explained: Readonly<Record<string, number>>;
  /**
   * Measurements so far that are missing over UDP and were told neither as lost nor as silent: {@linkcode UNTOLD} of those
   * received at most.
   */
  readonly untold: number;
  /** Measurements so far that those who stall are missing: the publisher must have dropped them. */
  readonly stalled: number;
  /** Measurements so far that are missing without a reason. */
  readonly unexplained: number;
  /** What the subscribers have counted as lost so far, by reason. */
  readonly losses: Readonly<Record<string, number>>;
  /** Values under a wrong name. */
  readonly wrong: number;
  /** Their heap, when its garbage is collected. */
  readonly heap: number;
  /** Of buffers. */
  readonly external: number;
  readonly resident: number;
  /** Timers of the subscribers' clock. */
  readonly timers: number;
}

/**
 * The share of what is received over UDP that may be missing besides what is told. Loss is told from timestamps, and while
 * a signal's interval is being learned, it is not seen.
 */
const UNTOLD = 0.01;
/** How the slow ones take each batch: afterwards they do nothing for so many milliseconds. */
const SLOW = 200;
/** For how long those who stall read, and for how long they don't, in milliseconds. */
const STALL = 60_000;
/** Of so many mishaps of a subscriber the text is kept. */
const MISHAPS = 5;

const clock = new CountingClock();
const epoch = Ticks.UnixEpoch;
const { address, secure, signals } = settings<
  Pick<Whereabouts, "address" | "secure"> & { signals: number }
>();
/** How one of them reads: for so many milliseconds, and then not for so many. */
interface Lull {
  readonly after: number;
  readonly for: number;
}

/** One of them. */
class Mixed {
  readonly subscriber: Subscriber;
  readonly checker: Checker;
  readonly kind: string;
  readonly #interval: number;
  readonly #lull: Lull | undefined;
  readonly #mishaps: string[] = [];
  #received = 0;
  /** When the latest that it has was published; at first, when it came. */
  #latest = sharedNow();

  constructor(kind: string, options: SubscriberOptions, lull?: Lull) {
    this.kind = kind;
    this.#lull = lull;
    this.#interval = options.throttled ? options.publishInterval! : 0;
    this.subscriber = new Subscriber({ address, filter: all, clock, ...options });
    this.checker = new Checker(this.subscriber, signals);
  }

  /** Whether it gets everything, and at once. */
  get isLive(): boolean {
    return this.#interval === 0 && this.#lull === undefined;
  }

  /** Seconds for which it stops reading, so that the publisher has to drop; 0 when it never does. */
  get stall(): number {
    return this.kind === "stalled" ? this.#lull!.for / 1000 : 0;
  }

  /** What it missed; a throttled one is meant to. */
  get missed(): number {
    return this.#interval > 0 ? 0 : this.checker.missed;
  }

  /**
   * What it has counted as lost, by reason. Over UDP that is told from timestamps; whether a long silence is loss can't be
   * decided.
   */
  get losses(): Readonly<Record<string, number>> {
    const { lost, silent } = this.subscriber.stats().udp;
    const overUdp = { lostOverUdp: lost, silentOverUdp: silent };
    return {
      ...dropped(this.subscriber),
      ...Object.fromEntries(Object.entries(overUdp).filter(([, count]) => count > 0)),
    };
  }

  /** What may be missing besides. */
  get untold(): number {
    return this.kind === "udp" ? Math.floor(UNTOLD * this.#received) : 0;
  }

  async run(): Promise<void> {
    this.#watch();
    await this.subscriber.connect();
    this.#take();
  }

  look(name: string): SubscriberLook {
    const { signals, udp, dropped: { overflow } } = this.subscriber.stats();
    return {
      name,
      behind: sharedNow() - this.#latest,
      received: this.#received,
      // Values repeat: where much is missing in a row, the checker may take it for less. Silence may be counted twice.
      missing: this.stall > 0 ? 0 : Math.max(this.missed, overflow) + udp.silent,
      signals,
      interval: this.#interval,
      stall: this.stall,
      mishaps: this.#mishaps,
    };
  }

  async #take(): Promise<void> {
    let began = performance.now();
    for await (const batch of this.subscriber.batches()) {
      this.checker.check(batch);
      this.#received += batch.length;
      this.#latest = Number(batch.ticks[batch.length - 1]! - epoch) / 10_000;
      if (this.#lull === undefined || performance.now() - began < this.#lull.after) continue;
      await new Promise((resolve) => setTimeout(resolve, this.#lull!.for));
      began = performance.now();
    }
  }

  /** Notes what nobody planned. */
  async #watch(): Promise<void> {
    for await (const event of this.subscriber.status()) {
      const isMishap = ["connectionLost", "subscribeFailed", "unsubscribed", "closed"].includes(event.kind);
      if (!isMishap || this.#mishaps.length === MISHAPS) continue;
      this.#mishaps.push("error" in event ? `${event.kind}: ${event.error.message}` : event.kind);
    }
  }
}

const half = "FILTER ActiveMeasurements WHERE SignalType IN ('FREQ', 'STAT')";
const everybody = [
  ...Array.from({ length: 4 }, () => new Mixed("tssc", {})),
  new Mixed("tls", { ...secure! }),
  ...Array.from({ length: 3 }, () => new Mixed("compact", { compressPayload: false })),
  new Mixed("tls", { ...secure!, compressPayload: false }),
  ...Array.from({ length: 3 }, () => new Mixed("filtered", { filter: half })),
  ...Array.from({ length: 2 }, () => new Mixed("throttled", { throttled: true, publishInterval: 1 })),
  new Mixed("milliseconds", { compressPayload: false, useMillisecondResolution: true }),
  new Mixed("version 1", { version: 1 }),
  new Mixed("udp", { udp: true, compressPayload: false }),
  ...Array.from(
    { length: 2 },
    () => new Mixed("slow", { deliveryBuffer: 5_000, overflow: "dropOldest" }, { after: 0, for: SLOW }),
  ),
  new Mixed("stalled", { compressPayload: false }, { after: STALL, for: STALL }),
];
await Promise.all(everybody.map((mixed) => mixed.run()));
emit("ready", { pid: Deno.pid });

await commands({
  look(): void {
    const delays: Delay[] = [];
    const explained: Record<string, number> = {};
    const losses: Record<string, number> = {};
    let untold = 0;
    let stalled = 0;
    let unexplained = 0;
    let received = 0;
    let wrong = 0;
    for (const mixed of everybody) {
      const taken = mixed.checker.take();
      received += taken.received;
      if (mixed.isLive) delays.push(...taken.delays);
      wrong += mixed.checker.wrong;
      if (mixed.stall > 0) {
        stalled += mixed.missed;
        continue;
      }
      // It is counted before it is missed: a loss shows when the next value of the signal has come.
      let counted = 0;
      for (const [reason, count] of Object.entries(mixed.losses)) {
        losses[reason] = (losses[reason] ?? 0) + count;
        counted += count;
      }
      const known = Math.min(mixed.missed, counted);
      if (known > 0) explained[mixed.kind] = (explained[mixed.kind] ?? 0) + known;
      const rest = mixed.missed - known;
      const pardoned = Math.min(rest, mixed.untold);
      untold += pardoned;
      unexplained += rest - pardoned;
    }
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, external, rss } = Deno.memoryUsage();
    const look: MixedLook = {
      each: everybody.map((mixed, i) => mixed.look(`subscriber ${i + 1} (${mixed.kind})`)),
      received,
      latency: latencyOf(delays),
      explained,
      untold,
      stalled,
      unexplained,
      losses,
      wrong,
      heap: heapUsed,
      external,
      resident: rss,
      timers: clock.timers,
    };
    emit("look", look);
  },
});
Deno.exit();
