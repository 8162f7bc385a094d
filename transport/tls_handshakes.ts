/**
 * The handshakes that go on at a listener.
 *
 * @module
 */
import { TlsError } from "./tls_peer.ts";

/** Handshakes at a time. */
const MAX_HANDSHAKES = 128;

/** One of them. */
export interface Handshake {
  /** Fires when it has to give way to others. */
  readonly signal: AbortSignal;
  /** Its peer has said more: its first words, or what an answer is needed for. */
  advance(): void;
  /** It is over. */
  end(): void;
}

/** Those of a network: whose peers have said nothing, only their first words, or more; of each the oldest first. */
type Network = readonly [Set<AbortController>, Set<AbortController>, Set<AbortController>];

/**
 * Knows all handshakes. Where there are too many, one of the network that has most ends: of those that have come equally
 * far, of whichever there are most, the oldest, which has had the most time.
 */
export class Handshakes {
  readonly #networks = new Map<string, Network>();
  #size = 0;

  /** Another one. @param network See `networkOf`. */
  add(network: string): Handshake {
    const own = this.#networks.get(network) ?? [new Set(), new Set(), new Set()];
    this.#networks.set(network, own);
    const abort = new AbortController();
    own[0].add(abort);
    this.#size++;
    if (this.#size > MAX_HANDSHAKES) this.#endOne();
    return {
      signal: abort.signal,
      advance(): void {
        if (own[1].delete(abort)) own[2].add(abort);
        else if (own[0].delete(abort)) own[1].add(abort);
      },
      end: (): void => this.#remove(network, abort),
    };
  }

  /** Ends all of them. */
  endAll(reason: unknown): void {
    for (const abort of [...this.#networks.values()].flat().flatMap((some) => [...some])) abort.abort(reason);
  }

  #endOne(): void {
    let most = 0;
    let found: readonly [string, AbortController] | undefined;
    for (const [network, own] of this.#networks) {
      if (sizeOf(own) <= most) continue;
      most = sizeOf(own);
      const [oldest] = own.reduce((largest, some) => some.size > largest.size ? some : largest);
      found = [network, oldest!];
    }
    const [network, oldest] = found!;
    this.#remove(network, oldest);
    oldest.abort(new TlsError("overload", `more than ${MAX_HANDSHAKES} peers were connecting`));
  }

  #remove(network: string, abort: AbortController): void {
    const own = this.#networks.get(network);
    if (own === undefined || !own.some((some) => some.delete(abort))) return;
    this.#size--;
    if (sizeOf(own) === 0) this.#networks.delete(network);
  }
}

function sizeOf(network: Network): number {
  return network.reduce((sum, { size }) => sum + size, 0);
}
