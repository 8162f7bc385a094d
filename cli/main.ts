/**
 * The command `sttp`: `deno task sttp`, which names all the permissions that it needs, or the program that
 * `deno task compile` makes of it. docs/cli.md tells what it can do.
 *
 * @module
 */
import { ExitCode } from "./exit_codes.ts";
import { commands } from "./registry.ts";
import { sinkOf } from "./output.ts";
import { reportFault, run } from "./run.ts";
import { untilTold } from "./signals.ts";

if (import.meta.main) {
  // Only bench starts another process: itself, and so a compiled program may run any, not knowing where it will lie. With
  // all permissions, which nobody has who may not load libraries, giving up one would close /dev and /proc, too.
  const hasAll = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  if (Deno.args[0] !== "bench" && !hasAll) Deno.permissions.revokeSync({ name: "run" });
  const told = new AbortController();
  const terminal = Deno.env.get("TERM");
  const streams = {
    out: sinkOf(Deno.stdout, { name: "standard output", terminal, signal: told.signal }),
    err: sinkOf(Deno.stderr, { name: "standard error", terminal, signal: told.signal }),
    colours: !Deno.noColor,
  };
  // What nothing else waits for fails here, and not with an exit code of Deno's.
  const fail = (event: Event, error: unknown): void => {
    event.preventDefault();
    void reportFault(error, Deno.args, streams).then(Deno.exit, () => Deno.exit(ExitCode.Fault));
  };
  globalThis.addEventListener("error", (event) => fail(event, event.error));
  globalThis.addEventListener("unhandledrejection", (event) => fail(event, event.reason));
  const code = await untilTold(told, () =>
    run(Deno.args, commands, {
      ...streams,
      signal: told.signal,
      input: Deno.stdin.readable,
      env: (name) => Deno.env.get(name),
    }));
  // Standard input may still be open.
  Deno.exit(code);
}
