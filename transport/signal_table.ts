import { GUID_LENGTH, readGuid, writeGuid } from "./wire/guid.ts";

/** 32-bit words of a signal ID. */
const ID_WORDS = GUID_LENGTH / 4;
const INITIAL_CAPACITY = 64;

/**
 * Signal IDs as small whole numbers: handle `n` stands for the `n`th signal that was added, for good.
 *
 * A publisher and a subscriber each have one, so that the `signals` column of a batch keeps its meaning while
 * metadata, subscriptions and connections come and go, and per-signal state can live in plain arrays.
 *
 * @example
 * ```ts
 * import { SignalTable } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const signals = new SignalTable();
 * const handle = signals.add("9AE6DD95-BDDB-5DD8-8717-57DA1268B9CA");
 * assertEquals(handle, 0);
 * assertEquals(signals.idOf(0), "9ae6dd95-bddb-5dd8-8717-57da1268b9ca");
 * assertEquals(signals.handleOf("{9ae6dd95-bddb-5dd8-8717-57da1268b9ca}"), 0);
 * ```
 */
export class SignalTable {
  // IDs come and go as bytes, hundreds of thousands at a time; text is made of those that somebody asks for.
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_CAPACITY * GUID_LENGTH);
  #words: Int32Array<ArrayBuffer> = new Int32Array(this.#bytes.buffer);
  #size = 0;
  readonly #texts: (string | undefined)[] = [];
  /** How many of the texts, from the first on, have been made by `ids()`. */
  #textsMade = 0;
  /** Open addressing in a table of at least twice the signals: a handle more one, 0 where there is none. */
  #slots: Int32Array<ArrayBuffer> = new Int32Array(2 * INITIAL_CAPACITY);
  #shift: number = Math.clz32(2 * INITIAL_CAPACITY) + 1;
  /** Random, so that nobody can choose IDs that collide. */
  readonly #multiplier: number = (Math.random() * 0x1_0000_0000) | 1;
  /** Signals that were looked up by text: whoever names them one by one names the same ones again. */
  readonly #byText = new Map<string, number>();
  /** The ID being looked up. */
  readonly #wanted: Uint8Array<ArrayBuffer> = new Uint8Array(GUID_LENGTH);
  readonly #wantedWords: Int32Array<ArrayBuffer> = new Int32Array(this.#wanted.buffer);

  /** How many signals there are; handles run from 0 to `size - 1`. */
  get size(): number {
    return this.#size;
  }

  /**
   * The handle of a signal, made if new.
   *
   * @param signalId A GUID in any common spelling.
   * @throws {TypeError} When it is not a GUID.
   */
  add(signalId: string): number {
    writeGuid(signalId, this.#wanted);
    return this.#addWanted();
  }

  /**
   * The handle of a signal whose ID is at hand in 16 bytes, made if new.
   *
   * @param bytes Where the ID is, in the order of the wire.
   * @param offset Where it begins there; default 0.
   * @throws {RangeError} When fewer than 16 bytes follow `offset`.
   */
  addBytes(bytes: Uint8Array, offset: number = 0): number {
    this.#want(bytes, offset);
    return this.#addWanted();
  }

  /** The handle of a signal, or `undefined` when it was never added. @throws {TypeError} When it is not a GUID. */
  handleOf(signalId: string): number | undefined {
    let handle = this.#byText.get(signalId);
    if (handle !== undefined) return handle;
    writeGuid(signalId, this.#wanted);
    handle = this.#slots[this.#findWanted()]! - 1;
    if (handle < 0) return undefined;
    // Bounded, however many spellings there are.
    if (this.#byText.size < this.#size) this.#byText.set(signalId, handle);
    return handle;
  }

  /**
   * The handle of a signal whose ID is at hand in 16 bytes, or `undefined` when it was never added.
   *
   * @param bytes Where the ID is, in the order of the wire.
   * @param offset Where it begins there; default 0.
   * @throws {RangeError} When fewer than 16 bytes follow `offset`.
   */
  handleOfBytes(bytes: Uint8Array, offset: number = 0): number | undefined {
    this.#want(bytes, offset);
    const handle = this.#slots[this.#findWanted()]! - 1;
    return handle < 0 ? undefined : handle;
  }

  #want(bytes: Uint8Array, offset: number): void {
    if (!(offset >= 0 && offset + GUID_LENGTH <= bytes.length)) {
      throw new RangeError(`no 16 bytes of a signal ID at offset ${offset} of ${bytes.length}`);
    }
    for (let i = 0; i < GUID_LENGTH; i++) this.#wanted[i] = bytes[offset + i]!;
  }

  /** The signal ID behind a handle, a lower-case GUID. @throws {RangeError} When there is no such handle. */
  idOf(handle: number): string {
    this.#check(handle);
    return this.#texts[handle] ??= readGuid(this.#bytes, handle * GUID_LENGTH);
  }

  /** Writes the 16 bytes of the signal ID behind a handle. @throws {RangeError} When there is no such handle. */
  writeId(handle: number, into: Uint8Array, offset: number): void {
    this.#check(handle);
    const from = handle * GUID_LENGTH;
    for (let i = 0; i < GUID_LENGTH; i++) into[offset + i] = this.#bytes[from + i]!;
  }

  #check(handle: number): void {
    if (!(handle >= 0 && handle < this.#size)) {
      throw new RangeError(`no signal has handle ${handle}; there are ${this.#size}`);
    }
  }

  /** All signal IDs in order of their handles. */
  ids(): readonly string[] {
    while (this.#textsMade < this.#size) this.idOf(this.#textsMade++);
    return this.#texts as string[];
  }

  #addWanted(): number {
    let slot = this.#findWanted();
    const known = this.#slots[slot]!;
    if (known !== 0) return known - 1;
    const handle = this.#size++;
    if (this.#size * GUID_LENGTH > this.#bytes.length) {
      this.#grow();
      slot = this.#findWanted();
    }
    for (let i = 0; i < ID_WORDS; i++) this.#words[handle * ID_WORDS + i] = this.#wantedWords[i]!;
    this.#slots[slot] = handle + 1;
    // An array with a place for each, so that `ids()` can be it.
    this.#texts.push(undefined);
    return handle;
  }

  /** Where in the slots the ID wanted is, or belongs. */
  #findWanted(): number {
    const wanted = this.#wantedWords;
    const a = wanted[0]!;
    const b = wanted[1]!;
    const c = wanted[2]!;
    const d = wanted[3]!;
    const words = this.#words;
    const mask = this.#slots.length - 1;
    for (let slot = this.#slotOf(a, b, c, d);; slot = (slot + 1) & mask) {
      const handle = this.#slots[slot]! - 1;
      if (handle < 0) return slot;
      const at = handle * ID_WORDS;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  }

  #slotOf(a: number, b: number, c: number, d: number): number {
    const m = this.#multiplier;
    let hash = Math.imul(a, m);
    hash = Math.imul(b ^ hash ^ (hash >>> 15), m);
    hash = Math.imul(c ^ hash ^ (hash >>> 15), m);
    hash = Math.imul(d ^ hash ^ (hash >>> 15), m);
    return hash >>> this.#shift;
  }

  #grow(): void {
    const bytes = new Uint8Array(2 * this.#bytes.length);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    const words = this.#words = new Int32Array(bytes.buffer);
    const slots = this.#slots = new Int32Array(2 * this.#slots.length);
    this.#shift--;
    const mask = slots.length - 1;
    // All but the one that is being added.
    for (let handle = 0; handle < this.#size - 1; handle++) {
      const at = handle * ID_WORDS;
      let slot = this.#slotOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = handle + 1;
    }
  }
}
