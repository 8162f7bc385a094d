/**
 * Takes in who connects.
 *
 * @module
 */
import type { Channel, ChannelListener } from "./channel.ts";
import type { Clock } from "./clock.ts";
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

/** Accepts channels until the listener is closed. Never rejects. */
export async function acceptAll(listener: ChannelListener, options: AcceptOptions): Promise<void> {
  const { onChannel, onError, clock, signal } = options;
  while (!signal.aborted) {
    try {
      const channel = await listener.accept();
      if (channel === null) return;
      if (signal.aborted) channel.close();
      else onChannel(channel);
    } catch (error) {
      onError(error instanceof Error ? error.message : String(error));
      await pause(clock, PAUSE, signal);
    }
  }
}
