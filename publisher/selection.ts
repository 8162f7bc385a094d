import type { Steps } from "../metadata/steps.ts";
import { encodeSignalIndexCacheSteps, SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { TextEncoding } from "../transport/wire/text.ts";
import { CacheBlock } from "./cache_block.ts";
import { SignalSet } from "./signal_set.ts";
import type { InTurn } from "./turns.ts";

/** How a {@linkcode Selection} comes to its signal index cache. */
export interface SelectionCaches {
  /** Makes it. */
  readonly entries: () => Steps<SignalIndexCache>;
  /** Told when another form of it is there: how many bytes all of them take. */
  readonly onCached?: (bytes: number) => void;
}

/** What a filter expression comes to: the signals, and their cache in every form that was asked for. */
export class Selection {
  static #count = 0;
  /** The signals. */
  readonly set: SignalSet;
  /** How many more it would come to if the subscriber might see them, as far as it is told. */
  readonly unauthorized: number;
  readonly #id = ++Selection.#count;
  readonly #from: SelectionCaches;
  readonly #caches = new Map<string, CacheBlock>();

  /** @param from Where the signal index cache comes from. */
  constructor(set: SignalSet, unauthorized: number = 0, from: SelectionCaches = { entries: noEntries }) {
    this.set = set;
    this.unauthorized = unauthorized;
    this.#from = from;
  }

  /** The signal index cache, made once for each form. @throws {SttpError} `Closed` as by `inTurn`. */
  async cache(gzip: boolean, encoding: TextEncoding, inTurn: InTurn): Promise<CacheBlock> {
    const form = `${encoding} ${gzip}`;
    return this.#caches.get(form) ?? await inTurn({
      key: `cache ${this.#id} ${form}`,
      length: 0,
      begin: () => this.#encoded(gzip, encoding, form),
    });
  }

  *#encoded(gzip: boolean, encoding: TextEncoding, form: string): Steps<CacheBlock> {
    const entries = yield* this.#from.entries();
    const block = yield* encodeSignalIndexCacheSteps(entries, encoding);
    const cache = yield* CacheBlock.create(block, gzip);
    this.#caches.set(form, cache);
    this.#from.onCached?.(this.#caches.values().reduce((sum, { length }) => sum + length, 0));
    return cache;
  }
}

// deno-lint-ignore require-yield
function* noEntries(): Steps<SignalIndexCache> {
  return SignalIndexCache.from([]);
}

/** What every filter comes to while there is no metadata. */
export const noSignals: Selection = new Selection(new SignalSet(new Int32Array(0)));
