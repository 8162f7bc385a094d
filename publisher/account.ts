/** Something in memory that several may hold. */
export interface Part {
  /** What it counts for. */
  readonly size: number;
}

/** Parts that somebody holds, each of which counts once. */
export class Account {
  /** What they come to. */
  size = 0;
  readonly #holders = new Map<Part, number>();

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#holders.size === 0;
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
    for (const part of parts) this.#holders.set(part, (this.#holders.get(part) ?? 0) + 1);
  }

  /** Somebody holds these no more. */
  release(parts: readonly Part[]): void {
    for (const part of parts) {
      const holders = this.#holders.get(part)! - 1;
      if (holders > 0) {
        this.#holders.set(part, holders);
      } else {
        this.#holders.delete(part);
        this.size -= part.size;
      }
    }
  }
}
