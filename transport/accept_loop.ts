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
/** For how long connections are taken in before sockets and timers have their turn, in milliseconds. */
const SLICE = 2;

/**
 * Accepts channels until the listener is closed, and gives way every 2 ms: Deno hands out up to 128 connections that wait
 * in one turn of the event loop. Never rejects.
 */
export async function acceptAll(listener: ChannelListener, options: AcceptOptions): Promise<void> {
  const { onChannel, onError, clock, signal } = options;
  let since = clock.monotonic();
  while (!signal.aborted) {
    if (clock.monotonic() - since >= SLICE) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (signal.aborted) return;
      since = clock.monotonic();
    }
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
