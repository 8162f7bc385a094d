import { encodeSignalIndexCache, SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { TextEncoding } from "../transport/wire/text.ts";
import { CacheBlock } from "./cache_block.ts";
import { SignalSet } from "./signal_set.ts";

/** What a filter expression comes to: the signals, and their cache in every form that was asked for. */
export class Selection {
  /** The signals. */
  readonly set: SignalSet;
  /** How many more it would come to if the subscriber might see them, as far as it is told. */
  readonly unauthorized: number;
  readonly #entries: () => Promise<SignalIndexCache>;
  readonly #caches = new Map<string, Promise<CacheBlock>>();

  /** @param entries Makes the signal index cache. */
  constructor(
    set: SignalSet,
    unauthorized: number = 0,
    entries: () => Promise<SignalIndexCache> = () => Promise.resolve(SignalIndexCache.from([])),
  ) {
    this.set = set;
    this.unauthorized = unauthorized;
    this.#entries = entries;
  }

  /** The signal index cache, made once for each form. */
  cache(gzip: boolean, encoding: TextEncoding): Promise<CacheBlock> {
    const key = `${encoding} ${gzip}`;
    let cache = this.#caches.get(key);
    if (cache === undefined) {
      cache = this.#encoded(gzip, encoding);
      this.#caches.set(key, cache);
    }
    return cache;
  }

  async #encoded(gzip: boolean, encoding: TextEncoding): Promise<CacheBlock> {
    return await CacheBlock.create(encodeSignalIndexCache(await this.#entries(), encoding), gzip);
  }
}

/** What every filter comes to while there is no metadata. */
export const noSignals: Selection = new Selection(new SignalSet(new Int32Array(0)));
