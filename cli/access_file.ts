/**
 * A file that says who may connect to a publisher, and who sees what.
 *
 * @module
 */
import type { Node } from "yaml";
import {
  type AccessOptions,
  type DataSet,
  deriveActiveMeasurements,
  parseFilter,
  Publisher,
  selectSignalIds,
  SttpError,
} from "../mod.ts";
import { checked, UsageError } from "./exit_codes.ts";
import { YamlFile } from "./yaml.ts";

/** A filter expression that a rule has. */
interface Expression {
  readonly text: string;
  /** Which one it is: `signals[0].allow`. */
  readonly name: string;
  readonly node: Node | null;
}

/** Rights as `PublisherOptions.access` has them, but for functions. */
export class AccessFile {
  /** For a publisher. */
  readonly options: AccessOptions;
  readonly #file: YamlFile;
  readonly #expressions: readonly Expression[];

  private constructor(file: YamlFile) {
    this.#file = file;
    this.options = file.toJs() as AccessOptions;
    this.#expressions = expressionsOf(file, this.options);
  }

  /**
   * Reads and checks a file.
   *
   * @throws {UsageError} When it can't be used, with the place of an expression that can't be read.
   */
  static async read(path: string): Promise<AccessFile> {
    const found = new AccessFile(await YamlFile.read(path));
    found.#tryAll((text) => void parseFilter(text));
    try {
      checked(() => new Publisher({ listen: false, access: found.options }));
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`${path}: ${error.message}`);
      throw error;
    }
    return found;
  }

  /**
   * Tries every rule on metadata: one that does not fit would allow nothing, or deny everything.
   *
   * @throws {UsageError} When one does not fit, with its place.
   */
  tryOn(metadata: DataSet): void {
    if (this.#expressions.length === 0) return;
    const all = deriveActiveMeasurements(metadata, { includeDisabled: true });
    this.#tryAll((text) => void selectSignalIds(all, text));
  }

  #tryAll(attempt: (text: string) => void): void {
    for (const { text, name, node } of this.#expressions) {
      try {
        attempt(text);
      } catch (error) {
        if (!(error instanceof SttpError)) throw error;
        throw this.#file.error(node, `${name}: ${error.message}`);
      }
    }
  }
}

/** The filter expressions of a file whose rules need not make sense. */
function expressionsOf(file: YamlFile, options: AccessOptions | null): Expression[] {
  const rules: unknown = options?.signals;
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule, i) =>
    (["allow", "deny"] as const).flatMap((right) => {
      const text: unknown = rule?.[right];
      const node = file.at(["signals", i, right]);
      return typeof text === "string" ? [{ text, name: `signals[${i}].${right}`, node }] : [];
    })
  );
}
