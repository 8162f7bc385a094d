/**
 * A program at a pseudo-terminal: what it shows to people, its keys, and its signals.
 *
 * Python's pty module makes the terminal: Deno has none, and `script` differs from system to system.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";
import { until } from "../integration/support.ts";

/** Runs the rest of its arguments at a terminal of the size that the first two tell: rows and columns. */
const host = `
import fcntl, os, pty, signal, struct, sys, termios
rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    # The size is there before the program can ask for it.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(command[0], command)
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
def pump(source, sink):
    while True:
        try:
            data = os.read(source, 65536)
        except OSError:
            return
        if not data:
            return
        while data:
            data = data[os.write(sink, data):]
keys = os.fork()
if keys == 0:
    pump(0, terminal)
    os._exit(0)
pump(terminal, 1)
status = os.waitpid(child, 0)[1]
os.kill(keys, signal.SIGKILL)
os.waitpid(keys, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;

/** What runs Python, where something does. */
const python: string | undefined = await findPython();

/** Why tests at a terminal can't be run here, for their names; empty when they can. */
export const noTerminal: string = python === undefined ? " (skipped: no Python with a pty module)" : "";

async function findPython(): Promise<string | undefined> {
  for (const command of ["python3", "python"]) {
    try {
      const args = ["-c", "import os, pty, termios; os.waitstatus_to_exitcode"];
      const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output();
      if (success) return command;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** How a program is run at a terminal. */
export interface TerminalOptions {
  /** Lines of the terminal; default 24. */
  readonly rows?: number;
  /** Characters of a line; default 80. */
  readonly columns?: number;
  /** The folder to run in; default this process's. */
  readonly cwd?: string;
  /** Variables beside this process's own; `TERM` is `xterm-256color` unless given, `NO_COLOR` and `CI` are not set. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A program that believes to have a terminal. Ended by `await using`.
 *
 * ```ts ignore
 * await using terminal = Terminal.run([Deno.execPath(), "run", "-A", "cli/main.ts", "subscribe", address]);
 * await terminal.shows(/measurements\/s/);
 * await terminal.type("\x03"); // Ctrl-C
 * assertEquals(await terminal.ended, 0);
 * assertMatch(terminal.text, /\x1b\[/);
 * ```
 */
export class Terminal implements AsyncDisposable {
  /** Everything that was written to the terminal, escape sequences included; standard error comes here, too. */
  text = "";
  /** The exit code: of a program that a signal ended, 256 less the signal's number. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  #hasEnded = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#keys = child.stdin.getWriter();
    this.ended = Promise.all([this.#read(), child.status]).then(([, { code }]) => {
      this.#hasEnded = true;
      return code;
    });
  }

  /** Runs a command. @throws {Error} When there is no Python to make a terminal; see {@linkcode noTerminal}. */
  static run(command: readonly string[], options: TerminalOptions = {}): Terminal {
    if (python === undefined) throw new Error("there is no Python to make a terminal");
    const { rows = 24, columns = 80, cwd, env } = options;
    const variables: Record<string, string> = { ...Deno.env.toObject(), TERM: "xterm-256color" };
    for (const name of ["NO_COLOR", "CI", "COLUMNS", "LINES"]) delete variables[name];
    const child = new Deno.Command(python, {
      args: ["-c", host, String(rows), String(columns), ...command],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      clearEnv: true,
      env: { ...variables, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    }).spawn();
    return new Terminal(child);
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.text += text;
  }

  /** What a person reads: the text without escape sequences. Lines that were overwritten are all there. */
  get plain(): string {
    return stripVTControlCharacters(this.text);
  }

  /** Waits until the plain text matches. @throws {Error} When the program ends before, or it takes a minute. */
  async shows(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.plain) || this.#hasEnded);
    if (!pattern.test(this.plain)) throw new Error(`ended without showing ${pattern}:\n${this.plain}`);
  }

  /** Presses keys. */
  async type(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Ends the program as a service manager does. */
  terminate(): void {
    this.#child.kill("SIGTERM");
  }

  /** Closes the terminal under the program, as a lost connection to it does; what it then does is not seen here. */
  async hangUp(): Promise<void> {
    // Two processes hold it: the one that hands on keys ends by itself.
    await this.#keys.close();
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** Ends the program, at once if need be. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) {
      this.#child.kill("SIGTERM");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
      await this.ended;
      clearTimeout(timer);
    }
    await this.#keys.close().catch(() => {
      // The program has closed its end.
    });
  }
}
