/**
 * The conversations in a recording.
 *
 * @module
 */
import { Conversation } from "./conversation.ts";

/** How many are kept of those that ended: what was on its way then is recorded a little later. */
const ENDED_KEPT = 16;

/** Conversations by the numbers of their connections: those that go on, and a few that ended last. */
export class Conversations {
  readonly #kept = new Map<number, Conversation>();
  /** Numbers of those that were begun. */
  readonly #begun = new Set<number>();
  /** Numbers of those that are kept and have ended, the first before the others. */
  readonly #ended: number[] = [];

  /** How many were begun. */
  get count(): number {
    return this.#begun.size;
  }

  /** How many are kept. */
  get kept(): number {
    return this.#kept.size;
  }

  /** The conversation of a connection, begun when it is new; `undefined` when it has ended and is not kept any more. */
  of(connection: number): Conversation | undefined {
    let conversation = this.#kept.get(connection);
    if (conversation === undefined && !this.#begun.has(connection)) {
      this.#begun.add(connection);
      this.#kept.set(connection, conversation = new Conversation());
    }
    return conversation;
  }

  /** A connection has ended. @returns Another that is not kept any more for it. */
  end(connection: number): [connection: number, conversation: Conversation] | undefined {
    if (!this.#kept.has(connection) || this.#ended.includes(connection)) return undefined;
    this.#ended.push(connection);
    if (this.#ended.length <= ENDED_KEPT) return undefined;
    const first = this.#ended.shift()!;
    const conversation = this.#kept.get(first)!;
    this.#kept.delete(first);
    return [first, conversation];
  }

  /** Those that are kept. */
  entries(): Iterable<[connection: number, conversation: Conversation]> {
    return this.#kept.entries();
  }
}
