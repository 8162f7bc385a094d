/**
 * Options and operands of commands, declared once: what parses them, checks the configuration file, writes `--help` and
 * completes them in a shell all reads the same declaration.
 *
 * @module
 */
import { parseHostPort } from "../mod.ts";

/** What a shell may complete a value with. */
export type Completion = "file" | "directory" | readonly string[];

/** An option or operand whose value is a `T`. */
export interface Option<T> {
  /** What it does, in a line for `--help`. */
  readonly summary: string;
  /** What stands for its value in `--help`; `undefined`: a flag, which has none. */
  readonly placeholder: string | undefined;
  /** One letter, for `-x`. */
  readonly short: string | undefined;
  /** The heading that `--help` has it under. */
  readonly group: string | undefined;
  /** What it is when it is not given, as text. */
  readonly default: string | undefined;
  /** Whether it has to be given. */
  readonly required: boolean;
  /** Whether it may be given several times. */
  readonly multiple: boolean;
  /** What a shell may complete a value with; default nothing. */
  readonly completion: Completion | undefined;
  /**
   * Makes the value of the texts that were given; of a flag these are `true` and `false`.
   *
   * @throws {TypeError} When one makes no sense; the message goes on where `--name` stopped: `is "x", ... expected`.
   */
  read(texts: readonly string[]): T;
}

/** Options or operands by name, in camel case: `maxRate` is `--max-rate`. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of {@linkcode Options}. */
export type ValuesOf<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never;
};

/** What a declaration says besides its type. */
export interface Declaration {
  readonly summary: string;
  readonly placeholder?: string;
  readonly short?: string;
  readonly group?: string;
  readonly completion?: Completion;
}

/** Declares options of one type: with a default or required they always have a value. */
export interface Declare<T> {
  (declaration: Declaration & ({ readonly default: string } | { readonly required: true })): Option<T>;
  (declaration: Declaration): Option<T | undefined>;
}

type AnyDeclaration = Declaration & { readonly default?: string; readonly required?: true };

function option<T>(
  declaration: AnyDeclaration,
  placeholder: string | undefined,
  multiple: boolean,
  read: (texts: readonly string[]) => T,
): Option<T> {
  return {
    summary: declaration.summary,
    placeholder: declaration.placeholder ?? placeholder,
    short: declaration.short,
    group: declaration.group,
    default: declaration.default,
    required: declaration.required ?? false,
    multiple,
    completion: declaration.completion,
    read,
  };
}

/** A kind of option of which the last one given counts. */
function single<T>(placeholder: string, parse: (text: string) => T, completion?: Completion): Declare<T> {
  function declare(declaration: AnyDeclaration): Option<T> {
    const given = completion === undefined ? declaration : { completion, ...declaration };
    return option(given, placeholder, false, (texts) => {
      const text = texts.at(-1) ?? declaration.default;
      // Without a default it is declared as possibly `undefined`.
      return text === undefined ? undefined as T : parse(text);
    });
  }
  return declare;
}

/** A flag: false unless given. `--no-name` takes back what a configuration file says. */
export function flag(declaration: Declaration): Option<boolean> {
  return option(declaration, undefined, false, (texts) => texts.at(-1) === "true");
}

/** Any text. */
export const text: Declare<string> = single("TEXT", (text) => text);

/** A path; what is there is for the command to find out. */
export const file: Declare<string> = single("FILE", notEmpty, "file");

/** Texts, each given by an option of its own. */
export function list(declaration: Declaration & { readonly required?: true }): Option<readonly string[]> {
  return option(declaration, "TEXT", true, (texts) => texts);
}

/**
 * Words with commas between them, in one option or several.
 *
 * @param known The words that there are; default any.
 */
export function words<Word extends string>(
  declaration: Declaration,
  known?: readonly Word[],
): Option<readonly Word[]> {
  return option(
    { placeholder: "NAME,...", ...declaration },
    undefined,
    true,
    (texts) =>
      texts.flatMap((text) => text.split(",")).map((text) => {
        const word = known === undefined
          ? text.trim() as Word
          : known.find((candidate) => candidate === text.trim());
        if (word !== undefined && word !== "") return word;
        throw new TypeError(`has "${text}", some of ${known?.join(", ") ?? "names"} expected`);
      }),
  );
}

/** A whole number within bounds. */
export function whole(low: number, high: number): Declare<number> {
  return single("N", (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= low && value <= high) return value;
    throw new TypeError(`is "${text}", a whole number from ${low} to ${high} expected`);
  });
}

/** A TCP or UDP port; 0 for any free one. */
export const port: Declare<number> = whole(0, 65_535);

/** One of several words. */
export function choice<const Word extends string>(...words: readonly Word[]): Declare<Word> {
  return single(words.join("|"), (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new TypeError(`is "${text}", one of ${words.join(", ")} expected`);
  }, words);
}

/** `host:port`, `host` or `:port`, kept as text. */
export const address: Declare<string> = single("ADDRESS", (text) => {
  try {
    parseHostPort(text, 0);
  } catch {
    throw new TypeError(`is "${text}", an address such as localhost:7165 expected`);
  }
  return text;
});

const units: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A length of time in milliseconds, given as `250ms`, `30s`, `5m`, `1.5h`, `7d`, or a number of seconds. */
export const duration: Declare<number> = single("TIME", (text) => {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|[smhd]?)$/.exec(text);
  if (match !== null) return Number(match[1]) * units[match[2]!]!;
  throw new TypeError(`is "${text}", a time such as 250ms, 30s, 5m or 1h expected`);
});

const sizes: Readonly<Record<string, number>> = { "": 1, k: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** A size in bytes, given as `4096`, `512k`, `64M` or `2G`. */
export const bytes: Declare<number> = single("SIZE", (text) => {
  const match = /^(\d{1,9})([kMG]?)$/.exec(text);
  if (match !== null) return Number(match[1]) * sizes[match[2]!]!;
  throw new TypeError(`is "${text}", a size such as 4096, 512k, 64M or 2G expected`);
});

function notEmpty(text: string): string {
  if (text === "") throw new TypeError("is empty");
  return text;
}

/** `maxRate` as it is spelled on the command line and in configuration files: `max-rate`. */
export function spelled(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
