/**
 * A publisher that does as it is told.
 *
 * Settings: {@linkcode PublisherSettings}. Commands: `publish` ({@linkcode PublishOrder}), `look`, `admin` (`on` or
 * not), `quit`. Events: `listening` (port, and what defining the metadata took), `published`, `look`, `admin` (`url`).
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { type AdminServer, serveAdmin } from "../../admin/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import type { PublisherOptions } from "../../publisher/mod.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { Ticks } from "../../transport/wire/ticks.ts";
import { generateMetadata } from "../metadata/generate.ts";
import { Feed } from "./feed.ts";
import { commands, emit, resources, settings, sharedNow } from "./talk.ts";

/** What the publisher is made of. */
export interface PublisherSettings {
  /** How many signals. */
  readonly signals: number;
  readonly options?: Pick<
    PublisherOptions,
    "maxPublishInterval" | "outboundQueueLimit" | "maxConnections" | "tls"
  >;
}

/** What it is to publish. */
export interface PublishOrder {
  /** Measurements a call. */
  readonly batch: number;
  /** For how long. */
  readonly seconds: number;
  /** Measurements a second; left out, as fast as the subscribers take them. */
  readonly rate?: number;
  /** Bytes that may wait when it publishes as fast as that; default 2 MiB. */
  readonly ahead?: number;
  /** Measurements until it gives way to the event loop when it publishes as fast as that; default 50,000. */
  readonly turn?: number;
  /** Whether each publication begins with a signal drawn by lot, at a `rate`; default: with the one after the last. */
  readonly shuffled?: boolean;
  /** Whether memory is weighed while a queue is nearly full, which holds up everything; only with a `rate`. */
  readonly weigh?: boolean;
}

const { signals, options } = settings<PublisherSettings>();
const queueLimit = options?.outboundQueueLimit ?? Infinity;
const document = generateMetadata(signals);
const publisher = new Publisher({ port: 0, hostname: "127.0.0.1", ...options });
const lag = watchLag();
const began = performance.now();
publisher.defineMetadata(document);
const defineMilliseconds = performance.now() - began;
await publisher.start();
const handles = publisher.filterMetadata("True").map(({ signalId }) => publisher.signals.add(signalId));
const feed = new Feed(Int32Array.from(handles));
const batch = new MeasurementBatch();
emit("listening", { port: publisher.port, defineMilliseconds, longestTurn: lag.take() });

let admin: AdminServer | undefined;
await commands({ publish, look, admin: switchAdmin });
await admin?.close();
await publisher.stop({ drain: 0 });

async function publish(
  { batch: size, seconds, rate, ahead = 2 * 1024 ** 2, turn = 50_000, shuffled = false, weigh = false }:
    PublishOrder,
): Promise<void> {
  lag.take();
  const before = { ...resources(), ...publisher.stats().published, time: performance.now() };
  let peak = before.resident;
  let late: number[] = [];
  let heaviest: number | undefined;
  let weighedAt = -Infinity;
  if (rate === undefined) await publishFreely(size, seconds, ahead, turn);
  else {
    feed.shuffled = shuffled;
    late = await publishPaced(size, seconds, rate, () => {
      peak = Math.max(peak, resources().resident);
      if (!weigh || fullest() <= 0.9 * queueLimit || performance.now() - weighedAt < 250) return;
      heaviest = Math.max(heaviest ?? 0, weight());
      weighedAt = performance.now();
    });
  }
  while (queued() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const after = resources();
  const { published, sent, dropped, groups } = publisher.stats();
  emit("published", {
    measurements: published.measurements - before.measurements,
    startedAt: performance.timeOrigin + before.time,
    milliseconds: performance.now() - before.time,
    cpu: after.cpu - before.cpu,
    residentBefore: before.resident,
    residentPeak: Math.max(peak, after.resident),
    heaviest: heaviest ?? null,
    longestTurn: lag.take(),
    sent,
    dropped,
    groups: groups.length,
    late,
  });
}

/** What waits for whoever has the most to wait for. */
function fullest(): number {
  return publisher.stats().open.reduce((most, { queue }) => Math.max(most, queue.dataBytes), 0);
}

/** Collects garbage: twice, as buffers that one collection finds are given back by the next. */
function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
}

/** Bytes of heap and buffers that are in use. */
function weight(): number {
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** What waits for those who read. */
function queued(): number {
  let most = 0;
  for (const { queue } of publisher.stats().open) {
    if (queue.stalledFor < 1000) most = Math.max(most, queue.dataBytes);
  }
  return most;
}

async function publishFreely(size: number, seconds: number, ahead: number, turn: number): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    if (queued() < ahead) {
      for (let sent = 0; sent < Math.min(turn, ahead); sent += size) {
        feed.fill(batch, size);
        publisher.publish(batch);
      }
    }
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
  }
}

/** @returns By how many milliseconds each call missed its time. */
async function publishPaced(
  size: number,
  seconds: number,
  rate: number,
  watch: () => void,
): Promise<number[]> {
  const late: number[] = [];
  const start = performance.now();
  const total = Math.round(seconds * rate / size);
  let watched = start;
  for (let done = 0; done < total;) {
    const next = start + 1000 * (done + 1) * size / rate;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    const now = performance.now();
    const due = Math.min(total, Math.floor((now - start) / 1000 * rate / size));
    for (; done < due; done++) {
      // What is measured is the way of each call, so each has its own time; how late the call is counts apart.
      late.push(performance.now() - start - 1000 * (done + 1) * size / rate);
      feed.fill(batch, size, Ticks.fromUnixMilliseconds(0) + BigInt(Math.round(sharedNow() * 10_000)));
      publisher.publish(batch);
    }
    if (now - watched > 100) {
      watch();
      watched = now;
    }
  }
  return late;
}

/** @param weigh Whether memory is to be that of what is alive. */
function look({ weigh }: { weigh: boolean }): void {
  if (weigh) collect();
  const { open, sent, dropped, groups, metadata } = publisher.stats();
  emit("look", {
    ...resources(),
    memory: Deno.memoryUsage(),
    longestTurn: lag.take(),
    sent,
    dropped,
    groups: groups.length,
    subscribed: open.filter(({ subscription }) => subscription?.confirmed).length,
    signals: metadata?.signals,
    open: open.length,
    connections: open.map(({ id, sent, dropped, queue, events }) => ({ id, sent, dropped, queue, events })),
  });
}

/** The HTTP admin of this publisher, on or off. */
async function switchAdmin({ on }: { on: boolean }): Promise<void> {
  await admin?.close();
  admin = on ? serveAdmin(publisher, { port: 0 }) : undefined;
  emit("admin", { url: admin?.url ?? null });
}

/** How long the event loop was held up at most, in milliseconds. */
function watchLag(): { take(): number } {
  let last = performance.now();
  let longest = 0;
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 5);
    last = now;
  };
  Deno.unrefTimer(setInterval(tick, 5));
  return {
    take(): number {
      tick();
      const taken = longest;
      longest = 0;
      return Math.max(0, taken);
    },
  };
}
