/** Programs that a test may use where they are installed. */

/** Whether a program can be run. */
export async function isInstalled(program: string, argument = "version"): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, { args: [argument], stdout: "null", stderr: "null" })
      .output();
    return success;
  } catch {
    return false;
  }
}

/** What a test's name says that needs a program which is not there. */
export function unless(installed: boolean, program: string): string {
  return installed ? "" : ` (skipped: no ${program})`;
}
