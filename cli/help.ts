/**
 * What `--help` shows.
 *
 * @module
 */
import { type Command, commonOptions } from "./command.ts";
import type { Option, Options } from "./option.ts";
import { spelled } from "./option.ts";
import type { Styles } from "./output.ts";
import { wrap } from "./text.ts";
import { PROGRAM } from "./version.ts";

/** Help for all of it: the commands, a line for each. */
export function programHelp(commands: readonly Command[], styles: Styles, width: number): string {
  const names = commands.map(({ name }) => name);
  const indent = Math.max(...names.map((name) => name.length)) + 4;
  return [
    `${styles.bold("Usage:")} ${PROGRAM} COMMAND [OPTIONS]`,
    "",
    "Publishes, receives and examines streams of measurements over STTP (IEEE 2664).",
    "",
    styles.bold("Commands:"),
    ...commands.flatMap(({ name, summary }) => entry(name, summary, indent, width)),
    "",
    `"${PROGRAM} COMMAND --help" tells a command's options. "${PROGRAM} --version" tells the version.`,
  ].join("\n");
}

/** Help for a command. */
export function commandHelp(command: Command, styles: Styles, width: number): string {
  const lines = [`${styles.bold("Usage:")} ${usageOf(command)}`, "", ...wrap(`${command.summary}.`, width)];
  for (const paragraph of command.description.split("\n\n")) {
    if (paragraph !== "") lines.push("", ...wrap(paragraph, width));
  }
  const operands = Object.entries(command.operands).map(([name, operand]) =>
    [operandName(name), operand] as const
  );
  const sections = new Map<string, (readonly [string, Option<unknown>])[]>();
  if (operands.length > 0) sections.set("Arguments", operands);
  for (const [name, option] of Object.entries({ ...command.options, ...commonOptions })) {
    const heading = option.group ?? "Options";
    sections.set(heading, [...sections.get(heading) ?? [], [optionName(name, option), option]]);
  }
  // General ones last: they are the same everywhere.
  const all = [...sections.values()].flat();
  const indent = Math.min(30, Math.max(...all.map(([label]) => label.length)) + 4);
  for (const [heading, entries] of sections) {
    lines.push("", styles.bold(`${heading}:`));
    for (const [label, option] of entries) lines.push(...entry(label, explain(option), indent, width));
  }
  lines.push("", styles.bold("Examples:"));
  for (const { line, explanation } of command.examples) {
    lines.push(
      ...wrap(`# ${explanation}`, width - 2).map((text) => styles.dim(`  ${text}`)),
      `  ${PROGRAM} ${line}`,
    );
  }
  return lines.join("\n");
}

/** How a command is called, in a line. */
export function usageOf({ name, operands, options }: Command): string {
  const required = Object.entries(options).filter(([, { required }]) => required);
  return [
    PROGRAM,
    name,
    ...required.map(([name, option]) => optionName(name, option)),
    "[OPTIONS]",
    ...Object.entries(operands).map(([name, { required, multiple }]) => {
      const shown = `${operandName(name)}${multiple ? "..." : ""}`;
      return required ? shown : `[${shown}]`;
    }),
  ].join(" ");
}

function operandName(name: string): string {
  return spelled(name).toUpperCase();
}

function optionName(name: string, { short, placeholder }: Option<unknown>): string {
  const shown = placeholder === undefined ? "" : ` ${placeholder}`;
  return `${short === undefined ? "" : `-${short}, `}--${spelled(name)}${shown}`;
}

function explain({ summary, multiple, default: otherwise }: Option<unknown>): string {
  return [
    summary,
    multiple ? "; may be given several times" : "",
    otherwise === undefined ? "" : ` (${otherwise})`,
  ].join("");
}

function entry(label: string, explanation: string, indent: number, width: number): string[] {
  const lines = wrap(explanation, Math.max(20, width - indent));
  const head = `  ${label}`;
  const rest = lines.map((line) => " ".repeat(indent) + line);
  if (head.length + 2 > indent) return [head, ...rest];
  return [head.padEnd(indent) + lines[0]!, ...rest.slice(1)];
}

/** All options of a command, the common ones included, with the names that they have on the command line. */
export function spelledOptions(command: Command): [string, Option<unknown>][] {
  const all: Options = { ...command.options, ...commonOptions };
  return Object.entries(all).map(([name, option]) => [spelled(name), option]);
}
