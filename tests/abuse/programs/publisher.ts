/**
 * A publisher of so many signals, so many times a second, that tells how it is.
 *
 * Commands: `look`, `quit`. Events: `ready`, `look` ({@linkcode PublisherLook}).
 *
 * @module
 */
import { serveAdmin } from "../../../admin/mod.ts";
import { MemoryHistory } from "../../../history/mod.ts";
import { Publisher, type PublisherOptions } from "../../../publisher/mod.ts";
import { MeasurementBatch, Ticks } from "../../../transport/mod.ts";
import { commands, emit, settings, sharedNow } from "../../../bench/programs/talk.ts";
import { metadataOf, signalId, valueOf } from "../../integration/support.ts";
import { CountingClock } from "../counting_clock.ts";

/** What is published, and how. */
export interface PublisherSettings {
  readonly signals: number;
  /** Rounds a second; in each, every signal has a value. */
  readonly rate: number;
  readonly options?: Omit<PublisherOptions, "clock" | "listen" | "history">;
  /** Whether there is an HTTP admin, too. */
  readonly admin?: boolean;
  /** Whether there is a history, in memory. */
  readonly history?: boolean;
}

/** A publisher at a moment, when its garbage is collected. */
export interface PublisherLook {
  readonly heap: number;
  /** Of buffers. */
  readonly external: number;
  readonly resident: number;
  /** Timers of the publisher's clock. */
  readonly timers: number;
  readonly rounds: number;
  /** The longest time between two rounds since the last look, in milliseconds. */
  readonly longestPause: number;
  readonly open: number;
  readonly groups: number;
  readonly sent: { readonly measurements: number; readonly bytes: number };
  readonly closed: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

const { signals, rate, options, admin, history } = settings<PublisherSettings>();

const clock = new CountingClock();
const publisher = new Publisher({
  port: 0,
  hostname: "127.0.0.1",
  ...options,
  clock,
  ...history && { history: new MemoryHistory({ capacity: 100_000 }) },
});
publisher.defineMetadata(metadataOf(signals));
const handles = Int32Array.from({ length: signals }, (_, n) => publisher.signals.add(signalId(n)));
const faults: string[] = [];
watch();
await publisher.start();
const server = admin ? serveAdmin(publisher, { port: 0 }) : undefined;

async function watch(): Promise<void> {
  for await (const event of publisher.status()) {
    if (event.kind !== "internalError") continue;
    faults.push(event.cause instanceof Error ? event.cause.stack! : event.message);
  }
}

let rounds = 0;
let longestPause = 0;
let lastRound = performance.now();
const began = performance.now();
const batch = new MeasurementBatch(signals);
const epoch = Ticks.UnixEpoch;

/** Publishes what is due, and comes again when the next round is. */
function publish(): void {
  const now = performance.now();
  longestPause = Math.max(longestPause, now - lastRound);
  lastRound = now;
  const ticks = epoch + BigInt(Math.round(sharedNow() * 10_000));
  batch.clear();
  for (let n = 0; n < signals; n++) batch.add(handles[n]!, ticks, valueOf(n, rounds));
  publisher.publish(batch);
  rounds++;
  setTimeout(publish, Math.max(0, began + rounds * 1000 / rate - performance.now()));
}

publish();
emit("ready", { address: publisher.address, pid: Deno.pid, admin: server?.url ?? null });
await commands({
  async look(): Promise<void> {
    const { open, groups, sent, connections, dropped } = publisher.stats();
    // Buffers that nobody needs are given back in a turn of their own.
    for (let i = 0; i < 2; i++) {
      (globalThis as { gc?: () => void }).gc?.();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { heapUsed, external, rss } = Deno.memoryUsage();
    const look: PublisherLook = {
      heap: heapUsed,
      external,
      resident: rss,
      timers: clock.timers,
      rounds,
      longestPause,
      open: open.length,
      groups: groups.length,
      sent,
      closed: connections.closed,
      dropped,
      faults,
    };
    longestPause = 0;
    emit("look", look);
  },
});
Deno.exit();
