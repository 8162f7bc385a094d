/**
 * Numbers of which the lowest is wanted.
 *
 * @module
 */

/** A binary heap: whatever comes in whatever order, each number takes little time. */
export class LowestFirst {
  readonly #numbers: number[] = [];

  /** The lowest; infinity when there is none. */
  get lowest(): number {
    return this.#numbers[0] ?? Infinity;
  }

  /** Takes one more. */
  add(number: number): void {
    const numbers = this.#numbers;
    let at = numbers.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (numbers[parent]! <= number) break;
      numbers[at] = numbers[parent]!;
      at = parent;
    }
    numbers[at] = number;
  }

  /** Removes the lowest. */
  removeLowest(): void {
    const numbers = this.#numbers;
    const last = numbers.pop();
    if (last === undefined || numbers.length === 0) return;
    let at = 0;
    for (let child = 1; child < numbers.length; child = 2 * at + 1) {
      if (child + 1 < numbers.length && numbers[child + 1]! < numbers[child]!) child++;
      if (numbers[child]! >= last) break;
      numbers[at] = numbers[child]!;
      at = child;
    }
    numbers[at] = last;
  }

  /** Removes all. */
  clear(): void {
    this.#numbers.length = 0;
  }
}
