import { MeasurementBatch } from "../transport/wire/batch.ts";
import { compareTimes } from "./time_order.ts";

/** A batch, and how far it is merged. */
interface Part {
  /** Of equal times, those of the part of the lower number come first. */
  readonly number: number;
  /** Its measurements; of a part that is to be added its first time alone. */
  readonly batch: MeasurementBatch;
  readonly isAdded: boolean;
  at: number;
}

/**
 * Merges batches, each in order of time, a piece at a time. Batches are added when their turn comes, and let go of when
 * they are through: what does not overlap is not held at a time.
 */
export class TimeMerge {
  #parts: Part[] = [];

  /** Tells of a batch that is to be added. @param time Of its first measurement, in ticks. */
  expect(number: number, time: bigint): void {
    const batch = new MeasurementBatch(1);
    batch.add(0, time, 0);
    this.#parts.push({ number, batch, isAdded: false, at: 0 });
  }

  /** Adds a batch. @param number Of equal times, those of the batch of the lower number come first. */
  add(number: number, batch: MeasurementBatch): void {
    this.#parts = this.#parts.filter((part) => part.number !== number);
    if (batch.length > 0) this.#parts.push({ number, batch, isAdded: true, at: 0 });
  }

  /** The number of the batch that is to be added before there is more. */
  get due(): number | undefined {
    const [earliest] = this.#earliest();
    return earliest === undefined || earliest.isAdded ? undefined : earliest.number;
  }

  /** The next measurements, at most so many, in a batch of just their size; `undefined` without any. */
  take(most: number): MeasurementBatch | undefined {
    const left = this.#parts.reduce(
      (sum, { batch, at, isAdded }) => isAdded ? sum + batch.length - at : sum,
      0,
    );
    const piece = new MeasurementBatch(Math.min(most, left));
    while (piece.length < Math.min(most, left) && this.#takeRun(piece));
    if (piece.length === 0) return undefined;
    return piece.length === piece.capacity ? piece : piece.clone();
  }

  /** Takes what one part has before all others. @returns Whether it has been added. */
  #takeRun(piece: MeasurementBatch): boolean {
    const [part, next] = this.#earliest();
    if (part === undefined || !part.isAdded) return false;
    const from = part.at++;
    const end = Math.min(part.batch.length, from + piece.capacity - piece.length);
    while (part.at < end && (next === undefined || order(part, next) < 0)) part.at++;
    piece.append(part.batch, from, part.at);
    if (part.at === part.batch.length) this.#parts = this.#parts.filter((other) => other !== part);
    return true;
  }

  /** The part whose turn it is, and the one after. */
  #earliest(): [Part | undefined, Part | undefined] {
    let earliest: Part | undefined;
    let next: Part | undefined;
    for (const part of this.#parts) {
      if (earliest === undefined || order(part, earliest) < 0) {
        next = earliest;
        earliest = part;
      } else if (next === undefined || order(part, next) < 0) {
        next = part;
      }
    }
    return [earliest, next];
  }
}

function order(a: Part, b: Part): number {
  return compareTimes(a.batch.tickWords, a.at, b.at, b.batch.tickWords) || a.number - b.number;
}
