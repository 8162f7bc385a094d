/**
 * The base times that a publisher sent (§7).
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import type { BaseTimes } from "../transport/wire/base_times.ts";

/** For how many milliseconds a datagram may count from a base time that has been replaced. */
const LATENESS = 10_000;

/**
 * Base times as packets count from them. A rotation replaces the base that is not in force any more. On the command
 * channel nothing counts from it by then; datagrams take another way and may be late, so for them it stays a while.
 * No packet can mean its successor so early: that comes into force with the next rotation, a minute later or more.
 */
export class ReceivedBaseTimes {
  readonly #clock: Clock;
  #present: BaseTimes | undefined;
  #beforeRotation: BaseTimes | undefined;
  #rotatedAt = 0;

  /**
   * @param clock For how long something is ago.
   * @param present Those there are already.
   */
  constructor(clock: Clock, present?: BaseTimes) {
    this.#clock = clock;
    this.#present = present;
  }

  /** New ones came. */
  update(baseTimes: BaseTimes): void {
    this.#beforeRotation = this.isRotatedBy(baseTimes) ? this.#present : undefined;
    this.#rotatedAt = this.#clock.monotonic();
    this.#present = baseTimes;
  }

  /** Whether others continue these: what comes into force with them is here already. */
  isRotatedBy(baseTimes: BaseTimes): boolean {
    const present = this.#present;
    const { timeIndex } = baseTimes;
    return present !== undefined && present.timeIndex !== timeIndex &&
      present.base(timeIndex) === baseTimes.base(timeIndex);
  }

  /** What a packet counts from that came over the command channel. */
  get present(): BaseTimes | undefined {
    return this.#present;
  }

  /** What a datagram counts from. */
  get ofDatagrams(): BaseTimes | undefined {
    if (this.#beforeRotation === undefined) return this.#present;
    if (this.#clock.monotonic() - this.#rotatedAt < LATENESS) return this.#beforeRotation;
    this.#beforeRotation = undefined;
    return this.#present;
  }
}
