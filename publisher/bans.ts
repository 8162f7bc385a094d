import type { PeerInfo } from "../transport/channel.ts";
import type { Clock } from "../transport/clock.ts";
import { hostOf } from "../transport/peer_host.ts";
import type { BanSnapshot } from "./snapshot.ts";

/** Bans at a time, against memory that grows with them; the one that ends first makes room. */
const MOST_BANS = 1_000;

interface Ban {
  readonly id: number;
  readonly kind: "certificate" | "host";
  readonly value: string;
  readonly name: string;
  readonly until: number;
  readonly reason: string;
}

/**
 * Who may not connect for a while: by certificate where there is one, else by host, which shuts out everybody there.
 */
export class Bans {
  readonly #clock: Clock;
  readonly #bans = new Map<string, Ban>();
  #nextId = 1;

  /** @param clock For when bans end. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Shuts somebody out for so many milliseconds from now, in the place of an earlier ban. */
  add(peer: PeerInfo, milliseconds: number, reason: string): void {
    const { certificate } = peer;
    const kind = certificate === undefined ? "host" : "certificate";
    const value = certificate?.fingerprint ?? hostOf(peer.address);
    const ban: Ban = {
      id: this.#nextId++,
      kind,
      value,
      name: certificate?.name ?? value,
      until: this.#clock.now() + milliseconds,
      reason,
    };
    this.#bans.set(`${kind}:${value}`, ban);
    if (this.#bans.size > MOST_BANS) this.#forgetOne();
  }

  #forgetOne(): void {
    const [first] = [...this.#bans].sort(([, one], [, other]) => one.until - other.until);
    this.#bans.delete(first![0]);
  }

  /** Why somebody is shut out; `undefined` when it is not. */
  refusal({ address, certificate }: PeerInfo): string | undefined {
    if (this.#bans.size === 0) return undefined;
    this.#endOld();
    const ban = this.#bans.get(`host:${hostOf(address)}`) ??
      (certificate && this.#bans.get(`certificate:${certificate.fingerprint}`));
    if (ban === undefined) return undefined;
    return `Connection refused: banned until ${new Date(ban.until).toISOString()}.`;
  }

  /** Ends a ban early. @returns Whether there was one of this number. */
  lift(id: number): boolean {
    this.#endOld();
    for (const [key, ban] of this.#bans) {
      if (ban.id === id) return this.#bans.delete(key);
    }
    return false;
  }

  #endOld(): void {
    const now = this.#clock.now();
    for (const [key, { until }] of this.#bans) {
      if (until <= now) this.#bans.delete(key);
    }
  }

  /** What operators see, the one that ends first before the others. */
  snapshot(): BanSnapshot[] {
    this.#endOld();
    return Array.from(
      this.#bans.values(),
      ({ id, kind, name, until, reason }) => ({ id, kind, name, until, reason }),
    )
      .sort((one, other) => one.until - other.until);
  }
}
