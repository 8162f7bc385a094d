/**
 * The signal index cache: which signal ID each of a session's signal indexes stands for (§5).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { DefaultLimits, type Limits } from "../limits.ts";
import { gunzipSteps, isGzip } from "./gzip.ts";
import { EMPTY_GUID, GUID_LENGTH, readGuid, writeGuid } from "./guid.ts";
import { IndexTable } from "./index_table.ts";
import { finish } from "./steps.ts";
import { encodeText, type TextEncoding } from "./text.ts";

/** One entry of a {@linkcode SignalIndexCache}. */
export interface SignalIndexEntry {
  /** The signal index, an int32. */
  readonly index: number;
  /** The signal ID, a lower-case GUID. */
  readonly signalId: string;
  /** The measurement key's source, the `PPA` of `PPA:12`; empty from some publishers. */
  readonly source: string;
  /** The measurement key's number, the `12` of `PPA:12`; a uint64. */
  readonly id: bigint;
}

/** What a {@linkcode SignalIndexCache} is made of besides its entries. */
export interface SignalIndexCacheOptions {
  /** The publisher's ID for the subscriber, a GUID; default the nil GUID. */
  readonly subscriberId?: string;
  /** Signals asked for that the subscriber may not see, GUIDs; default none. */
  readonly unauthorized?: readonly string[];
  /** How many entries another one with the same index replaced; default 0. */
  readonly duplicates?: number;
}

/** The columns of a {@linkcode SignalIndexCache}, all of one length. */
export interface SignalIndexCacheColumns {
  /** Signal indexes. */
  readonly indexes: Int32Array;
  /** Signal IDs as on the wire, 16 bytes each. */
  readonly guids: Uint8Array;
  /** Sources of the measurement keys. */
  readonly sources: readonly string[];
  /** Numbers of the measurement keys. */
  readonly ids: BigUint64Array;
}

/**
 * A signal index cache in columns: element `i` of each makes entry `i`.
 *
 * @example
 * ```ts
 * import { decodeSignalIndexCache, encodeSignalIndexCache, SignalIndexCache } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = SignalIndexCache.from([
 *   { index: 0, signalId: "9ae6dd95-bddb-5dd8-8717-57da1268b9ca", source: "PPA", id: 12n },
 * ]);
 * const [entry] = decodeSignalIndexCache(encodeSignalIndexCache(cache));
 * assertEquals(entry, { index: 0, signalId: "9ae6dd95-bddb-5dd8-8717-57da1268b9ca", source: "PPA", id: 12n });
 * ```
 */
export class SignalIndexCache implements SignalIndexCacheColumns {
  /** The publisher's ID for the subscriber. */
  readonly subscriberId: string;
  /** Signal indexes. */
  readonly indexes: Int32Array;
  /** Signal IDs as on the wire, 16 bytes each. */
  readonly guids: Uint8Array;
  /** Sources of the measurement keys. */
  readonly sources: readonly string[];
  /** Numbers of the measurement keys. */
  readonly ids: BigUint64Array;
  #signalIds: readonly string[] | undefined;
  /** Signals asked for that the subscriber may not see. */
  readonly unauthorized: readonly string[];
  /** How many entries another one with the same index replaced. */
  readonly duplicates: number;

  /**
   * A cache over columns, which are not copied.
   *
   * @throws {RangeError} When the columns are not of one length.
   */
  constructor(columns: SignalIndexCacheColumns, options: SignalIndexCacheOptions = {}) {
    const { indexes, guids, sources, ids } = columns;
    if (
      guids.length !== indexes.length * GUID_LENGTH || sources.length !== indexes.length ||
      ids.length !== indexes.length
    ) {
      throw new RangeError(
        `columns of ${indexes.length}, ${
          guids.length / GUID_LENGTH
        }, ${sources.length} and ${ids.length} entries`,
      );
    }
    this.indexes = indexes;
    this.guids = guids;
    this.sources = sources;
    this.ids = ids;
    this.subscriberId = options.subscriberId ?? EMPTY_GUID;
    this.unauthorized = options.unauthorized ?? [];
    this.duplicates = options.duplicates ?? 0;
  }

  /** A cache of entries, in their order. @throws {TypeError} When a signal ID is not a GUID. */
  static from(entries: Iterable<SignalIndexEntry>, options?: SignalIndexCacheOptions): SignalIndexCache {
    const all = [...entries];
    const guids = new Uint8Array(all.length * GUID_LENGTH);
    all.forEach(({ signalId }, i) => writeGuid(signalId, guids, i * GUID_LENGTH));
    return new SignalIndexCache({
      indexes: Int32Array.from(all, (entry) => entry.index),
      guids,
      sources: all.map((entry) => entry.source),
      ids: BigUint64Array.from(all, (entry) => entry.id),
    }, options);
  }

