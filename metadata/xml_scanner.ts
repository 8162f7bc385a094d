/**
 * A streaming scanner for the XML of a DataSet: bytes in, tags and text out.
 *
 * It reads well-formed UTF-8 XML without a document type, within limits, and nothing more: no validation, no entities
 * but the five of XML and character references. Tokens are ranges of one window of bytes; strings are made by whoever
 * needs them. That, and names that are known by number, is what lets metadata be read many times as fast as through a
 * general parser.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { parseAttributes } from "./xml_text.ts";

/** What {@linkcode XmlScanner.next} found. */
export const XmlToken = {
  /** The window ends within a token: fill it, or it is the end of the document. */
  NeedMore: 0,
  /** A start tag: `name`, `attributes()`. Of an empty element a `Close` follows. */
  Open: 1,
  /** An end tag: `name`. */
  Close: 2,
  /** Text between tags: `textStart` to `textEnd`; `plain` when it stands for itself. */
  Text: 3,
} as const;
/** One of {@linkcode XmlToken}'s numbers. */
export type XmlToken = (typeof XmlToken)[keyof typeof XmlToken];

/** The sizes that a document may not exceed. */
export interface XmlLimits {
  /** Bytes of an element or attribute name. */
  maxNameLength: number;
  /** Bytes of a tag with all of its attributes. */
  maxTagLength: number;
  /** Bytes of a text, comment or CDATA section. */
  maxTextLength: number;
  /** Elements within elements. */
  maxDepth: number;
  /** Different element names. */
  maxNames: number;
  /** Bytes of the document. */
  maxLength: number;
}

/** An element name, one object for each different name of a document. */
export interface XmlName {
  /** Its number, from 0 in order of appearance. */
  readonly id: number;
  /** The name with its prefix, if any. */
  readonly text: string;
  /** The same in UTF-8. */
  readonly bytes: Uint8Array;
}

interface KnownName extends XmlName {
  readonly hash: number;
  /** The next name in the same bucket. */
  next: KnownName | undefined;
  /** The name that was opened after this one the last time; mostly it will be again. */
  follower: KnownName | undefined;
}

const LT = 0x3c;
const GT = 0x3e;
const AMP = 0x26;
const SLASH = 0x2f;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const NEWLINE = 0x0a;
const EXCLAMATION = 0x21;
const QUESTION = 0x3f;
const DASH = 0x2d;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;

// What a byte is inside text: 0 is ordinary, so that runs of text cost one look-up a byte.
const ORDINARY = 0;
const MARKUP = 1;
const LINE = 2;
const REFERENCE = 3;
const RETURN = 4;
const FORBIDDEN = 5;
const TEXT_CLASS = new Uint8Array(256);
for (let byte = 0; byte < 0x20; byte++) TEXT_CLASS[byte] = FORBIDDEN;
TEXT_CLASS[0x09] = ORDINARY;
TEXT_CLASS[NEWLINE] = LINE;
TEXT_CLASS[0x0d] = RETURN;
TEXT_CLASS[LT] = MARKUP;
TEXT_CLASS[AMP] = REFERENCE;

// Bytes that may stand in a name: letters, digits, `-._:` and whatever is not ASCII.
const NAME_BYTE = new Uint8Array(256);
for (let byte = 0x80; byte < 0x100; byte++) NAME_BYTE[byte] = 1;
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:") {
  NAME_BYTE[char.charCodeAt(0)] = 1;
}

const BUCKETS = 1024;
const FIRST_WINDOW = 256 * 1024;
const LEAST_ROOM = 4096;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09;
}

/** The scanner. Fill it through `room` and `filled`, take tokens with `next`. */
export class XmlScanner {
  /** The window that token ranges refer to, until it is filled again. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_WINDOW);
  /** The element that the last `Open` or `Close` was about. */
  name!: XmlName;
  /** Where the last `Text` begins in the window. */
  textStart = 0;
  /** Where it ends. */
  textEnd = 0;
  /** Whether it has no references and no carriage returns, so that its bytes are its characters. */
  plain = true;
  /** Whether the last text was a CDATA section, in which nothing is a reference. */
  literal = false;
  /** When unset, text is passed over; characters other than white space are then counted in `strayText`. */
  keepText = false;
  /** How many texts that were not white space have been passed over. */
  strayText = 0;
  /** Which line the scanner is on, from 1. */
  line = 1;

