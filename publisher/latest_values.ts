import { MeasurementBatch } from "../transport/wire/batch.ts";
import { StateFlags } from "../transport/wire/state_flags.ts";
import type { Throttle } from "./delivery.ts";

const TICKS_PER_SECOND = 10_000_000;
const QUIET_NAN_BITS = 0x7fc00000;

const Freshness = { Unknown: 0, New: 1, Sent: 2, SentAsBad: 3 } as const;

/** Ticks as a double, exact to 13 microseconds, without the leap-second bits. */
function approximateTicks(words: Int32Array, i: number): number {
  return (words[2 * i + 1]! & 0x3fffffff) * 0x1_0000_0000 + (words[2 * i]! >>> 0);
}

/**
 * The latest measurement of every signal of a throttled subscription (§4), in columns by signal index.
 *
 * A signal is sent when it was published since the last time. With the time check on, a value that is stale or from
 * the future is sent as NaN with BadTime, and so is one, once, that was good when sent and has become stale since.
 */
export class LatestValues {
  readonly #throttle: Throttle;
  readonly #withoutNaN: boolean;
  readonly #tickWords: Int32Array;
  readonly #valueBits: Int32Array;
  readonly #flags: Uint32Array;
  readonly #freshness: Uint8Array;
  readonly #output = new MeasurementBatch(1);
  /** The latest reasonable timestamp, as approximate ticks. */
  #latest = 0;

  /**
   * @param size How many signals there are.
   * @param throttle For the time check.
   * @param withoutNaN Whether NaN is not sent, not even for a stale value.
   */
  constructor(size: number, throttle: Throttle, withoutNaN: boolean) {
    this.#throttle = throttle;
    this.#withoutNaN = withoutNaN;
    this.#tickWords = new Int32Array(2 * size);
    this.#valueBits = new Int32Array(size);
    this.#flags = new Uint32Array(size);
    this.#freshness = new Uint8Array(size);
  }

  /**
   * Takes in what was published; of several measurements of a signal the last stays.
   *
   * @param batch Measurements with wire signal indexes.
   * @param now The local clock in ticks.
   */
  store(batch: MeasurementBatch, now: number): void {
    const { signals, tickWords, valueBits, flags, length } = batch;
    const { checkTime, useLocalClock } = this.#throttle;
    for (let i = 0; i < length; i++) {
      const index = signals[i]!;
      this.#tickWords[2 * index] = tickWords[2 * i]!;
      this.#tickWords[2 * index + 1] = tickWords[2 * i + 1]!;
      this.#valueBits[index] = valueBits[i]!;
      this.#flags[index] = flags[i]!;
      this.#freshness[index] = Freshness.New;
    }
    if (!checkTime || useLocalClock) return;
    for (let i = 0; i < length; i++) {
      const ticks = approximateTicks(tickWords, i);
      if (ticks > this.#latest && this.#isReasonable(ticks, now)) this.#latest = ticks;
    }
  }

  #isReasonable(ticks: number, realTime: number): boolean {
    const { lagTime, leadTime } = this.#throttle;
    const ahead = ticks - realTime;
    return ahead <= leadTime * TICKS_PER_SECOND && ahead >= -lagTime * TICKS_PER_SECOND;
  }

  /**
   * What is to be sent now.
   *
   * @param now The local clock in ticks.
   * @returns Measurements with wire signal indexes; good until the next call.
   */
  take(now: number): MeasurementBatch {
    const output = this.#output;
    const freshness = this.#freshness;
    const { checkTime, useLocalClock } = this.#throttle;
    const realTime = useLocalClock || !this.#isReasonable(this.#latest, now) ? now : this.#latest;
    output.length = 0;
    output.reserve(freshness.length);
    const { signals, tickWords, valueBits, flags } = output;
    let n = 0;
    for (let index = 0; index < freshness.length; index++) {
      const state = freshness[index]!;
      if (state !== Freshness.New && !(checkTime && state === Freshness.Sent)) continue;
      const bad = checkTime && !this.#isReasonable(approximateTicks(this.#tickWords, index), realTime);
      if (state === Freshness.Sent && !bad) continue;
      freshness[index] = bad ? Freshness.SentAsBad : Freshness.Sent;
      if (bad && this.#withoutNaN) continue;
      signals[n] = index;
      tickWords[2 * n] = this.#tickWords[2 * index]!;
      tickWords[2 * n + 1] = this.#tickWords[2 * index + 1]!;
      valueBits[n] = bad ? QUIET_NAN_BITS : this.#valueBits[index]!;
      flags[n] = bad ? this.#flags[index]! | StateFlags.BadTime : this.#flags[index]!;
      n++;
    }
    output.length = n;
    return output;
  }
}