  /** How many entries there are. */
  get size(): number {
    return this.indexes.length;
  }

  /** Signal IDs as text, lower-case GUIDs; made when first asked for. */
  get signalIds(): readonly string[] {
    return this.#signalIds ??= Array.from(
      { length: this.size },
      (_, i) => readGuid(this.guids, i * GUID_LENGTH),
    );
  }

  /** Entry `i`, counted from 0 in the cache's order; not the one with index `i`. @throws {RangeError} */
  at(i: number): SignalIndexEntry {
    if (!Number.isInteger(i) || i < 0 || i >= this.size) throw new RangeError(`entry ${i} of ${this.size}`);
    return {
      index: this.indexes[i]!,
      signalId: readGuid(this.guids, i * GUID_LENGTH),
      source: this.sources[i]!,
      id: this.ids[i]!,
    };
  }

  /** The entries, in the cache's order. */
  *[Symbol.iterator](): Generator<SignalIndexEntry, void, undefined> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
}

// blockLength[4], subscriberID[16], count[4]
const HEADER_LENGTH = 24;
// signalIndex[4], signalID[16], sourceLength[4], id[8]
const LEAST_ENTRY_LENGTH = 32;

/**
 * A cache as the block that UpdateSignalIndexCache carries, not compressed.
 *
 * @param encoding The session's encoding, for the sources; default UTF-8.
 * @throws {TypeError} When an unauthorized signal's ID is not a GUID.
 */
export function encodeSignalIndexCache(
  cache: SignalIndexCache,
  encoding: TextEncoding = "utf-8",
): Uint8Array<ArrayBuffer> {
  return finish(encodeSignalIndexCacheSteps(cache, encoding));
}

/** So many entries are a step: less than a millisecond. */
const STEP = 4096;
/** The same where texts are made of bytes. */
const SHORT_STEP = 512;

/** {@linkcode encodeSignalIndexCache} in steps, one of which tells how long the block will be. */
export function* encodeSignalIndexCacheSteps(
  cache: SignalIndexCache,
  encoding: TextEncoding = "utf-8",
): Generator<number | void, Uint8Array<ArrayBuffer>, unknown> {
  const encoded = new Map<string, Uint8Array>();
  let length = HEADER_LENGTH + 4 + cache.unauthorized.length * GUID_LENGTH;
  for (let i = 0; i < cache.size; i++) {
    const source = cache.sources[i]!;
    let bytes = encoded.get(source);
    if (bytes === undefined) encoded.set(source, bytes = encodeText(source, encoding));
    length += LEAST_ENTRY_LENGTH + bytes.length;
    if (i % STEP === STEP - 1) yield;
  }
  yield length;
  const block = new Uint8Array(length);
  const view = new DataView(block.buffer);
  view.setUint32(0, length);
  writeGuid(cache.subscriberId, block, 4);
  view.setUint32(20, cache.size);
  let offset = HEADER_LENGTH;
  for (let i = 0; i < cache.size; i++) {
    const source = encoded.get(cache.sources[i]!)!;
    view.setInt32(offset, cache.indexes[i]!);
    copyGuid(cache.guids, i * GUID_LENGTH, block, offset + 4);
    view.setUint32(offset + 20, source.length);
    for (let k = 0; k < source.length; k++) block[offset + 24 + k] = source[k]!;
    offset += 24 + source.length;
    view.setBigUint64(offset, cache.ids[i]!);
    offset += 8;
    if (i % STEP === STEP - 1) yield;
  }
  const { unauthorized } = cache;
  view.setUint32(offset, unauthorized.length);
  offset += 4;
  for (let i = 0; i < unauthorized.length; i++) {
    writeGuid(unauthorized[i]!, block, offset);
    offset += GUID_LENGTH;
    if (i % STEP === STEP - 1) yield;
  }
  return block;
}

// Byte by byte: for so few, that is faster than a view and `set`.
function copyGuid(from: Uint8Array, at: number, to: Uint8Array, offset: number): void {
  for (let i = 0; i < GUID_LENGTH; i++) to[offset + i] = from[at + i]!;
}

/** Settings of {@linkcode decodeSignalIndexCache}. */
export interface DecodeCacheOptions {
  /** The session's encoding, for the sources; default UTF-8. */
  readonly encoding?: TextEncoding;
  /** The most entries, and the most unauthorized signals; default `DefaultLimits.cacheEntries`. */
  readonly maxEntries?: number;
  /** The highest signal index; default `DefaultLimits.signalIndex`. */
  readonly maxSignalIndex?: number;
}

