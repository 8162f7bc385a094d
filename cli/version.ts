/**
 * What this program is.
 *
 * @module
 */
import settings from "../deno.json" with { type: "json" };
import type { AssemblyInfo } from "../mod.ts";

/** What the command is called. */
export const PROGRAM = "sttp";

/** The version of the package. */
export const VERSION: string = settings.version;

/** What a subscriber of ours tells the publisher about itself. */
export function assemblyInfo(command: string): AssemblyInfo {
  return { source: `${PROGRAM} ${command}`, version: VERSION, updatedOn: "" };
}
