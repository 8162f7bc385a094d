import { MeasurementBatch } from "../transport/wire/batch.ts";
import type { SignalSet } from "./signal_set.ts";

/** Value bits above this, sign aside, are NaN. */
const INFINITY_BITS = 0x7f800000;

/**
 * Recognises batches whose signals are those of the batch before, in the same order, as they are when somebody
 * publishes frame after frame: then nobody has to look for his signals again.
 */
export class LayoutTracker {
  #signals = new Int32Array(0);
  #length = -1;
  #layout = 0;

  /** A number, not 0, that is the same for as long as batches have the same signals column. */
  layoutOf(batch: MeasurementBatch): number {
    const { signals, length } = batch;
    const known = this.#signals;
    let i = length === this.#length ? 0 : length;
    while (i < length && signals[i] === known[i]) i++;
    if (i === length && length === this.#length) return this.#layout;
    if (known.length < length) this.#signals = new Int32Array(Math.max(length, 2 * known.length));
    this.#signals.set(signals.subarray(0, length));
    this.#length = length;
    return ++this.#layout;
  }
}

/**
 * Picks one subscription's measurements out of what is published and puts wire signal indexes in the place of
 * handles. Where a batch has the layout of the one before, what that search found is used again: the cost is that of
 * what is picked, not of what is published.
 */
export class Selector {
  readonly #set: SignalSet;
  readonly #withoutNaN: boolean;
  /** What is gathered goes here; selectors that are never used at the same time share it. */
  readonly #scratch: MeasurementBatch;
  readonly #view = new MeasurementBatch(1);
  /** The layout that the next two are for; 0 for none. */
  #layout = 0;
  /** Where in a batch the signals are, and their indexes. */
  #positions = new Int32Array(0);
  #indexes = new Int32Array(0);
  #count = 0;

  /**
   * @param set What the subscription comes to.
   * @param withoutNaN Whether to leave out measurements whose value is not a number (§4, requestNaNValueFilter).
   * @param scratch Where measurements are gathered; may be shared by any number of selectors.
   */
  constructor(set: SignalSet, withoutNaN: boolean, scratch: MeasurementBatch) {
    this.#set = set;
    this.#withoutNaN = withoutNaN;
    this.#scratch = scratch;
  }

  /**
   * @param batch What was published; `signals` are handles.
   * @param layout The batch's layout, as a {@linkcode LayoutTracker} gives it; 0 when that is not known.
   * @returns The measurements selected, in their order. Not to be changed, and good until the scratch batch or the
   * published one changes.
   */
  select(batch: MeasurementBatch, layout: number): MeasurementBatch {
    if (layout === 0 || layout !== this.#layout) {
      this.#search(batch);
      this.#layout = layout;
    }
    const count = this.#count;
    const view = this.#view;
    view.signals = this.#indexes;
    view.length = count;
    if (count === batch.length && !this.#withoutNaN) {
      view.ticks = batch.ticks;
      view.tickWords = batch.tickWords;
      view.values = batch.values;
      view.valueBits = batch.valueBits;
      view.flags = batch.flags;
    } else {
      this.#gather(batch, view);
    }
    return view;
  }

  #search(batch: MeasurementBatch): void {
    const { signals, length } = batch;
    if (this.#positions.length < length) {
      this.#positions = new Int32Array(length);
      this.#indexes = new Int32Array(length);
    }
    const positions = this.#positions;
    const found = this.#indexes;
    const { indexes } = this.#set;
    const known = indexes.length;
    let n = 0;
    for (let i = 0; i < length; i++) {
      const handle = signals[i]! >>> 0;
      if (handle >= known) continue;
      const index = indexes[handle]!;
      if (index < 0) continue;
      positions[n] = i;
      found[n] = index;
      n++;
    }
    this.#count = n;
  }

  #gather(batch: MeasurementBatch, view: MeasurementBatch): void {
    const scratch = this.#scratch;
    const count = this.#count;
    scratch.length = 0;
    scratch.reserve(count);
    const positions = this.#positions;
    const indexes = this.#indexes;
    const { tickWords, valueBits, flags } = batch;
    const outSignals = scratch.signals;
    const outTickWords = scratch.tickWords;
    const outValueBits = scratch.valueBits;
    const outFlags = scratch.flags;
    const withoutNaN = this.#withoutNaN;
    let n = 0;
    for (let k = 0; k < count; k++) {
      const i = positions[k]!;
      const bits = valueBits[i]!;
      if (withoutNaN) {
        if ((bits & 0x7fffffff) > INFINITY_BITS) continue;
        outSignals[n] = indexes[k]!;
      }
      outTickWords[2 * n] = tickWords[2 * i]!;
      outTickWords[2 * n + 1] = tickWords[2 * i + 1]!;
      outValueBits[n] = bits;
      outFlags[n] = flags[i]!;
      n++;
    }
    if (withoutNaN) view.signals = outSignals;
    view.ticks = scratch.ticks;
    view.tickWords = outTickWords;
    view.values = scratch.values;
    view.valueBits = outValueBits;
    view.flags = outFlags;
    view.length = n;
  }
}