/**
 * Reads the block of a signal index cache, already decompressed. The block length may count its own four bytes or
 * not, the list of unauthorized signals may be missing, and of several entries with the same index the last wins.
 *
 * @throws {SttpError} `MalformedCache` when a length or count does not fit the bytes at hand, `LimitExceeded` when
 * there are too many entries or an index is too high (or negative).
 */
export function decodeSignalIndexCache(
  block: Uint8Array,
  options: DecodeCacheOptions = {},
): SignalIndexCache {
  return finish(decodeSignalIndexCacheSteps(block, options));
}

function* decodeSignalIndexCacheSteps(
  block: Uint8Array,
  options: DecodeCacheOptions,
): Generator<void, SignalIndexCache, unknown> {
  const {
    encoding = "utf-8",
    maxEntries = DefaultLimits.cacheEntries,
    maxSignalIndex = DefaultLimits.signalIndex,
  } = options;
  if (block.length < HEADER_LENGTH) {
    throw new SttpError(
      "MalformedCache",
      `signal index cache of ${block.length} bytes, at least 24 expected`,
    );
  }
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const blockLength = view.getUint32(0);
  if (blockLength > block.length) {
    throw new SttpError(
      "MalformedCache",
      `signal index cache announces ${blockLength} bytes, ${block.length} are there`,
    );
  }
  const count = checkCount(
    "entries",
    view.getUint32(20),
    LEAST_ENTRY_LENGTH,
    block.length - HEADER_LENGTH,
    maxEntries,
  );
  const indexes = new Int32Array(count);
  const guids = new Uint8Array(count * GUID_LENGTH);
  const ids = new BigUint64Array(count);
  // With a place for each: an array that grows is copied, which takes 20 ms at half a million.
  const sources = new Array<string>(count);
  // Publishers list indexes in ascending order, and then there is nothing to look for.
  let highest = -1;
  let positions: IndexTable | undefined;
  const readSource = sourceReader(block, encoding);
  let size = 0;
  let offset = HEADER_LENGTH;
  for (let i = 0; i < count; i++) {
    const room = block.length - offset - LEAST_ENTRY_LENGTH;
    const sourceLength = room < 0 ? 0 : view.getUint32(offset + 20);
    if (sourceLength > room) {
      throw new SttpError(
        "MalformedCache",
        `entry ${i} of ${count} of the signal index cache at offset ${offset} does not fit its ${block.length} bytes`,
      );
    }
    const index = view.getUint32(offset);
    if (index > maxSignalIndex) {
      throw new SttpError(
        "LimitExceeded",
        `signal index ${index} in entry ${i}, at most ${maxSignalIndex} expected`,
      );
    }
    let position = -1;
    if (index > highest) highest = index;
    else position = (positions ??= yield* positionsOf(indexes, size, count)).get(index);
    if (position < 0) {
      position = size++;
      positions?.set(index, position);
    }
    indexes[position] = index;
    copyGuid(block, offset + 4, guids, position * GUID_LENGTH);
    sources[position] = readSource(offset + 24, sourceLength);
    ids[position] = view.getBigUint64(offset + 24 + sourceLength);
    offset += LEAST_ENTRY_LENGTH + sourceLength;
    if (i % SHORT_STEP === SHORT_STEP - 1) yield;
  }
  sources.length = size;
  return new SignalIndexCache({
    indexes: indexes.subarray(0, size),
    guids: guids.subarray(0, size * GUID_LENGTH),
    sources,
    ids: ids.subarray(0, size),
  }, {
    subscriberId: readGuid(block, 4),
    unauthorized: yield* readUnauthorized(block, view, offset, maxEntries),
    duplicates: count - size,
  });
}

/** The positions of the indexes of the first entries, of which there are `size`, with room for those of all `count`. */
function* positionsOf(
  indexes: Int32Array,
  size: number,
  count: number,
): Generator<void, IndexTable, unknown> {
  const positions = new IndexTable(count);
  for (let i = 0; i < size; i++) {
    positions.set(indexes[i]!, i);
    if (i % SHORT_STEP === SHORT_STEP - 1) yield;
  }
  return positions;
}

/** Checks a count against the bytes that are there and the limit, before memory is spent on it. */
function checkCount(what: string, count: number, least: number, room: number, most: number): number {
  if (count * least > room) {
    throw new SttpError(
      "MalformedCache",
      `signal index cache announces ${count} ${what}, ${room} bytes are left`,
    );
  }
  if (count > most) {
    throw new SttpError("LimitExceeded", `signal index cache of ${count} ${what}, at most ${most} expected`);
  }
  return count;
}

