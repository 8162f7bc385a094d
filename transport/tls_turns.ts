/**
 * Whose handshake is worked on, and for how long.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** For how long handshakes may keep everything else waiting, in milliseconds. */
const SLICE = 2;

/** Gives a turn back. May be called again. */
export type EndTurn = () => void;

/**
 * Lets all handshakes of a listener together be worked on for 2 ms at most before sockets and timers have their turn.
 * One is worked on at a time. Networks take turns, so that one with many handshakes keeps itself waiting; those of one
 * network go in the order in which they asked.
 */
export class HandshakeTurns {
  readonly #clock: Clock;
  /** The network whose turn is next first. */
  readonly #waiting = new Map<string, ((end: EndTurn) => void)[]>();
  readonly #pauses = new Set<() => void>();
  /** Milliseconds that handshakes took since they last gave way. */
  #used = 0;
  #isRunning = false;
  #isClosed = false;

  /** @param clock For how long handshakes take. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits for a turn of a network, see `networkOf`. Whoever has it gives it back; the event loop's next turn ends it. */
  take(network: string): Promise<EndTurn> {
    const { promise, resolve } = Promise.withResolvers<EndTurn>();
    const others = this.#waiting.get(network);
    if (others === undefined) this.#waiting.set(network, [resolve]);
    else others.push(resolve);
    if (!this.#isRunning) this.#run();
    return promise;
  }

  /** Lets sockets and timers have a turn. */
  async giveWay(): Promise<void> {
    await this.#pause().over;
  }

  /** Nobody gives way any more, so that no timer is left. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#pauses) end();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const began = this.#clock.monotonic();
      const { over, end } = this.#pause();
      next(end);
      await over;
      this.#used += this.#clock.monotonic() - began;
      if (this.#used < SLICE) continue;
      await this.giveWay();
      this.#used = 0;
    }
    this.#isRunning = false;
  }

  #next(): ((end: EndTurn) => void) | undefined {
    for (const [network, waiting] of this.#waiting) {
      const next = waiting.shift();
      this.#waiting.delete(network);
      if (waiting.length > 0) this.#waiting.set(network, waiting);
      return next;
    }
    return undefined;
  }

  /** Lasts until the next turn of the event loop, or until it is ended. */
  #pause(): { readonly over: Promise<void>; readonly end: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      clearTimeout(timer);
      this.#pauses.delete(end);
      resolve();
    };
    // A timer: setImmediate comes round without polling the sockets.
    const timer = setTimeout(end, 0);
    this.#pauses.add(end);
    if (this.#isClosed) end();
    return { over: promise, end };
  }
}
