import { nextTurn } from "../transport/next_turn.ts";
import type { Clock } from "../transport/clock.ts";

/** For how long commands may keep everything else waiting, in milliseconds. */
const SLICE = 2;
/** Within so many microtasks somebody whose turn it is has carried out a command, unless it waits for something. */
const STEPS = 4;

/**
 * Lets all of a publisher's sessions together carry out commands for 2 ms at most before sockets and timers have their
 * turn. What is left then goes on in the order in which it came, one command of each at a time: whoever floods a
 * publisher with commands keeps himself waiting.
 */
export class CommandTurns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** Milliseconds that commands took since they last gave way. */
  #used = 0;
  #givingWay: Promise<void> | undefined;

  /** @param clock For how long commands take. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when another command may be carried out; `undefined`: now. */
  next(): Promise<void> | undefined {
    if (this.#used < SLICE && this.#waiting.length === 0) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Carries out a command: what it does before it first waits for something counts. */
  carryOut(command: () => Promise<void>): Promise<void> {
    const started = this.#clock.monotonic();
    const done = command();
    this.#used += this.#clock.monotonic() - started;
    if (this.#used >= SLICE) this.#givingWay ??= this.#giveWay();
    return done;
  }

  /** Resolves when nobody waits and no timer is left. */
  async idle(): Promise<void> {
    await this.#givingWay;
  }

  /** Then those go on who wait, for another slice. */
  async #giveWay(): Promise<void> {
    do {
      await nextTurn();
      this.#used = 0;
      while (this.#waiting.length > 0 && this.#used < SLICE) {
        this.#waiting.shift()!();
        for (let i = 0; i < STEPS; i++) await undefined;
      }
    } while (this.#waiting.length > 0 || this.#used >= SLICE);
    this.#givingWay = undefined;
  }
}
