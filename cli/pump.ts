/**
 * Publishing what a source gives.
 *
 * @module
 */
import type { Publisher } from "../mod.ts";
import { delay } from "./pace.ts";
import type { MeasurementSource } from "./source.ts";

/** How to publish. */
export interface PumpOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** So many subscribers have to be there before the first measurement. */
  readonly subscribers: number;
  /** Whether to wait for subscribers that are slow, rather than have the publisher drop their data. */
  readonly patient: boolean;
}

/** Milliseconds between two looks at subscribers. */
const LOOK = 10;
/** Measurements after which a patient pump looks whether somebody is behind: far less than queues hold. */
const STRIDE = 8192;
/** Bytes that may wait for a subscriber before it is waited for. */
const BEHIND = 1_048_576;

/** Publishes all of a source's measurements. */
export async function pump(
  source: MeasurementSource,
  publisher: Publisher,
  { signal, subscribers, patient }: PumpOptions,
): Promise<void> {
  const isReady = (): boolean =>
    publisher.stats().open.filter(({ subscription }) => subscription?.confirmed).length >= subscribers;
  while (subscribers > 0 && !signal.aborted && !isReady()) await delay(LOOK, signal);
  const isBehind = (): boolean => publisher.stats().open.some(({ queue }) => queue.dataBytes > BEHIND);
  let sinceLook = 0;
  for await (const batch of source.batches(signal)) {
    if (signal.aborted) return;
    publisher.publish(batch);
    sinceLook += batch.length;
    if (!patient || sinceLook < STRIDE) continue;
    sinceLook = 0;
    // Sockets get their turn in any case.
    await delay(0, signal);
    while (isBehind() && !signal.aborted) await delay(LOOK, signal);
  }
}
