/**
 * Measurements of the past (§11): over a connection of their own, or in turn with live data.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds, describe, inRange, longestDelay } from "../transport/option_checks.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { formatTicks } from "../transport/wire/ticks.ts";
import { abortError } from "./abort.ts";
import type { ChannelSource } from "./channel_source.ts";
import { BatchIterator, Delivery } from "./delivery.ts";
import { type CheckedOptions, checkSubscribeOptions, type SubscribeOptions } from "./options.ts";
import { Session } from "./session.ts";
import type { Replay, SessionHost } from "./session_state.ts";

/** Which part of the past. */
export interface HistoryOptions {
  /** The first time: ticks, UTC text, or a time relative to the publisher's present such as `*-5m`. */
  readonly start: bigint | string;
  /** The last time, in the same ways. Default: the publisher's present. */
  readonly stop?: bigint | string;
  /** Which signals; default: those of the subscription. */
  readonly filter?: string;
  /** Milliseconds for each frame: 0, as fast as possible; -1, as long as it took in its time. Default 0. */
  readonly processingInterval?: number;
  /** More for the publisher's archive to read (`timeConstraintParameters`); default none. */
  readonly parameters?: string;
  /**
   * Milliseconds for which the publisher may send nothing of it while the reader waits; then the reading fails with
   * `TimedOut`. Neither the reader's own time counts nor that of connecting and subscribing. 0: for ever. Default: 60,000
   * while the `processingInterval` is 0, else for ever, as pauses are part of such history.
   */
  readonly silenceTimeout?: number;
  /** Ends the reading, with an `Aborted` error. */
  readonly signal?: AbortSignal | undefined;
}

const kinds: Readonly<Record<keyof HistoryOptions, string>> = {
  start: "any",
  stop: "any",
  filter: "string",
  processingInterval: "number",
  parameters: "string",
  silenceTimeout: "number",
  signal: "object",
};

/** The `silenceTimeout` of history that comes as fast as possible, where none is given. */
const customarySilence = 60_000;

/**
 * A Subscribe that asks for this.
 *
 * @throws {TypeError} When a time is neither ticks nor a text, or an option does not exist or is of a wrong type.
 * @throws {RangeError} When a number is out of its range.
 */
export function temporalSubscription(
  options: HistoryOptions,
  subscription: SubscribeOptions,
): SubscribeOptions {
  checkKinds(options, kinds, "history()");
  const { start, stop, filter, processingInterval = 0, parameters } = options;
  const { throttled: _live, ...rest } = subscription;
  return checkSubscribeOptions({
    ...rest,
    ...filter !== undefined && { filter },
    startTimeConstraint: timeText("start", start),
    ...stop !== undefined && { stopTimeConstraint: timeText("stop", stop) },
    processingInterval,
    ...parameters !== undefined && { timeConstraintParameters: parameters },
  });
}

function timeText(name: string, time: unknown): string {
  if (typeof time === "bigint") return formatTicks(time);
  if (typeof time === "string" && time !== "") return time;
  throw new TypeError(`${name} is ${describe(time)}, ticks or a text expected`);
}

/** How a part of history is read. */
export interface ReadingOptions extends Pick<HistoryOptions, "silenceTimeout"> {
  /** Ends it, with an `Aborted` error. */
  readonly signal: AbortSignal;
}

/** Where history can be read, part by part. */
export interface HistoryConnection {
  /**
   * What a {@linkcode temporalSubscription} asks for, in order of time. Each batch is lent until the next is asked for;
   * reading slowly slows the publisher.
   *
   * @throws {SttpError} When the connection can't be made or breaks, or the publisher refuses; `Aborted`.
   * @throws {UnansweredError} When the publisher is there and sends nothing, or nothing more.
   */
  read(subscription: SubscribeOptions, options: ReadingOptions): AsyncIterable<MeasurementBatch>;
  /** Nothing more will be read. */
  close(): Promise<void>;
}

