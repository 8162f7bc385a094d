/** The programs of the abuse suite and of the soak while they run. */
import { filePath } from "../interop/partners.ts";
import { Program } from "../interop/program.ts";

/**
 * Starts one of our programs in a process of its own, with settings as its argument.
 *
 * @param prefix What its command begins with; see `places.ts`.
 */
export function startProgram(script: URL, settings: object, prefix: readonly string[] = []): Program {
  const flags = ["run", "-A", "--no-check", "--v8-flags=--expose-gc"];
  const command = [...prefix, Deno.execPath(), ...flags, filePath(script), JSON.stringify(settings)];
  const program = Program.start(command[0]!, command.slice(1));
  program.patience = 120_000;
  return program;
}

/** Asks a program how it is. */
export async function look<Look>(program: Program): Promise<Look> {
  await program.send("look");
  return await program.next("look") as unknown as Look;
}

/** Open files of a process, sockets among them; 0 where the system does not tell. */
export function openFiles(pid: number): number {
  return Deno.build.os === "linux" ? [...Deno.readDirSync(`/proc/${pid}/fd`)].length : 0;
}
