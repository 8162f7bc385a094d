/**
 * Measurements out of files and streams.
 *
 * @module
 */
import { MeasurementBatch } from "../../mod.ts";
import { CommandError, ExitCode } from "../exit_codes.ts";
import { checkedTicks, checkedTime, checkedValue, parseTicks, parseTime, parseValue } from "./cell_text.ts";

/** Turns a signal ID, measurement key or point tag into a handle; `undefined` for what is not known. */
export type SignalFinder = (name: string) => number | undefined;

/** The columns that are read. */
export const readColumns = ["signalId", "key", "pointTag", "ticks", "time", "value", "flags"] as const;

/**
 * The columns of a table by the names that we have for them, which may be spelled in other cases.
 *
 * @throws {TypeError} When one is missing without which there are no measurements.
 */
export function readHeadings(headings: readonly string[]): string[] {
  const found = headings.map((heading) => {
    const name = heading.trim();
    return readColumns.find((column) => column.toLowerCase() === name.toLowerCase()) ?? name;
  });
  for (const alternatives of [["signalId", "key", "pointTag"], ["time", "ticks"], ["value"]]) {
    if (alternatives.some((name) => found.includes(name))) continue;
    throw new TypeError(`there is no column ${alternatives.join(", ")}`.replace(/, (\w+)$/, " or $1"));
  }
  return found;
}

/** One row of a file, whatever its format; `undefined` for columns that it has not. */
export type Row = { readonly [Column in typeof readColumns[number]]?: unknown };

/** Characters of a line, at most: more than any measurement takes. */
export const LONGEST_RECORD = 65_536;

/** Makes measurements of rows. */
export class RowReader {
  /** What is read, for messages. */
  readonly where: string;
  readonly #find: SignalFinder;
  readonly #handles = new Map<string, number>();
  readonly #batch = new MeasurementBatch();
  #unknown = 0;
  #known = 0;

  /**
   * A reader of nothing yet.
   *
   * @param where What is read, for messages.
   * @param find Knows the signals.
   */
  constructor(where: string, find: SignalFinder) {
    this.where = where;
    this.#find = find;
  }

  /** Rows whose signal is not known, and which were left out. */
  get unknown(): number {
    return this.#unknown;
  }

  /** Rows whose signal is known. */
  get known(): number {
    return this.#known;
  }

  /**
   * Adds a row.
   *
   * @param place Where it stands, such as `line 12`, for messages.
   * @throws {CommandError} When a cell makes no sense, with the place.
   */
  add(row: Row, place: () => string): void {
    try {
      const handle = this.#handleOf(row);
      const ticks = ticksOf(row);
      const value = valueOf(row.value);
      const flags = flagsOf(row.flags);
      if (handle < 0) {
        this.#unknown++;
        return;
      }
      this.#known++;
      this.#batch.add(handle, ticks, value, flags);
    } catch (error) {
      throw this.wrong((error as Error).message, place(), error);
    }
  }

  /** Looks for every signal anew. */
  forget(): void {
    this.#handles.clear();
  }

  /** An error about a place in what is read. */
  wrong(message: string, place?: string, cause?: unknown): CommandError {
    const where = place === undefined ? this.where : `${this.where}, ${place}`;
    return new CommandError(ExitCode.BadInput, `${where}: ${message}`, { cause });
  }

  /** The measurements since the last call, if there are any; lent until the next step of the iteration. */
  *taken(): Generator<MeasurementBatch, void> {
    if (this.#batch.length === 0) return;
    yield this.#batch;
    this.#batch.clear();
  }

  #handleOf({ signalId, key, pointTag }: Row): number {
    const name = [signalId, key, pointTag].find((name) => name !== undefined && name !== null && name !== "");
    if (typeof name !== "string") throw new TypeError("no signalId, key or pointTag");
    let handle = this.#handles.get(name);
    if (handle === undefined) this.#handles.set(name, handle = this.#find(name) ?? -1);
    return handle;
  }
}

function ticksOf({ ticks, time }: Row): bigint {
  const isTicks = ticks !== undefined && ticks !== null;
  const given = isTicks ? ticks : time;
  if (typeof given === "bigint") return isTicks ? checkedTicks(given) : checkedTime(given);
  if (typeof given === "string") return isTicks ? parseTicks(given) : parseTime(given);
  if (given === undefined || given === null) throw new TypeError("no time");
  // A double has not enough bits for ticks.
  throw new TypeError(`the time is a ${typeof given}, a text such as "2024-03-01T12:30:00Z" expected`);
}

function valueOf(value: unknown): number {
  if (typeof value === "number") return checkedValue(value);
  if (typeof value === "string") return parseValue(value);
  if (value === null) return NaN;
  if (typeof value === "bigint") return checkedValue(Number(value), String(value), true);
  throw new TypeError(value === undefined ? "no value" : `the value is a ${typeof value}, a number expected`);
}

function flagsOf(flags: unknown): number {
  if (flags === undefined || flags === null || flags === "") return 0;
  const number = typeof flags === "string"
    ? Number(flags)
    : typeof flags === "bigint"
    ? Number(flags)
    : flags;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff) {
    return number;
  }
  throw new TypeError(`the flags are "${String(flags).slice(0, 50)}", a whole number of 32 bits expected`);
}
