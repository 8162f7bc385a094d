import { type Clock, systemClock } from "../../transport/mod.ts";

/** The machine's clock, with a count of the timers that are running. */
export class CountingClock implements Clock {
  timers = 0;
  readonly now: Clock["now"] = systemClock.now;
  readonly monotonic: Clock["monotonic"] = systemClock.monotonic;

  schedule(delay: number, callback: () => void): () => void {
    let isPending = true;
    this.timers++;
    const over = (): void => {
      if (isPending) this.timers--;
      isPending = false;
    };
    const cancel = systemClock.schedule(delay, () => {
      over();
      callback();
    });
    return () => {
      over();
      cancel();
    };
  }
}
