/**
 * Commands that are answered, and their answers.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { SttpError, type SttpErrorCode } from "../transport/errors.ts";
import { Command, commandName } from "../transport/wire/codes.ts";
import { unlessAborted } from "./abort.ts";
import { Turns } from "./turns.ts";

/** How one exchange may be cut short. */
export interface ExchangeOptions {
  /** How long to wait for the answer, in milliseconds. */
  timeout: number;
  /**
   * A command whose answers come before this one. While one of them is owed, this one is waited for as long as is told
   * here, if that is longer; the `timeout` begins when they have come.
   */
  behind?: { readonly command: number; readonly timeout: number };
  /** Stops waiting; what was sent stays sent. */
  signal?: AbortSignal | undefined;
  /** Called when the command is sent, after whatever had to be waited for. */
  onSent?: () => void;
  /** Called at the very place in the stream of responses where the answer is, or when none can come any more. */
  onSettled?: () => void;
}

/** An answer: the body of a Succeeded, which the receiver may keep. */
interface Pending {
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: SttpError) => void;
  readonly onSettled: (() => void) | undefined;
  /** The command whose answers come before this one. */
  readonly behind: number | undefined;
  /** Waits for the answer so many milliseconds from now on. */
  readonly waitFor: (timeout: number) => void;
  readonly timeout: number;
}

/** The publisher's refusal as an error. @param what What it refused. @param reason What it said. */
export function refusal(code: SttpErrorCode, what: string, reason: string): SttpError {
  const message = `the publisher refused ${what}`;
  return new SttpError(code, reason === "" ? message : `${message}: ${reason}`);
}

/** Whether an error is that the publisher refused what it was asked for. */
export function isRefusal(error: unknown): boolean {
  return error instanceof SttpError && error.code === "Refused";
}

/** Whether an error is that an answer did not come in time. */
export function isTimeout(error: unknown): error is SttpError {
  return error instanceof SttpError && error.code === "TimedOut";
}

/** What is asked for by a command, for people. */
function request(command: number): string {
  switch (command) {
    case Command.MetadataRefresh:
      return "to send metadata";
    case Command.Subscribe:
      return "to subscribe";
    case Command.Unsubscribe:
      return "to unsubscribe";
    case Command.RotateCipherKeys:
      return "to replace the cipher keys";
    default:
      return commandName(command);
  }
}

/**
 * Waits for the answers of commands. An answer names its command only by its code, so there is one exchange a code
 * at a time; others with the same code wait for their turn.
 */
export class Exchanges {
  readonly #clock: Clock;
  readonly #send: (command: number, body: Uint8Array) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #turns = new Map<number, Turns>();
  /** How many answers may still come, by command; also those that nobody waits for any more. */
  readonly #owed = new Map<number, number>();
  /** By command: that whose answers come before its own. */
  readonly #behind = new Map<number, number>();
  #closedBy: SttpError | undefined;

  /** @param send Puts a command on the wire. */
  constructor(clock: Clock, send: (command: number, body: Uint8Array) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /**
   * Sends a command and waits for its answer.
   *
   * @returns The body of the Succeeded.
   * @throws {SttpError} `Refused` with the publisher's text, `TimedOut`, `Aborted`, or why the connection ended.
   */
  async request(command: number, body: Uint8Array, options: ExchangeOptions): Promise<Uint8Array> {
    const { signal, timeout, behind } = options;
    let turns = this.#turns.get(command);
    if (turns === undefined) this.#turns.set(command, turns = new Turns());
    const endTurn = await turns.next(signal, commandName(command));
    if (this.#closedBy !== undefined) {
      endTurn();
      throw this.#closedBy;
    }
    const answer = Promise.withResolvers<Uint8Array>();
    let cancelTimer = (): void => {};
    const waitFor = (delay: number): void => {
      cancelTimer();
      cancelTimer = this.#clock.schedule(delay, () => {
        this.#fail(command, new SttpError("TimedOut", `no answer to ${commandName(command)} in ${delay} ms`));
      });
    };
    waitFor(behind !== undefined && this.owes(behind.command) ? Math.max(behind.timeout, timeout) : timeout);
    if (behind !== undefined) this.#behind.set(command, behind.command);
    const { onSettled } = options;
    this.#pending.set(command, { ...answer, onSettled, behind: behind?.command, waitFor, timeout });
    this.#owed.set(command, (this.#owed.get(command) ?? 0) + 1);
    // Its turn lasts until the answer came or can't come any more, even when nobody waits for it.
    const done = answer.promise.then(() => {}, () => {}).then(() => {
      cancelTimer();
      endTurn();
    });
    options.onSent?.();
    this.#send(command, body);
    if (signal === undefined) {
      await done;
      return await answer.promise;
    }
    return await unlessAborted(answer.promise, signal, commandName(command));
  }

  /** Whether an answer to this command may still come, and be taken for that to the next. */
  owes(command: number): boolean {
    return (this.#owed.get(command) ?? 0) > 0;
  }

  /** A Succeeded came. @returns Whether its command was waiting for one. */
  succeed(command: number, body: () => Uint8Array): boolean {
    if (this.#isEarlier(command)) return false;
    this.#answered(command);
    const pending = this.#pending.get(command);
    if (pending === undefined) return false;
    this.#pending.delete(command);
    pending.resolve(body());
    pending.onSettled?.();
    return true;
  }

  /** A Failed came. @returns Whether its command was waiting for an answer. */
  refuse(command: number, message: string): boolean {
    if (this.#isEarlier(command)) return false;
    this.#answered(command);
    return this.#fail(command, refusal("Refused", request(command), message));
  }

  /** Whether this answer is that to one before, which nobody waits for any more; what the next is behind may still come. */
  #isEarlier(command: number): boolean {
    const behind = this.#pending.get(command)?.behind;
    const owed = this.#owed.get(command) ?? 0;
    if (behind === undefined || owed < 2 || !this.owes(behind)) return false;
    this.#owed.set(command, owed - 1);
    return true;
  }

  #answered(command: number): void {
    const behind = this.#pending.get(command)?.behind;
    // What did not come before will not come.
    if (behind !== undefined) this.#owed.delete(behind);
    if (!this.owes(command)) return;
    this.#owed.set(command, this.#owed.get(command)! - 1);
    if (this.owes(command)) return;
    for (const [other, before] of this.#behind) {
      if (before !== command) continue;
      const pending = this.#pending.get(other);
      // Those to earlier ones would have come before this.
      this.#owed.set(other, pending === undefined ? 0 : 1);
      pending?.waitFor(pending.timeout);
    }
  }

  /** No more answers will come. */
  close(error: SttpError): void {
    this.#closedBy = error;
    for (const command of [...this.#pending.keys()]) this.#fail(command, error);
  }

  #fail(command: number, error: SttpError): boolean {
    const pending = this.#pending.get(command);
    if (pending === undefined) return false;
    this.#pending.delete(command);
    pending.reject(error);
    pending.onSettled?.();
    return true;
  }
}
