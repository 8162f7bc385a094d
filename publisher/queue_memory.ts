import { SttpError } from "../transport/errors.ts";

/** What the objects around the bytes of a frame take, at most. */
export const FRAME_OVERHEAD = 512;
/** Answers of so many bytes always have room: they come to little, as few of them wait for one subscriber. */
const ALWAYS_TAKEN = 65_536;
/** So much data always has room in a queue: more than a replay, of which nothing may be lost, sends ahead. */
const LEAST_SHARE = 262_144;
/** Of shorter answers it does not matter who waits for the same: they are not worth looking for. */
const LONG_ANSWER = 16_384;

/** Bytes that any number of queues may hold. */
export interface SharedFrame {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** How many queues hold it: 0 to begin with, then counted by {@linkcode QueueMemory}. */
  holders: number;
}

/** A long answer in a queue. */
export interface LongAnswer {
  /** By which it is known in all queues that it waits in: its longest piece. */
  readonly key: Uint8Array;
  /** What its pieces that have not been released take, the objects around them included. */
  bytes: number;
}

/** The answers that a queue holds, such that their number is no matter when it is judged who holds most. */
export class HeldAnswers {
  /** What their pieces take, the objects around them included and whoever else holds them. */
  bytes = 0;
  /** The long ones. */
  readonly long: Set<LongAnswer> = new Set();
}

/** A queue, as its memory sees it. */
export interface Holder {
  /** Its answers. Kept by {@linkcode QueueMemory}. */
  readonly held: HeldAnswers;
  /** Whether it has not moved for a while. */
  readonly isStuck: boolean;
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
  /** How many times a piece of an answer waits. Weak for the reason in account.ts. */
  readonly #answers = new WeakMap<Uint8Array, number>();
  /** How many times a long answer waits, by its key. */
  readonly #long = new WeakMap<Uint8Array, number>();
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
    const before = this.#answerBytes;
    for (const piece of pieces) this.#hold(piece);
    try {
      const added = this.#answerBytes - before;
      if (added <= ALWAYS_TAKEN || this.#answerBytes <= this.#limit) return;
      if (added <= this.#limit) {
        for (const hoarder of this.#hoarders(asker, longest(pieces))) {
          hoarder.giveWay();
          if (this.#answerBytes <= this.#limit) return;
        }
      }
      throw this.#noRoom(this.#answerBytes);
    } finally {
      for (const piece of pieces) this.#release(piece);
    }
  }

  /**
   * Who holds more than a little that nobody waits for who reads, whoever holds most first. A long answer that several
   * hold counts in equal parts: that they have asked for the same keeps none of them.
   *
   * @param wanted The key of what the asker waits for.
   */
  #hoarders(asker: Holder, wanted: Uint8Array): Holder[] {
    const stuck = Array.from(this.#queues).filter((queue) =>
      queue !== asker && queue.held.bytes > ALWAYS_TAKEN && queue.isStuck
    );
    /** How many times a long answer waits for somebody who does not read. */
    const counts = new Map<Uint8Array, number>();
    for (const { held } of stuck) {
      for (const { key } of held.long) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const part = ({ key, bytes }: LongAnswer): number => {
      const holders = this.#long.get(key)!;
      return holders === counts.get(key) && key !== wanted ? bytes / holders : 0;
    };
    return stuck.map((queue) => {
      let { bytes } = queue.held;
      for (const answer of queue.held.long) bytes += part(answer) - answer.bytes;
      return { queue, bytes };
    })
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

  /**
   * A queue holds an answer, whether or not there is room.
   *
   * @returns What its pieces are to be released with.
   */
  holdAnswer(pieces: readonly Uint8Array[], { held }: Holder): LongAnswer | undefined {
    let bytes = 0;
    for (const piece of pieces) {
      this.#hold(piece);
      bytes += sizeOf(piece);
    }
    held.bytes += bytes;
    if (bytes < LONG_ANSWER) return undefined;
    const answer = { key: longest(pieces), bytes };
    held.long.add(answer);
    this.#long.set(answer.key, (this.#long.get(answer.key) ?? 0) + 1);
    return answer;
  }

  /** A queue holds a piece of an answer no more. @param answer What {@linkcode holdAnswer} gave for it. */
  releasePiece(piece: Uint8Array, { held }: Holder, answer: LongAnswer | undefined): void {
    this.#release(piece);
    held.bytes -= sizeOf(piece);
    if (answer === undefined) return;
    answer.bytes -= sizeOf(piece);
    if (answer.bytes > 0) return;
    held.long.delete(answer);
    const left = this.#long.get(answer.key)! - 1;
    if (left > 0) this.#long.set(answer.key, left);
    else this.#long.delete(answer.key);
  }

  #hold(piece: Uint8Array): void {
    const holders = this.#answers.get(piece) ?? 0;
    this.#answers.set(piece, holders + 1);
    if (holders === 0) this.#countAnswer(sizeOf(piece));
  }

  #release(piece: Uint8Array): void {
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

/** The longest of pieces, of which there is at least one. */
function longest(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.reduce((best, piece) => piece.length > best.length ? piece : best);
}
