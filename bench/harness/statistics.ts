/** The value in the middle, or between the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

/** The medians of figures that several turns found. */
export function medians(turns: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  return Object.fromEntries(
    Object.keys(turns[0]!).map((name) => [name, median(turns.map((turn) => turn[name]!))]),
  );
}

/** A value and how many times it occurred. */
export type Weighted = readonly [value: number, weight: number];

/** The values that the given shares of all occurrences do not exceed. */
export function percentiles(values: readonly Weighted[], shares: readonly number[]): number[] {
  const sorted = values.toSorted(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  return shares.map((share) => {
    let passed = 0;
    for (const [value, weight] of sorted) {
      passed += weight;
      if (passed >= share * total) return value;
    }
    return NaN;
  });
}
