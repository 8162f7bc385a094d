import type { Steps } from "../metadata/steps.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH, writeResponseHeader } from "../transport/wire/frame.ts";
import { writeGuid } from "../transport/wire/guid.ts";
import { SharedGzip } from "./shared_gzip.ts";

/** `blockLength[4] subscriberID[16]`: the only part that differs from subscriber to subscriber. */
const HEAD_LENGTH = 20;

/** A signal index cache (§5) as it goes to any number of subscribers, encoded and compressed once. */
export class CacheBlock {
  readonly #head: Uint8Array;
  readonly #rest: Uint8Array;
  readonly #gzip: SharedGzip | undefined;

  private constructor(head: Uint8Array, rest: Uint8Array, gzip: SharedGzip | undefined) {
    this.#head = head;
    this.#rest = rest;
    this.#gzip = gzip;
  }

  /**
   * Takes over an encoded block.
   *
   * @param block As `encodeSignalIndexCache` makes it, for any subscriber.
   * @param gzip Whether subscribers get it compressed.
   */
  static *create(block: Uint8Array<ArrayBuffer>, gzip: boolean): Steps<CacheBlock> {
    const head = block.slice(0, HEAD_LENGTH);
    if (!gzip) return new CacheBlock(head, block.subarray(HEAD_LENGTH), undefined);
    const shared = yield* SharedGzip.create(block.subarray(HEAD_LENGTH));
    // The compressed form is all that will be needed.
    return new CacheBlock(head, new Uint8Array(0), shared);
  }

  /** Bytes that it takes. */
  get length(): number {
    return this.#head.length + this.#rest.length + (this.#gzip?.length ?? 0);
  }

  /** The pieces that are the same in every subscriber's frame. */
  get shared(): readonly Uint8Array[] {
    return this.#gzip?.pieces ?? [this.#rest];
  }

  /**
   * An UpdateSignalIndexCache frame in pieces, all but the first and the last of them shared.
   *
   * @param subscriberId The publisher's ID for the subscriber, a GUID.
   * @param cacheIndex Which of its two caches; `undefined` at version 1, which has one.
   */
  frame(subscriberId: string, cacheIndex: 0 | 1 | undefined): Uint8Array[] {
    const head = this.#head.slice();
    writeGuid(subscriberId, head, 4);
    const pieces = this.#gzip?.withHead(head) ?? [head, this.#rest];
    const prefixLength = cacheIndex === undefined ? 0 : 1;
    const length = pieces.reduce((sum, piece) => sum + piece.length, prefixLength);
    const header = new Uint8Array(FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH + prefixLength);
    const body = writeResponseHeader(Response.UpdateSignalIndexCache, Command.Subscribe, length, header, 0);
    if (cacheIndex !== undefined) header[body] = cacheIndex;
    return [header, ...pieces];
  }
}
