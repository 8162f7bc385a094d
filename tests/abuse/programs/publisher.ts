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
import { createTestCertificates, MeasurementBatch, Ticks, type TlsOptions } from "../../../transport/mod.ts";
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
  /** Whether the same is published over TLS, too, by a publisher of its own. */
  readonly tls?: boolean;
}

/** Where it can be reached. */
export interface Whereabouts {
  readonly pid: number;
  readonly address: string;
  /** The publisher over TLS, and in PEM whose certificates it shows and wants to see. */
  readonly secure: { readonly address: string; readonly tls: TlsOptions } | null;
  /** The URL of the HTTP admin. */
  readonly admin: string | null;
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
  readonly closed: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  /** TLS handshakes that failed, by reason. */
  readonly handshakesFailed: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

const { signals, rate, options, admin, history, tls } = settings<PublisherSettings>();

const clock = new CountingClock();
const faults: string[] = [];
const certificates = tls ? await createTestCertificates() : undefined;
const ca = certificates?.authority.certificate;
const publisher = await open({ ...history && { history: new MemoryHistory({ capacity: 100_000 }) } });
const secure = certificates && await open({ tls: { ...certificates.server, ca: ca! } });
const publishers = secure === undefined ? [publisher] : [publisher, secure];
const handles = Int32Array.from({ length: signals }, (_, n) => publisher.signals.add(signalId(n)));
const server = admin ? serveAdmin(publisher, { port: 0 }) : undefined;

async function open(more: PublisherOptions): Promise<Publisher> {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1", ...options, ...more, clock });
  publisher.defineMetadata(metadataOf(signals));
  watch(publisher);
  await publisher.start();
  return publisher;
}

async function watch(publisher: Publisher): Promise<void> {
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
  for (const publisher of publishers) publisher.publish(batch);
  rounds++;
  setTimeout(publish, Math.max(0, began + rounds * 1000 / rate - performance.now()));
}

publish();
const whereabouts: Whereabouts = {
  pid: Deno.pid,
  address: publisher.address,
  secure: secure === undefined
    ? null
    : { address: secure.address, tls: { ...certificates!.client, ca: ca! } },
  admin: server?.url ?? null,
};
emit("ready", whereabouts);
await commands({
  async look(): Promise<void> {
    const stats = publishers.map((publisher) => publisher.stats());
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
      open: stats.reduce((sum, { open }) => sum + open.length, 0),
      groups: stats.reduce((sum, { groups }) => sum + groups.length, 0),
      closed: added(stats.map(({ connections }) => connections.closed)),
      dropped: added(stats.map(({ dropped }) => dropped)),
      handshakesFailed: added(stats.map(({ connections }) => connections.handshakesFailed)),
      faults,
    };
    longestPause = 0;
    emit("look", look);
  },
});
Deno.exit();

/** Adds counts up by their names. */
function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((of) => Object.entries(of))) {
    sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
