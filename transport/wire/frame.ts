/**
 * Frames of the command channel and the commands and responses in them (§1).
 *
 * @module
 */
import { SttpError } from "../errors.ts";

/** Bytes of the length in front of every frame on the command channel. */
export const FRAME_HEADER_LENGTH = 4;
/** Bytes of a response in front of its body: code, command answered, body length. */
export const RESPONSE_HEADER_LENGTH = 6;

const EMPTY = new Uint8Array(0);
const DEFAULT_READ_SIZE = 65_536;
/** Bytes of a long frame that are read, or copied, at a time: a millisecond's worth in memory that is new. */
const PIECE = 262_144;

function readUint32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24 | bytes[offset + 1]! << 16 | bytes[offset + 2]! << 8 | bytes[offset + 3]!) >>>
    0;
}

function writeUint32(value: number, bytes: Uint8Array, offset: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** Settings of a {@linkcode FrameReader}. */
export interface FrameReaderOptions {
  /** The longest frame to accept, in bytes after the length. May be changed later. */
  readonly maxLength: number;
  /**
   * The least room that `writable()` offers; default 65,536 bytes. The reader holds twice as much at rest, so a
   * server of many quiet peers takes less.
   */
  readonly readSize?: number;
}

/**
 * Cuts a stream of bytes into frames: read into `writable()`, `commit()` what arrived, take frames with `next()`.
 *
 * One buffer serves all frames and a frame is a view of it, so nothing is copied but the start of a frame that
 * straddles the buffer's end, and of one that is longer than the buffer. Memory grows only as bytes arrive, never
 * because a length announces them, and falls back to its normal size once a large frame has been taken. However long a
 * frame is, no call copies much more of it than has just arrived.
 *
 * @example
 * ```ts
 * import { encodeCommand, Command, FrameReader } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const frames = new FrameReader({ maxLength: 8_197 });
 * const arrived = encodeCommand(Command.Unsubscribe);
 * frames.writable().set(arrived);
 * frames.commit(arrived.length);
 * assertEquals(frames.next(), new Uint8Array([Command.Unsubscribe]));
 * assertEquals(frames.next(), undefined);
 * ```
 */
export class FrameReader {
  /** The longest frame to accept from now on, in bytes after the length. */
  maxLength: number;
  readonly #readSize: number;
  #buffer: Uint8Array<ArrayBuffer>;
  #start = 0;
  #end = 0;
  /** The bytes in front as they were before the buffer grew, while not all of them have been copied, and how many have. */
  #before: Uint8Array<ArrayBuffer> | undefined;
  #copied = 0;

  /**
   * A reader with nothing in it.
   *
   * @throws {RangeError} When a setting is not a whole number, or `readSize` is not positive.
   */
  constructor(options: FrameReaderOptions) {
    const { maxLength, readSize = DEFAULT_READ_SIZE } = options;
    if (!Number.isInteger(maxLength) || maxLength < 0) {
      throw new RangeError(`maxLength ${maxLength} is not a whole number of bytes`);
    }
    if (!Number.isInteger(readSize) || readSize < 1) {
      throw new RangeError(`readSize ${readSize} is not a positive whole number of bytes`);
    }
    this.maxLength = maxLength;
    this.#readSize = readSize;
    this.#buffer = new Uint8Array(2 * readSize);
  }

  /** Bytes that have arrived and are not yet taken as frames. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Bytes of memory held. */
  get capacity(): number {
    return this.#buffer.length + (this.#before?.buffer.byteLength ?? 0);
  }

  /**
   * Free room to read into, at least `readSize` bytes. Ends the life of the frames given out before, unless they were
   * released.
   */
  writable(): Uint8Array<ArrayBuffer> {
    const { buffered } = this;
    if (buffered === 0) this.#start = this.#end = 0;
    if (this.#buffer.length > 2 * this.#readSize && buffered <= this.#readSize) {
      this.#moveTo(new Uint8Array(2 * this.#readSize));
    } else if (this.#buffer.length - this.#end < this.#readSize) {
      if (this.#buffer.length - buffered >= this.#readSize) {
        this.#buffer.copyWithin(0, this.#start, this.#end);
        this.#start = 0;
        this.#end = buffered;
      } else {
        this.#moveTo(new Uint8Array(this.#grownLength()));
      }
    }
    return this.#buffer.subarray(this.#end, this.#end + Math.max(PIECE, this.#readSize));
  }

  /**
   * Doubling keeps the copying linear in what arrives; no more than the frame in front and a read is needed. Where not
   * all is copied at once the length is a half of that, or a half of its half and so on: then as much arrives as there
   * is to copy before the frame is complete or the buffer grows again.
   */
  #grownLength(): number {
    const frame = FRAME_HEADER_LENGTH + readUint32(this.#buffer, this.#start);
    const { length } = this.#buffer;
    let needed = Math.max(frame, this.buffered) + this.#readSize;
    if (length < PIECE) return Math.min(2 * length, needed);
    while (needed > 3 * length) needed = Math.ceil(needed / 2);
    return needed;
  }

  #moveTo(buffer: Uint8Array<ArrayBuffer>): void {
    this.#copy(Infinity);
    const { buffered } = this;
    this.#before = this.#buffer.subarray(this.#start, this.#end);
    this.#copied = 0;
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = buffered;
    this.#copy(PIECE);
  }

  /** Copies some more of what was there before the buffer grew. Until all of it is there, nothing is taken. */
  #copy(count: number): void {
    if (this.#before === undefined) return;
    const piece = this.#before.subarray(this.#copied, this.#copied + count);
    this.#buffer.set(piece, this.#copied);
    this.#copied += piece.length;
    if (this.#copied === this.#before.length) this.#before = undefined;
  }

  /**
   * Leaves the memory of the frames given out so far to whoever has them: they stay good, and the reader goes on
   * elsewhere. That saves copying one that is long.
   */
  release(): void {
    this.#moveTo(new Uint8Array(Math.max(2 * this.#readSize, this.buffered + this.#readSize)));
    this.#copy(Infinity);
  }

  /** The first of the bytes that are buffered, at most `count`: a view that is good until the next `writable()`. */
  peek(count: number): Uint8Array<ArrayBuffer> {
    if (count > this.#copied) this.#copy(Infinity);
    return this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + count));
  }

  /**
   * Says that `count` bytes were read into the room that `writable()` gave.
   *
   * @throws {RangeError} When there was not so much room.
   */
  commit(count: number): void {
    if (!Number.isInteger(count) || count < 0 || count > this.#buffer.length - this.#end) {
      throw new RangeError(`${count} bytes committed, room was for ${this.#buffer.length - this.#end}`);
    }
    this.#end += count;
    // As much as arrives would do; twice as much lets the memory of before go sooner.
    if (this.#before !== undefined) this.#copy(2 * count);
  }

  /**
   * The payload of the next frame, a view that is good until the next `writable()`; `undefined` when none is
   * complete.
   *
   * @throws {SttpError} `FrameTooLong` when a frame announces more than `maxLength` bytes. It stays in front: the
   * stream can't be used any further.
   */
  next(): Uint8Array<ArrayBuffer> | undefined {
    if (this.buffered < FRAME_HEADER_LENGTH) return undefined;
    const length = readUint32(this.#buffer, this.#start);
    if (length > this.maxLength) {
      throw new SttpError("FrameTooLong", `frame of ${length} bytes, at most ${this.maxLength} expected`);
    }
    const end = this.#start + FRAME_HEADER_LENGTH + length;
    if (end > this.#end) return undefined;
    this.#copy(Infinity);
    const payload = this.#buffer.subarray(this.#start + FRAME_HEADER_LENGTH, end);
    this.#start = end;
    return payload;
  }
}

/** A command as it lies in a frame. */
export interface CommandView {
  /** The command's code; see `Command`. */
  readonly code: number;
  /** What follows, a view of the frame. */
  readonly body: Uint8Array;
}

/** A response as it lies in a frame or datagram. */
export interface ResponseView {
  /** The response's code; see `Response`. */
  readonly code: number;
  /** The command that it answers; Subscribe when unsolicited. */
  readonly inResponseTo: number;
  /** What follows, a view of the frame. */
  readonly body: Uint8Array;
}

/** A whole frame with one command. */
export function encodeCommand(command: number, body: Uint8Array = EMPTY): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + 1 + body.length);
  writeUint32(1 + body.length, frame, 0);
  frame[FRAME_HEADER_LENGTH] = command;
  frame.set(body, FRAME_HEADER_LENGTH + 1);
  return frame;
}

/** A whole frame with one response. Without its first four bytes it is a datagram of the data channel. */
export function encodeResponse(
  response: number,
  inResponseTo: number,
  body: Uint8Array = EMPTY,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH + body.length);
  writeResponseHeader(response, inResponseTo, body.length, frame, 0);
  frame.set(body, FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH);
  return frame;
}

