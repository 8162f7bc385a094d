import type { Clock } from "../transport/clock.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { ticksNow, TicksPerSecond, timeOf } from "../transport/wire/ticks.ts";
import type { PublisherStats } from "./snapshot.ts";

/** How far the timestamp last published may be from the clock to be taken for real time (§4), in ticks. */
const LEAD = 5n * TicksPerSecond;
const LAG = 10n * TicksPerSecond;

/** What an application has published, in numbers. */
export class Published {
  #batches = 0;
  #measurements = 0;
  #unknownSignals = 0;
  readonly #lastTicks = new BigInt64Array(1);
  readonly #lastTickWords = new Int32Array(this.#lastTicks.buffer);

  /** @param known How many handles there are: others are of no signal. */
  add({ length, signals, tickWords }: MeasurementBatch, known: number): void {
    this.#batches++;
    this.#measurements += length;
    let unknown = 0;
    for (let i = 0; i < length; i++) {
      if (signals[i]! >>> 0 >= known) unknown++;
    }
    this.#unknownSignals += unknown;
    this.#lastTickWords[0] = tickWords[2 * length - 2]!;
    this.#lastTickWords[1] = tickWords[2 * length - 1]!;
  }

  /** How many batches. */
  get batches(): number {
    return this.#batches;
  }

  /** The timestamp last published, when it is near enough to the clock to be taken for real time. */
  recentTicks(clock: Clock): bigint | undefined {
    const ticks = timeOf(this.#lastTicks[0]!);
    const ahead = ticks - ticksNow(clock);
    return ahead <= LEAD && ahead >= -LAG ? ticks : undefined;
  }

  /** What operators see. */
  snapshot(): PublisherStats["published"] {
    return {
      batches: this.#batches,
      measurements: this.#measurements,
      unknownSignals: this.#unknownSignals,
    };
  }
}
