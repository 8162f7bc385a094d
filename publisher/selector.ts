import { MeasurementBatch } from "../transport/wire/batch.ts";
import { PLACES } from "./layouts.ts";
import type { SignalSet } from "./signal_set.ts";

/** Value bits above this, sign aside, are NaN. */
const INFINITY_BITS = 0x7f800000;

/** Where in the batches of a layout a subscription's signals are, and their wire indexes. */
interface Found {
  readonly layout: number;
  readonly positions: Int32Array<ArrayBuffer>;
  readonly indexes: Int32Array<ArrayBuffer>;
  readonly count: number;
}

const NOTHING = new Int32Array(0);

/**
 * Picks one subscription's measurements out of what is published and puts wire signal indexes in the place of
 * handles. Where a batch has the layout of one before, what that search found is used again: the cost is that of what
 * is picked, not of what is published.
 */
export class Selector {
  readonly #set: SignalSet;
  readonly #withoutNaN: boolean;
  /** What is gathered goes here; selectors that are never used at the same time share it. */
  readonly #scratch: MeasurementBatch;
  readonly #view = new MeasurementBatch(1);
  /** What was found in layouts, by their places. */
  readonly #found: (Found | undefined)[] = [];
  /** Room for a search. */
  #positions = NOTHING;
  #indexes = NOTHING;

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
    let found = layout === 0 ? undefined : this.#found[layout % PLACES];
    if (found?.layout !== layout) {
      found = this.#search(batch, layout);
      if (layout !== 0) this.#found[layout % PLACES] = found;
    }
    const { count } = found;
    const view = this.#view;
    view.signals = found.indexes;
    view.length = count;
    if (count === batch.length && !this.#withoutNaN) {
      view.ticks = batch.ticks;
      view.tickWords = batch.tickWords;
      view.values = batch.values;
      view.valueBits = batch.valueBits;
      view.flags = batch.flags;
    } else {
      this.#gather(batch, found, view);
    }
    return view;
  }

  /** @returns What was found; with no layout good until the next search. */
  #search(batch: MeasurementBatch, layout: number): Found {
    const { signals, length } = batch;
    if (this.#positions.length < length) {
      this.#positions = new Int32Array(length);
      this.#indexes = new Int32Array(length);
    }
    const positions = this.#positions;
    const indexes = this.#indexes;
    const { indexes: indexOf } = this.#set;
    const known = indexOf.length;
    let n = 0;
    for (let i = 0; i < length; i++) {
      const handle = signals[i]! >>> 0;
      if (handle >= known) continue;
      const index = indexOf[handle]!;
      if (index < 0) continue;
      positions[n] = i;
      indexes[n] = index;
      n++;
    }
    if (n === 0) return { layout, positions: NOTHING, indexes: NOTHING, count: 0 };
    if (layout === 0) return { layout, positions, indexes, count: n };
    return { layout, positions: positions.slice(0, n), indexes: indexes.slice(0, n), count: n };
  }

  // Columns stand in locals, as loops over fields of objects read them anew for each element.
  #gather(batch: MeasurementBatch, { positions, indexes, count }: Found, view: MeasurementBatch): void {
    const scratch = this.#scratch;
    scratch.length = 0;
    scratch.reserve(count);
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
