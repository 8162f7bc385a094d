import { nextTurn } from "../transport/next_turn.ts";
import type { Clock } from "../transport/clock.ts";

/** For how long commands may keep everything else waiting, in milliseconds. */
const SLICE = 2;
/**
 * Within so many microtasks somebody whose turn it is has carried out a command, or read some of one, unless it waits for
 * something.
 */
const STEPS = 8;
/**
 * What reading takes, in milliseconds: of each command, each piece that is read, and each byte. Much of it is in
 * microtasks between those of others, where no clock can tell whose time passes: on a busy publisher it is not theirs.
 */
const OF_COMMAND = 0.001;
const OF_READ = 0.005;
const OF_BYTE = 0.000_001;

/**
 * Lets all of a publisher's sessions together read and carry out commands for 2 ms at most before sockets and timers have
 * their turn. What is left then goes on in the order in which it came, one command of each at a time: whoever floods a
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

  /** Resolves when another command may be carried out, or more be read; `undefined`: now. */
  next(): Promise<void> | undefined {
    if (this.#used < SLICE && this.#waiting.length === 0) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Carries out a command: what it does before it first waits for something counts. */
  carryOut<Result>(command: () => Result): Result {
    const started = this.#clock.monotonic();
    try {
      return command();
    } finally {
      this.#count(OF_COMMAND + this.#clock.monotonic() - started);
    }
  }

  /** Bytes of commands were read at once. */
  wasRead(bytes: number): void {
    this.#count(OF_READ + bytes * OF_BYTE);
  }

  #count(milliseconds: number): void {
    this.#used += milliseconds;
    if (this.#used >= SLICE) this.#givingWay ??= this.#giveWay();
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
