import type { Clock } from "../transport/clock.ts";

/** Totals by reason: every loss and every oddity is counted under a name that a snapshot shows. */
export class Counters {
  readonly #totals = new Map<string, number>();

  /** Adds `amount` (default 1) under `reason`; adding 0 leaves no trace. */
  add(reason: string, amount: number = 1): void {
    if (amount !== 0) this.#totals.set(reason, this.get(reason) + amount);
  }

  /** Adds totals, as `toObject` gives them. */
  addAll(totals: Readonly<Record<string, number>>): void {
    for (const [reason, amount] of Object.entries(totals)) this.add(reason, amount);
  }

  /** The total under `reason`, 0 when it never happened. */
  get(reason: string): number {
    return this.#totals.get(reason) ?? 0;
  }

  /** A plain copy, in the order in which the reasons first came up. */
  toObject(): Record<string, number> {
    return Object.fromEntries(this.#totals);
  }
}

/** {@linkcode Counters} that know when something was added last under each reason. */
export class DatedCounters extends Counters {
  readonly #clock: Clock;
  readonly #times = new Map<string, number>();

  /** @param clock Tells when. */
  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override add(reason: string, amount: number = 1): void {
    super.add(reason, amount);
    if (amount !== 0) this.#times.set(reason, this.#clock.now());
  }

  /** When something was added last under `reason`, in milliseconds since 1970; `null` before that. */
  lastAt(reason: string): number | null {
    return this.#times.get(reason) ?? null;
  }
}
