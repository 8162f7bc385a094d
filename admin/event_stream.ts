import type { Clock } from "../transport/clock.ts";
import { endlessBody } from "./endless_body.ts";
import type { EventLog } from "./event_log.ts";
import { Problem } from "./problems.ts";
import { clip } from "./query.ts";

/** Milliseconds of silence after which something is sent, so that nobody takes the connection for dead. */
const KEEP_ALIVE = 15_000;

const ID = /^([0-9a-z]{1,16})-(\d{1,15})$/;

/** The ID that a request asks to go on after: that of an event, or 0. @throws {Problem} When it is neither. */
export function checkPosition(id: string | undefined): string | undefined {
  if (id === undefined || id === "0" || ID.test(id)) return id;
  throw new Problem(400, "InvalidParameter", `after is "${clip(id, 40)}", expected the ID of an event, or 0`);
}

/**
 * The number of the event that a reader has last seen, from its ID: `0` for one who wants all that are kept, and all
 * for one who read an earlier run's; nothing for one who wants only what is to come.
 */
export function positionOf(id: string | undefined, log: EventLog): number {
  if (id === undefined) return log.last;
  const [, run, digits] = ID.exec(id) ?? [];
  const number = Number(digits);
  return run === log.run && number <= log.last ? number : 0;
}

/**
 * Events as server-sent events, from a position on and without end. They are taken from the log as fast as the reader
 * reads; one that is too slow is told how many it missed, and holds up nobody.
 *
 * @param closing Ends them.
 * @param onEnd Called when the reader has gone, or they have ended.
 */
export function streamEvents(
  log: EventLog,
  position: number,
  clock: Clock,
  closing: AbortSignal,
  onEnd: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let stopWaiting = (): void => {};
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const forget = log.onNext(() => {
        cancel();
        resolve();
      });
      const cancel = clock.schedule(KEEP_ALIVE, () => {
        forget();
        resolve();
      });
      stopWaiting = () => {
        cancel();
        forget();
        resolve();
      };
    });
  const unread = (): string => {
    const { missed, events } = log.after(position);
    position = log.last;
    let text = missed === 0 ? "" : `data: ${JSON.stringify({ missed })}\n\n`;
    for (const event of events) text += `id: ${log.run}-${event.number}\ndata: ${JSON.stringify(event)}\n\n`;
    return text;
  };
  return endlessBody(closing, {
    async next(): Promise<string> {
      if (log.last === position) await pause();
      return unread() || ": nothing new\n\n";
    },
    onEnd(): void {
      stopWaiting();
      onEnd();
    },
  });
}
