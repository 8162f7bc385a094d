/**
 * The configuration file: options of commands, by the names that they have on the command line.
 *
 * ```yaml
 * defaults: # for every command that has them
 *   ca: /etc/sttp/ca.pem
 * subscribe:
 *   address: historian.example:7165
 *   filter: FILTER ActiveMeasurements WHERE SignalType = 'FREQ'
 *   duration: 1h
 * ```
 *
 * @module
 */
import { isMap, isScalar, isSeq, type Node } from "yaml";
import { suggestion } from "./arguments.ts";
import { type Command, commonOptions } from "./command.ts";
import { checkContradictions, type Given, type GivenAnywhere, type GivenOption } from "./given.ts";
import { type Option, type Options, spelled } from "./option.ts";
import { YamlFile } from "./yaml.ts";

/** The section whose options count for every command that has them. */
const DEFAULTS = "defaults";

/** A configuration file, checked as a whole. */
export class Config {
  readonly #sections = new Map<string, Given>();

  /**
   * Reads and checks a file: all of it, whichever command is to be run.
   *
   * @throws {UsageError} With `path:line:column` of what is wrong.
   */
  static async read(path: string, commands: readonly Command[]): Promise<Config> {
    return new Config(await YamlFile.read(path), commands);
  }

  /**
   * Checks a file.
   *
   * @throws {UsageError} With `path:line:column` of what is wrong.
   */
  constructor(file: YamlFile, commands: readonly Command[]) {
    if (file.root === null) return;
    for (const [name, key, section] of entriesOf(file, file.root, "a section for each command")) {
      const command = commands.find((candidate) => candidate.name === name);
      if (command === undefined && name !== DEFAULTS) {
        const known = [DEFAULTS, ...commands.map(({ name }) => name)];
        throw file.error(key, `there is no command "${name}"${hint(name, known)}`);
      }
      const declared = command === undefined ? commands.map(optionsOf) : [optionsOf(command)];
      const given = readSection(file, section, name, declared);
      if (command !== undefined) checkContradictions(optionsOf(command), given);
      this.#sections.set(name, given);
    }
  }

  /**
   * What the file says for a command: in its section, and in that for all, as far as the command has such options and
   * they can have these values.
   */
  for(command: Command): Omit<GivenAnywhere, "line"> {
    const options = optionsOf(command);
    const defaults = [...this.#sections.get(DEFAULTS) ?? []].filter(([name, { texts }]) =>
      Object.hasOwn(options, name) && problemOf(options[name]!, texts) === undefined
    );
    return { section: this.#sections.get(command.name) ?? new Map(), defaults: new Map(defaults) };
  }
}

/** All that a configuration file may say for a command. */
function optionsOf(command: Command): Options {
  const { json } = commonOptions;
  return { ...command.operands, ...command.options, json };
}

function readSection(
  file: YamlFile,
  section: Node | null,
  title: string,
  declared: readonly Options[],
): Given {
  const found = new Map<string, GivenOption>();
  if (section === null || (isScalar(section) && section.value === null)) return found;
  for (const [key, node, value] of entriesOf(file, section, `options of ${title}`)) {
    const options = declared.flatMap((some) =>
      Object.entries(some).filter(([name]) => spelled(name) === key)
    );
    if (options.length === 0) {
      const known = declared.flatMap((some) => Object.keys(some).map(spelled));
      throw file.error(node, `${title} has no option "${key}"${hint(key, known)}`);
    }
    const place = `${file.place(value ?? node)}: `;
    const texts = readTexts(file, value ?? node, key, options[0]![1]);
    // A default has to make sense to one command only.
    const problems = options.map(([, option]) => problemOf(option, texts));
    if (!problems.includes(undefined)) throw file.error(value, `${key} ${problems[0]}`);
    found.set(options[0]![0], { texts, name: key, place });
  }
  return found;
}

function problemOf(option: Option<unknown>, texts: readonly string[]): string | undefined {
  try {
    option.read(texts);
    return undefined;
  } catch (error) {
    return (error as TypeError).message;
  }
}

function readTexts(file: YamlFile, node: Node, key: string, option: Option<unknown>): string[] {
  if (isSeq(node)) {
    if (!option.multiple) throw file.error(node, `${key} is a list, one value expected`);
    return node.items.map((item) => readText(file, item as Node, key, option));
  }
  return [readText(file, node, key, option)];
}

function readText(file: YamlFile, node: Node, key: string, option: Option<unknown>): string {
  const value = isScalar(node) ? node.value : undefined;
  if (option.placeholder === undefined) {
    if (typeof value === "boolean") return String(value);
    throw file.error(node, `${key} is true or false, nothing else expected`);
  }
  if (typeof value === "string") return value;
  // Long numbers as they are written.
  if (typeof value === "number" && isScalar(node)) return node.source ?? String(value);
  throw file.error(node, `${key} has to be a text or a number`);
}

/** The entries of a mapping: name, where the name stands, and the value. */
function entriesOf(file: YamlFile, node: Node, expected: string): [string, Node, Node | null][] {
  if (!isMap(node)) throw file.error(node, `${expected} expected`);
  return node.items.map(({ key, value }) => {
    const name = isScalar(key) ? key.value : undefined;
    if (typeof name !== "string") throw file.error(key as Node, "a name expected");
    return [name, key as Node, value as Node | null];
  });
}

function hint(name: string, known: readonly string[]): string {
  const meant = suggestion(name, known);
  return meant === undefined ? "" : `; did you mean ${meant}?`;
}
