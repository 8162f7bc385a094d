/**
 * What the programs that a scenario starts have in common: settings in the first argument, commands as lines of
 * standard input, events as lines of JSON on standard output.
 *
 * @module
 */
import process from "node:process";
import { TextLineStream } from "@std/streams";

/** The program's settings. */
export function settings<T>(): T {
  return JSON.parse(Deno.args[0]!);
}

/** Reports an event. */
export function emit(event: string, details: object = {}): void {
  console.log(JSON.stringify({ event, ...details }));
}

/** Carries out commands, `word json` a line, until `quit` or the end of the input. */
export async function commands(
  handlers: Readonly<Record<string, (details: never) => void | Promise<void>>>,
): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const [, word, details] = /^(\S*)\s*(.*)$/.exec(line)!;
    if (word === "quit") return;
    const handler = handlers[word!];
    if (handler === undefined) throw new Error(`unknown command ${word}`);
    await handler(details === "" ? undefined as never : JSON.parse(details!) as never);
  }
}

/**
 * Milliseconds on a clock that the processes of one machine share and that does not go back: the wall clock when the
 * process began, and from there on the monotonic one.
 */
export function sharedNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds that this process has had of the processor, and bytes that it occupies. */
export function resources(): { cpu: number; resident: number } {
  const { user, system } = process.cpuUsage();
  return { cpu: (user + system) / 1000, resident: Deno.memoryUsage().rss };
}
