/**
 * Telling how something goes, on standard error.
 *
 * @module
 */
import type { Output } from "./output.ts";

/** How something stands, for programs and for people. */
export interface Report {
  readonly value: unknown;
  readonly text: string;
}

/** Something that can be reported on. */
export interface Reported {
  /** How it stands, with rates since the last call. */
  progress(): Report;
  /** How it was over all the time. */
  total(): Report;
}

/** Reports progress now and then, and the result: lines of text or JSON; at a terminal one line that changes. */
export class Reporter implements Disposable {
  readonly #subject: Reported;
  readonly #output: Output;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param interval Milliseconds between two reports, 0 for none. */
  constructor(subject: Reported, output: Output, interval: number) {
    this.#subject = subject;
    this.#output = output;
    if (interval > 0) this.#timer = setInterval(() => this.#report(), interval);
  }

  #report(): void {
    const { value, text } = this.#subject.progress();
    const { json, err } = this.#output;
    const written = err.isTerminal && !json
      ? this.#output.status(text)
      : this.#output.note(text, { progress: value });
    // Whoever does not read it has not asked for it.
    written.catch(() => this[Symbol.dispose]());
  }

  /** Reports the result. */
  async finish(): Promise<void> {
    this[Symbol.dispose]();
    const { value, text } = this.#subject.total();
    await this.#output.status("");
    await this.#output.note(text, { result: value });
  }

  /** Reports no more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
