import type { MemberSink } from "./group.ts";

/**
 * The end of a member whose subscription can't be served yet: what it would get is counted, and nothing is sent. It makes
 * no difference to the others in its group.
 *
 * @param isClosed Whether the connection is over.
 * @param count Counts measurements.
 */
export function countingSink(isClosed: () => boolean, count: (measurements: number) => void): MemberSink {
  return {
    // Packets may stay open as long as nobody else is ready.
    idle: false,
    isDatagram: false,
    hasDatagramsUnderWay: false,
    isMoving: false,
    get isClosed(): boolean {
      return isClosed();
    },
    sendData({ measurements }): boolean {
      count(measurements);
      return true;
    },
    sendDataStartTime(): void {},
    sendBaseTimes(): void {},
    countDetached: count,
    attached: count,
    leaveOut(): void {},
  };
}