  readonly #limits: XmlLimits;
  #position = 0;
  #end = 0;
  #final = false;
  /** Bytes of the document that came before the window. */
  #base = 0;
  /** Offset in the document at which the current line begins. */
  #lineStart = 0;
  /** Fill level below which looking again would only find the same unfinished token. */
  #wanted = 0;
  #pendingClose = false;
  #rootSeen = false;
  #attributesStart = 0;
  #attributesEnd = 0;
  readonly #stack: KnownName[] = [];
  readonly #buckets: (KnownName | undefined)[] = new Array(BUCKETS).fill(undefined);
  #names = 0;
  #last: KnownName | undefined;
  // Seeds of the hash, drawn anew so that a document can't be made of names that collide.
  readonly #seed: number;
  readonly #factor: number;

  /** @param limits What the document may not exceed. */
  constructor(limits: XmlLimits) {
    this.#limits = limits;
    const random = crypto.getRandomValues(new Uint32Array(2));
    this.#seed = random[0]! | 0;
    this.#factor = random[1]! | 1;
  }

  /** How many elements are open. */
  get depth(): number {
    return this.#stack.length;
  }

  /** Whether there is anything in the last `Open` tag besides the name. */
  get hasAttributes(): boolean {
    return this.#attributesEnd - this.#attributesStart > 1;
  }

  /** Bytes of the document that have been scanned. */
  get offset(): number {
    return this.#base + this.#position;
  }

  /** Whether the window is worth scanning; if not, fill it further or call {@linkcode XmlScanner.finish}. */
  get ready(): boolean {
    return this.#final || this.#end >= this.#wanted;
  }

