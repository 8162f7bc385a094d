/**
 * A program while it runs: commands go in as lines of text; events come out as lines of JSON, between other lines.
 *
 * @module
 */

/** One thing that a program reported; `event` names it. */
export interface ProgramEvent {
  readonly event: string;
  readonly [detail: string]: unknown;
}

/** A running program. Ended by `await using`. */
export class Program implements AsyncDisposable {
  /** How long to wait for an event before calling the test failed, in milliseconds. */
  patience = 30_000;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #done: Promise<void>;
  readonly #log: string[] = [];
  #events: ProgramEvent[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#done = Promise.all([
      this.#read(child.stdout, (line) => this.#take(line)),
      this.#read(child.stderr, (line) => this.#note(`stderr: ${line}`)),
      child.status,
    ]).then(() => {
      this.#ended = true;
      this.#wake.resolve();
    });
  }

  /**
   * Starts a program.
   *
   * @param command What to execute.
   * @param args Its arguments.
   * @param cwd The folder to run in; default: this process's.
   */
  static start(command: string, args: string[], cwd?: string): Program {
    const options: Deno.CommandOptions = { args, stdin: "piped", stdout: "piped", stderr: "piped" };
    if (cwd !== undefined) options.cwd = cwd;
    return new Program(new Deno.Command(command, options).spawn());
  }

  /** Resolves when the program has ended and all that it said is there. */
  get ended(): Promise<void> {
    return this.#done;
  }

  /** Sends a command. */
  async send(command: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${command}\n`));
  }

  /**
   * Waits for the next event of a name that satisfies `where`, and takes it out of the queue; others stay.
   *
   * @throws {Error} When the program ends or fails first, or takes too long; with all that it said.
   */
  next(event: string, where: (found: ProgramEvent) => boolean = () => true): Promise<ProgramEvent> {
    return this.#wait(`event "${event}"`, () => {
      const at = this.#events.findIndex((found) => found.event === event && where(found));
      return at < 0 ? undefined : this.#events.splice(at, 1)[0];
    });
  }

  /** Waits for a line of output that matches, or takes one that has come. @throws {Error} As {@linkcode next}. */
  line(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#wait(`line ${pattern}`, () => {
      for (const line of this.#log) {
        const match = line.match(pattern);
        if (match !== null) return match;
      }
      return undefined;
    });
  }

  async #wait<T>(what: string, take: () => T | undefined): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake.resolve();
    }, this.patience);
    try {
      while (true) {
        const found = take();
        if (found !== undefined) return found;
        const fatal = this.#events.some(({ event }) => event === "fatal");
        if (fatal || late || this.#ended) {
          const why = fatal ? "it failed" : late ? `none came in ${this.patience} ms` : "it ended";
          throw new Error(`waiting for ${what} of a program: ${why}. It said:\n${this.log}`);
        }
        await this.#wake.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes all events of a name that have come so far. */
  taken(event: string): ProgramEvent[] {
    const found = this.#events.filter((candidate) => candidate.event === event);
    this.#events = this.#events.filter((candidate) => candidate.event !== event);
    return found;
  }

  /** All that the program has said, for messages. */
  get log(): string {
    return this.#log.join("\n");
  }

  /**
   * Asks the program to end, and waits until it has.
   *
   * @param command What asks for it.
   * @returns Its exit code.
   */
  async quit(command: string = "quit"): Promise<number> {
    if (!this.#ended) await this.send(command).catch(() => {});
    await this.#done;
    return (await this.#child.status).code;
  }

  /** Waits until the program has ended by itself. @returns Its exit code, and what it wrote to its standard error. */
  async result(): Promise<{ code: number; errors: string[] }> {
    await this.#done;
    return {
      code: (await this.#child.status).code,
      errors: this.#log.filter((line) => line.startsWith("stderr: ")),
    };
  }

  /** Ends the program without asking it, as a crash would. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#done;
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#input.close().catch(() => {});
  }

  #take(line: string): void {
    try {
      this.#events.push(JSON.parse(line));
    } catch {
      // Text that the partner's library printed by itself; it is in the log.
    }
    this.#note(line);
  }

  /** Keeps a line, and has those look who wait. */
  #note(line: string): void {
    this.#log.push(line);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (line: string) => void): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line.trim() !== "") take(line);
    }
    if (rest.trim() !== "") take(rest);
  }
}
