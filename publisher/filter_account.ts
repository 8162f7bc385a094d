import type { Steps } from "../metadata/steps.ts";
import { SttpError } from "../transport/errors.ts";
import { Account, type Part } from "./account.ts";
import { flatCopy } from "./flat_text.ts";

/** Filter expressions of so many characters are always kept: they come to little, even with as many as can connect. */
const ALWAYS_KEPT = 4096;

/** One of so many characters is not copied for the rest of the text that it is part of: that is an eighth at most. */
const NOT_COPIED = 524_288;
/** So many characters are a step: less than a millisecond. */
const STEP = 131_072;

/** A filter expression and what it may be looked up by: where many long ones have the same length, that takes a Map long. */
export interface FilterText {
  /** The filter expression. */
  readonly text: string;
  /** Equal ones have the same; others most likely another. */
  readonly fingerprint: number;
}

interface Entry extends Part, FilterText {
  readonly id: number;
}

/** A filter expression in memory, for as long as somebody holds it. */
export class HeldFilter implements FilterText {
  readonly text: string;
  readonly fingerprint: number;
  /** Tells it from all others; equal ones that are held at the same time have the same, most likely. */
  readonly id: number;
  readonly #letGo: () => void;
  #holds = 1;

  /** @param letGo Called when nobody holds it any more. */
  constructor({ text, fingerprint, id }: Entry, letGo: () => void) {
    this.text = text;
    this.fingerprint = fingerprint;
    this.id = id;
    this.#letGo = letGo;
  }

  /** Holds it once more: it is to be released once more, too. */
  keep(): this {
    this.#holds++;
    return this;
  }

  /** Gives one hold back. */
  release(): void {
    if (--this.#holds === 0) this.#letGo();
  }
}

/**
 * Keeps account of the filter expressions of all of a publisher's connections: those of subscriptions are needed again
 * when metadata or rights change, those of commands until they are carried out. Equal ones are in memory, and count, once.
 * Those of one network may come to half of what there is room for, so that nobody keeps all others from having some.
 */
export class FilterAccount {
  readonly #limit: number;
  /** By fingerprint. */
  readonly #entries = new Map<number, Entry>();
  readonly #all = new Account();
  readonly #networks = new Map<string, Account>();
  #entered = 0;

  /** @param limit How many characters all of them together may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many characters are held. */
  get length(): number {
    return this.#all.size;
  }

  /**
   * Takes a filter expression in, held once; of a text that it is part of hardly anything stays in memory.
   *
   * @param network Whose it is, see `networkOf`.
   * @param whole How many characters the text has that it is part of.
   * @throws {SttpError} `LimitExceeded` when there is no room for it. Short ones, and those that are there, have room.
   */
  *hold(text: string, network: string, whole: number = text.length): Steps<HeldFilter> {
    const fingerprint = yield* fingerprintOf(text);
    const theirs = this.#networks.get(network) ?? new Account();
    const known = this.#entries.get(fingerprint);
    const entry = known?.text === text ? known : this.#enter(text, fingerprint, theirs, whole);
    const parts = [entry];
    this.#all.hold(parts);
    theirs.hold(parts);
    this.#networks.set(network, theirs);
    return new HeldFilter(entry, () => {
      this.#all.release(parts);
      theirs.release(parts);
      if (theirs.isEmpty) this.#networks.delete(network);
      this.#forget(entry);
    });
  }

  #enter(text: string, fingerprint: number, theirs: Account, whole: number): Entry {
    if (text.length > ALWAYS_KEPT) this.#checkRoom(text.length, theirs);
    const isKept = text.length === whole || text.length >= NOT_COPIED;
    const entry = {
      text: isKept ? text : flatCopy(text),
      fingerprint,
      id: ++this.#entered,
      size: text.length,
    };
    this.#entries.set(fingerprint, entry);
    return entry;
  }

  #checkRoom(added: number, theirs: Account): void {
    const [whose, length, limit] = theirs.size + added > this.#limit / 2
      ? ["from your address", theirs.size + added, this.#limit / 2]
      : ["of all subscribers", this.#all.size + added, this.#limit];
    if (length <= limit) return;
    throw new SttpError(
      "LimitExceeded",
      `The filter expressions ${whose} would have ${length} characters with this one of ${added}, ` +
        `at most ${limit} expected: a shorter one, or fewer subscribers, can be served.`,
    );
  }

  #forget(entry: Entry): void {
    // Another text may have its fingerprint, and have taken its place.
    if (!this.#all.has(entry) && this.#entries.get(entry.fingerprint) === entry) {
      this.#entries.delete(entry.fingerprint);
    }
  }
}

/**
 * FNV-1a. A Map by text would do if it did not take the length of a long text for its hash, and compare it with all others
 * of that length; of texts with the same fingerprint only the last is compared, and shared.
 */
export function* fingerprintOf(text: string): Steps<number> {
  let fingerprint = 0x811c9dc5;
  for (let start = 0; start < text.length; start += STEP) {
    if (start > 0) yield;
    const end = Math.min(start + STEP, text.length);
    for (let i = start; i < end; i++) {
      fingerprint = Math.imul(fingerprint ^ text.charCodeAt(i), 0x01000193);
    }
  }
  return fingerprint;
}
