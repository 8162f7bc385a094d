import { SttpError } from "../transport/errors.ts";
import { describe } from "../transport/option_checks.ts";
import { Command, commandName, Response } from "../transport/wire/codes.ts";
import type { Session } from "./session.ts";
import type { ConnectionReference } from "./status.ts";

/** A command of the application's own that a subscriber sent (§14). */
export interface UserCommand {
  /** Which of the sixteen, 0 to 15. */
  readonly number: number;
  /** What came with it; to keep. */
  readonly payload: Uint8Array;
  /** Who sent it. */
  readonly connection: ConnectionReference;
}

/**
 * Carries out user commands. Those of one subscriber come one after another, each when the one before is done; those
 * of several come side by side.
 *
 * What it gives back is sent as the UserResponse of the same number; nothing is answered by an empty Succeeded. An
 * `SttpError` that it throws is answered Failed with its message; anything else too, but the message goes to the
 * publisher's `status()` only. A long answer for which there is no room (`limits.allQueuesLength`) becomes Failed, too.
 */
export type UserCommandHandler = (
  command: UserCommand,
) => Uint8Array | undefined | void | Promise<Uint8Array | undefined | void>;

/** Commands of one subscriber that may wait for their turn. */
const MOST_WAITING = 64;
/** Bytes of those. */
const MOST_WAITING_BYTES = 8 * 1024 ** 2;

/** One subscriber's user commands on their way to the application; its other commands do not wait for them. */
export class UserCommands {
  readonly #session: Session;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #waitingBytes = 0;

  /** @param session Whose commands they are. */
  constructor(session: Session) {
    this.#session = session;
  }

  /** Whether none is left. */
  get isDone(): boolean {
    return this.#waiting === 0;
  }

  /** Resolves when those are done that were taken. */
  get done(): Promise<void> {
    return this.#last;
  }

  /**
   * Takes a command.
   *
   * @param body A view; it is copied.
   * @throws {SttpError} `Refused` when the application takes no user commands, or too many wait.
   */
  take(code: number, body: Uint8Array): void {
    const name = commandName(code);
    const { onUserCommand } = this.#session.host.options;
    if (onUserCommand === undefined) {
      throw new SttpError("Refused", `This publisher does not support ${name}.`);
    }
    if (this.#waiting >= MOST_WAITING || this.#waitingBytes + body.length > MOST_WAITING_BYTES) {
      throw new SttpError(
        "Refused",
        `${name}: ${this.#waiting} user commands are not done yet, send more later.`,
      );
    }
    const payload = body.slice();
    this.#waiting++;
    this.#waitingBytes += payload.length;
    this.#last = this.#last.then(async () => {
      // Who is gone needs nothing done.
      if (this.#session.state !== "closed") await this.#carryOut(onUserCommand, code, payload);
      this.#waiting--;
      this.#waitingBytes -= payload.length;
    });
  }

  async #carryOut(handler: UserCommandHandler, code: number, payload: Uint8Array): Promise<void> {
    const session = this.#session;
    const number = code - Command.UserCommand00;
    try {
      const answer = await handler({ number, payload, connection: session.reference });
      if (answer === undefined) return session.reply(Response.Succeeded, code, "");
      if (!(answer instanceof Uint8Array)) {
        throw new TypeError(`onUserCommand gave ${describe(answer)}, a Uint8Array or nothing expected`);
      }
      // What is sent waits for its turn; the application may use its bytes again.
      const pieces = [answer.slice()];
      session.respond(Response.UserResponse00 + number, code, { pieces, length: answer.length });
    } catch (error) {
      session.failed(
        code,
        error instanceof SttpError ? error.message : `${commandName(code)} failed.`,
        error,
      );
    }
  }
}

/** §14: a command of the application's own. */
export function userCommand(session: Session, body: Uint8Array, code: number): void {
  session.userCommands.take(code, body);
}
