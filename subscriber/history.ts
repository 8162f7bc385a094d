/**
 * Measurements of the past, over a connection of their own (§11).
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { formatTicks } from "../transport/wire/ticks.ts";
import { Dialling } from "./channel_source.ts";
import { BatchIterator, Delivery } from "./delivery.ts";
import { abortError } from "./exchange.ts";
import type { SubscribeOptions } from "./options.ts";
import { Session } from "./session.ts";
import type { SessionHost } from "./session_state.ts";

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

/** What a session for history works for: its events go nowhere, and its data to an iterator. */
export type HistoryHost = Omit<SessionHost, "delivery" | "emit" | "configurationChanged">;

/** A Subscribe that asks for this. */
export function temporalSubscription(
  options: HistoryOptions,
  subscription: SubscribeOptions,
): SubscribeOptions {
  const { start, stop, filter, processingInterval = 0, parameters } = options;
  const { throttled: _live, ...rest } = subscription;
  return {
    ...rest,
    ...filter !== undefined && { filter },
    startTimeConstraint: timeText("start", start),
    ...stop !== undefined && { stopTimeConstraint: timeText("stop", stop) },
    processingInterval,
    ...parameters !== undefined && { timeConstraintParameters: parameters },
  };
}

function timeText(name: string, time: unknown): string {
  if (typeof time === "bigint") return formatTicks(time);
  if (typeof time === "string" && time !== "") return time;
  throw new TypeError(`${name} is a ${typeof time}, ticks or a text expected`);
}

/**
 * Connects, replays, disconnects. Batches are lent until the next is asked for; reading slowly slows the publisher.
 *
 * @throws {SttpError} When the connection can't be made or breaks, or the publisher refuses; `Aborted`.
 */
export async function* readHistory(
  address: string,
  host: HistoryHost,
  subscription: SubscribeOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<MeasurementBatch, void> {
  const never = new AbortController().signal;
  if (signal?.aborted) throw abortError(signal, "history()");
  const channel = await new Dialling(address, host.options).next(signal ?? never);
  const delivery = new Delivery({ capacity: host.options.deliveryBuffer, overflow: "pause" });
  let isComplete = false;
  const session = new Session(channel, {
    ...host,
    // What must not be lost does not go over UDP.
    options: { ...host.options, udp: undefined },
    delivery,
    emit: ({ kind }) => {
      if (kind !== "processingComplete") return;
      isComplete = true;
      delivery.end();
    },
    // The handles of what comes are the same as before.
    configurationChanged: () => {},
  });
  const close = (): void => session.close();
  signal?.addEventListener("abort", close, { once: true });
  session.ended.then(() => delivery.end());
  try {
    session.start();
    await session.subscribe(subscription, signal);
    yield* new BatchIterator(delivery, signal);
    if (!isComplete) throw (await session.ended).error;
  } catch (error) {
    if (signal?.aborted) throw abortError(signal, "history()");
    throw error;
  } finally {
    signal?.removeEventListener("abort", close);
    session.close();
    await session.ended;
  }
}

/** Where history can be read from. @throws {SttpError} `InvalidState` when the publisher makes the connections. */
export function addressForHistory(
  source: { address: string; incoming: boolean } | undefined,
  fallback: string,
): string {
  if (source === undefined) return fallback;
  if (!source.incoming) return source.address;
  throw new SttpError(
    "InvalidState",
    "history needs a connection of its own, and here it is the publisher that connects",
  );
}
