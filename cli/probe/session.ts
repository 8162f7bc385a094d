/**
 * A subscription that is looked at from outside.
 *
 * @module
 */
import {
  type Channel,
  type MeasurementBatch,
  SttpError,
  Subscriber,
  type SubscriberOptions,
  Ticks,
} from "../../mod.ts";
import { Conversation, type Message } from "../capture/conversation.ts";
import { witnessedChannel } from "../capture/recorder.ts";
import { preciseNow } from "../precise_now.ts";
import { assemblyInfo } from "../version.ts";
import type { DataReport, SessionReport, WayReport } from "./report.ts";

/** How to subscribe. */
export interface SessionOptions {
  readonly address: string;
  readonly filter: string;
  readonly version: 1 | 2 | 3;
  /** Milliseconds that data is counted for, once there is some. */
  readonly duration: number;
  /** Milliseconds that the first data is waited for. */
  readonly wait: number;
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Makes the connection. */
  readonly connect: (signal: AbortSignal) => Promise<Channel>;
}

/** What happens on the wire, until the first data. */
class Watch {
  readonly #conversation = new Conversation();
  readonly #seen = new Map<string, { readonly at: number; readonly message: Message }>();
  #isOver = false;
  /** Resolves with the first data. */
  readonly data: Promise<void>;
  readonly #data = Promise.withResolvers<void>();

  constructor() {
    this.data = this.#data.promise;
  }

