/**
 * The command `sttp`: `deno run -A cli/main.ts`, or the program that `deno task compile` makes of it. docs/cli.md tells
 * what it can do.
 *
 * @module
 */
import { commands } from "./registry.ts";
import { sinkOf } from "./output.ts";
import { run } from "./run.ts";
import { untilTold } from "./signals.ts";

if (import.meta.main) {
  const code = await untilTold((signal) =>
    run(Deno.args, commands, {
      signal,
      input: Deno.stdin.readable,
      out: sinkOf(Deno.stdout),
      err: sinkOf(Deno.stderr),
      colours: !Deno.noColor,
      env: (name) => Deno.env.get(name),
    })
  );
  // Standard input may still be open.
  Deno.exit(code);
}
