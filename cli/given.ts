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

/** Where an option can be given; what comes first counts. */
const places = ["line", "section", "defaults"] as const;

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
export interface SettledOption extends GivenOption {
  /** Where it was given. */
  readonly from: keyof GivenAnywhere;
  /** Whether it is no flag that was taken back. */
  readonly isOn: boolean;
}

/** All that is in force, by the names of the declarations. */
export type Settled = ReadonlyMap<string, SettledOption>;

/**
 * What is in force, for a command that knows more of what goes together than {@linkcode Relations} can say: it depends on
 * values, or on where standard output goes.
 */
export class Settlement {
  readonly #options: Map<string, SettledOption>;

  /** @param options What is in force; what is left out is taken from there. */
  constructor(options: Map<string, SettledOption>) {
    this.#options = options;
  }

  /** The option's texts; none when it is not given, or a flag that was taken back. */
  texts(name: string): readonly string[] {
    const option = this.#options.get(name);
    return option?.isOn ? option.texts : [];
  }

  /** The last of them. */
  text(name: string): string | undefined {
    return this.texts(name).at(-1);
  }

  /** Where an option was given. */
  from(name: string): keyof GivenAnywhere | undefined {
    return this.#options.get(name)?.from;
  }

  /** Whether an option was given in a place that counts before that of another, or the other was not given. */
  outranks(name: string, other: string): boolean {
    const rank = (from: keyof GivenAnywhere | undefined): number =>
      from === undefined ? places.length : places.indexOf(from);
    return rank(this.from(name)) < rank(this.from(other));
  }

  /**
   * Of two options that contradict each other, leaves out the one whose place counts after that of the other.
   *
   * @throws {UsageError} When they are of the same place.
   */
  exclude(one: string, other: string): void {
    const [a, b] = [this.#options.get(one), this.#options.get(other)];
    if (!a?.isOn || !b?.isOn) return;
    if (a.from === b.from) throw contradiction(withValue(b), withValue(a));
    this.#options.delete(this.outranks(one, other) ? other : one);
  }

  /**
   * Leaves out an option that is of no use, if it is there.
   *
   * @param why What is wrong, to stand after its name.
   * @param beside The options that make it so, if any do.
   * @throws {UsageError} When it was typed, or stands in the command's section together with what makes it so.
   */
  leaveOut(name: string, why: string, beside: readonly string[] = []): void {
    const option = this.#options.get(name);
    if (option === undefined) return;
    const isTogether = beside.some((other) => this.from(other) === option.from);
    if (option.from === "line" || (option.from === "section" && isTogether)) {
      throw new UsageError(`${option.place}${option.name} ${why}`);
    }
    this.#options.delete(name);
  }
}

/**
 * What is in force. What the command line says comes before the command's section, and that before the defaults: what
 * contradicts it there gives way, together with what is of use only beside that. Defaults that are of no use to this
 * command, as it is called, are left out.
 *
 * @throws {UsageError} When one needs another that is not given, or two of the same place exclude each other.
 */
export function settle(
  operands: Options,
  options: Options,
  given: GivenAnywhere,
): Map<string, SettledOption> {
  const declared = { ...operands, ...options };
  const settled = new Map<string, SettledOption>();
  /** What was given and is not in force: who relies on it can't have known. */
  const withdrawn = new Set<string>();
  for (const from of places) {
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
  const seen = new Map<string, SettledOption>();
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
  settled: Settled,
): SettledOption | undefined {
  for (const [other, option] of settled) {
    if (!option.isOn) continue;
    if (declared[name]!.excludes.includes(other) || declared[other]!.excludes.includes(name)) return option;
  }
  return undefined;
}

function contradiction({ name, place }: GivenOption, rival: GivenOption): UsageError {
  return new UsageError(`${place}${rival.name} and ${name} exclude each other`);
}

/** An option named together with its value, which is what does not go together. */
function withValue(option: SettledOption): SettledOption {
  const text = option.texts.join();
  return text === "true" ? option : { ...option, name: `${option.name} ${text}` };
}

/** The options one of which has to be given beside this one, and none is. */
function missingBeside(
  name: string,
  declared: Options,
  settled: Settled,
): readonly string[] | undefined {
  return declared[name]!.needs.map((need) => typeof need === "string" ? [need] : need)
    .find((others) => !others.some((other) => settled.get(other)?.isOn));
}

/** `a`, `a or b`, `a, b or c`. */
export function anyOf(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
