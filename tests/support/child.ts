/**
 * Our own publisher or subscriber in a process of its own, so that a test sees two processes and a socket between.
 *
 * @module
 */
import { Program } from "../interop/program.ts";

/** What a child's program is given: everything that the package exports, the tests' support, and a line to its parent. */
export type ChildTools =
  & typeof import("../../mod.ts")
  & typeof import("../../history/mod.ts")
  & typeof import("../integration/support.ts")
  & {
    /** Reports something; the parent gets it with {@linkcode Program.next}. Bigints become texts, NaN `null`. */
    say(event: string, details?: Record<string, unknown>): void;
    /** The parent's next line; `undefined` when there will be none. */
    heard(): Promise<string | undefined>;
  };

/**
 * Runs a function in a new process, which may use the network of this machine and nothing else.
 *
 * @param program What it does. Its text is what is handed over: it can use its parameters and globals, and nothing
 * that surrounds it.
 * @param args Its second parameter, by way of JSON.
 * @param permissions Further ones, such as `--allow-read=/some/file`.
 */
export function runChild<Args>(
  program: (tools: ChildTools, args: Args) => Promise<void>,
  args: Args,
  permissions: readonly string[] = [],
): Program {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const text = `
    import * as sttp from ${url("../../mod.ts")};
    import * as history from ${url("../../history/mod.ts")};
    import * as support from ${url("../integration/support.ts")};
    const replace = (_, value) => typeof value === "bigint" ? String(value) : value;
    async function* linesOf(stream) {
      let rest = "";
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\\n");
        rest = lines.pop();
        yield* lines;
      }
    }
    let lines;
    const tools = {
      ...sttp,
      ...history,
      ...support,
      say: (event, details) => console.log(JSON.stringify({ event, ...details }, replace)),
      heard: async () => {
        // Not before it is asked for: input that nobody waits for keeps no process alive.
        lines ??= linesOf(Deno.stdin.readable);
        return (await lines.next()).value;
      },
    };
    await (${program})(tools, ${JSON.stringify(args)});
    await lines?.return();`;
  return Program.start(Deno.execPath(), [
    "run",
    "--no-check",
    "--quiet",
    "--no-prompt",
    "--allow-net=127.0.0.1,[::1],localhost",
    ...permissions,
    `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
    `data:text/javascript,${encodeURIComponent(text)}`,
  ]);
}
