/**
 * The command `sttp` in a process of its own.
 *
 * @module
 */
import { until } from "../integration/support.ts";

const main = new URL("../../cli/main.ts", import.meta.url).href;
const config = new URL("../../deno.json", import.meta.url);

/** What the compiled program may do, as the task that makes it says: it is tested with that and no more. */
export const programPermissions: readonly string[] = JSON.parse(Deno.readTextFileSync(config))
  .tasks.compile.command.match(/--(?:allow-\S+|no-prompt)/g);

/** What starts `sttp` with these arguments. */
export function sttpCommand(...args: string[]): [string, ...string[]] {
  const flags = [
    ...programPermissions,
    "--quiet",
    "--no-check",
    `--config=${decodeURIComponent(config.pathname)}`,
  ];
  return [Deno.execPath(), "run", ...flags, main, ...args];
}

/** What came of a command. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `sttp` to its end. @param stdin What is in its standard input. */
export async function sttp(args: readonly string[], stdin?: string): Promise<Finished> {
  await using running = Sttp.start(...args);
  await running.input(stdin ?? "");
  return await running.ended;
}

/** `sttp` while it runs. Ended by `await using`. */
export class Sttp implements AsyncDisposable {
  /** Everything on standard output so far. */
  stdout = "";
  /** Everything on standard error so far. */
  stderr = "";
  /** Resolves at its end. */
  readonly ended: Promise<Finished>;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;
  #hasInput = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.ended = Promise.all([
      this.#read(child.stdout, (text) => this.stdout += text),
      this.#read(child.stderr, (text) => this.stderr += text),
      child.status,
    ]).then(([, , { code }]) => {
      this.#hasEnded = true;
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Starts it with these arguments. */
  static start(...args: string[]): Sttp {
    return Sttp.startWith({}, ...args);
  }

  /** Starts it from a shell that has carried out something, such as `ulimit -n 64`. */
  static startAfter(setup: string, ...args: string[]): Sttp {
    return Sttp.#spawn({}, "sh", "-c", `${setup} && exec "$@"`, "sh", ...sttpCommand(...args));
  }

  /** Starts it with these variables besides those of this process, and these arguments. */
  static startWith(env: Readonly<Record<string, string>>, ...args: string[]): Sttp {
    return Sttp.#spawn(env, ...sttpCommand(...args));
  }

  static #spawn(env: Readonly<Record<string, string>>, command: string, ...args: string[]): Sttp {
    const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new Sttp(
      new Deno.Command(command, { args, ...piped, env: { NO_COLOR: "1", ...env } }).spawn(),
    );
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (text: string) => void): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
  }

  /** Gives it all of its standard input. */
  async input(text: string): Promise<void> {
    this.#hasInput = true;
    const writer = this.#child.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode(text));
      await writer.close();
    } catch {
      // It does not read it.
    }
  }

  /** Waits until standard error matches. @throws {Error} When it ends before, or it takes a minute. */
  says(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#matches(() => this.stderr, pattern);
  }

  /** Waits until standard output matches. @throws {Error} When it ends before, or it takes a minute. */
  prints(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#matches(() => this.stdout, pattern);
  }

  async #matches(text: () => string, pattern: RegExp): Promise<RegExpMatchArray> {
    await until(() => this.#hasEnded || pattern.test(text()));
    const match = text().match(pattern);
    if (match !== null) return match;
    throw new Error(`ended without ${pattern}; it printed:\n${this.stdout}\nand said:\n${this.stderr}`);
  }

  /** Sends it a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, as a service manager does, and waits until it has. */
  async terminate(signal: Deno.Signal = "SIGTERM"): Promise<Finished> {
    if (!this.#hasEnded) this.#child.kill(signal);
    return await this.ended;
  }

  /** Ends it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    if (!this.#hasInput) await this.#child.stdin.close().catch(() => {});
    await this.ended;
  }
}