  /**
   * Free space to put the document's next bytes into, at least 4 KB; drops what has been scanned. The window grows only
   * when a single token fills it.
   */
  room(): Uint8Array<ArrayBuffer> {
    if (this.bytes.length - this.#end < LEAST_ROOM && this.#position > 0) {
      this.bytes.copyWithin(0, this.#position, this.#end);
      this.#base += this.#position;
      this.#end -= this.#position;
      this.#wanted -= this.#position;
      this.#position = 0;
    }
    if (this.bytes.length - this.#end < LEAST_ROOM) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    return this.bytes.subarray(this.#end);
  }

  /** Says how many bytes were put into {@linkcode XmlScanner.room}. */
  filled(count: number): void {
    this.#end += count;
    if (this.#base + this.#end > this.#limits.maxLength) {
      throw this.tooLong("document", this.#limits.maxLength, "maxLength");
    }
  }

  /** Says that no more bytes will come. */
  finish(): void {
    this.#final = true;
  }

  /** The error for a document that is not what was expected, at the current position. */
  invalid(message: string): SttpError {
    return new SttpError("InvalidMetadata", `${message} (${this.#where()})`);
  }

  /** The error for a part that is over a limit, at the current position. */
  tooLong(what: string, limit: number, option: string): SttpError {
    return new SttpError(
      "LimitExceeded",
      `${what} is over the limit ${option} = ${limit} (${this.#where()})`,
    );
  }

  #where(): string {
    return `line ${this.line}, column ${this.#base + this.#position - this.#lineStart + 1}`;
  }

  /** The next token. After `NeedMore` with all input given the document is complete. */
  next(): XmlToken {
    if (this.#pendingClose) {
      this.#pendingClose = false;
      this.name = this.#stack.pop()!;
      return XmlToken.Close;
    }
    for (;;) {
      const start = this.#position;
      const end = this.#end;
      if (start === end) return this.#starve(0);
      const { bytes } = this;
      if (bytes[start] !== LT) {
        if (this.keepText && this.#stack.length > 0) return this.#text(start, end);
        this.#passText(start, end);
        continue;
      }
      if (start + 1 === end) return this.#starve(1);
      const second = bytes[start + 1]!;
      if (second === SLASH) return this.#closeTag(start, end);
      if (second !== EXCLAMATION && second !== QUESTION) return this.#openTag(start, end);
      const token = second === QUESTION ? this.#instruction(start, end) : this.#declaration(start, end);
      if (token !== undefined) return token;
    }
  }

  /** More bytes are needed than the `length` of the unfinished token that is there. */
  #starve(length: number): XmlToken {
    if (this.#final && (length > 0 || this.#stack.length > 0 || !this.#rootSeen)) {
      const open = this.#stack.at(-1);
      if (open !== undefined) throw this.invalid(`the document ends within <${open.text}>`);
      throw this.invalid(length > 0 ? "the document ends within markup" : "the document has no root element");
    }
    // Twice as much before the next look keeps the work linear, however small the pieces are that arrive.
    this.#wanted = this.#position + Math.max(2 * length, 1);
    return XmlToken.NeedMore;
  }

  #text(start: number, end: number): XmlToken {
    const { bytes } = this;
    const { line } = this;
    const lineStart = this.#lineStart;
    let plain = true;
    let i = start;
    for (;;) {
      while (i < end && TEXT_CLASS[bytes[i]!] === ORDINARY) i++;
      if (i === end) break;
      const kind = TEXT_CLASS[bytes[i]!]!;
      if (kind === MARKUP) break;
      if (kind === FORBIDDEN) {
        this.#position = i;
        throw this.invalid(`character 0x${bytes[i]!.toString(16).padStart(2, "0")} is not allowed in XML`);
      }
      if (kind === LINE) {
        this.line++;
        this.#lineStart = this.#base + i + 1;
      } else plain = false;
      i++;
    }
    if (i - start > this.#limits.maxTextLength) {
      throw this.tooLong("text", this.#limits.maxTextLength, "maxTextLength");
    }
    if (i === end) {
      this.line = line;
      this.#lineStart = lineStart;
      return this.#starve(end - start);
    }
    this.textStart = start;
    this.textEnd = i;
    this.plain = plain;
    this.literal = false;
    this.#position = i;
    return XmlToken.Text;
  }

  /** Passes over text that no one wants; white space between elements, most of the time. */
  #passText(start: number, end: number): void {
    const { bytes } = this;
    let i = start;
    let stray = false;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === 0x20) continue;
      if (byte === LT) break;
      if (byte === NEWLINE) {
        this.line++;
        this.#lineStart = this.#base + i + 1;
      } else if (!isSpace(byte)) {
        if (this.#stack.length === 0) {
          this.#position = i;
          throw this.invalid("text outside of the root element; expected <");
        }
        stray = true;
      }
    }
    if (stray) this.strayText++;
    this.#position = i;
  }

  /**
   * Takes the rest of an element that was just opened in one go, if it is nothing but text that stands for itself and
   * the end tag: then `textStart` and `textEnd` are set. Nearly all cells are like that.
   */
  takeSimpleText(): boolean {
    if (this.#pendingClose) return false;
    const { bytes } = this;
    const end = this.#end;
    const start = this.#position;
    let i = start;
    while (i < end && TEXT_CLASS[bytes[i]!] === ORDINARY) i++;
    const open = this.#stack.at(-1)!.bytes;
    const last = i + 2 + open.length;
    if (last >= end || bytes[i] !== LT || bytes[i + 1] !== SLASH || bytes[last] !== GT) return false;
    if (i - start > this.#limits.maxTextLength || !matches(bytes, i + 2, open)) return false;
    this.#stack.pop();
    this.textStart = start;
    this.textEnd = i;
    this.#position = last + 1;
    return true;
  }

  #closeTag(start: number, end: number): XmlToken {
    const { bytes } = this;
    const open = this.#stack.at(-1);
    if (open === undefined) throw this.invalid("an end tag without its start tag");
    const name = open.bytes;
    let i = start + 2;
    if (i + name.length >= end) return this.#starve(end - start);
    if (!matches(bytes, i, name)) throw this.#wrongClose(start, end, open);
    i += name.length;
    while (i < end && isSpace(bytes[i]!)) i++;
    if (i - start >= this.#limits.maxTagLength) {
      throw this.tooLong("tag", this.#limits.maxTagLength, "maxTagLength");
    }
    if (i >= end) return this.#starve(end - start);
    if (bytes[i] !== GT) throw this.#wrongClose(start, end, open);
    this.#stack.pop();
    this.name = open;
    this.#position = i + 1;
    return XmlToken.Close;
  }

  #wrongClose(start: number, end: number, open: KnownName): SttpError {
    const shown = this.bytes.subarray(start, Math.min(end, start + 40));
    let length = 0;
    while (length < shown.length && shown[length] !== GT) length++;
    const found = new TextDecoder().decode(shown.subarray(0, length));
    return this.invalid(`expected </${open.text}>, found ${found}>`);
  }

  #openTag(start: number, end: number): XmlToken {
    const { bytes } = this;
    // The name foreseen, if it is this one.
    let name = this.#last?.follower;
    let i = start + 1 + (name?.bytes.length ?? 0);
    if (
      name === undefined || i >= end || NAME_BYTE[bytes[i]!] !== 0 || !matches(bytes, start + 1, name.bytes)
    ) {
      name = undefined;
      i = start + 1;
      while (i < end && NAME_BYTE[bytes[i]!] !== 0) i++;
      if (i - start - 1 > this.#limits.maxNameLength) {
        throw this.tooLong("name", this.#limits.maxNameLength, "maxNameLength");
      }
      if (i === end) return this.#starve(end - start);
      if (i === start + 1 || isDigitOrMark(bytes[start + 1]!)) throw this.invalid("expected a name after <");
    }
    const nameEnd = i;
    let selfClosing = false;
    this.#attributesStart = this.#attributesEnd = i;
    if (bytes[i] !== GT) {
      const { line } = this;
      const lineStart = this.#lineStart;
      i = this.#skipAttributes(i, end);
      if (i - start >= this.#limits.maxTagLength) {
        throw this.tooLong("tag", this.#limits.maxTagLength, "maxTagLength");
      }
      if (i === end) {
        this.line = line;
        this.#lineStart = lineStart;
        return this.#starve(end - start);
      }
      selfClosing = bytes[i - 1] === SLASH;
      this.#attributesEnd = selfClosing ? i - 1 : i;
      if (!isSpace(bytes[nameEnd]!) && !(selfClosing && nameEnd === i - 1)) {
        throw this.invalid("a name ends with a character that is not allowed in it");
      }
    }
    if (this.#stack.length === 0 && this.#rootSeen) throw this.invalid("a second root element");
    if (this.#stack.length >= this.#limits.maxDepth) {
      throw this.tooLong("depth of elements", this.#limits.maxDepth, "maxDepth");
    }
    if (name === undefined) {
      name = this.#intern(start + 1, nameEnd);
      if (this.#last !== undefined) this.#last.follower = name;
    }
    this.#last = name;
    this.#rootSeen = true;
    this.#stack.push(name);
    this.name = name;
    this.#pendingClose = selfClosing;
    this.#position = i + 1;
    return XmlToken.Open;
  }

  /** The index of the `>` that ends a tag, looking past quoted values; `end` when it is not there yet. */
  #skipAttributes(from: number, end: number): number {
    const { bytes } = this;
    let quote = 0;
    for (let i = from; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === LT) {
        this.#position = i;
        throw this.invalid("< inside a tag");
      }
      if (byte === NEWLINE) {
        this.line++;
        this.#lineStart = this.#base + i + 1;
      } else if (quote !== 0) {
        if (byte === quote) quote = 0;
      } else if (byte === GT) return i;
      else if (byte === QUOTE || byte === APOSTROPHE) quote = byte;
    }
    return end;
  }

  #intern(start: number, end: number): KnownName {
    const { bytes } = this;
    let hash = this.#seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, this.#factor);
    hash ^= hash >>> 15;
    const bucket = hash & (BUCKETS - 1);
    for (let known = this.#buckets[bucket]; known !== undefined; known = known.next) {
      if (known.hash === hash && known.bytes.length === end - start && matches(bytes, start, known.bytes)) {
        return known;
      }
    }
    if (this.#names >= this.#limits.maxNames) {
      throw this.tooLong("number of different names", this.#limits.maxNames, "maxNames");
    }
    const copy = bytes.slice(start, end);
    const name: KnownName = {
      id: this.#names++,
      text: this.#decode(copy),
      bytes: copy,
      hash,
      next: this.#buckets[bucket],
      follower: undefined,
    };
    this.#buckets[bucket] = name;
    return name;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new SttpError("InvalidMetadata", `not UTF-8 (${this.#where()})`, { cause });
    }
  }

  /** `<? ... ?>`: passed over. */
  #instruction(start: number, end: number): XmlToken | undefined {
    return this.#pass(start, end, start + 2, QUESTION, -1);
  }

  /** `<!-- ... -->` is passed over, `<![CDATA[ ... ]]>` is text, `<!DOCTYPE` is refused. */
  #declaration(start: number, end: number): XmlToken | undefined {
    const { bytes } = this;
    if (end - start < 9 && !this.#final) return this.#starve(end - start);
    if (bytes[start + 2] === DASH && bytes[start + 3] === DASH) {
      return this.#pass(start, end, start + 4, DASH, DASH);
    }
    if (this.#startsWith(start, "<![CDATA[") && this.#stack.length > 0) {
      const token = this.#pass(start, end, start + 9, BRACKET_CLOSE, BRACKET_CLOSE);
      if (token !== undefined) return token;
      if (!this.keepText) {
        this.strayText++;
        return undefined;
      }
      this.textStart = start + 9;
      this.textEnd = this.#position - 3;
      this.plain = !bytes.subarray(this.textStart, this.textEnd).includes(0x0d);
      this.literal = true;
      return XmlToken.Text;
    }
    if (bytes[start + 2] === BRACKET_OPEN) throw this.invalid("only CDATA sections may begin with <![");
    throw this.invalid("a document type or declaration (<!...) is not allowed in metadata");
  }

  #startsWith(start: number, text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Passes over what ends with one or two given bytes and `>`. */
  #pass(start: number, end: number, from: number, last: number, lastButOne: number): XmlToken | undefined {
    const { bytes } = this;
    let lines = 0;
    let lineStart = this.#lineStart;
    let i = from;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === NEWLINE) {
        lines++;
        lineStart = this.#base + i + 1;
      } else if (byte === GT && i > from && bytes[i - 1] === last) {
        if (lastButOne < 0 || (i > from + 1 && bytes[i - 2] === lastButOne)) break;
      }
    }
    if (i - start >= this.#limits.maxTextLength) {
      throw this.tooLong("comment or section", this.#limits.maxTextLength, "maxTextLength");
    }
    if (i >= end) return this.#starve(end - start);
    this.line += lines;
    this.#lineStart = lineStart;
    this.#position = i + 1;
    return undefined;
  }

  /**
   * The attributes of the last `Open` tag, by name with prefix.
   *
   * @throws {SttpError} `InvalidMetadata` when they are not well-formed.
   */
  attributes(): Map<string, string> {
    const text = this.#decode(this.bytes.subarray(this.#attributesStart, this.#attributesEnd));
    const attributes = parseAttributes(text);
    if (typeof attributes === "string") throw this.invalid(`${attributes} in <${this.name.text}>`);
    return attributes;
  }
}

function matches(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}

function isDigitOrMark(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === DASH || byte === 0x2e;
}
