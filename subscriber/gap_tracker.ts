import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { timeOf } from "../transport/wire/ticks.ts";

/** What was missed while there was no connection: by signal, as they do not all stop and begin at one time. */
export interface Gap {
  /** What was subscribed to. */
  readonly filter: string;
  /** The last time received of each signal before it, in ticks. */
  readonly last: ReadonlyMap<string, bigint>;
  /** The first time received of each signal after it. */
  readonly first: ReadonlyMap<string, bigint>;
  /** The latest time received when it was over; `undefined` while it goes on. */
  readonly stop: bigint | undefined;
}

/** Where a gap begins: the earliest of what was last received. */
export function startOf({ last }: Gap): bigint {
  let start: bigint | undefined;
  for (const time of last.values()) start = start === undefined || time < start ? time : start;
  return start ?? 0n;
}

/** Keeps of a batch what lies in a gap, so that with what was received all is there once. */
export function keepMissed(batch: MeasurementBatch, gap: Gap, signals: SignalTable): void {
  const { last, first, stop } = gap;
  // A signal that was not heard of before has its part from where the others broke off.
  let latest = 0n;
  for (const time of last.values()) latest = time > latest ? time : latest;
  let kept = 0;
  for (let i = 0; i < batch.length; i++) {
    const id = signals.idOf(batch.signals[i]!);
    const time = timeOf(batch.ticks[i]!);
    if (time <= (last.get(id) ?? latest)) continue;
    const until = first.get(id);
    if (until === undefined ? stop !== undefined && time > stop : time >= until) continue;
    batch.signals[kept] = batch.signals[i]!;
    batch.ticks[kept] = batch.ticks[i]!;
    batch.valueBits[kept] = batch.valueBits[i]!;
    batch.flags[kept] = batch.flags[i]!;
    kept++;
  }
  batch.length = kept;
}

/** Follows the times of live data, to know afterwards what is missing. It expects those of a signal to rise. */
export class GapTracker {
  readonly #signals: SignalTable;
  /** By handle; 0 where none was received. */
  #last = new BigInt64Array(1024);
  /** By handle, since the gap was opened. */
  #first: BigInt64Array<ArrayBuffer> | undefined;
  #open: Gap | undefined;
  #latest = 0n;

  /** @param signals What handles mean. */
  constructor(signals: SignalTable) {
    this.#signals = signals;
  }

  /** The gap that goes on, if one does. */
  get open(): Gap | undefined {
    return this.#open;
  }

  /** Whether something came since the gap was opened. */
  get hasData(): boolean {
    return this.#first !== undefined && this.#latest > 0n;
  }

  /** Live data came: measurements `from` on. */
  observe({ signals, ticks, length }: MeasurementBatch, from: number): void {
    for (let i = from; i < length; i++) {
      const handle = signals[i]!;
      if (handle >= this.#last.length) this.#grow(handle);
      const time = timeOf(ticks[i]!);
      if (time > this.#last[handle]!) this.#last[handle] = time;
      if (this.#first === undefined) continue;
      if (this.#first[handle] === 0n) this.#first[handle] = time;
      if (time > this.#latest) this.#latest = time;
    }
  }

  #grow(handle: number): void {
    const grown = (column: BigInt64Array): BigInt64Array<ArrayBuffer> => {
      const larger = new BigInt64Array(2 * (handle + 1));
      larger.set(column);
      return larger;
    };
    this.#last = grown(this.#last);
    if (this.#first !== undefined) this.#first = grown(this.#first);
  }

  /**
   * The connection is gone. Nothing is missing of signals that never came.
   *
   * @returns The gap that begins here, or that still goes on; `undefined` when nothing was received before.
   */
  begin(filter: string): Gap | undefined {
    if (this.#open !== undefined) return this.#open;
    const last = this.#toMap(this.#last);
    return last.size === 0 ? undefined : this.resume({ filter, last, first: new Map(), stop: undefined });
  }

  /** A gap from before goes on. */
  resume(gap: Gap): Gap {
    this.#first = new BigInt64Array(this.#last.length);
    this.#latest = 0n;
    return this.#open = gap;
  }

  /** Enough has come again to tell where the gap ends. @returns The gap; `undefined` when none is open. */
  end(): Gap | undefined {
    if (this.#open === undefined || !this.hasData) return undefined;
    const gap = { ...this.#open, first: this.#toMap(this.#first!), stop: this.#latest };
    this.#open = this.#first = undefined;
    return gap;
  }

  /** Another subscription: what came of the one before says nothing, unless a gap goes on. */
  forget(): void {
    if (this.#open === undefined) this.#last.fill(0n);
  }

  #toMap(column: BigInt64Array): Map<string, bigint> {
    const map = new Map<string, bigint>();
    column.forEach((time, handle) => {
      if (time > 0n) map.set(this.#signals.idOf(handle), time);
    });
    return map;
  }
}
