import type { Channel } from "../transport/channel.ts";
import { FrameReader } from "../transport/wire/frame.ts";
import type { CommandTurns } from "./command_turns.ts";
import type { CheckedOptions } from "./options.ts";
import { ReadAhead } from "./read_ahead.ts";
import type { SessionState } from "./session_state.ts";

/** How much an idle session reads at a time: commands are short. */
const READ_SIZE = 1024;
/** How much is read at once, at most, in bytes, whatever there is room for. */
const MOST_AT_ONCE = 65_536;
/** Within so many microtasks a command is carried out, unless it waits for something. */
const STEPS = 8;

/** Whose commands are read. */
export interface CommandTaker {
  /** Where it stands. */
  readonly state: SessionState;
  /** Carries out the command in a frame's payload, which is good until that is done. */
  take(payload: Uint8Array): Promise<void>;
  /** Nothing more comes, while a command is under way. Resolves to false when it is not to be waited for any more. */
  inputEnded(): Promise<false>;
}

/**
 * Reads one subscriber's commands, each when the one before is done. While one takes its time the connection is watched,
 * so that who is gone is not served any further, and who has ended its own side only is served to the end.
 */
export class CommandReader {
  readonly #input: ReadAhead;
  readonly #options: CheckedOptions;
  readonly #turns: CommandTurns;
  /** Bytes read. */
  receivedBytes = 0;
  /** When something was last read, or else reading began, in milliseconds since 1970. */
  lastReceivedAt: number;

  /**
   * @param options For time and limits.
   * @param turns Shared by the publisher's sessions.
   */
  constructor(channel: Channel, options: CheckedOptions, turns: CommandTurns) {
    this.#input = new ReadAhead(channel);
    this.#options = options;
    this.#turns = turns;
    this.lastReceivedAt = options.clock.now();
  }

  /**
   * Reads until the connection ends, or its input has and no command that came before is left.
   *
   * @throws {SttpError} `FrameTooLong`, or `ConnectionLost`.
   */
  async run(taker: CommandTaker): Promise<void> {
    const { limits, clock } = this.#options;
    const frames = new FrameReader({ maxLength: limits.handshakeFrameLength, readSize: READ_SIZE });
    for (;;) {
      // Of commands that are never finished there is nothing else to wait for.
      const room = this.#turns.next();
      if (room !== undefined) await room;
      const length = await this.#input.read(frames.writable().subarray(0, MOST_AT_ONCE));
      if (length === null || taker.state === "closed") return;
      this.#turns.wasRead(length);
      this.receivedBytes += length;
      this.lastReceivedAt = clock.now();
      // Who is leaving is read from, so that the refusal arrives, but not listened to.
      if (taker.state === "leaving") continue;
      frames.commit(length);
      for (let payload; (payload = frames.next()) !== undefined;) {
        const turn = this.#turns.next();
        if (turn !== undefined) {
          await turn;
          if (isEnding(taker.state)) break;
        }
        const command = payload;
        const isDone = await this.#isDone(this.#turns.carryOut(() => taker.take(command)), taker);
        if (!isDone) return;
        if (isEnding(taker.state)) break;
        if (taker.state !== "awaitingModes") frames.maxLength = limits.commandFrameLength;
      }
    }
  }

  /**
   * Waits for a command.
   *
   * @returns Whether it is done; else the connection has ended before it.
   */
  async #isDone(command: Promise<void>, taker: CommandTaker): Promise<boolean> {
    let isDone = false;
    const done = command.then(() => isDone = true);
    for (let i = 0; i < STEPS && !isDone; i++) await undefined;
    if (isDone) return true;
    const { over, stop } = this.#input.watch();
    try {
      return await Promise.race([done, over.then(() => taker.inputEnded())]);
    } finally {
      stop();
    }
  }
}

/** Whether no more commands are taken. */
export function isEnding(state: SessionState): boolean {
  return state === "closed" || state === "leaving";
}
