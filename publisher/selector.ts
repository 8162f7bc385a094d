import { MeasurementBatch } from "../transport/wire/batch.ts";
import { PLACES } from "./layouts.ts";
import type { SearchSpace } from "./search_space.ts";
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
/** What keeping a search takes beside its elements, at most: two arrays, and what holds them. */
const OVERHEAD = 384;

/**
 * Picks one subscription's measurements out of what is published and puts wire signal indexes in the place of
 * handles. Where a batch has the layout of one before, what that search found is used again: the cost is that of what
 * is picked, not of what is published.
 */
export class Selector {
  readonly #set: SignalSet;
  readonly #withoutNaN: boolean;
  readonly #space: SearchSpace;
  readonly #view = new MeasurementBatch(1);
  /** What was found in layouts, by their places. */
  #found: (Found | undefined)[] = [];
  /** When that was. */
  #era: number;
  /** What counts as kept for it. */
  #kept = 0;

  /**
   * @param set What the subscription comes to.
   * @param withoutNaN Whether to leave out measurements whose value is not a number (§4, requestNaNValueFilter).
   * @param space Shared by selectors that are never used at the same time.
   */
  constructor(set: SignalSet, withoutNaN: boolean, space: SearchSpace) {
    this.#set = set;
    this.#withoutNaN = withoutNaN;
    this.#space = space;
    this.#era = space.era;
  }

  /**
   * @param batch What was published; `signals` are handles.
   * @param layout The batch's layout, as a {@linkcode LayoutTracker} gives it; 0 when that is not known.
   * @returns The measurements selected, in their order. Not to be changed, and good until the published batch changes or
   * another selector of the same space selects.
   */
  select(batch: MeasurementBatch, layout: number): MeasurementBatch {
    if (this.#era !== this.#space.era) this.#startAfresh();
    let found = layout === 0 ? undefined : this.#found[layout % PLACES];
    if (found?.layout !== layout) found = this.#keep(this.#search(batch, layout), found);
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

  /** Lets go of what it kept; it can be used on. */
  dispose(): void {
    if (this.#era === this.#space.era) this.#space.letGo(this.#kept);
    this.#startAfresh();
  }

  #startAfresh(): void {
    this.#found = [];
    this.#kept = 0;
    this.#era = this.#space.era;
  }

  /** @returns What was found, good until the next search in this space. */
  #search(batch: MeasurementBatch, layout: number): Found {
    const space = this.#space;
    const { signals, length } = batch;
    space.reserve(length);
    const { positions, indexes } = space;
    const { indexes: indexOf, lowest } = this.#set;
    const known = indexOf.length;
    let n = 0;
    for (let i = 0; i < length; i++) {
      const place = (signals[i]! - lowest) >>> 0;
      if (place >= known) continue;
      const index = indexOf[place]!;
      if (index < 0) continue;
      positions[n] = i;
      indexes[n] = index;
      n++;
    }
    return { layout, positions, indexes, count: n };
  }

  /**
   * Keeps what was found in a layout in the place of another one's, if it may.
   *
   * @returns The same, good for longer if it is kept.
   */
  #keep(found: Found, before: Found | undefined): Found {
    const { layout, count } = found;
    if (layout === 0) return found;
    const place = layout % PLACES;
    if (before !== undefined) {
      const bytes = sizeOf(before);
      this.#space.letGo(bytes);
      this.#kept -= bytes;
      this.#found[place] = undefined;
    }
    const bytes = sizeOf(found);
    if (!this.#space.keep(bytes)) return found;
    this.#kept += bytes;
    const kept = count === 0 ? { layout, positions: NOTHING, indexes: NOTHING, count } : {
      layout,
      positions: found.positions.slice(0, count),
      indexes: found.indexes.slice(0, count),
      count,
    };
    this.#found[place] = kept;
    return kept;
  }

  // Columns stand in locals, as loops over fields of objects read them anew for each element.
  #gather(batch: MeasurementBatch, { positions, indexes, count }: Found, view: MeasurementBatch): void {
    const scratch = this.#space.gathered;
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

/** Bytes that it takes to keep this. */
function sizeOf({ count }: Found): number {
  return OVERHEAD + 8 * count;
}
