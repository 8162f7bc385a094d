/**
 * A subscriber, or several, that do as they are told.
 *
 * Settings: {@linkcode SubscriberSettings}. Commands: `stall` (number of a subscriber, milliseconds), `look`, `quit`.
 * Events: `subscribed` (what it took), `look`.
 *
 * @module
 */
import { Subscriber } from "../../subscriber/mod.ts";
import type { SubscriberOptions } from "../../subscriber/mod.ts";
import type { MeasurementBatch } from "../../transport/wire/batch.ts";
import { Ticks } from "../../transport/wire/ticks.ts";
import { commands, emit, resources, settings, sharedNow } from "./talk.ts";

/** What is subscribed to, and how it is taken. */
export interface SubscriberSettings {
  readonly address: string;
  /** A subscriber for each. */
  readonly filters: readonly string[];
  /** Batches; objects walked batch by batch; or objects of `for await`. Default `columns`. */
  readonly take?: "columns" | "objects" | "each";
  /** Whether timestamps are times of publication, from which the delay is measured. */
  readonly measureDelay?: boolean;
  readonly options?: Pick<
    SubscriberOptions,
    "autoRequestMetadata" | "compressPayload" | "deliveryBuffer" | "metadataFilters" | "tls"
  >;
}

const UNIX_EPOCH = Ticks.fromUnixMilliseconds(0);
const { address, filters, take = "columns", measureDelay = false, options } = settings<SubscriberSettings>();

/** One subscriber with what is known of it. */
class Taker {
  readonly subscriber: Subscriber;
  received = 0;
  sum = 0;
  firstAt = 0;
  lastAt = 0;
  /** Delays in milliseconds, and of how many measurements. */
  delays: [number, number][] = [];
  stalledUntil = 0;
  /** When the first data came after a stall was over. */
  backAt = 0;

  constructor(filter: string) {
    this.subscriber = new Subscriber({ ...options, filter, reconnect: false });
  }

  async run(): Promise<void> {
    const { subscriber } = this;
    if (take === "each") {
      for await (const { value } of subscriber.measurements()) {
        this.sum += value;
        if (this.received++ % 1024 === 0) this.note();
      }
      return;
    }
    for await (const batch of subscriber.batches()) {
      this.note();
      if (take === "objects") {
        for (const { value } of subscriber.measurementsOf(batch)) this.sum += value;
      } else {
        const { values, length } = batch;
        for (let i = 0; i < length; i++) this.sum += values[i]!;
      }
      if (measureDelay) this.measure(batch);
      this.received += batch.length;
      const stall = this.stalledUntil - performance.now();
      if (stall > 0) await new Promise((resolve) => setTimeout(resolve, stall));
    }
  }

  note(): void {
    this.lastAt = performance.now();
    if (this.firstAt === 0) this.firstAt = this.lastAt;
  }

  measure({ ticks, length }: MeasurementBatch): void {
    const now = sharedNow();
    for (let i = 0; i < length;) {
      const published = ticks[i]!;
      const from = i;
      while (i < length && ticks[i] === published) i++;
      this.delays.push([now - Number(published - UNIX_EPOCH) / 10_000, i - from]);
    }
    if (this.stalledUntil > 0 && this.backAt === 0 && performance.now() > this.stalledUntil) {
      const last = Number(ticks[length - 1]! - UNIX_EPOCH) / 10_000;
      // Fresh data, not what had piled up on the way.
      if (now - last < 1000) this.backAt = performance.now();
    }
  }
}

const began = performance.now();
const takers = filters.map((filter) => new Taker(filter));
const phases = {
  connected: 0,
  signals: 0,
  subscribed: 0,
  metadataBytes: 0,
  metadataRequest: 0,
  metadataParse: 0,
};
if (takers.length === 1) note(takers[0]!.subscriber);
await Promise.all(takers.map(async (taker) => {
  await taker.subscriber.connect(address);
  taker.run();
}));
phases.subscribed = performance.now() - began;
emit("subscribed", {
  began: performance.timeOrigin + began,
  ...phases,
  size: takers[0]!.subscriber.stats().signals,
});

async function note(subscriber: Subscriber): Promise<void> {
  for await (const event of subscriber.status()) {
    if (event.kind === "connected" || event.kind === "signals") {
      phases[event.kind] ||= performance.now() - began;
    } else if (event.kind === "metadata") {
      phases.metadataBytes = event.bytes;
      phases.metadataRequest = event.requestMilliseconds;
      phases.metadataParse = event.parseMilliseconds;
    }
  }
}

await commands({
  stall({ which, milliseconds }: { which: number; milliseconds: number }): void {
    const taker = takers[which]!;
    taker.stalledUntil = performance.now() + milliseconds;
    taker.backAt = 0;
  },
  look(): void {
    emit("look", {
      ...resources(),
      takers: takers.map((taker) => {
        const { delays } = taker;
        taker.delays = [];
        const { stalledUntil, backAt, firstAt, lastAt, received } = taker;
        return {
          received,
          milliseconds: lastAt - firstAt,
          lastAt: performance.timeOrigin + lastAt,
          firstAfter: firstAt - began,
          delays,
          backAfter: backAt === 0 ? null : backAt - stalledUntil,
          dropped: taker.subscriber.stats().dropped,
          pauses: taker.subscriber.stats().pauses,
        };
      }),
    });
  },
});
Deno.exit();