/** Reads sources, most of which are the one before: that one is compared and not made anew. */
function sourceReader(block: Uint8Array, encoding: TextEncoding): (offset: number, length: number) => string {
  const decoder = new TextDecoder(encoding);
  let known = new Uint8Array(0);
  let text = "";
  return (offset, length) => {
    let same = length === known.length;
    for (let i = 0; same && i < length; i++) same = block[offset + i] === known[i];
    if (!same) {
      known = block.slice(offset, offset + length);
      text = decoder.decode(known);
    }
    return text;
  };
}

function* readUnauthorized(
  block: Uint8Array,
  view: DataView,
  offset: number,
  maxEntries: number,
): Generator<void, string[], unknown> {
  if (offset === block.length) return [];
  if (block.length - offset < 4) {
    throw new SttpError(
      "MalformedCache",
      `${block.length - offset} bytes at the end of the signal index cache, 4 or none expected`,
    );
  }
  const start = offset + 4;
  const count = checkCount(
    "unauthorized signals",
    view.getUint32(offset),
    GUID_LENGTH,
    block.length - start,
    maxEntries,
  );
  const signalIds: string[] = [];
  for (let i = 0; i < count; i++) {
    signalIds.push(readGuid(block, start + i * GUID_LENGTH));
    if (i % SHORT_STEP === SHORT_STEP - 1) yield;
  }
  return signalIds;
}

/** What the body of UpdateSignalIndexCache depends on. */
export interface CacheUpdateOptions {
  /** The session's protocol version: over 1 a cache index stands in front. */
  readonly version: number;
  /** Which of the two caches, 0 or 1; not sent at version 1. Default 0. */
  readonly cacheIndex?: number;
}

/**
 * The body of UpdateSignalIndexCache.
 *
 * @param block From {@linkcode encodeSignalIndexCache}, gzipped if the session does so.
 */
export function encodeCacheUpdate(block: Uint8Array, options: CacheUpdateOptions): Uint8Array<ArrayBuffer> {
  const { version, cacheIndex = 0 } = options;
  if (cacheIndex !== 0 && cacheIndex !== 1) throw new RangeError(`cache index ${cacheIndex} is not 0 or 1`);
  const prefix = version > 1 ? 1 : 0;
  const body = new Uint8Array(prefix + block.length);
  if (prefix) body[0] = cacheIndex;
  body.set(block, prefix);
  return body;
}

/** What a subscriber must know to read UpdateSignalIndexCache. */
export interface DecodeCacheUpdateOptions {
  /** The session's protocol version. */
  readonly version: number;
  /** Whether the session gzips caches. */
  readonly gzip: boolean;
  /** The session's encoding; default UTF-8. */
  readonly encoding?: TextEncoding;
  /** `cacheLength`, `gzipRatio`, `cacheEntries` and `signalIndex` are applied. */
  readonly limits?: Partial<Limits>;
}

/** The body of UpdateSignalIndexCache, taken apart. */
export interface DecodedCacheUpdate {
  /** Which of the two caches: 1 for 1 and 0 for anything else (one publisher sends 0xFF and means 0). */
  readonly cacheIndex: 0 | 1;
  /** The cache. */
  readonly cache: SignalIndexCache;
}

/**
 * Reads the body of UpdateSignalIndexCache. Where gzip was agreed on, a block that is not gzip is read as it is.
 *
 * @throws {SttpError} `MalformedCache` or `LimitExceeded`, as {@linkcode decodeSignalIndexCache}.
 */
export function decodeCacheUpdate(body: Uint8Array, options: DecodeCacheUpdateOptions): DecodedCacheUpdate {
  return finish(decodeCacheUpdateSteps(body, options));
}

/** {@linkcode decodeCacheUpdate} in steps: a cache of a million signals takes a second. */
export function* decodeCacheUpdateSteps(
  body: Uint8Array,
  options: DecodeCacheUpdateOptions,
): Generator<void, DecodedCacheUpdate, unknown> {
  const { version, gzip, encoding = "utf-8" } = options;
  const limits = { ...DefaultLimits, ...options.limits };
  const prefix = version > 1 ? 1 : 0;
  if (body.length < prefix) throw new SttpError("MalformedCache", "empty signal index cache update");
  let block = body.subarray(prefix);
  if (gzip && isGzip(block)) {
    try {
      block = yield* gunzipSteps(block, { maxLength: limits.cacheLength, maxRatio: limits.gzipRatio });
    } catch (error) {
      if (!(error instanceof SttpError) || error.code === "LimitExceeded") throw error;
      throw new SttpError("MalformedCache", `signal index cache: ${error.message}`, { cause: error });
    }
  }
  return {
    cacheIndex: prefix === 1 && body[0] === 1 ? 1 : 0,
    cache: yield* decodeSignalIndexCacheSteps(block, {
      encoding,
      maxEntries: limits.cacheEntries,
      maxSignalIndex: limits.signalIndex,
    }),
  };
}
