import { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";

/** A history's own numbers for signals, which outlive the handles of those who write and read. */
export class Numbering {
  /** The signals by their numbers. */
  readonly table: SignalTable = new SignalTable();
  /** For each table of handles the numbers, one more each, as 0 is none. */
  readonly #numbers = new WeakMap<SignalTable, Int32Array>();

  /** Appends a batch with numbers for its handles; those that are not in `signals` are left out. */
  append(into: MeasurementBatch, batch: MeasurementBatch, signals: SignalTable): void {
    const numbers = this.#numbersOf(signals);
    const from = into.length;
    into.append(batch);
    const { length } = into;
    let kept = from;
    for (let i = from; i < length; i++) {
      const handle = into.signals[i]!;
      if (handle >>> 0 >= signals.size) continue;
      into.signals[kept] = (numbers[handle] ||= 1 + this.table.add(signals.idOf(handle))) - 1;
      if (kept < i) {
        into.tickWords[2 * kept] = into.tickWords[2 * i]!;
        into.tickWords[2 * kept + 1] = into.tickWords[2 * i + 1]!;
        into.valueBits[kept] = into.valueBits[i]!;
        into.flags[kept] = into.flags[i]!;
      }
      kept++;
    }
    into.length = kept;
  }

  /** The handle wanted for each number, -1 where the signal is not wanted. */
  wanted(signals: SignalTable, handles: Int32Array): Int32Array {
    const wanted = new Int32Array(this.table.size).fill(-1);
    for (const handle of handles) {
      const number = this.table.handleOf(signals.idOf(handle));
      if (number !== undefined) wanted[number] = handle;
    }
    return wanted;
  }

  #numbersOf(signals: SignalTable): Int32Array {
    const known = this.#numbers.get(signals);
    if (known !== undefined && known.length >= signals.size) return known;
    const numbers = new Int32Array(2 * signals.size);
    if (known !== undefined) numbers.set(known);
    this.#numbers.set(signals, numbers);
    return numbers;
  }
}
