import { networkOf } from "../transport/peer_host.ts";

/** The time of one who waits for it. */
export interface Share {
  /** Milliseconds that it had, or would have had with an equal share as long as it did not ask. */
  had: number;
  /** For how many things it waits. */
  waiting: number;
}

/**
 * Keeps account of the time that several had who all want it, so that the next who gets some can be the one that had the
 * least: as in fair queues, whoever comes begins with what an equal share comes to by then. So it waits for nobody who
 * had more, and somebody who comes under ever new names gets no more than the share of as many as wait at a time.
 */
export class FairShares {
  readonly #shares = new Map<string, Share>();
  /** How many of them wait for something. */
  #waiting = 0;
  /** Milliseconds that an equal share comes to. */
  #equal = 0;

  /** How many are remembered. */
  get size(): number {
    return this.#shares.size;
  }

  /** Somebody waits for something. @param host Its host; the addresses of a network of IPv6 count as one. */
  join(host: string): Share {
    const network = networkOf(host);
    const share = this.#shares.get(network) ?? { had: 0, waiting: 0 };
    this.#shares.set(network, share);
    if (share.waiting++ === 0) {
      share.had = Math.max(share.had, this.#equal);
      this.#waiting++;
    }
    return share;
  }

  /** It waits for it no more. */
  leave(share: Share): void {
    if (--share.waiting === 0) this.#waiting--;
  }

  /** One that waits has had so many milliseconds more. */
  charge(share: Share, milliseconds: number): void {
    share.had += milliseconds;
    this.#equal += milliseconds / this.#waiting;
  }

  /** Forgets who waits for nothing and would begin like somebody new. */
  tidy(): void {
    for (const [network, { had, waiting }] of this.#shares) {
      if (waiting === 0 && had <= this.#equal) this.#shares.delete(network);
    }
  }

  /** Forgets all: nobody waits. */
  clear(): void {
    this.#shares.clear();
    this.#equal = 0;
  }
}
