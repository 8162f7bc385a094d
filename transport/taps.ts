import type { MeasurementBatch } from "./wire/batch.ts";

/**
 * Looks at measurements on their way: those of a batch from `from` on. The batch is neither kept nor changed, and
 * looking must be quick: it happens for every batch, before anything else goes on. What it throws is reported as an event
 * listener's fault is (`reportError`), which ends a program that has no listener for the global `error` event.
 */
export type MeasurementTap = (batch: MeasurementBatch, from: number) => void;

/** Those who look at measurements on their way, beside whom the measurements are for. */
export class Taps {
  #taps: readonly MeasurementTap[] = [];

  /** Has somebody look. @returns What ends it. */
  add(tap: MeasurementTap): () => void {
    // An object of its own: the same function may look twice, and each ends by itself.
    const added: MeasurementTap = (batch, from) => tap(batch, from);
    this.#taps = [...this.#taps, added];
    return () => {
      this.#taps = this.#taps.filter((one) => one !== added);
    };
  }

  /** Lets everybody look. A tap that throws is reported as an event listener's fault is; the others go on. */
  show(batch: MeasurementBatch, from: number = 0): void {
    for (const tap of this.#taps) {
      try {
        tap(batch, from);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
