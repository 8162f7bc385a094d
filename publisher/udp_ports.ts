/** Who sends datagrams to a subscriber's port. */
export interface PortHolder {
  /** When it sent the last one, on the clock's monotonic scale; `-Infinity`: it has sent none. */
  readonly lastDatagramAt: number;
  /** Another has the port now, `host:port`: nothing may be sent there any more. */
  giveWay(port: string): void;
}

/**
 * Which connection sends to which of the subscribers' ports: one at a time, as a datagram does not tell whose it is, and
 * would be read by the signal index cache of another. There may be two when a subscriber is back before the publisher
 * has noticed that its last connection is gone.
 */
export class UdpPorts {
  readonly #holders = new Map<string, PortHolder>();
  /** What each holder has: the port that it has taken last, and when another sent its last datagram there. */
  readonly #held = new Map<PortHolder, { readonly port: string; readonly sentBefore: number }>();
  /** When the last datagram went to ports that nobody holds, those that were left first in front. */
  readonly #left = new Map<string, number>();

  /**
   * Gives somebody a port in the place of any it has; who had it has to give way.
   *
   * @param port `host:port`.
   * @param holder Who wants it.
   * @param since What was sent to a port before that has arrived.
   * @returns When another sent its last datagram there, on the clock's monotonic scale; `-Infinity`: none did.
   */
  take(port: string, holder: PortHolder, since: number): number {
    const before = this.#holders.get(port);
    if (before === holder) return -Infinity;
    this.leave(holder, since);
    if (before !== undefined) this.leave(before, since);
    const sentBefore = this.#left.get(port) ?? -Infinity;
    this.#left.delete(port);
    this.#holders.set(port, holder);
    this.#held.set(holder, { port, sentBefore });
    before?.giveWay(port);
    return sentBefore;
  }

  /**
   * Takes somebody's port away, if it has one.
   *
   * @param holder Who had it.
   * @param since What was sent to a port before that has arrived, so it is not remembered.
   */
  leave(holder: PortHolder, since: number): void {
    const held = this.#held.get(holder);
    if (held === undefined) return;
    this.#held.delete(holder);
    this.#holders.delete(held.port);
    for (const [forgotten, lastSentAt] of this.#left) {
      if (lastSentAt > since) break;
      this.#left.delete(forgotten);
    }
    const lastSentAt = Math.max(holder.lastDatagramAt, held.sentBefore);
    if (lastSentAt > since) this.#left.set(held.port, lastSentAt);
  }
}
