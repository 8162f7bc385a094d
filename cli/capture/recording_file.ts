/**
 * The file of a recording while it is written.
 *
 * @module
 */
import { CommandError, ExitCode } from "../exit_codes.ts";
import { checkNoDatabase } from "../files.ts";
import { CaptureWriter } from "./format.ts";

/** A file that a recording is written to. */
export class RecordingFile {
  /** Writes to it. */
  readonly writer: CaptureWriter;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #bytes: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #written: Promise<void>;

  private constructor(path: string, file: Deno.FsFile, about: Readonly<Record<string, unknown>>) {
    this.#path = path;
    this.#file = file;
    const bytes = path.endsWith(".gz") ? new CompressionStream("gzip") : new TransformStream<Uint8Array>();
    this.#bytes = bytes.writable.getWriter();
    this.#written = this.#take(bytes.readable);
    // Whoever writes next learns of it.
    this.#written.catch(() => {});
    this.writer = new CaptureWriter((piece) => this.#bytes.write(piece), about);
  }

  /**
   * Begins a recording, in place of what was in the file. Nobody else may read it: it may hold keys.
   *
   * @param path Gzipped when it ends in `.gz`.
   * @param about What is to be known of the recording, for its readers.
   * @throws {CommandError} When a database is there.
   */
  static async create(path: string, about: Readonly<Record<string, unknown>>): Promise<RecordingFile> {
    await checkNoDatabase(path);
    const file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
    return new RecordingFile(path, file, about);
  }

  /** Not by the file's own stream, which keeps what it gets to itself for long. */
  async #take(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const bytes of stream) {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    }
  }

  /** Ends the recording. @throws {CommandError} When it could not be written. */
  async close(): Promise<void> {
    try {
      // Why it failed, if it did, is known where the bytes are taken.
      await this.#bytes.close().catch(() => {});
      await this.#written;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new CommandError(ExitCode.Failed, `${this.#path} can't be written: ${message}`, { cause });
    } finally {
      this.#file.close();
    }
  }
}
