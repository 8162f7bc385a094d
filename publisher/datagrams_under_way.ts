import type { Clock } from "../transport/clock.ts";

/** Settings of {@linkcode DatagramsUnderWay}. */
export interface DatagramsUnderWayOptions {
  /** For timers. */
  readonly clock: Clock;
  /** Milliseconds that a datagram may be on its way when the system has taken it; 0: that is not waited for. */
  readonly travelTime: () => number;
  /** A cache is free that was not. */
  readonly onFree: () => void;
}

/**
 * Which of a session's two signal index caches datagrams may still be on their way for whose subscription is over.
 *
 * A packet tells no more of its cache than the index. So one that comes behind another cache under the same index would
 * be read by that: its values would be taken for those of other signals.
 */
export class DatagramsUnderWay {
  readonly #options: DatagramsUnderWayOptions;
  /** By cache index: ends a wait. */
  readonly #waits: [(() => void) | undefined, (() => void) | undefined] = [undefined, undefined];

  /** See {@linkcode DatagramsUnderWayOptions}. */
  constructor(options: DatagramsUnderWayOptions) {
    this.#options = options;
  }

  /** Whether another cache may take this one's place. */
  isFree(cacheIndex: 0 | 1): boolean {
    return this.#waits[cacheIndex] === undefined;
  }

  /**
   * No datagram follows for a cache; whatever was waited for before does not count any more.
   *
   * @param cacheIndex That cache.
   * @param lastSentAt When the last one was sent, on the clock's monotonic scale; `-Infinity`: none was.
   * @param departed Resolves when the system has taken it; `undefined`: it has.
   */
  ended(cacheIndex: 0 | 1, lastSentAt: number, departed: Promise<void> | undefined): void {
    const { clock, travelTime } = this.#options;
    this.#waits[cacheIndex]?.();
    this.#waits[cacheIndex] = undefined;
    const rest = travelTime() - (clock.monotonic() - lastSentAt);
    if (departed === undefined) {
      if (rest > 0) this.#travel(cacheIndex, rest);
      return;
    }
    let isOver = false;
    this.#waits[cacheIndex] = () => isOver = true;
    departed.then(() => {
      if (!isOver) this.#travel(cacheIndex, travelTime());
    });
  }

  /**
   * Datagrams of another connection may be on their way to the same port: no cache is free until they have arrived.
   *
   * @param lastSentAt When the last one was sent, on the clock's monotonic scale; `-Infinity`: none was.
   */
  others(lastSentAt: number): void {
    for (const cacheIndex of [0, 1] as const) {
      if (this.isFree(cacheIndex)) this.ended(cacheIndex, lastSentAt, undefined);
    }
  }

  #travel(cacheIndex: 0 | 1, time: number): void {
    const { clock, onFree } = this.#options;
    const free = (): void => {
      this.#waits[cacheIndex] = undefined;
      onFree();
    };
    if (time > 0) this.#waits[cacheIndex] = clock.schedule(time, free);
    else free();
  }

  /** Ends the waits: there will be no other cache. */
  close(): void {
    for (const end of this.#waits) end?.();
  }
}
