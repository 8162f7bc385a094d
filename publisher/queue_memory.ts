import { SttpError } from "../transport/errors.ts";

/** What the objects around the bytes of a frame take, at most. */
export const FRAME_OVERHEAD = 512;
/** Answers of so many bytes always have room: they come to little, as few of them wait for one subscriber. */
const ALWAYS_TAKEN = 65_536;
/** So much data always has room in a queue: more than a replay, of which nothing may be lost, sends ahead. */
const LEAST_SHARE = 262_144;

/** Bytes that any number of queues may hold. */
export interface SharedFrame {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** How many queues hold it: 0 to begin with, then counted by {@linkcode QueueMemory}. */
  holders: number;
}

/** A queue, as its memory sees it. */
export interface Holder {
  /** The pieces of answers that it holds, if it has not moved for a while; else none. */
  readonly stuck: readonly Uint8Array[];
  /** Lets go of everything, and ends its connection. */
  giveWay(): void;
}

/**
 * Keeps account of what waits to be sent over all of a publisher's connections; what several queues hold counts once.
 *
 * Answers may take all the memory that there is; for another one then those give way who hold most and do not read. Data
 * has what answers leave: while that is exceeded, a queue may hold its equal share and no more, so that who reads loses
 * nothing to those who do not.
 */
export class QueueMemory {
  readonly #limit: number;
  /** How many times a piece of an answer waits. */
  readonly #answers = new Map<Uint8Array, number>();
  readonly #queues = new Set<Holder>();
  #bytes = 0;
  /** Those of them that are answers'. */
  #answerBytes = 0;

  /** @param limit How many bytes all queues together may hold. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes are held, the objects around them included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many bytes of data one queue may hold at present, the objects around its frames included. */
  get dataLimit(): number {
    if (this.#bytes <= this.#limit) return Infinity;
    return Math.max(LEAST_SHARE, (this.#limit - this.#answerBytes) / this.#queues.size);
  }

  /** There is one queue more. */
  join(queue: Holder): void {
    this.#queues.add(queue);
  }

  /** There is one queue less. */
  leave(queue: Holder): void {
    this.#queues.delete(queue);
  }

  /** A queue holds a frame of data. */
  hold(frame: SharedFrame): void {
    if (frame.holders++ === 0) this.#bytes += sizeOf(frame.bytes);
  }

  /** A queue holds a frame of data no more. */
  release(frame: SharedFrame): void {
    if (--frame.holders === 0) this.#bytes -= sizeOf(frame.bytes);
  }

  /**
   * Makes room for an answer: whoever holds most and does not read gives way, one after the other.
   *
   * @param asker The queue that it is for.
   * @throws {SttpError} `LimitExceeded` when there is no room. Short ones have room, and those that are there.
   */
  makeRoom(pieces: readonly Uint8Array[], asker: Holder): void {
    const added = this.#lengthOfNew(pieces);
    if (added <= ALWAYS_TAKEN || this.#answerBytes + added <= this.#limit) return;
    if (added <= this.#limit) {
      for (const hoarder of this.#hoarders(asker, new Set(pieces))) {
        hoarder.giveWay();
        if (this.#answerBytes + this.#lengthOfNew(pieces) <= this.#limit) return;
      }
    }
    throw this.#noRoom(this.#answerBytes + this.#lengthOfNew(pieces));
  }

  /** Bytes that pieces take that wait in no queue yet. */
  #lengthOfNew(pieces: readonly Uint8Array[]): number {
    return pieces.reduce((sum, piece) => this.#answers.has(piece) ? sum : sum + sizeOf(piece), 0);
  }

  /**
   * Who holds more than a little that nobody waits for who reads, whoever holds most first. What several hold counts in
   * equal parts: that they have asked for the same keeps none of them.
   *
   * @param wanted What the asker waits for.
   */
  #hoarders(asker: Holder, wanted: ReadonlySet<Uint8Array>): Holder[] {
    const stuck = Array.from(
      this.#queues,
      (queue) => ({ queue, pieces: queue === asker ? [] : queue.stuck }),
    );
    /** How many times a piece waits for somebody who does not read. */
    const counts = new Map<Uint8Array, number>();
    for (const { pieces } of stuck) {
      for (const piece of pieces) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
    const part = (piece: Uint8Array): number => {
      const holders = this.#answers.get(piece)!;
      return holders === counts.get(piece) && !wanted.has(piece) ? piece.length / holders : 0;
    };
    return stuck.map(({ queue, pieces }) => ({
      queue,
      bytes: pieces.reduce((sum, piece) => sum + part(piece), 0),
    }))
      .filter(({ bytes }) => bytes > ALWAYS_TAKEN)
      .sort((a, b) => b.bytes - a.bytes)
      .map(({ queue }) => queue);
  }

  #noRoom(bytes: number): SttpError {
    return new SttpError(
      "LimitExceeded",
      `The answers that wait for all subscribers would take ${bytes} bytes of the publisher's memory with this one, ` +
        `at most ${this.#limit} expected: a shorter one can be sent, or this one when others have been read.`,
    );
  }

  /** A queue holds a piece of an answer, whether or not there is room. */
  holdAnswer(piece: Uint8Array): void {
    const holders = this.#answers.get(piece) ?? 0;
    this.#answers.set(piece, holders + 1);
    if (holders === 0) this.#countAnswer(sizeOf(piece));
  }

  /** A queue holds a piece of an answer no more. */
  releaseAnswer(piece: Uint8Array): void {
    const holders = this.#answers.get(piece)! - 1;
    if (holders > 0) {
      this.#answers.set(piece, holders);
    } else {
      this.#answers.delete(piece);
      this.#countAnswer(-sizeOf(piece));
    }
  }

  #countAnswer(bytes: number): void {
    this.#bytes += bytes;
    this.#answerBytes += bytes;
  }
}

function sizeOf({ length }: Uint8Array): number {
  return length + FRAME_OVERHEAD;
}
