/**
 * Files in YAML or JSON, which is YAML too.
 *
 * @module
 */
import { type Document, isAlias, isNode, LineCounter, type Node, parseDocument, visit } from "yaml";
import { UsageError } from "./exit_codes.ts";

/** The longest file that is read, in bytes. */
const LONGEST = 4 * 1024 ** 2;

/**
 * What a file in YAML or JSON says, as plain values.
 *
 * @throws {UsageError} As {@linkcode YamlFile.read}.
 */
export async function readYaml(path: string): Promise<unknown> {
  return (await YamlFile.read(path)).toJs();
}

/** A file in YAML or JSON, with places for messages. */
export class YamlFile {
  /** The path, as it was given. */
  readonly path: string;
  /** The root; `null` when the file is empty. */
  readonly root: Node | null;
  readonly #document: Document;
  readonly #lines: LineCounter;

  private constructor(path: string, document: Document, lines: LineCounter) {
    this.path = path;
    this.root = document.contents;
    this.#document = document;
    this.#lines = lines;
  }

  /**
   * Reads a file.
   *
   * @throws {UsageError} When it is not there, too long or not YAML, with the place.
   */
  static async read(path: string): Promise<YamlFile> {
    let text: string;
    try {
      const { size } = await Deno.stat(path);
      if (size > LONGEST) throw new UsageError(`${path} has ${size} bytes, at most ${LONGEST} expected`);
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`${path} can't be read: ${(error as Error).message}`);
    }
    return YamlFile.parse(path, text);
  }

  /**
   * Reads a text.
   *
   * @throws {UsageError} When it is not YAML, with the place.
   */
  static parse(path: string, text: string): YamlFile {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const file = new YamlFile(path, document, lines);
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw file.errorAt(problem.pos[0], problem.message);
    visit(document, (_, node) => {
      // A few of these can stand for a lot.
      if (isAlias(node)) throw file.error(node, "references to other places are not supported");
    });
    return file;
  }

  /** What the file says, as plain values. */
  toJs(): unknown {
    return this.#document.toJS();
  }

  /** The node at a path of names and numbers; `null` when there is none. */
  at(path: readonly (string | number)[]): Node | null {
    const found = this.#document.getIn(path, true);
    return isNode(found) ? found : null;
  }

  /** Where a node stands, `path:line:column`. */
  place(node: Node | null): string {
    return this.#placeOf(node?.range?.[0] ?? 0);
  }

  #placeOf(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  }

  /** An error about a node. */
  error(node: Node | null, message: string): UsageError {
    return new UsageError(`${this.place(node)}: ${message}`);
  }

  /** An error about a place in the text. */
  errorAt(offset: number, message: string): UsageError {
    return new UsageError(`${this.#placeOf(offset)}: ${message}`);
  }
}