  async sent(from: "subscriber" | "publisher", bytes: Uint8Array): Promise<void> {
    // To read all data twice would be in the way of it.
    if (this.#isOver) return;
    const at = performance.now();
    for await (const message of this.#conversation.add(from, bytes, undefined)) {
      const { name, inResponseTo } = message;
      const key = inResponseTo === undefined ? name : `${name} ${inResponseTo}`;
      if (!this.#seen.has(key)) this.#seen.set(key, { at, message });
      if (name !== "DataPacket") continue;
      this.#isOver = true;
      this.#data.resolve();
    }
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  /** What the first message of a name said. */
  details(key: string): Readonly<Record<string, unknown>> | undefined {
    return this.#seen.get(key)?.message.details;
  }

  /** Milliseconds from one message to another; `null` when one is missing. */
  between(first: string, second: string): number | null {
    const [a, b] = [this.#seen.get(first), this.#seen.get(second)];
    return a === undefined || b === undefined ? null : b.at - a.at;
  }
}

/** Counts measurements. */
class Tally {
  measurements = 0;
  newest = 0n;
  /** In ticks. */
  leastDelay: bigint | undefined;
  readonly signals = new Set<number>();

  add({ signals, ticks, length }: MeasurementBatch): void {
    const now = preciseNow();
    this.measurements += length;
    for (let i = 0; i < length; i++) {
      this.signals.add(signals[i]!);
      const time = Ticks.timeOf(ticks[i]!);
      if (time > this.newest) this.newest = time;
    }
    if (length === 0) return;
    const delay = now - this.newest;
    if (this.leastDelay === undefined || delay < this.leastDelay) this.leastDelay = delay;
  }
}

/**
 * Subscribes with everything compressed and counts what comes.
 *
 * @throws {SttpError} When the connection fails or is lost, or the subscription is refused.
 */
export async function probeSession(options: SessionOptions): Promise<SessionReport> {
  const { address, filter, version, duration, wait, signal } = options;
  const watch = new Watch();
  const tally = new Tally();
  let connectMilliseconds = NaN;
  await using subscriber = new Subscriber({
    ...commonOptions(options),
    filter,
    version,
    onBatch: (batch) => tally.add(batch),
    connector: async (_, { signal }) => {
      const start = performance.now();
      const channel = await options.connect(signal);
      connectMilliseconds = performance.now() - start;
      return witnessedChannel(channel, watch);
    },
  });
  let metadataProblem = "none was sent";
  const following = follow(subscriber, (problem) => metadataProblem = problem);
  await subscriber.connect(address, { signal });
  const ending = AbortSignal.any([signal, failing(subscriber)]);
  let start = performance.now();
  let before = { measurements: 0, dataBytes: 0 };
  if (await comes(watch.data, wait, ending)) {
    start = performance.now();
    before = { measurements: tally.measurements, dataBytes: subscriber.stats().dataBytes };
    await comes(never, duration, ending);
  }
  if (ending.aborted && !signal.aborted) {
    const reason = await subscriber.closed;
    if (reason.kind !== "disconnected") throw reason.error;
  }
  const seconds = (performance.now() - start) / 1000;
  const { signals, dropped, dataBytes } = subscriber.stats();
  const age = tally.measurements === 0 ? null : Number(preciseNow() - tally.newest) / 10_000;
  const unauthorized = subscriber.unauthorized.length;
  await subscriber.disconnect();
  await following;
  const metadata = watch.details("Succeeded MetadataRefresh");
  const data: DataReport = {
    format: formatOf(watch),
    firstMilliseconds: watch.between("ConfirmUpdateSignalIndexCache", "DataPacket") ??
      watch.between("UpdateSignalIndexCache", "DataPacket"),
    seconds,
    measurements: tally.measurements - before.measurements,
    signals: tally.signals.size,
    rate: (tally.measurements - before.measurements) / seconds,
    bytesPerSecond: (dataBytes - before.dataBytes) / seconds,
    ageMilliseconds: age,
    leastDelayMilliseconds: tally.leastDelay === undefined ? null : Number(tally.leastDelay) / 10_000,
    dropped: Object.fromEntries(Object.entries(dropped).filter(([, count]) => count > 0)),
  };
  const answer = watch.details("Succeeded Subscribe");
  return {
    connectMilliseconds,
    modesMilliseconds: watch.between("DefineOperationalModes", "Succeeded DefineOperationalModes"),
    metadata: metadata === undefined ? { problem: metadataProblem } : {
      bytes: Number(metadata["bytes"]),
      gzip: metadata["gzip"] === true,
      milliseconds: watch.between("MetadataRefresh", "Succeeded MetadataRefresh") ?? 0,
      tables: metadata["tables"] as Record<string, number>,
    },
    subscription: {
      text: String(answer?.["text"] ?? ""),
      milliseconds: watch.between("Subscribe", "Succeeded Subscribe") ?? 0,
      signals,
      unauthorized,
      gzip: watch.details("UpdateSignalIndexCache")?.["gzip"] === true,
    },
    data,
  };
}

function formatOf(watch: Watch): string | null {
  const format = watch.details("DataPacket")?.["format"];
  return typeof format === "string" ? format : null;
}

/** Tries compact measurements without any compression, over the connection. */
export async function probeCompact(options: SessionOptions): Promise<WayReport> {
  const watch = new Watch();
  await using subscriber = new Subscriber({
    ...commonOptions(options),
    filter: options.filter,
    version: options.version,
    autoRequestMetadata: false,
    compressPayload: false,
    compressMetadata: false,
    compressSignalIndexCache: false,
    onBatch: () => {},
    connector: async (_, { signal }) => witnessedChannel(await options.connect(signal), watch),
  });
  return await tryWay(
    subscriber,
    options,
    watch.data,
    () => formatOf(watch) === "compact" ? null : "data came in another form than was asked for",
  );
}

/** Tries data over UDP. */
export async function probeUdp(options: SessionOptions): Promise<WayReport> {
  const came = Promise.withResolvers<void>();
  await using subscriber = new Subscriber({
    ...commonOptions(options),
    filter: options.filter,
    version: options.version,
    autoRequestMetadata: false,
    udp: true,
    onBatch: () => came.resolve(),
    connector: (_, { signal }) => options.connect(signal),
  });
  return await tryWay(
    subscriber,
    options,
    came.promise,
    () => subscriber.stats().udp.datagrams > 0 ? null : "data came over the connection, not over UDP",
  );
}

/** Subscribes and waits for data. @param check Says what is wrong with what came. */
async function tryWay(
  subscriber: Subscriber,
  { address, wait, signal }: SessionOptions,
  data: Promise<void>,
  check: () => string | null,
): Promise<WayReport> {
  try {
    await subscriber.connect(address, { signal });
    const isHere = await comes(data, wait, AbortSignal.any([signal, failing(subscriber)]));
    const problem = isHere ? check() : "no data came";
    return { works: problem === null, problem };
  } catch (error) {
    if (!(error instanceof SttpError) || error.code === "Aborted") throw error;
    return { works: false, problem: error.message };
  }
}

function commonOptions({ timeout }: SessionOptions): SubscriberOptions {
  return {
    reconnect: false,
    connectTimeout: timeout,
    commandTimeout: timeout,
    assemblyInfo: assemblyInfo("probe"),
  };
}

/** Notes why there is no metadata. Resolves when the subscriber has ended. */
async function follow(subscriber: Subscriber, note: (problem: string) => void): Promise<void> {
  for await (const event of subscriber.status()) {
    if (event.kind === "metadataFailed") note(event.error.message);
  }
}

/** Fires when a subscriber's run ends. */
function failing(subscriber: Subscriber): AbortSignal {
  const ended = new AbortController();
  subscriber.closed.then(() => ended.abort());
  return ended.signal;
}

const never = new Promise<void>(() => {});

/** Waits for something, so many milliseconds at most and not beyond the signal. @returns Whether it came. */
function comes(event: Promise<void>, milliseconds: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const end = (): void => resolve(false);
  const timer = setTimeout(end, milliseconds);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  event.then(() => resolve(true));
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  });
}
