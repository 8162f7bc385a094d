/**
 * The commands.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { completions } from "./commands/completions.ts";
import { filter } from "./commands/filter.ts";

/** All commands, in the order in which `sttp --help` lists them. */
export const commands: readonly Command[] = [filter, completions(() => commands)];
