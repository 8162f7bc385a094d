import { SttpError } from "../../errors.ts";
import { DefaultLimits } from "../../limits.ts";
import type { MeasurementBatch } from "../batch.ts";
import { Code, nextSequence, TSSC_HEADER_LENGTH, TSSC_VERSION } from "./codes.ts";
import { ENTRY_LENGTH_SHIFT, Field, Model, ORIGIN, PointTable } from "./points.ts";
import { TimeHistory } from "./times.ts";

/** What a {@linkcode TsscDecoder} accepts, so that a hostile publisher can't take all memory. */
export interface TsscDecoderOptions {
  /** The highest signal index; default 4,194,303. */
  maxSignalIndex?: number;
  /** How many different signals there may be between two resets; default 1,048,576 (about 100 MB). */
  maxSignals?: number;
  /** How many measurements a packet may hold; default 1,048,576. One takes as little as a bit on the wire. */
  maxMeasurements?: number;
}

/** How far a read may go beyond the end before it is noticed. */
const PADDING = 32;

/** Parts of a measurement in their order on the wire. */
const Part = { None: 0, Index: 1, Time: 2, Flags: 3 } as const;

/**
 * Reads the TSSC packets (§8 of the wire contract) that a {@linkcode TsscEncoder} or a field implementation wrote.
 * Nothing is allocated per measurement.
 *
 * The state belongs to a signal index cache: keep a decoder for each. For an example see {@linkcode TsscEncoder}.
 */
export class TsscDecoder {
  readonly #points = new PointTable();
  readonly #times = new TimeHistory();
  readonly #maxSignalIndex: number;
  readonly #maxSignals: number;
  readonly #maxMeasurements: number;
  #expectedSequence = 0;
  #outOfSequence = 0;

  // The packet being read: a copy, so that reads may run a little beyond the end.
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** The next byte. */
  #position = 0;
  /** How many bits of the last byte taken for bits are unread, 0 to 7. */
  #left = 0;
  /** Those bits, from the top of the word down. */
  #pending = 0;

  // The measurement being read.
  /** The point of the measurement before. */
  #last: number = ORIGIN;
  #index = 0;
  #point: number = ORIGIN;

  /**
   * @param options Limits; see {@linkcode TsscDecoderOptions}.
   * @throws {RangeError} When a limit is not a positive whole number, or `maxSignalIndex` not a uint32.
   */
  constructor(options: TsscDecoderOptions = {}) {
    const {
      maxSignalIndex = DefaultLimits.signalIndex,
      maxSignals = DefaultLimits.cacheEntries,
      maxMeasurements = DefaultLimits.packetMeasurements,
    } = options;
    this.#maxSignalIndex = checkLimit("maxSignalIndex", maxSignalIndex, 0, 0xffff_ffff);
    this.#maxSignals = checkLimit("maxSignals", maxSignals, 1, 1 << 24);
    this.#maxMeasurements = checkLimit("maxMeasurements", maxMeasurements, 1, 0x7fff_ffff);
  }

  /** The sequence number that the next packet must have, unless it starts over with 0. */
  get expectedSequence(): number {
    return this.#expectedSequence;
  }

  /** How many packets were dropped because their sequence number was neither the expected one nor 0. */
  get outOfSequence(): number {
    return this.#outOfSequence;
  }

  /** Forgets everything: only a packet with sequence 0 is read next. */
  reset(): void {
    this.#expectedSequence = 0;
    this.#points.reset();
    this.#times.reset();
    this.#last = ORIGIN;
  }

