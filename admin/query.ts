import { Problem } from "./problems.ts";

/** What a request asks for after the question mark, read name by name. */
export class Query {
  readonly #parameters: URLSearchParams;

  /**
   * @param repeatable The one that may be given more than once.
   * @throws {Problem} When there is a parameter of another name, or one twice.
   */
  constructor(url: string, known: readonly string[], repeatable?: string) {
    this.#parameters = new URL(url).searchParams;
    for (const name of this.#parameters.keys()) {
      if (!known.includes(name)) {
        const expected = known.length === 0 ? "none expected" : `expected ${known.join(", ")}`;
        throw new Problem(400, "UnknownParameter", `there is no parameter "${clip(name, 40)}"; ${expected}`);
      }
      if (name !== repeatable && this.#parameters.getAll(name).length > 1) {
        throw new Problem(400, "RepeatedParameter", `${name} is given more than once`);
      }
    }
  }

  /** A text; empty is as good as none. */
  text(name: string): string | undefined {
    return this.#parameters.get(name) || undefined;
  }

  /** All texts of a name that are not empty, each once. */
  texts(name: string): string[] {
    return [...new Set(this.#parameters.getAll(name))].filter((text) => text !== "");
  }

  /** A whole number of a range. @throws {Problem} When it is none. */
  whole(name: string, otherwise: number, low: number, high: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (value >= low && value <= high) return value;
    throw new Problem(
      400,
      "InvalidParameter",
      `${name} is "${clip(text, 40)}", expected a whole number from ${low} to ${high}`,
    );
  }

  /** One of some words. @throws {Problem} When it is none of them. */
  word<Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new Problem(
      400,
      "InvalidParameter",
      `${name} is "${clip(text, 40)}", expected ${words.join(", ")}`,
    );
  }
}

/** A text, its end replaced by `...` when it is longer than that. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

/** The path that a request asks for, below the path that the admin is found at; `undefined` when it is not below that. */
export function pathOf(request: Request, basePath: string): string | undefined {
  const { pathname } = new URL(request.url);
  if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) return undefined;
  return pathname.slice(basePath.length) || "/";
}
