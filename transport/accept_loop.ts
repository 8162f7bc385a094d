/**
 * Takes in who connects.
 *
 * @module
 */
import type { Channel, ChannelListener } from "./channel.ts";
import type { Clock } from "./clock.ts";
import { nextTurn } from "./next_turn.ts";
import { pause } from "./reconnect.ts";

/** What {@linkcode acceptAll} does with what happens. */
export interface AcceptOptions {
  /** Gets each channel, and has to close it. */
  readonly onChannel: (channel: Channel) => void;
  /** Is told when one could not be taken in; another try follows after a while. */
  readonly onError: (message: string) => void;
  /** Time and timers. */
  readonly clock: Clock;
  /** Ends it, together with closing the listener. */
  readonly signal: AbortSignal;
}

/** Milliseconds before the next try when taking in a connection failed, such as for lack of file descriptors. */
const PAUSE = 100;
/**
 * How many are taken in before everything else has a turn: Deno hands out up to 128 who wait in one turn of the event
 * loop. A number and no time, as a machine that has little time for us would take in too few, and those that the system
 * holds back keep others out, whoever they are.
 */
export const TAKEN_AT_A_TIME = 32;

/** Accepts channels until the listener is closed, and gives way after each 32. Never rejects. */
export async function acceptAll(listener: ChannelListener, options: AcceptOptions): Promise<void> {
  const { onChannel, onError, clock, signal } = options;
  let taken = 0;
  while (!signal.aborted) {
    try {
      const channel = await listener.accept();
      if (channel === null) return;
      if (signal.aborted) channel.close();
      else onChannel(channel);
      if (++taken % TAKEN_AT_A_TIME === 0) await nextTurn();
    } catch (error) {
      onError(error instanceof Error ? error.message : String(error));
      await pause(clock, PAUSE, signal);
    }
  }
}
