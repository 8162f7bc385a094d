/**
 * Options and operands of commands, declared once: what parses them, checks the configuration file, writes `--help` and
 * completes them in a shell all reads the same declaration.
 *
 * @module
 */
import { parseHostPort, parseTarget } from "../mod.ts";

/** What a shell may complete a value with. */
export type Completion = "file" | "directory" | readonly string[];

/** What an option has to do with others, by their names: see `given.ts`. */
export interface Relations {
  /** What has to be given beside it, each a name or, where one of several will do, their names. */
  readonly needs?: readonly (string | readonly string[])[];
  /** What must not be given beside it; it is enough when one of the two says so. */
  readonly excludes?: readonly string[];
}

/** An option or operand whose value is a `T`. */
export interface Option<T> extends Required<Relations> {
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
export interface Declaration extends Relations {
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
    needs: declaration.needs ?? [],
    excludes: declaration.excludes ?? [],
    read,
  };
}

/** The same options, each with these relations besides its own. */
export function related<Table extends object>(
  options: Table,
  { needs = [], excludes = [] }: Relations,
): Table {
  const all = Object.entries(options as Options).map(([name, option]) => [name, {
    ...option,
    needs: [...option.needs, ...needs],
    excludes: [...option.excludes, ...excludes],
  }]);
  return Object.fromEntries(all) as Table;
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

/** A filter expression; whether it makes sense depends on metadata. */
export const expression: Declare<string> = single("EXPRESSION", notEmpty);

/** A path; what is there is for the command to find out. */
export const file: Declare<string> = single("FILE", notEmpty, "file");

/** Texts, each given by an option of its own. */
export function list(declaration: Declaration & { readonly required?: true }): Option<readonly string[]> {
  return option(declaration, "TEXT", true, (texts) => texts);
}

/** Filter expressions, each given by an option of its own. */
export function expressions(declaration: Declaration): Option<readonly string[]> {
  return option(declaration, "EXPRESSION", true, (texts) => texts.map(notEmpty));
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

/** Where to listen. */
export interface Place {
  readonly hostname: string;
  /** 0 for any free one; `undefined` for the customary one. */
  readonly port: number | undefined;
}

/** `host:port`, `host`, `:port` or a port alone to listen at; without a host at all addresses of this machine. */
export const listenAddress: Declare<Place> = single("[HOST:]PORT", (text) => {
  const address = /^\d{1,5}$/.test(text) ? `:${text}` : text;
  const { hostname } = asAddress(address, parseHostPort);
  const isEverywhere = address.startsWith(":") && !address.startsWith("::");
  const port = hasPort(address) ? parseHostPort(address, 0).port : undefined;
  return { hostname: isEverywhere ? "0.0.0.0" : hostname, port };
});

/** Whether an address names a port. */
function hasPort(address: string): boolean {
  try {
    parseHostPort(address);
    return true;
  } catch {
    return false;
  }
}

/** `host:port`, `host` or `:port` to connect to, kept as text. */
export const address: Declare<string> = single("ADDRESS", targetText);

/** Addresses to connect to, each given by an option of its own. */
export function addresses(
  declaration: Declaration & { readonly required?: true },
): Option<readonly string[]> {
  return option(declaration, "ADDRESS", true, (texts) => texts.map(targetText));
}

function targetText(text: string): string {
  asAddress(text, parseTarget);
  return text;
}

function asAddress(text: string, parse: typeof parseTarget): ReturnType<typeof parseTarget> {
  try {
    return parse(text, 1);
  } catch (error) {
    if (error instanceof RangeError) throw new TypeError(`is ${error.message}`);
    throw new TypeError(`is "${text}", an address such as localhost:7165 expected`);
  }
}

const units: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A length of time within bounds, in milliseconds: given as `250ms`, `30s`, `5m`, `1.5h`, `7d`, or a number of seconds, as
 * the bounds are.
 */
export function durationWithin(low: string, high: string): Declare<number> {
  const [least, most] = [milliseconds(low), milliseconds(high)];
  return single("TIME", (text) => {
    const value = milliseconds(text);
    if (value >= least && value <= most) return value;
    const expected = Number.isNaN(value) ? "such as 250ms, 30s, 5m or 1h" : `from ${low} to ${high}`;
    throw new TypeError(`is "${text}", a time ${expected} expected`);
  });
}

/** NaN for what is none. */
function milliseconds(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|[smhd]?)$/.exec(text);
  return match === null ? NaN : Number(match[1]) * units[match[2]!]!;
}

/** Any length of time in milliseconds, up to a hundred years: for what is no delay of a timer. */
export const duration: Declare<number> = durationWithin("0", "36500d");

/** The most whole days that a timer takes: one that should wait for longer fires at once. */
const longestWait = "24d";

/** How long something is waited for, in milliseconds. */
export const timerDuration: Declare<number> = durationWithin("0", longestWait);

/** How long something that must come may take, in milliseconds: none comes at once. */
export const timeLimit: Declare<number> = durationWithin("1ms", longestWait);

const sizes: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A size in bytes, given as `4096`, `512k`, `64M` or `2G`; letters may be small or capital. */
export const bytes: Declare<number> = single("SIZE", (text) => {
  const match = /^(\d{1,9})([kMG]?)$/i.exec(text);
  if (match !== null) return Number(match[1]) * sizes[match[2]!.toLowerCase()]!;
  throw new TypeError(`is "${text}", a size such as 4096, 512k, 64M or 2G expected`);
});

/** How many times as much, over 0; `max` for `Infinity`. */
export const factor: Declare<number> = single("FACTOR", (text) => {
  const value = text === "max" ? Infinity : /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
  if (value > 0) return value;
  throw new TypeError(`is "${text}", a number over 0 or max expected`);
});

function notEmpty(text: string): string {
  if (text.trim() === "") throw new TypeError("is empty");
  return text;
}

/** An option's or operand's value that is no flag's is on; a flag's is as its last text says. */
export function isOn({ placeholder }: Option<unknown>, texts: readonly string[]): boolean {
  return placeholder !== undefined || texts.at(-1) === "true";
}

/** `maxRate` as it is spelled on the command line and in configuration files: `max-rate`. */
export function spelled(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
