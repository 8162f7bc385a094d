/**
 * The file that a recorded session is kept in.
 *
 * A file is a row of records, each `kind[1] length[4] contents[length]`, the length big-endian:
 *
 * | kind | contents |
 * | --- | --- |
 * | `i` | the first record, JSON: `{ "sttpCapture": 1, ... }` with what is to be known of the recording |
 * | `t` | when what follows happened: ticks, int64 |
 * | `n` | which connection what follows belongs to: uint32, counted from 1 |
 * | `o` | the connection begins, JSON: who is at its ends |
 * | `c` | bytes from the subscriber, as they came: not cut where frames end |
 * | `s` | bytes from the publisher |
 * | `d` | a datagram from the publisher |
 * | `e` | the connection ended: why, in UTF-8 |
 *
 * `t` and `n` stay in force until the next one. Records of other kinds are passed over. A file whose name ends in
 * `.gz` is gzipped as a whole. One may also begin with `c` or `s`: then nothing is known but what was sent.
 *
 * @module
 */
import type { CommandError } from "../exit_codes.ts";
import { badInput, type ByteSource } from "./byte_source.ts";

/** Who sent something. */
export type Sender = "subscriber" | "publisher" | "datagram";

/** Who is at the ends of a recorded connection. */
export interface CapturedPeers {
  /** `host:port`, or an empty text where it is not known. */
  readonly subscriber: string;
  readonly publisher: string;
}

/** What is in a recording. */
export type CaptureEvent = {
  /** Counted from 1. */
  readonly connection: number;
  /** When, in ticks; `undefined` when the recording does not tell. */
  readonly ticks: bigint | undefined;
  /** Where in the (unpacked) file its record begins. */
  readonly offset: number;
} & CapturedPart;

/** An event without where and when. */
export type CapturedPart =
  | { readonly kind: "opened"; readonly peers: CapturedPeers }
  | { readonly kind: "bytes"; readonly from: Sender; readonly bytes: Uint8Array }
  | { readonly kind: "ended"; readonly reason: string };

/** Bytes of a record's kind and length. */
const HEADER_LENGTH = 5;
/** No record is longer, so that a wrong length is no wish for memory. */
const MAX_RECORD_LENGTH = 16 * 1024 ** 2;

const senders: Readonly<Record<string, Sender>> = { c: "subscriber", s: "publisher", d: "datagram" };
const letters: Readonly<Record<Sender, string>> = { subscriber: "c", publisher: "s", datagram: "d" };

/** Writes a recording, one event after the other. */
export class CaptureWriter {
  readonly #write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  #ticks: bigint | undefined;
  #connection = 0;
  #last: Promise<void> = Promise.resolve();
  /** Bytes written, and about to be. */
  size = 0;

  /**
   * Begins a recording.
   *
   * @param write Takes bytes; the next ones come when it has resolved.
   * @param about What is to be known of the recording, for its readers.
   */
  constructor(
    write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
    about: Readonly<Record<string, unknown>>,
  ) {
    this.#write = write;
    this.#put(record("i", encode(JSON.stringify({ sttpCapture: 1, ...about }))));
  }

  /** Adds an event. Resolves when it is written; rejects when it, or one before it, could not be. */
  add(connection: number, ticks: bigint, part: CapturedPart): Promise<void> {
    const records: Uint8Array<ArrayBuffer>[] = [];
    if (ticks !== this.#ticks) {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigInt64(0, ticks);
      records.push(record("t", bytes));
    }
    if (connection !== this.#connection) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, connection);
      records.push(record("n", bytes));
    }
    this.#ticks = ticks;
    this.#connection = connection;
    if (part.kind === "opened") records.push(record("o", encode(JSON.stringify(part.peers))));
    else if (part.kind === "bytes") records.push(record(letters[part.from], part.bytes));
    else records.push(record("e", encode(part.reason)));
    return this.#put(...records);
  }

  #put(...records: Uint8Array<ArrayBuffer>[]): Promise<void> {
    for (const { length } of records) this.size += length;
    const written = this.#last.then(async () => {
      for (const bytes of records) await this.#write(bytes);
    });
    // Whoever adds next learns of it.
    written.catch(() => {});
    return this.#last = written;
  }
}

function record(kind: string, contents: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_LENGTH + contents.length);
  bytes[0] = kind.charCodeAt(0);
  new DataView(bytes.buffer).setUint32(1, contents.length);
  bytes.set(contents, HEADER_LENGTH);
  return bytes;
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/**
 * Reads a recording. What is given out is whole even when the file is not.
 *
 * @param source The file, from its beginning.
 * @throws {CommandError} `BadInput`, with the offset, when it is no recording, or ends before its last record does.
 */
export async function* readCapture(
  source: ByteSource,
): AsyncGenerator<CaptureEvent, void, undefined> {
  let ticks: bigint | undefined;
  let connection = 1;
  for (let isFirst = true;; isFirst = false) {
    const { offset } = source;
    const header = await source.take(HEADER_LENGTH);
    if (header === undefined) {
      if (isFirst) throw badInput("the file is empty");
      return;
    }
    const kind = String.fromCharCode(header[0]!);
    const length = viewOf(header).getUint32(1);
    if (isFirst && !"ics".includes(kind)) throw notACapture();
    if (length > MAX_RECORD_LENGTH) {
      if (isFirst) throw notACapture();
      throw badInput(
        `a record of ${length} bytes at offset ${offset}, at most ${MAX_RECORD_LENGTH} expected`,
      );
    }
    const contents = length === 0 ? new Uint8Array(0) : await source.take(length);
    if (contents === undefined) throw source.cutShort();
    if (isFirst) checkFirst(kind, contents);

    const from = senders[kind];
    if (from !== undefined) {
      yield { kind: "bytes", from, connection, ticks, offset, bytes: contents };
    } else if (kind === "t") {
      if (length !== 8) throw badInput(`a time of ${length} bytes at offset ${offset}, 8 expected`);
      ticks = viewOf(contents).getBigInt64(0);
    } else if (kind === "n") {
      if (length !== 4) {
        throw badInput(`a connection's number of ${length} bytes at offset ${offset}, 4 expected`);
      }
      connection = viewOf(contents).getUint32(0);
    } else if (kind === "o") {
      yield { kind: "opened", connection, ticks, offset, peers: readPeers(contents) };
    } else if (kind === "e") {
      yield { kind: "ended", connection, ticks, offset, reason: new TextDecoder().decode(contents) };
    }
  }
}

function checkFirst(kind: string, contents: Uint8Array): void {
  if (kind !== "i") {
    // What is sent first is a frame: its length in four bytes, and what length can be no more than a recording holds.
    if (contents.length < 5 || contents[0] !== 0) throw notACapture();
    return;
  }
  const { sttpCapture: version } = parseJson(contents);
  if (typeof version !== "number") throw notACapture();
  if (version !== 1) {
    throw badInput(`a recording of version ${version}, 1 expected: a newer program wrote it`);
  }
}

function readPeers(contents: Uint8Array): CapturedPeers {
  const { subscriber, publisher } = parseJson(contents);
  const text = (value: unknown): string => typeof value === "string" ? value : "";
  return { subscriber: text(subscriber), publisher: text(publisher) };
}

function parseJson(contents: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(contents));
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function notACapture(): CommandError {
  return badInput("the file is no recording of an STTP session");
}
