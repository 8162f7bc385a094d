/**
 * Files that are read from their beginning to their end.
 *
 * @module
 */
import { CommandError, ExitCode } from "../exit_codes.ts";

/** That a file is not what it should be. */
export function badInput(problem: string): CommandError {
  return new CommandError(ExitCode.BadInput, problem);
}

/** The stream, unpacked when it begins as gzip does. */
async function unpacked(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = stream.getReader();
  let head: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  let isDone = false;
  while (head.length < 2 && !isDone) {
    const { value, done } = await reader.read();
    if (value !== undefined) head = concatenate(head, value);
    isDone = done;
  }
  const whole = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      if (head.length > 0) controller.enqueue(head);
      if (isDone) controller.close();
    },
    pull: async (controller) => {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  return isGzip ? whole.pipeThrough(new DecompressionStream("gzip")) : whole;
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** Takes bytes from a stream in pieces of any size, unpacked where they are packed. */
export class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #chunk: Uint8Array = new Uint8Array(0);
  /** How many bytes were taken. */
  offset = 0;

  private constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.getReader();
  }

  /** Begins to read a stream, which is unpacked when it begins as gzip does. It has to be cancelled in the end. */
  static async open(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<ByteSource> {
    return new ByteSource(await unpacked(stream));
  }

  /**
   * Takes so many bytes, at least one; what is given is the caller's to keep.
   *
   * @returns `undefined` when the stream ends before the first of them.
   * @throws {CommandError} When it ends after it, or can't be unpacked.
   */
  async take(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // A length that was announced is no reason to take memory; what is there is.
    const pieces: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#chunk.length === 0 && !await this.#more()) break;
      const piece = this.#chunk.subarray(0, missing);
      this.#chunk = this.#chunk.subarray(piece.length);
      missing -= piece.length;
      pieces.push(piece);
    }
    this.offset += length - missing;
    if (missing === length) return undefined;
    if (missing > 0) throw this.cutShort();
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /** The next bytes, which stay to be taken: fewer when the stream ends before. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#chunk.length < length) {
      const before = this.#chunk;
      if (!await this.#more()) break;
      this.#chunk = concatenate(before, this.#chunk);
    }
    return this.#chunk.subarray(0, length);
  }

  /** The stream has ended where it should not. */
  cutShort(): CommandError {
    return badInput(`the file ends at offset ${this.offset}, in the middle of a record`);
  }

  async #more(): Promise<boolean> {
    try {
      const { value, done } = await this.#reader.read();
      if (value !== undefined) this.#chunk = value;
      return !done;
    } catch (error) {
      // Of what was packed; a file that can't be read fails in another way.
      if (!(error instanceof TypeError)) throw error;
      throw badInput(
        `the file can't be unpacked beyond offset ${this.offset + this.#chunk.length}: ${error.message}`,
      );
    }
  }

  /** Reads no more. */
  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {
      // It broke already.
    });
  }
}
