/**
 * Where commands write to: results to standard output, everything else to standard error.
 *
 * @module
 */

import { CommandError, ExitCode, writing } from "./exit_codes.ts";

/** A stream of bytes out of the process. */
export interface Sink {
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
  /** Its size in characters; at least 1, 80 by 24 where it is no terminal. */
  size(): { readonly columns: number; readonly rows: number };
  /** Resolves when all bytes are taken. @throws {Deno.errors.BrokenPipe} When nobody reads any more. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Makes text bold, dim or coloured; where there are to be no colours, it leaves it alone. */
export type Style = (text: string) => string;

/** The styles of one stream. */
export interface Styles {
  readonly bold: Style;
  readonly dim: Style;
  readonly red: Style;
  readonly green: Style;
  readonly yellow: Style;
  readonly cyan: Style;
}

/** How a process writes. */
export interface OutputOptions {
  readonly out: Sink;
  readonly err: Sink;
  /** Whether results are JSON. */
  readonly json: boolean;
  /** Whether terminals get colours. */
  readonly colours: boolean;
}

const encoder = new TextEncoder();

/** What a command writes with. */
export class Output {
  /** Standard output, for results. */
  readonly out: Sink;
  /** Standard error, for progress, warnings and errors. */
  readonly err: Sink;
  /** Whether results are to be JSON. */
  readonly json: boolean;
  /** How to emphasize on standard output. */
  readonly outStyles: Styles;
  /** How to emphasize on standard error. */
  readonly errStyles: Styles;
  #status = "";

  /** @param options Where to and how. */
  constructor({ out, err, json, colours }: OutputOptions) {
    this.out = out;
    this.err = err;
    this.json = json;
    this.outStyles = stylesFor(colours && out.isTerminal);
    this.errStyles = stylesFor(colours && err.isTerminal);
  }

  /** Writes a line of results. */
  async line(text: string): Promise<void> {
    await this.status("");
    await this.out.write(encoder.encode(`${text}\n`));
  }

  /** Writes a result for programs: a line of JSON. Big integers become texts. */
  value(value: unknown): Promise<void> {
    return this.line(toJson(value));
  }

  /**
   * Writes a line for who watches: a text for people or, with `--json`, JSON for programs. Nothing fails because nobody
   * watches, or the disk is full that notes are kept on.
   *
   * @param value What programs get; default the text, as `note`.
   */
  note(text: string, value: unknown = { note: text }): Promise<void> {
    return this.json ? this.noteValue(value) : this.#noteLine(text);
  }

  /** Writes a line of JSON for programs that watch, as {@linkcode Output.note} does. Big integers become texts. */
  noteValue(value: unknown): Promise<void> {
    return this.#noteLine(toJson(value));
  }

  #noteLine(line: string): Promise<void> {
    return this.noteBytes(encoder.encode(`${line}\n`)).catch(() => {});
  }

  /** Writes whole lines to standard error. @throws What the system says, when they can't be written. */
  noteBytes(lines: Uint8Array): Promise<void> {
    const status = this.#status;
    if (status === "") return this.err.write(lines);
    const redrawn = encoder.encode(status);
    return this.err.write(new Uint8Array([...clearLine, ...lines, ...redrawn]));
  }

  /**
   * Shows a line at the bottom of the terminal at standard error, in place of the one before; empty for none. Where
   * there is no terminal, or programs watch, it does nothing. It fails as little as {@linkcode Output.note}.
   */
  async status(text: string): Promise<void> {
    if (!this.err.isTerminal || this.json || text === this.#status) return;
    this.#status = text.slice(0, this.err.size().columns - 1);
    await this.err.write(new Uint8Array([...clearLine, ...encoder.encode(this.#status)])).catch(() => {});
  }
}

const clearLine: Uint8Array = encoder.encode("\r\x1b[K");

/** One line of JSON. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part) => typeof part === "bigint" ? String(part) : part);
}

/** How a stream of the process is written to. */
export interface SinkOptions {
  /** What it is called. */
  readonly name: string;
  /** The kind of terminal, `$TERM`: one that is `dumb` can't go back on what it shows, and is none here. */
  readonly terminal: string | undefined;
  /** Fires when the process is to end: then whoever reads nothing is waited for no longer than `patience`. */
  readonly signal?: AbortSignal;
  /** In milliseconds; default 5,000. */
  readonly patience?: number;
}

/** Bytes written at a time: a stream that is read slowly gets on. */
const PIECE = 65_536;

/** A stream of the process, such as `Deno.stdout`. */
export function sinkOf(
  stream: Pick<typeof Deno.stdout, "write" | "isTerminal">,
  { name, terminal, signal, patience = 5000 }: SinkOptions,
): Sink {
  const isTerminal = terminal !== "dumb" && stream.isTerminal();
  let last: Promise<void> = Promise.resolve();
  let isStuck = false;
  const writeSome = async (bytes: Uint8Array): Promise<number> => {
    const written = stream.write(bytes);
    if (signal === undefined) return await written;
    const read = await withPatience(written, signal, patience);
    isStuck = read === undefined;
    return read ?? 0;
  };
  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length && !isStuck;) at += await writeSome(bytes.subarray(at, at + PIECE));
    if (isStuck) throw new CommandError(ExitCode.Failed, `${name} is not read, so not all of it was written`);
  };
  return {
    isTerminal,
    size: () => {
      if (!isTerminal) return { columns: 80, rows: 24 };
      const { columns, rows } = Deno.consoleSize();
      // A terminal that was never told its size has none.
      return { columns: columns || 80, rows: rows || 24 };
    },
    // One after the other: a write that the stream takes in parts must not be torn by the next.
    write: (bytes) => last = last.catch(() => {}).then(() => writing(name, () => writeAll(bytes))),
  };
}

/** What a promise gives; `undefined` when that takes longer than so many milliseconds after a signal. */
async function withPatience<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  patience: number,
): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = Promise.withResolvers<undefined>();
  const wait = (): void => {
    timer = setTimeout(() => late.resolve(undefined), patience);
  };
  if (signal.aborted) wait();
  else signal.addEventListener("abort", wait);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    signal.removeEventListener("abort", wait);
    clearTimeout(timer);
  }
}

/** Styles that leave text alone. */
export const plainStyles: Styles = stylesFor(false);

function stylesFor(on: boolean): Styles {
  const style = (code: number): Style => (text) => on ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    bold: style(1),
    dim: style(2),
    red: style(31),
    green: style(32),
    yellow: style(33),
    cyan: style(36),
  };
}
