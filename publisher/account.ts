/** Something in memory that several may hold. */
export interface Part {
  /** What it counts for. */
  readonly size: number;
}

/**
 * Parts that somebody holds, each of which counts once.
 *
 * They are in a WeakMap as they come and go often. A Map moves to another table every few changes, and in V8 each of its
 * tables refers to the next: all that was in any of them is kept, and copied, until the next full collection. Where
 * subscriptions came and went in Maps, short collections took ten times as long.
 */
export class Account {
  /** What they come to. */
  size = 0;
  readonly #holders = new WeakMap<Part, number>();
  #count = 0;

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether somebody holds it. */
  has(part: Part): boolean {
    return this.#holders.has(part);
  }

  /** What they would come to with these, too. */
  with(parts: readonly Part[]): number {
    return parts.reduce((sum, part) => this.has(part) ? sum : sum + part.size, this.size);
  }

  /** Somebody holds these. */
  hold(parts: readonly Part[]): void {
    this.size = this.with(parts);
    for (const part of parts) {
      const holders = this.#holders.get(part) ?? 0;
      this.#holders.set(part, holders + 1);
      if (holders === 0) this.#count++;
    }
  }

  /** Somebody holds these no more. */
  release(parts: readonly Part[]): void {
    for (const part of parts) {
      const holders = this.#holders.get(part)! - 1;
      if (holders > 0) {
        this.#holders.set(part, holders);
      } else {
        this.#holders.delete(part);
        this.#count--;
        this.size -= part.size;
      }
    }
  }
}