/**
 * Writes the ten bytes in front of a response's body, for a body that is written in place.
 *
 * @returns The offset of the body.
 */
export function writeResponseHeader(
  response: number,
  inResponseTo: number,
  bodyLength: number,
  out: Uint8Array,
  offset: number,
): number {
  writeUint32(RESPONSE_HEADER_LENGTH + bodyLength, out, offset);
  out[offset + 4] = response;
  out[offset + 5] = inResponseTo;
  writeUint32(bodyLength, out, offset + 6);
  return offset + FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH;
}

/**
 * Reads the command in a frame's payload.
 *
 * @throws {SttpError} `MalformedFrame` when the payload is empty.
 */
export function readCommand(payload: Uint8Array): CommandView {
  if (payload.length === 0) throw new SttpError("MalformedFrame", "empty frame, a command expected");
  return { code: payload[0]!, body: payload.subarray(1) };
}

/**
 * Reads the responses in a frame's payload (or a datagram), one after another: a publisher that batches its writes
 * puts many into one frame.
 *
 * @throws {SttpError} `MalformedFrame` when the payload is empty or what is left of it does not hold a whole
 * response; those before it have been given out by then.
 *
 * @example
 * ```ts
 * import { Command, encodeResponse, readResponses, Response } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = encodeResponse(Response.NoOP, Command.Subscribe);
 * const [only] = readResponses(frame.subarray(4));
 * assertEquals(only?.code, Response.NoOP);
 * ```
 */
export function* readResponses(payload: Uint8Array): Generator<ResponseView, void, undefined> {
  let offset = 0;
  do {
    const left = payload.length - offset;
    if (left < RESPONSE_HEADER_LENGTH) {
      throw new SttpError(
        "MalformedFrame",
        `${left} bytes at offset ${offset} of a frame of ${payload.length}, a response's 6-byte header expected`,
      );
    }
    const length = readUint32(payload, offset + 2);
    const start = offset + RESPONSE_HEADER_LENGTH;
    if (length > payload.length - start) {
      throw new SttpError(
        "MalformedFrame",
        `response 0x${
          payload[offset]!.toString(16)
        } at offset ${offset} announces a body of ${length} bytes, ${payload.length - start} are left`,
      );
    }
    offset = start + length;
    yield {
      code: payload[start - 6]!,
      inResponseTo: payload[start - 5]!,
      body: payload.subarray(start, offset),
    };
  } while (offset < payload.length);
}
