/**
 * A partner's program while it runs: commands go in as lines of text, events come out as lines of JSON.
 *
 * @module
 */

/** One thing that a partner's program reported; `event` names it. */
export interface PartnerEvent {
  readonly event: string;
  readonly [detail: string]: unknown;
}

/** How long to wait for an event before calling the test failed, in milliseconds. */
const PATIENCE = 30_000;

/** A running partner program. Ended by `await using`. */
export class PartnerProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #done: Promise<void>;
  readonly #log: string[] = [];
  #events: PartnerEvent[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#done = Promise.all([
      this.#read(child.stdout, (line) => this.#take(line)),
      this.#read(child.stderr, (line) => this.#log.push(`stderr: ${line}`)),
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
   */
  static start(command: string, args: string[]): PartnerProgram {
    return new PartnerProgram(
      new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn(),
    );
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
  async next(event: string, where: (found: PartnerEvent) => boolean = () => true): Promise<PartnerEvent> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake.resolve();
    }, PATIENCE);
    try {
      while (true) {
        const at = this.#events.findIndex((found) => found.event === event && where(found));
        if (at >= 0) return this.#events.splice(at, 1)[0]!;
        const fatal = this.#events.some((found) => found.event === "fatal");
        if (fatal || late || this.#ended) {
          const why = fatal ? "it failed" : late ? `none came in ${PATIENCE} ms` : "it ended";
          throw new Error(`waiting for "${event}" of the partner: ${why}. It said:\n${this.#log.join("\n")}`);
        }
        await this.#wake.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes all events of a name that have come so far. */
  taken(event: string): PartnerEvent[] {
    const found = this.#events.filter((candidate) => candidate.event === event);
    this.#events = this.#events.filter((candidate) => candidate.event !== event);
    return found;
  }

  /** All that the program has said, for messages. */
  get log(): string {
    return this.#log.join("\n");
  }

  /** Asks the program to end, and waits until it has. */
  async quit(): Promise<void> {
    if (!this.#ended) await this.send("quit").catch(() => {});
    await this.#done;
  }

  /** Ends the program without asking it, as a crash would. */
  async kill(): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.#done;
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#input.close().catch(() => {});
  }

  #take(line: string): void {
    this.#log.push(line);
    try {
      this.#events.push(JSON.parse(line));
    } catch {
      // Text that the partner's library printed by itself; it is in the log.
    }
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
