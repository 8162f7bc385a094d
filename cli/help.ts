/**
 * What `--help` shows.
 *
 * @module
 */
import { type Command, commonOptions } from "./command.ts";
import { anyOf, nameOnLine } from "./given.ts";
import type { Option, Options } from "./option.ts";
import { spelled } from "./option.ts";
import type { Styles } from "./output.ts";
import { wrap } from "./text.ts";
import { PROGRAM } from "./version.ts";

/** Help for all of it: the commands, a line for each. */
export function programHelp(commands: readonly Command[], styles: Styles, width: number): string {
  const names = commands.map(({ name }) => name);
  const indent = width < 50 ? 6 : Math.max(...names.map((name) => name.length)) + 4;
  return [
    `${styles.bold("Usage:")} ${PROGRAM} COMMAND [OPTIONS]`,
    "",
    ...wrap("Publishes, receives and examines streams of measurements over STTP (IEEE 2664).", width),
    "",
    styles.bold("Commands:"),
    ...commands.flatMap(({ name, summary }) => entry(name, summary, indent, width)),
    "",
    ...wrap(
      `"${PROGRAM} COMMAND --help" tells a command's options. "${PROGRAM} --version" tells the version.`,
      width,
    ),
  ].join("\n");
}

/** Help for a command. */
export function commandHelp(command: Command, styles: Styles, width: number): string {
  const usage = wrap(`Usage: ${usageOf(command)}`, width - 2).join("\n  ");
  const lines = [usage.replace(/^Usage:/, styles.bold), "", ...wrap(`${command.summary}.`, width)];
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
  // On a narrow terminal explanations stand below what they explain.
  const indent = width < 50 ? 6 : Math.min(30, Math.max(...all.map(([label]) => label.length)) + 4);
  for (const [heading, entries] of sections) {
    const relations = entries.map(([, option]) => relationsOf(option, command.operands));
    // What holds for all of them is said once.
    const shared = entries.length < 2 ? none : relations.reduce(inBoth);
    lines.push("", styles.bold(`${[heading, ...relationTexts(shared)].join("; ")}:`));
    entries.forEach(([label, option], i) => {
      const texts = relationTexts(without(relations[i]!, shared));
      lines.push(...entry(label, explain(option, texts), indent, width));
    });
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

/** What an option has to do with others, in words for each of them. */
interface RelationWords {
  readonly needs: readonly string[];
  readonly excludes: readonly string[];
}

const none: RelationWords = { needs: [], excludes: [] };

function relationsOf({ needs, excludes }: Option<unknown>, operands: Options): RelationWords {
  const named = (name: string): string => nameOnLine(name, operands);
  return {
    needs: needs.map((need) => typeof need === "string" ? named(need) : anyOf(need.map(named))),
    excludes: excludes.map(named),
  };
}

function inBoth(one: RelationWords, other: RelationWords): RelationWords {
  return {
    needs: one.needs.filter((text) => other.needs.includes(text)),
    excludes: one.excludes.filter((text) => other.excludes.includes(text)),
  };
}

function without(one: RelationWords, other: RelationWords): RelationWords {
  return {
    needs: one.needs.filter((text) => !other.needs.includes(text)),
    excludes: one.excludes.filter((text) => !other.excludes.includes(text)),
  };
}

function relationTexts({ needs, excludes }: RelationWords): string[] {
  return [
    ...needs.length === 0 ? [] : [`needs ${needs.join(" and ")}`],
    ...excludes.length === 0 ? [] : [`not with ${anyOf(excludes)}`],
  ];
}

function explain(
  { summary, multiple, default: otherwise }: Option<unknown>,
  relations: readonly string[],
): string {
  const text = [summary, ...multiple ? ["may be given several times"] : [], ...relations].join("; ");
  return otherwise === undefined ? text : `${text} (${otherwise})`;
}

function entry(label: string, explanation: string, indent: number, width: number): string[] {
  const lines = wrap(explanation, Math.max(10, width - indent));
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
