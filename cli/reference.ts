/**
 * The reference part of docs/cli.md: what `--help` tells of every command. Run, it writes that part anew.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { commandHelp } from "./help.ts";
import { commands } from "./registry.ts";
import { PROGRAM } from "./version.ts";
import { plainStyles } from "./output.ts";

/** The line of the document before the reference, which is its end. */
export const REFERENCE_HEADING = "## Reference";

/** The reference in Markdown, from its heading on. */
export function reference(commands: readonly Command[]): string {
  const sections = commands.map((command) =>
    `### ${PROGRAM} ${command.name}\n\n\`\`\`text\n${commandHelp(command, plainStyles, 100)}\n\`\`\`\n`
  );
  return [`${REFERENCE_HEADING}\n`, "What `--help` tells.\n", ...sections].join("\n");
}

if (import.meta.main) {
  const path = new URL("../docs/cli.md", import.meta.url);
  const [guide] = (await Deno.readTextFile(path)).split(`${REFERENCE_HEADING}\n`);
  await Deno.writeTextFile(path, guide + reference(commands));
}
