/**
 * The command line taken apart.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { closest, distance } from "fastest-levenshtein";
import { UsageError } from "./exit_codes.ts";
import { type Given, nameOnLine } from "./given.ts";
import { type Options, spelled } from "./option.ts";

/**
 * Takes the arguments of a command apart.
 *
 * @param args What comes after the command's name.
 * @throws {UsageError} When an option does not exist, has no value or one too many, or there are too many operands.
 */
export function readArguments(args: readonly string[], operands: Options, options: Options): Given {
  const names = new Map(Object.keys(options).map((name) => [spelled(name), name]));
  const config: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [spelling, name] of names) {
    const { placeholder, short } = options[name]!;
    config[spelling] = {
      type: placeholder === undefined ? "boolean" : "string",
      multiple: true,
      ...(short !== undefined && { short }),
    };
  }
  // Not strict: its tokens make better messages.
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  const add = (name: string, text: string): void => {
    given.set(name, [...given.get(name) ?? [], text]);
  };
  const waiting = Object.keys(operands);
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      const name = waiting[0];
      if (name === undefined) throw new UsageError(`unexpected argument "${token.value}"`);
      if (!operands[name]!.multiple) waiting.shift();
      add(name, token.value);
      continue;
    }
    const [name, text] = readOption(token, options, names);
    const { multiple, placeholder } = options[name]!;
    if (!multiple && placeholder !== undefined && given.has(name)) {
      throw new UsageError(`${nameOnLine(name, operands)} is given twice`);
    }
    add(name, text);
  }
  return new Map(
    [...given].map(([name, texts]) => [name, { texts, name: nameOnLine(name, operands), place: "" }]),
  );
}

/** An option as it stands on the line. */
interface OptionToken {
  readonly name: string;
  /** As it was written, such as `-f`. */
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** @returns The option's name in the declarations, and what was given. */
function readOption(
  { name, rawName, value, inlineValue }: OptionToken,
  options: Options,
  names: ReadonlyMap<string, string>,
): [string, string] {
  const isNegated = !names.has(name) && name.startsWith("no-");
  const found = names.get(isNegated ? name.slice("no-".length) : name);
  const placeholder = found === undefined ? undefined : options[found]!.placeholder;
  if (found === undefined || (isNegated && placeholder !== undefined)) {
    throw new UsageError(unknown(rawName, names.keys()));
  }
  if (placeholder === undefined) {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
    return [found, String(!isNegated)];
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value, ${rawName} ${placeholder}`);
  if (!inlineValue && value.startsWith("-") && value !== "-") {
    throw new UsageError(
      `${rawName} needs a value; for one that begins with a hyphen write --${name}=${value}`,
    );
  }
  return [found, value];
}

function unknown(given: string, known: Iterable<string>): string {
  const meant = suggestion(given.replace(/^-+/, ""), known);
  return `there is no option ${given}${meant === undefined ? "" : `; did you mean --${meant}?`}`;
}

/** The candidate that a misspelled word was probably meant to be. */
export function suggestion(word: string, candidates: Iterable<string>): string | undefined {
  const found = closest(word, [...candidates]);
  return distance(word, found) <= Math.max(1, word.length / 3) ? found : undefined;
}

/**
 * The values of operands and options.
 *
 * @throws {UsageError} When one is missing or makes no sense.
 */
export function readValues(operands: Options, options: Options, given: Given): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries({ ...operands, ...options })) {
    const found = given.get(name);
    const called = nameOnLine(name, operands);
    if (found === undefined && option.required) {
      throw new UsageError(`${called} is missing: ${option.summary}`);
    }
    try {
      values[name] = option.read(found?.texts ?? []);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new UsageError(`${found?.place ?? ""}${found?.name ?? called} ${error.message}`);
    }
  }
  return values;
}