  /**
   * Appends a packet's measurements to `into`, whose `signals` get wire signal indexes.
   *
   * @param payload The packet from its TSSC version byte on.
   * @returns How many measurements were appended; -1 for a packet out of sequence, which is dropped and counted in
   * {@linkcode TsscDecoder.outOfSequence}.
   * @throws {SttpError} `MalformedPacket` when the packet can't be decoded or is over a limit. Then `into` is as it
   * was, and all packets are out of sequence until one has sequence 0.
   */
  decode(payload: Uint8Array, into: MeasurementBatch): number {
    const start = into.length;
    if (payload.length < TSSC_HEADER_LENGTH || payload[0] !== TSSC_VERSION) {
      throw this.#malformed(
        payload.length < TSSC_HEADER_LENGTH
          ? `${payload.length} bytes, at least ${TSSC_HEADER_LENGTH} expected`
          : `version ${payload[0]}, ${TSSC_VERSION} expected`,
      );
    }
    const sequence = payload[1]! << 8 | payload[2]!;
    if (sequence === 0) {
      this.reset();
    } else if (sequence !== this.#expectedSequence) {
      this.#outOfSequence++;
      return -1;
    }
    try {
      this.#load(payload);
      into.length = this.#decodeBlock(payload.length, into);
    } catch (error) {
      into.length = start;
      this.reset();
      throw error;
    }
    this.#expectedSequence = nextSequence(sequence);
    return into.length - start;
  }

  #load(payload: Uint8Array): void {
    if (payload.length + PADDING > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(4096, 2 * payload.length) + PADDING);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#bytes.set(payload);
    this.#position = TSSC_HEADER_LENGTH;
    this.#left = 0;
    this.#pending = 0;
  }

  /** @returns The length that `into` should have. */
  #decodeBlock(end: number, into: MeasurementBatch): number {
    const points = this.#points;
    const times = this.#times;
    const view = this.#view;
    const stop = into.length + this.#maxMeasurements;
    // All state in locals: this loop is what the subscriber spends its time in.
    let { words, codes } = points;
    let { low, high } = times;
    let last = this.#last;
    let position = this.#position;
    let left = this.#left;
    let pending = this.#pending;
    let { signals, tickWords, valueBits, flags: flagsColumn, length: n } = into;
    let room = Math.min(stop, signals.length);
    let part: number = Part.None;
    let index = words[last + Field.NextIndex]!;
    let point = words[last + Field.NextPoint]!;

    for (;;) {
      if (position >= end) {
        if (position > end) throw this.#malformed(`ends within a measurement, after ${n - into.length}`);
        if (left === 0) {
          if (part !== Part.None) {
            throw this.#malformed(`ends within a measurement, after ${n - into.length}`);
          }
          break;
        }
      }

      // The next code, in the last point's model: zeros as many as there are favourites announce a plain one.
      const window = pending | (view.getInt32(position) >>> left);
      const model = words[last + Field.Model]!;
      const favourites = (model >>> Model.CountShift) & Model.CountMask;
      const zeros = Math.clz32(window);
      const code = zeros < favourites
        ? (model >>> (Model.FavouriteShift + Model.FavouriteBits * zeros)) & 31
        : (window >>> (27 - favourites)) & 31;
      const at = (last << 2) + code;
      const entry = codes[at]!;
      codes[at] = entry + 1;
      words[last + Field.Model] = model - 1;
      if (((model - 1) & Model.CountdownMask) === 0) points.adapt(last);
      const length = entry >> ENTRY_LENGTH_SHIFT;

      if (code < Code.Value1) {
        // Anything but a value is rare.
        const taken = (length - left + 7) >> 3;
        this.#position = position + taken;
        this.#left = left + (taken << 3) - length;
        this.#pending = (window << length) & ~(-1 >>> this.#left);
        if (code === Code.EndOfStream) {
          if (part !== Part.None || this.#position !== end) {
            throw this.#malformed(
              `end of stream at byte ${this.#position} of ${end}, within a measurement or block`,
            );
          }
          break;
        }
        this.#last = last;
        this.#index = index;
        this.#point = point;
        part = this.#decodeChange(code, part);
        ({ words, codes } = points);
        ({ low, high } = times);
        index = this.#index;
        point = this.#point;
        position = this.#position;
        left = this.#left;
        pending = this.#pending;
        continue;
      }

      if (point === ORIGIN) {
        point = this.#resolve(index);
        words = points.words;
        codes = points.codes;
        words[last + Field.NextPoint] = point;
      }

      // The value, and with the code's bits the odd half byte of an XOR operand.
      const halves = code < Code.ValueXor4 ? 0 : code - Code.ValueXor4 + 1;
      const odd = (halves & 1) << 2;
      const bits = length + odd;
      const taken = (bits - left + 7) >> 3;
      position += taken;
      left += (taken << 3) - bits;
      pending = (window << bits) & ~(-1 >>> left);
      const value1 = words[point + Field.Value1]!;
      let value = value1;
      if (halves > 0) {
        const half = odd === 0 ? 0 : (window << length) >>> 28;
        const operand = (view.getInt32(position, true) << odd) | half;
        position += halves >> 1;
        value = value1 ^ (operand & (-1 >>> (32 - 4 * halves)));
        words[point + Field.Value3] = words[point + Field.Value2]!;
        words[point + Field.Value2] = value1;
        words[point + Field.Value1] = value;
      } else if (code !== Code.Value1) {
        const value2 = words[point + Field.Value2]!;
        if (code === Code.Value2) {
          value = value2;
        } else {
          value = code === Code.Value3 ? words[point + Field.Value3]! : 0;
          words[point + Field.Value3] = value2;
        }
        words[point + Field.Value2] = value1;
        words[point + Field.Value1] = value;
      }

      if (n === room) {
        if (n === stop) throw this.#malformed(`more than ${this.#maxMeasurements} measurements`);
        const length = into.length;
        into.length = n;
        into.reserve(n + 1);
        into.length = length;
        ({ signals, tickWords, valueBits, flags: flagsColumn } = into);
        room = Math.min(stop, signals.length);
      }
      signals[n] = index;
      tickWords[2 * n] = low;
      tickWords[2 * n + 1] = high;
      valueBits[n] = value;
      flagsColumn[n] = words[point + Field.Flags1]!;
      n++;
      last = point;
      part = Part.None;
      index = words[last + Field.NextIndex]!;
      point = words[last + Field.NextPoint]!;
    }
    this.#last = last;
    return n;
  }

  /** Reads what follows a code for an index, a time or flags. @returns The part of the measurement just read. */
  #decodeChange(code: number, before: number): number {
    const points = this.#points;
    const part = code <= Code.PointIdXor32 ? Part.Index : code <= Code.TimeXor7Bit ? Part.Time : Part.Flags;
    if (part <= before) throw this.#malformed(`code ${code} out of order at byte ${this.#position}`);
    if (part === Part.Index) {
      this.#index ^= this.#takeIndexChange(code);
      points.words[this.#last + Field.NextIndex] = this.#index;
      this.#point = this.#resolve(this.#index);
      points.words[this.#last + Field.NextPoint] = this.#point;
    } else if (part === Part.Time) {
      if (code === Code.TimeXor7Bit) this.#takeTime();
      else this.#times.follow(code);
    } else {
      if (this.#point === ORIGIN) {
        this.#point = this.#resolve(this.#index);
        points.words[this.#last + Field.NextPoint] = this.#point;
      }
      const { words } = points;
      const point = this.#point;
      const flags = code === Code.Quality2 ? words[point + Field.Flags2]! : this.#takeFlags();
      words[point + Field.Flags2] = words[point + Field.Flags1]!;
      words[point + Field.Flags1] = flags;
    }
    return part;
  }

  /** The point of a signal index, made if new. */
  #resolve(index: number): number {
    const point = this.#points.find(index);
    if (point !== ORIGIN) return point;
    if (index >>> 0 > this.#maxSignalIndex) {
      throw this.#malformed(`signal index ${index >>> 0}, at most ${this.#maxSignalIndex} expected`);
    }
    if (this.#points.size === this.#maxSignals) {
      throw this.#malformed(`more than ${this.#maxSignals} signals`);
    }
    return this.#points.add(index);
  }

  #takeIndexChange(code: number): number {
    const halves = code === Code.PointIdXor32 ? 8 : code - Code.PointIdXor4 + 1;
    const odd = (halves & 1) << 2;
    const half = odd === 0 ? 0 : this.#takeHalfByte();
    const operand = (this.#view.getInt32(this.#position, true) << odd) | half;
    this.#position += halves >> 1;
    return operand & (-1 >>> (32 - 4 * halves));
  }

  #takeHalfByte(): number {
    if (this.#left < 4) {
      this.#pending |= this.#bytes[this.#position++]! << 24 >>> this.#left;
      this.#left += 8;
    }
    const half = this.#pending >>> 28;
    this.#pending <<= 4;
    this.#left -= 4;
    return half;
  }

  #takeTime(): void {
    // Seven bits a byte, the ninth with eight: 28 bits, 28 bits, 8 bits.
    const bytes = this.#bytes;
    let position = this.#position;
    let low = 0;
    let high = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[position++]!;
      const bits = shift === 56 ? byte : byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift >= 32) high |= bits << (shift - 32);
      else if (shift > 25) high |= bits >>> (32 - shift);
      if (byte < 0x80 || shift === 56) break;
    }
    this.#position = position;
    this.#times.record(low ^ this.#times.low, high ^ this.#times.high);
  }

  #takeFlags(): number {
    let flags = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#position++]!;
      flags |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return flags;
  }

  #malformed(what: string): SttpError {
    this.#expectedSequence = 0;
    return new SttpError("MalformedPacket", `TSSC packet: ${what}`);
  }
}

function checkLimit(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} ${value} is not a whole number from ${least} to ${most}`);
  }
  return value;
}
