/**
 * Where the bytes of an XML document come from: text, bytes or a stream, handed over piece by piece as UTF-8.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";

/** A document to read: text, its bytes, or a stream of them. */
export type XmlInput = string | Uint8Array | ReadableStream<Uint8Array>;

/** Fills windows with the document's bytes, in UTF-8 and without a byte order mark. */
export interface XmlSource {
  /**
   * Puts bytes into `room`, as many as are at hand.
   *
   * @returns How many; 0 at the end of the document. A promise only where bytes have to be waited for.
   */
  read(room: Uint8Array<ArrayBuffer>): number | Promise<number>;
  /** Lets go of the input, read to the end or not. */
  close(): Promise<void>;
}

/** The longest text that is converted at a time; keeps a long document from being held twice. */
const PIECE = 64 * 1024;

/** Makes a source of whatever a document is given as. */
export function openXmlSource(input: XmlInput): XmlSource {
  if (typeof input === "string") return new TextSource(input);
  if (input instanceof Uint8Array) return new ByteSource(input);
  if (input instanceof ReadableStream) return new StreamSource(input);
  throw new TypeError("expected the XML as a string, a Uint8Array or a ReadableStream");
}

const encoder = new TextEncoder();

class TextSource implements XmlSource {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  }

  read(room: Uint8Array<ArrayBuffer>): number {
    let written = 0;
    while (this.#at < this.#text.length && room.length - written >= 4) {
      let end = Math.min(this.#text.length, this.#at + PIECE);
      // A surrogate pair is not cut in two.
      if (end < this.#text.length && (this.#text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
      if (end === this.#at) end++;
      const done = encoder.encodeInto(this.#text.slice(this.#at, end), room.subarray(written));
      this.#at += done.read;
      written += done.written;
      if (done.read === 0) break;
    }
    return written;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Bytes that come from somewhere, as UTF-8 whatever they were. */
class Transcoder {
  /** What there is to hand out. */
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #decoder: TextDecoder | undefined;
  #begun = false;

  get empty(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Takes the next bytes of the input; the first call sees how they are encoded. */
  put(bytes: Uint8Array): void {
    let from = 0;
    if (!this.#begun) {
      this.#begun = true;
      const label = encodingOf(bytes);
      if (label === "utf-8") from = hasMark(bytes) ? 3 : 0;
      else this.#decoder = decoderFor(label);
    }
    this.#bytes = bytes;
    this.#at = from;
  }

  take(room: Uint8Array<ArrayBuffer>): number {
    if (this.#decoder === undefined) {
      const count = Math.min(room.length, this.#bytes.length - this.#at);
      room.set(this.#bytes.subarray(this.#at, this.#at + count));
      this.#at += count;
      return count;
    }
    // Each byte may become three.
    const count = Math.min(PIECE, Math.floor(room.length / 3), this.#bytes.length - this.#at);
    const piece = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    try {
      return encoder.encodeInto(this.#decoder.decode(piece, { stream: true }), room).written;
    } catch (cause) {
      throw new SttpError("InvalidMetadata", `the document is not ${this.#decoder.encoding} throughout`, {
        cause,
      });
    }
  }
}

class ByteSource implements XmlSource {
  readonly #transcoder = new Transcoder();

  constructor(bytes: Uint8Array) {
    this.#transcoder.put(bytes);
  }

  read(room: Uint8Array<ArrayBuffer>): number {
    while (!this.#transcoder.empty) {
      const count = this.#transcoder.take(room);
      if (count > 0) return count;
    }
    return 0;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class StreamSource implements XmlSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #transcoder = new Transcoder();
  #done = false;
  #closed = false;
  #head: Uint8Array | undefined = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  read(room: Uint8Array<ArrayBuffer>): number | Promise<number> {
    return this.#transcoder.empty ? this.#wait(room) : this.#transcoder.take(room);
  }

  async #wait(room: Uint8Array<ArrayBuffer>): Promise<number> {
    for (;;) {
      if (!this.#transcoder.empty) {
        const count = this.#transcoder.take(room);
        if (count > 0) return count;
        continue;
      }
      if (this.#done) return 0;
      const { done, value } = await this.#reader.read();
      if (done) this.#done = true;
      if (this.#head === undefined) {
        if (value !== undefined) this.#transcoder.put(value);
        continue;
      }
      // How the document is encoded is seen in its first bytes, which may come in several pieces.
      if (value !== undefined) this.#head = joined(this.#head, value);
      if (this.#done || this.#head.length >= DECLARATION) {
        this.#transcoder.put(this.#head);
        this.#head = undefined;
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#done) await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** The longest XML declaration that is looked into. */
const DECLARATION = 128;

function hasMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** How a document that begins with these bytes is encoded. */
function encodingOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0x3c && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c)) return "utf-16be";
  if (hasMark(bytes)) return "utf-8";
  const head = String.fromCharCode(...bytes.subarray(0, DECLARATION));
  const declared = /^<\?xml[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']/.exec(head)?.[1]?.toLowerCase() ??
    "utf-8";
  // The declaration can be read, so the document is not UTF-16, whatever a gateway's re-encoding left in it.
  return declared.startsWith("utf-") || declared === "us-ascii" || declared === "utf8" ? "utf-8" : declared;
}

function decoderFor(label: string): TextDecoder {
  try {
    return new TextDecoder(label, { fatal: true });
  } catch (cause) {
    throw new SttpError(
      "InvalidMetadata",
      `the document's encoding "${label}" is not known; expected UTF-8`,
      {
        cause,
      },
    );
  }
}
