import type { MeasurementBatch } from "../transport/wire/batch.ts";

/** So many layouts are known at a time at most. A power of two: a layout's number tells its place. */
export const PLACES = 4096;
/** Signals in the layouts that are known, about: larger batches leave fewer places. */
const KEPT_SIGNALS = 262_144;

/**
 * Recognises batches whose signals are those of one before, in the same order, as they are when somebody publishes
 * frame after frame, or frames of many devices in turn: then nobody has to look for his signals again.
 */
export class LayoutTracker {
  /** The signals columns, by place. */
  readonly #known: (Int32Array<ArrayBuffer> | undefined)[] = [];
  /** The number of the layout at each place. */
  readonly #numbers: number[] = [];
  /** The place of the layout that came after the one at a place, the last time. */
  readonly #next: number[] = [];
  /** Places by what tells most layouts apart. */
  readonly #places = new Map<number, number>();
  #last = 0;
  /** How many layouts were given a number. */
  #made = 0;

  /**
   * A number that is the same whenever batches have the same signals column, from the second time on, as long as that
   * is remembered; 0 the first time: most of those that come by chance do not come again. Of two numbers with the same
   * place (number modulo {@linkcode PLACES}) the lower one does not come any more.
   */
  layoutOf(batch: MeasurementBatch): number {
    let place = this.#next[this.#last];
    let isNew = false;
    if (place === undefined || !this.#isAt(place, batch)) {
      const key = keyOf(batch);
      place = this.#places.get(key);
      if (place === undefined || !this.#isAt(place, batch)) {
        place = this.#remember(batch);
        this.#places.set(key, place);
        isNew = true;
      }
      this.#next[this.#last] = place;
    }
    this.#last = place;
    return isNew ? 0 : this.#numbers[place]!;
  }

  #isAt(place: number, { signals, length }: MeasurementBatch): boolean {
    const known = this.#known[place]!;
    if (known.length !== length) return false;
    let i = 0;
    while (i < length && signals[i] === known[i]) i++;
    return i === length;
  }

  #remember(batch: MeasurementBatch): number {
    const { signals, length } = batch;
    const places = Math.max(1, Math.min(PLACES, Math.floor(KEPT_SIGNALS / Math.max(1, length))));
    const place = this.#made++ % places;
    const before = this.#known[place];
    if (before === undefined) {
      this.#known[place] = signals.slice(0, length);
    } else {
      const key = keyOf({ signals: before, length: before.length });
      if (this.#places.get(key) === place) this.#places.delete(key);
      if (before.length === length) before.set(signals.subarray(0, length));
      else this.#known[place] = signals.slice(0, length);
    }
    this.#numbers[place] = this.#made * PLACES + place;
    return place;
  }
}

/** Layouts that have this in common are taken for one another at first, and remembered one at a time. */
function keyOf({ signals, length }: Pick<MeasurementBatch, "signals" | "length">): number {
  if (length === 0) return 0;
  const parts = [length, signals[0]!, signals[length >> 1]!, signals[length - 1]!];
  return parts.reduce((key, part) => Math.imul(key ^ part, 0x9e3779b1) ^ (key >>> 15), 0);
}
