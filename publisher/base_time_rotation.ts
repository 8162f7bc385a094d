import type { Clock } from "../transport/clock.ts";
import { BaseTimes, BaseTimesInterval, encodeBaseTimes } from "../transport/wire/base_times.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeResponse } from "../transport/wire/frame.ts";
import { ticksNow, TicksPerMillisecond } from "../transport/wire/ticks.ts";
import type { Delivery } from "./delivery.ts";

/** Settings of a {@linkcode BaseTimeRotation}. */
export interface BaseTimeRotationOptions {
  /** For timers and time. */
  readonly clock: Clock;
  /** Compact and with time. */
  readonly delivery: Delivery;
  /** The first base time, in ticks. */
  readonly first: bigint;
  /** Whether there is a subscriber whose packets may overtake the base times, or be overtaken by them. */
  readonly hasDatagrams: () => boolean;
  /** What offsets count from changes; `undefined`: timestamps are to be written in full. */
  readonly use: (baseTimes: BaseTimes | undefined) => void;
  /** Sends an UpdateBaseTimes frame to every subscriber there is. */
  readonly announce: (frame: Uint8Array) => void;
}

/**
 * For how many milliseconds timestamps are written in full around a change of base times when there are datagrams: by
 * then what was on its way under the old ones has arrived, and so have the new ones.
 */
export const SETTLING_TIME = 2000;

/**
 * The base times of a group (§7): sent at once, then moved on every 420 s, or every 60 s in milliseconds.
 *
 * Base times go over the command channel. For data on the same channel that is all; datagrams take another way, so
 * around each change they carry timestamps in full, which can be read under any base times.
 */
export class BaseTimeRotation {
  readonly #options: BaseTimeRotationOptions;
  readonly #interval: number;
  #baseTimes: BaseTimes;
  #frame: Uint8Array;
  #holds = 0;
  #cancelRotation: () => void = () => {};
  #cancelSettling: () => void = () => {};

  /** Announces the first base times and starts the timers. */
  constructor(options: BaseTimeRotationOptions) {
    this.#options = options;
    this.#interval = options.delivery.useMillisecondResolution
      ? BaseTimesInterval.Milliseconds
      : BaseTimesInterval.Ticks;
    this.#baseTimes = new BaseTimes(0, options.first, options.first + this.#ticks);
    this.#frame = this.#announce();
  }

  /** The UpdateBaseTimes frame of those in force, for who joins. */
  get frame(): Uint8Array {
    return this.#frame;
  }

  get #ticks(): bigint {
    return BigInt(this.#interval) * TicksPerMillisecond;
  }

  /** Has timestamps written in full for a while: somebody's base times change whose packets are datagrams. */
  settle(): void {
    this.#options.use(undefined);
    this.#cancelSettling();
    this.#cancelSettling = this.#options.clock.schedule(
      SETTLING_TIME,
      () => {
        if (this.#holds === 0) this.#options.use(this.#baseTimes);
      },
    );
  }

  /**
   * Has timestamps written in full until somebody is told the base times, and for a while after that.
   *
   * @returns To be called once when it was told, or is gone.
   */
  hold(): () => void {
    this.#holds++;
    this.settle();
    return () => {
      this.#holds--;
      this.settle();
    };
  }

  #announce(): Uint8Array {
    const { clock, use, announce, hasDatagrams } = this.#options;
    const body = encodeBaseTimes(this.#baseTimes);
    const frame = encodeResponse(Response.UpdateBaseTimes, Command.Subscribe, body);
    if (hasDatagrams() || this.#holds > 0) this.settle();
    else use(this.#baseTimes);
    announce(frame);
    this.#cancelRotation = clock.schedule(this.#interval - SETTLING_TIME, () => {
      if (hasDatagrams()) this.settle();
      this.#cancelRotation = clock.schedule(SETTLING_TIME, () => this.#rotate());
    });
    return frame;
  }

  #rotate(): void {
    const next = ticksNow(this.#options.clock) + this.#ticks;
    this.#baseTimes = this.#options.delivery.oneBaseTime
      // Base 0 changes under its user: what was written with the old one is read before the new one is.
      ? new BaseTimes(0, next - this.#ticks, next)
      : this.#baseTimes.rotate(next);
    this.#frame = this.#announce();
  }

  /** Ends the timers. */
  dispose(): void {
    this.#cancelRotation();
    this.#cancelSettling();
  }
}
