/**
 * Receiving: from a subscriber to wherever its measurements are to go.
 *
 * @module
 */
import { MeasurementBatch, SttpError, type Subscriber } from "../mod.ts";
import type { MeasurementWriter } from "./data/format.ts";
import type { Meter } from "./meter.ts";
import { endingAfter } from "./signals.ts";

/** What to receive, and until when. */
export interface ReceptionOptions {
  /** Ends it in order: what has come by then is written. */
  readonly signal: AbortSignal;
  /** Milliseconds after which it ends. */
  readonly duration: number | undefined;
  /** Measurements after which it ends. */
  readonly count: number | undefined;
  /** Measurements of the past, from when to when; `undefined` for live ones. */
  readonly past: { readonly start: string; readonly stop?: string } | undefined;
}

/** Takes measurements and writes them, one batch after the other. */
export class Reception {
  readonly #meter: Meter;
  readonly #options: ReceptionOptions;
  #writer: MeasurementWriter | undefined;
  #last: Promise<void> = Promise.resolve();

  /** @param meter Is shown what is written. */
  constructor(meter: Meter, options: ReceptionOptions) {
    this.#meter = meter;
    this.#options = options;
  }

  /** Writes a batch behind those that came before, but no more than are wanted. */
  take(batch: MeasurementBatch): Promise<void> {
    const { count = Infinity } = this.#options;
    const part = upTo(batch, count - this.#meter.measurements);
    this.#meter.add(part);
    return this.#last = this.#last.then(() => this.#writer?.write(part));
  }

  /**
   * Receives from a subscriber that is connected, or listens, until there is a reason to end; then disconnects it.
   *
   * @param writer Is finished, or abandoned when something fails.
   * @throws {SttpError} When the connection is lost for good, or the publisher refuses.
   */
  async run(subscriber: Subscriber, writer: MeasurementWriter): Promise<void> {
    const { signal, duration, past } = this.#options;
    const end = endingAfter(signal, duration);
    // Disconnected, the iteration goes on to what has come.
    const disconnect = (): void => void subscriber.disconnect();
    end.addEventListener("abort", disconnect);
    if (end.aborted) disconnect();
    this.#writer = writer;
    try {
      const batches = past === undefined
        ? subscriber.batches()
        : subscriber.history({ ...past, signal: end });
      await this.#takeAll(batches, end);
      await subscriber.disconnect();
      await this.#last;
    } catch (error) {
      await subscriber.disconnect();
      // That it can't be tidied up is not what went wrong first.
      await writer.abandon().catch(() => {});
      throw error;
    } finally {
      end.removeEventListener("abort", disconnect);
    }
    await writer.finish();
    const reason = await subscriber.closed;
    if (reason.kind !== "disconnected") throw reason.error;
  }

  async #takeAll(batches: AsyncIterable<MeasurementBatch>, end: AbortSignal): Promise<void> {
    const { count = Infinity } = this.#options;
    try {
      for await (const batch of batches) {
        await this.take(batch);
        if (this.#meter.measurements >= count) return;
      }
    } catch (error) {
      const isEnd = end.aborted && error instanceof SttpError && error.code === "Aborted";
      if (!isEnd) throw error;
    }
  }
}

/** The first measurements of a batch. */
function upTo(batch: MeasurementBatch, most: number): MeasurementBatch {
  if (batch.length <= most) return batch;
  const part = new MeasurementBatch(Math.max(0, most));
  part.append(batch, 0, Math.max(0, most));
  return part;
}
