/** Takes lines and never makes anybody wait. */
export interface LogOutput {
  /** Takes a line without its line end. */
  write(line: string): void;
  /** How many lines could not be written so far. */
  readonly lost?: number;
  /** Resolves when every line that was taken is written or lost. */
  flush?(): Promise<void>;
}

/** Something that bytes can be written to, such as `Deno.stderr` or a `Deno.FsFile`. */
export interface ByteSink {
  /** Writes bytes, all or the first so many of them. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Bytes that one write gathers at most. */
const maxWrite = 65_536;

/**
 * Writes lines one after the other in the background. When the sink is slow, so that more than `capacity` lines wait,
 * or when it fails, as a full disk does, lines are lost and counted; the next ones are tried again.
 *
 * @example
 * ```ts
 * import { LineWriter } from "@sttp/sttp/log";
 *
 * const writer = new LineWriter(Deno.stderr);
 * writer.write("hello");
 * await writer.flush();
 * ```
 */
export class LineWriter implements LogOutput {
  readonly #sink: ByteSink;
  readonly #capacity: number;
  #lines: string[] = [];
  #lost = 0;
  #writing: Promise<void> | undefined;

  /**
   * A writer that writes nothing yet.
   *
   * @param capacity Lines that may wait; default 1,000.
   * @throws {RangeError} When it is not a whole number over 0.
   */
  constructor(sink: ByteSink, capacity: number = 1_000) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`capacity is ${capacity}, a whole number of lines over 0 expected`);
    }
    this.#sink = sink;
    this.#capacity = capacity;
  }

  /** How many lines were lost. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes a line. */
  write(line: string): void {
    if (this.#lines.length >= this.#capacity) {
      this.#lost++;
      return;
    }
    this.#lines.push(line);
    this.#writing ??= this.#run();
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #run(): Promise<void> {
    // Lines of the same turn go out together.
    await undefined;
    while (this.#lines.length > 0) {
      const count = this.#gatherable();
      const bytes = new TextEncoder().encode(`${this.#lines.slice(0, count).join("\n")}\n`);
      try {
        for (let from = 0; from < bytes.length;) {
          const written = await this.#sink.write(bytes.subarray(from));
          if (!(written > 0)) throw new Error("the sink takes nothing");
          from += written;
        }
      } catch {
        this.#lost += count;
      }
      this.#lines.splice(0, count);
    }
    this.#writing = undefined;
  }

  #gatherable(): number {
    let length = 0;
    let count = 0;
    while (count < this.#lines.length && length < maxWrite) length += this.#lines[count++]!.length;
    return count;
  }
}
