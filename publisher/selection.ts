import type { Steps } from "../metadata/steps.ts";
import { encodeSignalIndexCacheSteps, SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { TextEncoding } from "../transport/wire/text.ts";
import { CacheBlock } from "./cache_block.ts";
import { SignalSet } from "./signal_set.ts";
import type { InTurn } from "./turns.ts";

/** What a filter expression comes to: the signals, and their cache in every form that was asked for. */
export class Selection {
  static #count = 0;
  /** The signals. */
  readonly set: SignalSet;
  /** How many more it would come to if the subscriber might see them, as far as it is told. */
  readonly unauthorized: number;
  readonly #id = ++Selection.#count;
  readonly #entries: () => Steps<SignalIndexCache>;
  readonly #caches = new Map<string, CacheBlock>();

  /** @param entries Makes the signal index cache. */
  constructor(
    set: SignalSet,
    unauthorized: number = 0,
    entries: () => Steps<SignalIndexCache> = noEntries,
  ) {
    this.set = set;
    this.unauthorized = unauthorized;
    this.#entries = entries;
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
    const entries = yield* this.#entries();
    const block = yield* encodeSignalIndexCacheSteps(entries, encoding);
    const cache = yield* CacheBlock.create(block, gzip);
    this.#caches.set(form, cache);
    return cache;
  }
}

// deno-lint-ignore require-yield
function* noEntries(): Steps<SignalIndexCache> {
  return SignalIndexCache.from([]);
}

/** What every filter comes to while there is no metadata. */
export const noSignals: Selection = new Selection(new SignalSet(new Int32Array(0)));
