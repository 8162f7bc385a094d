/**
 * Our two sides as the scenarios use them: a table published frame by frame, and what arrives as comparable lines.
 *
 * @module
 */
import type { DataSet } from "../../metadata/mod.ts";
import type { Publisher } from "../../publisher/mod.ts";
import { MeasurementBatch, type SignalTable } from "../../transport/mod.ts";
import { formatRow, type Row } from "./table.ts";

/** How long to wait for measurements before calling the test failed, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Publishes a table.
 *
 * @param rate Frames a second; the default is fast enough to keep the tests short and slow enough to mix with
 * what the partner does meanwhile.
 */
export async function publishTable(
  publisher: Publisher,
  rows: readonly Row[],
  rate: number = 200,
): Promise<void> {
  const started = performance.now();
  const batch = new MeasurementBatch();
  let published = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    batch.add(publisher.signals.add(row.signalId), row.ticks, 0, row.flags);
    batch.valueBits[batch.length - 1] = row.bits;
    if (rows[i + 1]?.frame === row.frame) continue;
    publisher.publish(batch);
    batch.clear();
    await sleep(started + ++published * 1000 / rate - performance.now());
  }
}

/** Keeps what arrives as lines of the form in which the partners' programs write it. */
export class Collector {
  /** One line a measurement. */
  readonly lines: string[] = [];
  #wanted = Infinity;
  #reached = Promise.withResolvers<void>();

  /** Takes a batch; for `onBatch`. */
  take(batch: MeasurementBatch, signals: SignalTable): void {
    for (let i = 0; i < batch.length; i++) {
      this.lines.push(formatRow({
        signalId: signals.idOf(batch.signals[i]!),
        ticks: batch.ticks[i]!,
        flags: batch.flags[i]!,
        bits: batch.valueBits[i]! >>> 0,
      }));
    }
    if (this.lines.length >= this.#wanted) this.#reached.resolve();
  }

  /** Waits until so many measurements have come. */
  async reached(count: number): Promise<void> {
    this.#wanted = count;
    if (this.lines.length >= count) return;
    this.#reached = Promise.withResolvers();
    const timer = setTimeout(
      () =>
        this.#reached.reject(new Error(`${this.lines.length} of ${count} measurements in ${PATIENCE} ms`)),
      PATIENCE,
    );
    try {
      await this.#reached.promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What was seen of the tables of a data set: their names, row counts, and column types by name. */
export type SeenTables = Readonly<Record<string, { rows: number; columns: Record<string, string> }>>;

/** Our data set in the words of the partners. */
export function describeTables(dataSet: DataSet): SeenTables {
  return Object.fromEntries(dataSet.tables.map((table) => [table.name, {
    rows: table.rowCount,
    columns: Object.fromEntries(table.columns.map((column) => [column.name, column.type.toUpperCase()])),
  }]));
}

/** Waits until so many subscribers of a publisher get what is published from then on. */
export async function subscribed(publisher: Publisher, count: number = 1): Promise<void> {
  await until(`${count} subscribers`, () => {
    return publisher.stats().open.filter(({ subscription }) => subscription?.confirmed).length === count;
  });
}

/** Waits; the partners live in real time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}

/** Waits until a condition holds, looking every few milliseconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${PATIENCE} ms: ${what}`);
    await sleep(5);
  }
}
