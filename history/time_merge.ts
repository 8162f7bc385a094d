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
  /** A binary heap, as there may be thousands: below place `i` are `2i + 1` and `2i + 2`, which do not come before it. */
  readonly #parts: Part[] = [];
  /** How many measurements of those that were added are yet to be taken. */
  #left = 0;

  /** Tells of a batch that is to be added. @param time Of its first measurement, in ticks. */
  expect(number: number, time: bigint): void {
    const batch = new MeasurementBatch(1);
    batch.add(0, time, 0);
    this.#insert({ number, batch, isAdded: false, at: 0 });
  }

  /** Adds a batch. @param number Of equal times, those of the batch of the lower number come first. */
  add(number: number, batch: MeasurementBatch): void {
    const expected = this.#parts.findIndex((part) => part.number === number);
    if (expected >= 0) this.#remove(expected);
    if (batch.length === 0) return;
    this.#left += batch.length;
    this.#insert({ number, batch, isAdded: true, at: 0 });
  }

  /** The number of the batch that is to be added before there is more. */
  get due(): number | undefined {
    const [earliest] = this.#parts;
    return earliest === undefined || earliest.isAdded ? undefined : earliest.number;
  }

  /** The next measurements, at most so many, in a batch of just their size; `undefined` without any. */
  take(most: number): MeasurementBatch | undefined {
    const size = Math.min(most, this.#left);
    const piece = new MeasurementBatch(size);
    while (piece.length < size && this.#takeRun(piece));
    this.#left -= piece.length;
    if (piece.length === 0) return undefined;
    return piece.length === piece.capacity ? piece : piece.clone();
  }

  /** Takes what one part has before all others. @returns Whether it has been added. */
  #takeRun(piece: MeasurementBatch): boolean {
    const [part] = this.#parts;
    if (part === undefined || !part.isAdded) return false;
    const next = this.#parts[this.#earliestBelow(0)];
    const from = part.at++;
    const end = Math.min(part.batch.length, from + piece.capacity - piece.length);
    while (part.at < end && (next === undefined || order(part, next) < 0)) part.at++;
    piece.append(part.batch, from, part.at);
    if (part.at === part.batch.length) this.#remove(0);
    else this.#sink(0);
    return true;
  }

  #insert(part: Part): void {
    this.#rise(this.#parts.push(part) - 1);
  }

  #remove(place: number): void {
    const last = this.#parts.pop()!;
    if (place === this.#parts.length) return;
    this.#parts[place] = last;
    this.#rise(place);
    this.#sink(place);
  }

  /** Moves the part at a place to where none of those above comes after it. */
  #rise(place: number): void {
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!this.#swapIfBefore(place, above)) return;
      place = above;
    }
  }

  /** Moves the part at a place to where none of those below comes before it. */
  #sink(place: number): void {
    for (let below; (below = this.#earliestBelow(place)) < this.#parts.length; place = below) {
      if (!this.#swapIfBefore(below, place)) return;
    }
  }

  /** The place of the earlier one of the two below a place; beyond the end without any. */
  #earliestBelow(place: number): number {
    const parts = this.#parts;
    const left = 2 * place + 1;
    const right = left + 1;
    return right < parts.length && order(parts[right]!, parts[left]!) < 0 ? right : left;
  }

  /** Swaps the parts at two places if that at the first comes before the other. @returns Whether it did. */
  #swapIfBefore(place: number, other: number): boolean {
    const parts = this.#parts;
    const part = parts[place]!;
    const isBefore = order(part, parts[other]!) < 0;
    if (isBefore) {
      parts[place] = parts[other]!;
      parts[other] = part;
    }
    return isBefore;
  }
}

function order(a: Part, b: Part): number {
  return compareTimes(a.batch.tickWords, a.at, b.at, b.batch.tickWords) || a.number - b.number;
}
