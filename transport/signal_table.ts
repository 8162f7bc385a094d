import { GUID_LENGTH, readGuid, writeGuid } from "./wire/guid.ts";

/** 32-bit words of a signal ID. */
const ID_WORDS = GUID_LENGTH / 4;
const INITIAL_CAPACITY = 64;
/** Signals of a page: what grows is how many pages there are, and no page is copied. */
const PAGE = 1024;
const PAGE_BITS = 10;
/** With each signal that is added, so much of the table before moves to the larger one: soon it is done. */
const MOVED_AT_ONCE = 16;

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
  readonly #bytes: Uint8Array<ArrayBuffer>[] = [];
  readonly #words: Int32Array<ArrayBuffer>[] = [];
  #size = 0;
  /** By page, and there by place. */
  readonly #texts: (string | undefined)[][] = [];
  readonly #ids: string[] = [];
  /** Open addressing in a table of at least twice the signals: a handle more one, 0 where there is none. */
  #slots: Int32Array<ArrayBuffer> = new Int32Array(2 * INITIAL_CAPACITY);
  #shift: number = Math.clz32(2 * INITIAL_CAPACITY) + 1;
  /** The table before, half as large, while not all has moved from there: all at once would take long. */
  #before: Int32Array<ArrayBuffer> | undefined;
  /** How much of that has moved. */
  #moved = 0;
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
    handle = this.#handleOfWanted();
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
    const handle = this.#handleOfWanted();
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
    return this.#texts[handle >>> PAGE_BITS]?.[handle & (PAGE - 1)] ?? this.#makeText(handle);
  }

  #makeText(handle: number): string {
    const page = handle >>> PAGE_BITS;
    const texts = this.#texts[page] ??= new Array<string | undefined>(PAGE);
    const place = handle & (PAGE - 1);
    return texts[place] = readGuid(this.#bytes[page]!, place * GUID_LENGTH);
  }

  /** Writes the 16 bytes of the signal ID behind a handle. @throws {RangeError} When there is no such handle. */
  writeId(handle: number, into: Uint8Array, offset: number): void {
    this.#check(handle);
    const bytes = this.#bytes[handle >>> PAGE_BITS]!;
    const from = (handle & (PAGE - 1)) * GUID_LENGTH;
    for (let i = 0; i < GUID_LENGTH; i++) into[offset + i] = bytes[from + i]!;
  }

  #check(handle: number): void {
    if (!(handle >= 0 && handle < this.#size)) {
      throw new RangeError(`no signal has handle ${handle}; there are ${this.#size}`);
    }
  }

  /**
   * All signal IDs in order of their handles.
   *
   * @param most How many to make at most of those that were not asked for before: where there are more, the last are
   * missing. A million take a tenth of a second. Default all.
   */
  ids(most: number = Infinity): readonly string[] {
    const end = Math.min(this.#size, this.#ids.length + most);
    while (this.#ids.length < end) this.#ids.push(this.idOf(this.#ids.length));
    return this.#ids;
  }

  #addWanted(): number {
    let slot = this.#findWanted(this.#slots, this.#shift);
    const known = this.#slots[slot]! || this.#knownBefore();
    if (known !== 0) return known - 1;
    const handle = this.#size++;
    if (2 * this.#size > this.#slots.length) {
      this.#grow();
      slot = this.#findWanted(this.#slots, this.#shift);
    }
    this.#slots[slot] = handle + 1;
    if (handle % PAGE === 0) this.#addPage();
    const words = this.#words[handle >>> PAGE_BITS]!;
    const at = (handle & (PAGE - 1)) * ID_WORDS;
    for (let i = 0; i < ID_WORDS; i++) words[at + i] = this.#wantedWords[i]!;
    if (this.#before !== undefined) this.#moveSome(this.#before);
    return handle;
  }

  #addPage(): void {
    const bytes = new Uint8Array(PAGE * GUID_LENGTH);
    this.#bytes.push(bytes);
    this.#words.push(new Int32Array(bytes.buffer));
  }

  /** The handle of the ID wanted, -1 where it has none. */
  #handleOfWanted(): number {
    const known = this.#slots[this.#findWanted(this.#slots, this.#shift)]! || this.#knownBefore();
    return known - 1;
  }

  /** What the table before has for the ID wanted. */
  #knownBefore(): number {
    const before = this.#before;
    return before === undefined ? 0 : before[this.#findWanted(before, this.#shift + 1)]!;
  }

  /** Where in a table the ID wanted is, or belongs. */
  #findWanted(slots: Int32Array, shift: number): number {
    const wanted = this.#wantedWords;
    const a = wanted[0]!;
    const b = wanted[1]!;
    const c = wanted[2]!;
    const d = wanted[3]!;
    const pages = this.#words;
    const mask = slots.length - 1;
    for (let slot = this.#hashOf(a, b, c, d) >>> shift;; slot = (slot + 1) & mask) {
      const handle = slots[slot]! - 1;
      if (handle < 0) return slot;
      const words = pages[handle >>> PAGE_BITS]!;
      const at = (handle & (PAGE - 1)) * ID_WORDS;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  }

  #hashOf(a: number, b: number, c: number, d: number): number {
    const m = this.#multiplier;
    let hash = Math.imul(a, m);
    hash = Math.imul(b ^ hash ^ (hash >>> 15), m);
    hash = Math.imul(c ^ hash ^ (hash >>> 15), m);
    return Math.imul(d ^ hash ^ (hash >>> 15), m);
  }

  #grow(): void {
    this.#before = this.#slots;
    this.#slots = new Int32Array(2 * this.#slots.length);
    this.#shift--;
    this.#moved = 0;
  }

  /** In the order of the table: there, memory that was never written to is come upon little by little. */
  #moveSome(before: Int32Array): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const end = Math.min(before.length, this.#moved + MOVED_AT_ONCE);
    for (let i = this.#moved; i < end; i++) {
      const known = before[i]!;
      if (known === 0) continue;
      const words = this.#words[(known - 1) >>> PAGE_BITS]!;
      const at = ((known - 1) & (PAGE - 1)) * ID_WORDS;
      let slot = this.#hashOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!) >>> this.#shift;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = known;
    }
    this.#moved = end;
    if (end === before.length) this.#before = undefined;
  }
}
