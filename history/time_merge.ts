import { MeasurementBatch } from "../transport/wire/batch.ts";
import { compareTimes } from "./time_order.ts";

/** A batch, and how far it is merged. */
interface Part {
  readonly batch: MeasurementBatch;
  at: number;
}

/** Merges batches, each in order of time, a piece at a time; of equal times, those of an earlier batch come first. */
export class TimeMerge {
  #parts: Part[];

  /** @param batches What is merged; let go of as soon as it is. */
  constructor(batches: readonly MeasurementBatch[]) {
    this.#parts = batches.filter(({ length }) => length > 0).map((batch) => ({ batch, at: 0 }));
  }

  /** The next measurements, at most so many, in a batch of just their size; `undefined` at the end. */
  take(most: number): MeasurementBatch | undefined {
    const left = this.#parts.reduce((sum, { batch, at }) => sum + batch.length - at, 0);
    if (left === 0) return undefined;
    const piece = new MeasurementBatch(Math.min(most, left));
    while (piece.length < piece.capacity) this.#takeRun(piece);
    return piece;
  }

  /** Takes what one part has before all others. */
  #takeRun(piece: MeasurementBatch): void {
    const parts = this.#parts;
    let earliest = 0;
    let next: number | undefined;
    for (let i = 1; i < parts.length; i++) {
      if (order(parts[i]!, parts[earliest]!) < 0) {
        next = earliest;
        earliest = i;
      } else if (next === undefined || order(parts[i]!, parts[next]!) < 0) {
        next = i;
      }
    }
    const part = parts[earliest]!;
    const from = part.at++;
    const end = Math.min(part.batch.length, from + piece.capacity - piece.length);
    const isBefore = next === undefined || earliest < next ? 0 : -1;
    while (part.at < end && (next === undefined || order(part, parts[next]!) <= isBefore)) part.at++;
    piece.append(part.batch, from, part.at);
    if (part.at === part.batch.length) parts.splice(earliest, 1);
  }
}

function order(a: Part, b: Part): number {
  return compareTimes(a.batch.tickWords, a.at, b.at, b.batch.tickWords);
}
