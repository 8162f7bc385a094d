/**
 * Looking up values in the constants of an IN list, all at once.
 *
 * @module
 */
import type { Code } from "./code.ts";
import { readText, toDouble, toText } from "./convert.ts";
import { truncateDecimal } from "../decimal.ts";
import { ShardedMap } from "../sharded_map.ts";
import { equalsFolded, equalsOneFolded, fold } from "./text.ts";
import { type FilterValue, isNumeric, type ValueType } from "./types.ts";

type Present = NonNullable<FilterValue>;

/** Few words are compared one by one, which makes no text in upper case. */
const MAX_SCANNED = 8;

/** The constants of an IN list that an operand of one type is looked up in, by the rules of comparison. */
export class Membership {
  readonly #type: ValueType;
  readonly #exact: boolean;
  /** Exact numbers; GUIDs or ticks of an operand that is one. */
  readonly #values = new ShardedMap<Present, true>();
  /** Numbers that compare as doubles. */
  readonly #doubles = new ShardedMap<number, true>();
  /** Texts that a text is compared with. */
  readonly #words = new ShardedMap<string, true>();
  /** GUIDs and ticks that a text is compared with if it reads as one. */
  readonly #guids = new ShardedMap<Present, true>();
  readonly #ticks = new ShardedMap<Present, true>();

  /**
   * @param type The operand's type.
   * @param exact Whether the case of texts counts.
   */
  constructor(type: ValueType, exact: boolean) {
    this.#type = type;
    this.#exact = exact;
  }

  /** Adds a constant that compares with the operand; null matches nothing. */
  add({ type, run }: Code): void {
    const value = run(0);
    if (value === null) return;
    if (this.#type === "string") {
      if (type === "guid") this.#guids.set(value, true);
      else if (type === "datetime") this.#ticks.set(value, true);
      else this.#words.set(this.#word(toText(type, value)), true);
    } else if (!isNumeric(this.#type)) {
      this.#values.set(value, true);
    } else if (this.#type === "double" || type === "double") {
      const double = toDouble(value);
      // NaN equals nothing, yet a Map would find it.
      if (!Number.isNaN(double)) this.#doubles.set(double, true);
    } else {
      this.#values.set(exactKey(value), true);
    }
  }

  /** The test of a value of the operand's type, once all constants are added. */
  tester(): (value: Present) => boolean {
    const values = this.#values;
    const doubles = this.#doubles;
    if (this.#type === "string") return this.#textTester();
    if (!isNumeric(this.#type)) return (value) => values.has(value);
    if (doubles.size === 0) return (value) => values.has(exactKey(value));
    return (value) => doubles.has(toDouble(value)) || (values.size > 0 && values.has(exactKey(value)));
  }

  #word(text: string): string {
    return this.#exact ? text : fold(text);
  }

  #textTester(): (value: Present) => boolean {
    const isWord = this.#wordTester();
    const guids = this.#guids;
    const ticks = this.#ticks;
    if (guids.size + ticks.size === 0) return isWord;
    const reads = (text: string, type: ValueType, known: ShardedMap<Present, true>): boolean => {
      const value = known.size === 0 ? undefined : readText(text, type);
      return value !== undefined && known.has(value);
    };
    return (value) =>
      isWord(value) || reads(value as string, "guid", guids) || reads(value as string, "datetime", ticks);
  }

  #wordTester(): (value: Present) => boolean {
    if (this.#exact) return (value) => this.#words.has(value as string);
    if (this.#words.size > MAX_SCANNED) return (value) => this.#words.has(fold(value as string));
    const words = [...this.#words.keys()];
    if (words.length === 1) return (value) => equalsFolded(value as string, words[0]!);
    return (value) => equalsOneFolded(value as string, words);
  }
}

/** One value for equal numbers of all exact types: a number, a bigint beyond 2^53, or a text when not whole. */
function exactKey(value: Present): number | bigint | string {
  switch (typeof value) {
    case "number":
      return value;
    case "boolean":
      return Number(value);
    case "bigint":
      return BigInt.asIntN(53, value) === value ? Number(value) : value;
    case "object": {
      const plain = value.stripTrailingZeros();
      return plain.scale() > 0 ? plain.toString() : exactKey(truncateDecimal(plain));
    }
    default:
      return value;
  }
}
