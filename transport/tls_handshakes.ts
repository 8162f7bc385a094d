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
  /** Its peer has said its first words. */
  begun(): void;
  /** It is over. */
  end(): void;
}

/** Those of a network, the oldest first. */
interface Network {
  readonly silent: Set<AbortController>;
  readonly begun: Set<AbortController>;
}

/**
 * Knows all handshakes. Where there are too many, one of the network that has most ends: of those whose peers have said
 * nothing yet and those whose peers have, of whichever there are more, the oldest, which has had the most time.
 */
export class Handshakes {
  readonly #networks = new Map<string, Network>();
  #size = 0;

  /** Another one. @param network See `networkOf`. */
  add(network: string): Handshake {
    const own = this.#networks.get(network) ?? { silent: new Set(), begun: new Set() };
    this.#networks.set(network, own);
    const abort = new AbortController();
    own.silent.add(abort);
    this.#size++;
    if (this.#size > MAX_HANDSHAKES) this.#endOne();
    return {
      signal: abort.signal,
      begun(): void {
        if (own.silent.delete(abort)) own.begun.add(abort);
      },
      end: (): void => this.#remove(network, abort),
    };
  }

  /** Ends all of them. */
  endAll(reason: unknown): void {
    for (const { silent, begun } of this.#networks.values()) {
      for (const abort of [...silent, ...begun]) abort.abort(reason);
    }
  }

  #endOne(): void {
    let most = 0;
    let found: readonly [string, AbortController] | undefined;
    for (const [network, { silent, begun }] of this.#networks) {
      if (silent.size + begun.size <= most) continue;
      most = silent.size + begun.size;
      const [oldest] = silent.size >= begun.size ? silent : begun;
      found = [network, oldest!];
    }
    const [network, oldest] = found!;
    this.#remove(network, oldest);
    oldest.abort(new TlsError("overload", `more than ${MAX_HANDSHAKES} peers were connecting`));
  }

  #remove(network: string, abort: AbortController): void {
    const own = this.#networks.get(network);
    if (own === undefined || !(own.silent.delete(abort) || own.begun.delete(abort))) return;
    this.#size--;
    if (own.silent.size + own.begun.size === 0) this.#networks.delete(network);
  }
}
