/**
 * What was given, on the command line and in the configuration file, and whether it goes together.
 *
 * Options that have no effect, because of others that are given or not, are errors and not passed over. What they have
 * to do with each other is part of their declarations ({@linkcode Relations}).
 *
 * @module
 */
import { UsageError } from "./exit_codes.ts";
import { isOn, type Options, spelled } from "./option.ts";

/** An option or operand that was given. */
export interface GivenOption {
  readonly texts: readonly string[];
  /** What it is called where it was given: `--max-rate`, `SOURCE`, or in a configuration file `max-rate`. */
  readonly name: string;
  /** Where that is, to stand before a message: `sttp.yaml:3:5: `; empty for the command line. */
  readonly place: string;
}

/** What was given in one place, by the names of the declarations. */
export type Given = ReadonlyMap<string, GivenOption>;

/** What was given in all places. */
export interface GivenAnywhere {
  readonly line: Given;
  /** In the command's section of the configuration file. */
  readonly section: Given;
  /** In the section for all commands. */
  readonly defaults: Given;
}

/** What an operand or option is called on the command line: `SOURCE` or `--max-rate`. */
export function nameOnLine(name: string, operands: Options): string {
  return Object.hasOwn(operands, name) ? spelled(name).toUpperCase() : `--${spelled(name)}`;
}

/** An option that is in force. */
interface Settled extends GivenOption {
  readonly from: keyof GivenAnywhere;
  readonly isOn: boolean;
}

/**
 * What is in force. What the command line says comes before the command's section, and that before the defaults: what
 * contradicts it there gives way, together with what is of use only beside that. Defaults that are of no use to this
 * command, as it is called, are left out.
 *
 * @throws {UsageError} When one needs another that is not given, or two of the same place exclude each other.
 */
export function settle(operands: Options, options: Options, given: GivenAnywhere): Given {
  const declared = { ...operands, ...options };
  const settled = new Map<string, Settled>();
  /** What was given and is not in force: who relies on it can't have known. */
  const withdrawn = new Set<string>();
  for (const from of ["line", "section", "defaults"] as const) {
    for (const [name, option] of given[from]) {
      const on = isOn(declared[name]!, option.texts);
      const before = settled.get(name);
      if (before !== undefined) {
        if (on && !before.isOn) withdrawn.add(name);
        continue;
      }
      const rival = on ? rivalOf(name, declared, settled) : undefined;
      if (rival === undefined) settled.set(name, { ...option, from, isOn: on });
      else if (rival.from === from) throw contradiction(option, rival);
      else withdrawn.add(name);
    }
  }
  for (let isStable = false; !isStable;) {
    isStable = true;
    for (const [name, option] of settled) {
      const missing = option.isOn ? missingBeside(name, declared, settled) : undefined;
      if (missing === undefined) continue;
      const isLeft = option.from === "defaults" ||
        (option.from === "section" && missing.some((other) => withdrawn.has(other)));
      if (!isLeft) {
        const isOnLine = option.from === "line";
        const others = missing.map((other) => isOnLine ? nameOnLine(other, operands) : spelled(other));
        throw new UsageError(`${option.place}${option.name} needs ${anyOf(others)}`);
      }
      settled.delete(name);
      withdrawn.add(name);
      isStable = false;
    }
  }
  return settled;
}

/** Checks what stands in one place. @throws {UsageError} When two of it exclude each other. */
export function checkContradictions(declared: Options, given: Given): void {
  const seen = new Map<string, Settled>();
  for (const [name, option] of given) {
    if (!isOn(declared[name]!, option.texts)) continue;
    const rival = rivalOf(name, declared, seen);
    if (rival !== undefined) throw contradiction(option, rival);
    seen.set(name, { ...option, from: "section", isOn: true });
  }
}

/** One of those in force that an option can't stand beside. */
function rivalOf(
  name: string,
  declared: Options,
  settled: ReadonlyMap<string, Settled>,
): Settled | undefined {
  for (const [other, option] of settled) {
    if (!option.isOn) continue;
    if (declared[name]!.excludes.includes(other) || declared[other]!.excludes.includes(name)) return option;
  }
  return undefined;
}

function contradiction({ name, place }: GivenOption, rival: GivenOption): UsageError {
  return new UsageError(`${place}${rival.name} and ${name} exclude each other`);
}

/** The options one of which has to be given beside this one, and none is. */
function missingBeside(
  name: string,
  declared: Options,
  settled: ReadonlyMap<string, Settled>,
): readonly string[] | undefined {
  return declared[name]!.needs.map((need) => typeof need === "string" ? [need] : need)
    .find((others) => !others.some((other) => settled.get(other)?.isOn));
}

/** `a`, `a or b`, `a, b or c`. */
export function anyOf(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
