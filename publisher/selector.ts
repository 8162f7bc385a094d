import { MeasurementBatch } from "../transport/wire/batch.ts";
import type { SignalSet } from "./signal_set.ts";

/** Value bits above this, sign aside, are NaN. */
const INFINITY_BITS = 0x7f800000;

/**
 * Picks a subscription's measurements out of what is published and puts wire signal indexes in the place of handles.
 *
 * One selector serves all groups of a publisher in turn: its result is valid until the next `select`, and nothing is
 * allocated once the columns have grown to the size of the batches.
 */
export class Selector {
  readonly #own = new MeasurementBatch(1024);
  readonly #shared = new MeasurementBatch(1);

  /**
   * @param batch What was published; `signals` are handles.
   * @param set What the subscription comes to.
   * @param withoutNaN Whether to leave out measurements whose value is not a number (§4, requestNaNValueFilter).
   * @returns The measurements selected, in their order; good until the next call, not to be changed.
   */
  select(batch: MeasurementBatch, set: SignalSet, withoutNaN: boolean): MeasurementBatch {
    const own = this.#own;
    const { indexes } = set;
    const known = indexes.length;
    const { signals, valueBits, length } = batch;
    own.length = 0;
    own.reserve(length);
    const ownSignals = own.signals;

    // While everything is wanted, only the signals column needs to be written.
    let i = 0;
    for (; i < length; i++) {
      const handle = signals[i]! >>> 0;
      if (handle >= known) break;
      const index = indexes[handle]!;
      if (index < 0 || (withoutNaN && (valueBits[i]! & 0x7fffffff) > INFINITY_BITS)) break;
      ownSignals[i] = index;
    }
    if (i === length) {
      const shared = this.#shared;
      shared.signals = ownSignals;
      shared.ticks = batch.ticks;
      shared.tickWords = batch.tickWords;
      shared.values = batch.values;
      shared.valueBits = valueBits;
      shared.flags = batch.flags;
      shared.length = length;
      return shared;
    }

    const { tickWords, flags } = batch;
    const ownTickWords = own.tickWords;
    const ownValueBits = own.valueBits;
    const ownFlags = own.flags;
    ownTickWords.set(tickWords.subarray(0, 2 * i));
    ownValueBits.set(valueBits.subarray(0, i));
    ownFlags.set(flags.subarray(0, i));
    let n = i;
    for (i++; i < length; i++) {
      const handle = signals[i]! >>> 0;
      if (handle >= known) continue;
      const index = indexes[handle]!;
      if (index < 0) continue;
      const bits = valueBits[i]!;
      if (withoutNaN && (bits & 0x7fffffff) > INFINITY_BITS) continue;
      ownSignals[n] = index;
      ownTickWords[2 * n] = tickWords[2 * i]!;
      ownTickWords[2 * n + 1] = tickWords[2 * i + 1]!;
      ownValueBits[n] = bits;
      ownFlags[n] = flags[i]!;
      n++;
    }
    own.length = n;
    return own;
  }
}
