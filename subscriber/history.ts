/**
 * Measurements of the past (§11): over a connection of their own, or in turn with live data.
 *
 * @module
 */
import { checkKinds, describe } from "../transport/option_checks.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { formatTicks } from "../transport/wire/ticks.ts";
import type { ChannelSource } from "./channel_source.ts";
import { BatchIterator, Delivery } from "./delivery.ts";
import { abortError } from "./exchange.ts";
import { checkSubscribeOptions, type SubscribeOptions } from "./options.ts";
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
  /** Ends the reading, with an `Aborted` error. */
  readonly signal?: AbortSignal | undefined;
}

const kinds: Readonly<Record<keyof HistoryOptions, string>> = {
  start: "any",
  stop: "any",
  filter: "string",
  processingInterval: "number",
  parameters: "string",
  signal: "object",
};

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

/** Where history can be read, part by part. */
export interface HistoryConnection {
  /**
   * What a {@linkcode temporalSubscription} asks for, in order of time. Each batch is lent until the next is asked for;
   * reading slowly slows the publisher.
   *
   * @throws {SttpError} When the connection can't be made or breaks, or the publisher refuses; `Aborted`.
   */
  read(subscription: SubscribeOptions, signal?: AbortSignal): AsyncIterable<MeasurementBatch>;
  /** Nothing more will be read. */
  close(): Promise<void>;
}

/** What reading history needs of the subscriber. */
export type HistoryHost = Omit<SessionHost, "delivery" | "emit" | "observe" | "configurationChanged">;

/** A connection of its own for each part; its events go nowhere. */
export class SeparateHistory implements HistoryConnection {
  readonly #source: ChannelSource;
  readonly #host: HistoryHost;

  /** @param source Where to connect to. */
  constructor(source: ChannelSource, host: HistoryHost) {
    this.#source = source;
    this.#host = host;
  }

  async *read(
    subscription: SubscribeOptions,
    signal: AbortSignal = new AbortController().signal,
  ): AsyncGenerator<MeasurementBatch, void> {
    if (signal.aborted) throw abortError(signal, "history()");
    const channel = await this.#source.next(signal);
    const session = new Session(channel, {
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
    const close = (): void => session.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      session.start();
      yield* replay(session, subscription, this.#host.options.deliveryBuffer, signal);
    } finally {
      signal.removeEventListener("abort", close);
      session.close();
      await session.ended;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The connection that live data comes over, in turn with it. */
export class SharedHistory implements HistoryConnection {
  readonly #session: Session;
  readonly #capacity: number;
  readonly #onClose: () => Promise<void>;

  /**
   * @param session One without a live subscription.
   * @param capacity How many measurements may wait.
   * @param onClose Live data may go on.
   */
  constructor(session: Session, capacity: number, onClose: () => Promise<void>) {
    this.#session = session;
    this.#capacity = capacity;
    this.#onClose = onClose;
  }

  async *read(
    subscription: SubscribeOptions,
    signal: AbortSignal = new AbortController().signal,
  ): AsyncGenerator<MeasurementBatch, void> {
    try {
      yield* replay(this.#session, subscription, this.#capacity, signal);
    } finally {
      await this.#session.endReplay();
    }
  }

  close(): Promise<void> {
    return this.#onClose();
  }
}

async function* replay(
  session: Session,
  subscription: SubscribeOptions,
  capacity: number,
  signal: AbortSignal,
): AsyncGenerator<MeasurementBatch, void> {
  const delivery = new Delivery({ capacity, overflow: "pause" });
  const progress: Replay = { delivery, isComplete: false };
  session.ended.then(() => delivery.end());
  try {
    await session.subscribe(subscription, signal, progress);
    yield* new BatchIterator(delivery, signal);
    if (!progress.isComplete) throw (await session.ended).error;
  } catch (error) {
    throw signal.aborted ? abortError(signal, "history()") : error;
  } finally {
    // Nobody reads it any more.
    delivery.end();
  }
}

/** Reads one part and closes. */
export async function* readOnce(
  open: () => Promise<HistoryConnection>,
  subscription: SubscribeOptions,
  signal?: AbortSignal,
): AsyncGenerator<MeasurementBatch, void> {
  const history = await open();
  try {
    yield* history.read(subscription, signal);
  } finally {
    await history.close();
  }
}
