/**
 * Measurements in a SQLite database.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { MeasurementBatch } from "../../mod.ts";
import { CommandError, ExitCode } from "../exit_codes.ts";
import type { MeasurementWriter } from "./format.ts";
import type { SignalNames } from "./signal_names.ts";

// 621355968000000000: ticks at 1970. The view cuts off the leap-second bits.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS signals (
    number INTEGER PRIMARY KEY,
    signalId TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    pointTag TEXT NOT NULL,
    device TEXT NOT NULL,
    signalType TEXT NOT NULL,
    unit TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS measurements (
    signal INTEGER NOT NULL REFERENCES signals (number),
    ticks INTEGER NOT NULL, -- 100 ns since the year 1
    value REAL,             -- NULL: not a number
    flags INTEGER NOT NULL
  );
  CREATE VIEW IF NOT EXISTS readable AS
    SELECT strftime('%Y-%m-%dT%H:%M:%S', ((ticks & 0x3fffffffffffffff) - 621355968000000000) / 10000000, 'unixepoch')
             || printf('.%07dZ', (ticks & 0x3fffffffffffffff) % 10000000) AS time,
           signalId, pointTag, signalType, value, unit, flags
    FROM measurements JOIN signals ON signals.number = measurements.signal;
`;

/** Milliseconds after which what came is safe from a crash. */
const COMMIT_INTERVAL = 1000;

/** Adds measurements to a database, which is made where there is none. */
export class SqliteWriter implements MeasurementWriter {
  readonly #database: DatabaseSync;
  readonly #names: SignalNames;
  readonly #insertSignal: StatementSync;
  readonly #insert: StatementSync;
  #numbers: number[] = [];
  #generation = -1;
  #begun: number | undefined;

  /** @throws {CommandError} When it can't be opened, or is no such database. */
  constructor(path: string, names: SignalNames) {
    this.#names = names;
    try {
      this.#database = new DatabaseSync(path);
      this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${SCHEMA}`);
      this.#insertSignal = this.#database.prepare(
        `INSERT INTO signals (signalId, key, pointTag, device, signalType, unit) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (signalId) DO UPDATE SET key = excluded.key, pointTag = excluded.pointTag,
           device = excluded.device, signalType = excluded.signalType, unit = excluded.unit
         RETURNING number`,
      );
      this.#insert = this.#database.prepare("INSERT INTO measurements VALUES (?, ?, ?, ?)");
    } catch (cause) {
      throw new CommandError(ExitCode.Failed, `${path} can't be used: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  /** Adds a row for each measurement; all of a second or so make a transaction. */
  write(batch: MeasurementBatch): Promise<void> {
    if (this.#begun === undefined) {
      this.#database.exec("BEGIN");
      this.#begun = performance.now();
    }
    if (this.#generation !== this.#names.generation) {
      this.#generation = this.#names.generation;
      this.#numbers = [];
    }
    for (let i = 0; i < batch.length; i++) {
      const number = this.#numberOf(batch.signals[i]!);
      this.#insert.run(number, batch.ticks[i]!, batch.values[i]!, batch.flags[i]!);
    }
    if (performance.now() - this.#begun >= COMMIT_INTERVAL) this.#commit();
    return Promise.resolve();
  }

  #numberOf(handle: number): number {
    return this.#numbers[handle] ??= this.#addSignal(handle);
  }

  #addSignal(handle: number): number {
    const { signalId, key, pointTag, device, signalType, unit } = this.#names.of(handle);
    return this.#insertSignal.get(signalId, key, pointTag, device, signalType, unit)!.number as number;
  }

  #commit(): void {
    if (this.#begun === undefined) return;
    this.#database.exec("COMMIT");
    this.#begun = undefined;
  }

  /** Commits and closes. */
  finish(): Promise<void> {
    try {
      this.#commit();
    } finally {
      this.#database.close();
    }
    return Promise.resolve();
  }

  /** What came stays, as far as it can be written. */
  abandon(): Promise<void> {
    try {
      return this.finish();
    } catch {
      // Why not is told by what failed before.
      return Promise.resolve();
    }
  }
}
