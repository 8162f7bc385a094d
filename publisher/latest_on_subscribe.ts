/**
 * The latest value of each signal, for who subscribes to it and would else have to wait for the next.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import type { Delivery } from "./delivery.ts";
import type { Member } from "./group.ts";
import { LatestValues } from "./latest_values.ts";
import type { Router } from "./router.ts";
import type { SignalSet } from "./signal_set.ts";

/** The latest measurement of each signal that was published, in columns by handle. */
export class LatestMeasurements {
  #tickWords = new Int32Array(0);
  #valueBits = new Int32Array(0);
  #flags = new Uint32Array(0);
  #isKnown = new Uint8Array(0);

  /**
   * Takes in what is published.
   *
   * @param batch Measurements with handles.
   * @param size How many handles there are; others are no signals.
   */
  store({ signals, tickWords, valueBits, flags, length }: MeasurementBatch, size: number): void {
    if (this.#isKnown.length < size) this.#grow(Math.max(size, 2 * this.#isKnown.length));
    for (let i = 0; i < length; i++) {
      const handle = signals[i]! >>> 0;
      if (handle >= size) continue;
      this.#tickWords[2 * handle] = tickWords[2 * i]!;
      this.#tickWords[2 * handle + 1] = tickWords[2 * i + 1]!;
      this.#valueBits[handle] = valueBits[i]!;
      this.#flags[handle] = flags[i]!;
      this.#isKnown[handle] = 1;
    }
  }

  #grow(size: number): void {
    this.#tickWords = grown(new Int32Array(2 * size), this.#tickWords);
    this.#valueBits = grown(new Int32Array(size), this.#valueBits);
    this.#flags = grown(new Uint32Array(size), this.#flags);
    this.#isKnown = grown(new Uint8Array(size), this.#isKnown);
  }

  /** What is known of a list of signals, in its order. @param except Signals that are left out. */
  of(set: SignalSet, except: SignalSet | undefined): MeasurementBatch {
    const batch = new MeasurementBatch(set.count);
    const { signals, tickWords, valueBits, flags } = batch;
    let n = 0;
    for (const handle of set.handles) {
      if (handle < 0 || this.#isKnown[handle] !== 1 || (except?.indexOf(handle) ?? -1) >= 0) continue;
      signals[n] = handle;
      tickWords[2 * n] = this.#tickWords[2 * handle]!;
      tickWords[2 * n + 1] = this.#tickWords[2 * handle + 1]!;
      valueBits[n] = this.#valueBits[handle]!;
      flags[n] = this.#flags[handle]!;
      n++;
    }
    batch.length = n;
    return batch;
  }
}

function grown<Column extends { set(values: Column): void }>(column: Column, from: Column): Column {
  column.set(from);
  return column;
}

/** Sends measurements to one subscriber alone, with an encoder of its own; it is in no other group meanwhile. */
export function sendAlone(
  batch: MeasurementBatch,
  set: SignalSet,
  delivery: Delivery,
  member: Member,
  { router, clock }: { readonly router: Router; readonly clock: Clock },
): void {
  const reasonable = withReasonableTimes(batch, delivery, clock);
  const group = router.privateGroup(set, { ...delivery, throttle: undefined }, () => batch.ticks[0]!);
  group.join(member);
  group.publish(reasonable);
  group.flush();
  router.leave({ group, member });
}

/** As a throttled subscription wants them: with the time check, those that are stale are bad (§4). */
function withReasonableTimes(
  batch: MeasurementBatch,
  { throttle, withoutNaN }: Delivery,
  clock: Clock,
): MeasurementBatch {
  if (throttle?.checkTime !== true) return batch;
  const handles = batch.signals.slice(0, batch.length);
  const latest = new LatestValues(batch.length, throttle, withoutNaN);
  const now = Number(ticksNow(clock));
  for (let i = 0; i < batch.length; i++) batch.signals[i] = i;
  latest.store(batch, now);
  const checked = latest.take(now);
  for (let i = 0; i < checked.length; i++) checked.signals[i] = handles[checked.signals[i]!]!;
  return checked;
}