/** A `TimedOut` of a publisher that is there: it does not answer what asks for history, or sends nothing more of it. */
export class UnansweredError extends SttpError {
  /** See {@linkcode SttpError}. */
  constructor(message: string, options?: ErrorOptions) {
    super("TimedOut", message, options);
  }
}

/** What reading history needs of the subscriber. */
export type HistoryHost = Omit<
  SessionHost,
  "delivery" | "emit" | "observe" | "historyBegins" | "configurationChanged"
>;

/** Connections for history, which end with their subscriber, even when nobody reads on. */
export class OpenHistories {
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<unknown>>();

  /** Fires with the reason when they are to end. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** @param closed Resolves when a connection is closed. Never rejects. */
  add(closed: Promise<unknown>): void {
    this.#open.add(closed);
    closed.then(() => this.#open.delete(closed));
  }

  /** Ends all of them, for good: resolves when they are closed. @param reason The error for those who read on. */
  async end(reason: SttpError): Promise<void> {
    this.#stop.abort(reason);
    await Promise.all(this.#open);
  }
}

/** A connection of its own for each part; its events go nowhere. */
export class SeparateHistory implements HistoryConnection {
  readonly #source: ChannelSource;
  readonly #host: HistoryHost;
  readonly #connections: OpenHistories;

  /**
   * @param source Where to connect to.
   * @param connections Those of the subscriber.
   */
  constructor(source: ChannelSource, host: HistoryHost, connections: OpenHistories) {
    this.#source = source;
    this.#host = host;
    this.#connections = connections;
  }

  async *read(
    subscription: SubscribeOptions,
    reading: ReadingOptions,
  ): AsyncGenerator<MeasurementBatch, void> {
    const { stop } = this.#connections;
    const over = AbortSignal.any([reading.signal, stop]);
    const opening = this.#open(reading.signal, over);
    this.#connections.add(opening.then((session) => session.ended, () => {}));
    const session = await opening;
    const close = (): void => session.close(stop.aborted ? stop.reason : undefined);
    over.addEventListener("abort", close, { once: true });
    if (over.aborted) close();
    try {
      session.start();
      yield* replay(session, subscription, reading, this.#host.options);
    } finally {
      over.removeEventListener("abort", close);
      session.close();
      await session.ended;
    }
  }

  /** @param over Fires for the signal, and when the subscriber's connections end. */
  async #open(signal: AbortSignal, over: AbortSignal): Promise<Session> {
    const { stop } = this.#connections;
    if (over.aborted) throw stop.aborted ? stop.reason : abortError(signal, "history()");
    const channel = await this.#source.next(over).catch((error) => {
      throw stop.aborted ? stop.reason : error;
    });
    return new Session(channel, {
      ...this.#host,
      // What must not be lost does not go over UDP.
      options: { ...this.#host.options, udp: undefined },
      // Nobody takes what is not history.
      delivery: new Delivery({
        capacity: 1,
        overflow: "dropOldest",
        onDropped: (count) => this.#host.drop("unexpectedResponse", "data came before history", count),
      }),
      emit: () => {},
      // The handles of what comes are the same as before.
      configurationChanged: () => {},
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The connection that live data comes over, in turn with it. */
export class SharedHistory implements HistoryConnection {
  readonly #session: Session;
  readonly #options: ReplayOptions;
  readonly #onClose: () => Promise<void>;

  /**
   * @param session One without a live subscription.
   * @param options The subscriber's.
   * @param onClose Live data may go on.
   */
  constructor(session: Session, options: ReplayOptions, onClose: () => Promise<void>) {
    this.#session = session;
    this.#options = options;
    this.#onClose = onClose;
  }

  async *read(
    subscription: SubscribeOptions,
    reading: ReadingOptions,
  ): AsyncGenerator<MeasurementBatch, void> {
    try {
      yield* replay(this.#session, subscription, reading, this.#options);
    } finally {
      await this.#session.endReplay();
    }
  }

  close(): Promise<void> {
    return this.#onClose();
  }
}

/** What a replay takes of the subscriber's options. */
type ReplayOptions = Pick<CheckedOptions, "clock" | "deliveryBuffer">;

async function* replay(
  session: Session,
  subscription: SubscribeOptions,
  { signal, silenceTimeout }: ReadingOptions,
  { clock, deliveryBuffer }: ReplayOptions,
): AsyncGenerator<MeasurementBatch, void> {
  const delivery = new Delivery({ capacity: deliveryBuffer, overflow: "pause" });
  const batches = new BatchIterator(delivery, signal);
  const { processingInterval = -1 } = subscription;
  const progress: Replay = { delivery, processingInterval, isComplete: false };
  // The interval may change midway.
  const limit = (): number => silenceTimeout ?? (progress.processingInterval === 0 ? customarySilence : 0);
  session.ended.then(() => delivery.end());
  let measurements = 0;
  try {
    await subscribe(session, subscription, signal, progress);
    while (!batches.done) {
      const batch = batches.poll();
      if (batch !== undefined) {
        measurements += batch.length;
        yield batch;
      } else if (!batches.done) {
        const silence = await waitForMore(batches, clock, limit);
        if (silence === undefined) continue;
        throw new UnansweredError(
          `the publisher sent nothing of its history for ${silence} ms, after ${measurements} measurements; ` +
            "more of it or its end was expected",
        );
      }
    }
    if (!progress.isComplete) throw (await session.ended).error;
  } catch (error) {
    throw signal.aborted ? abortError(signal, "history()") : error;
  } finally {
    await batches.return();
    // Nobody reads it any more.
    delivery.end();
  }
}

async function subscribe(
  session: Session,
  subscription: SubscribeOptions,
  signal: AbortSignal,
  progress: Replay,
): Promise<void> {
  try {
    await session.subscribe(subscription, signal, progress);
  } catch (error) {
    const isUnanswered = error instanceof SttpError && error.code === "TimedOut" &&
      session.state !== "closed";
    throw isUnanswered ? new UnansweredError(error.message, { cause: error }) : error;
  }
}

/**
 * Waits until there is more of a replay, or too long.
 *
 * @param limit How long that is in milliseconds; 0: for ever, which may change meanwhile.
 * @returns How long nothing came, if that was too long.
 */
async function waitForMore(
  batches: BatchIterator,
  clock: Clock,
  limit: () => number,
): Promise<number | undefined> {
  let silence: number | undefined;
  let cancel = (): void => {};
  const watch = (): void => {
    const before = limit();
    cancel = clock.schedule(before || customarySilence, () => {
      if (before === 0 || limit() === 0) return watch();
      silence = before;
      batches.wake();
    });
  };
  watch();
  await batches.wait();
  cancel();
  return silence;
}

/**
 * Reads one part and closes.
 *
 * @param wanted What is subscribed to.
 * @throws {TypeError | RangeError} As {@linkcode temporalSubscription}.
 */
export function readHistory(
  open: () => Promise<HistoryConnection>,
  options: HistoryOptions,
  wanted: SubscribeOptions,
): AsyncGenerator<MeasurementBatch, void> {
  const subscription = temporalSubscription(options, wanted);
  const { silenceTimeout, signal = new AbortController().signal } = options;
  if (silenceTimeout !== undefined) inRange(silenceTimeout, "silenceTimeout", 0, longestDelay, false);
  const reading = { signal, ...silenceTimeout !== undefined && { silenceTimeout } };
  return readOnce(open, subscription, reading);
}

async function* readOnce(
  open: () => Promise<HistoryConnection>,
  subscription: SubscribeOptions,
  reading: ReadingOptions,
): AsyncGenerator<MeasurementBatch, void> {
  const history = await open();
  try {
    yield* history.read(subscription, reading);
  } finally {
    await history.close();
  }
}
