import { SttpError } from "../../errors.ts";
import { DefaultLimits } from "../../limits.ts";
import type { MeasurementBatch } from "../batch.ts";
import { Code, nextSequence, TSSC_HEADER_LENGTH, TSSC_VERSION } from "./codes.ts";
import { Field, ORIGIN, PointTable } from "./points.ts";
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

/** No measurement takes more bytes: 4 for its codes, 4 of signal index, 9 of time, 5 of flags, 4 of value; and the end. */
const MOST_BYTES = 32;
/** How far a read may go beyond the end before it is noticed. */
const PADDING = 32;

/** Parts of a measurement in their order on the wire. */
const Part = { None: 0, Index: 1, Time: 2, Flags: 3 } as const;

/** In place of a code: none was read. */
const NO_CODE = -1;

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

  /** The point of the last measurement, whose model reads the codes of the next. */
  #last: number = ORIGIN;
  /** The signal index of the measurement being read: the predicted one until a code says otherwise. */
  #index = 0;
  /** Its point, or {@linkcode ORIGIN} while nobody looked it up. */
  #point: number = ORIGIN;
  /** The code that ended a run of values. */
  #code: number = NO_CODE;

  /**
   * A decoder that waits for a packet with sequence 0.
   *
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

  /** The sequence number that the next packet must have; 0 while only a packet that starts over will do. */
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
    if (payload.length > TSSC_HEADER_LENGTH + MOST_BYTES * this.#maxMeasurements) {
      throw this.#malformed(`${payload.length} bytes, more than ${this.#maxMeasurements} measurements take`);
    }
    const sequence = payload[1]! << 8 | payload[2]!;
    if (sequence === 0) {
      this.reset();
    } else if (sequence !== this.#expectedSequence) {
      this.#outOfSequence++;
      // Not even the expected number will do from now on: it might be the one of the next round.
      this.#expectedSequence = 0;
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
    const start = into.length;
    const most = start + this.#maxMeasurements;
    let n = start;
    let part: number = Part.None;
    this.#index = points.words[this.#last + Field.NextIndex]!;
    this.#point = points.words[this.#last + Field.NextPoint]!;
    for (;;) {
      const before = n;
      n = this.#decodeValues(into, n, Math.min(most, into.capacity), end);
      if (n > before) part = Part.None;
      const code = this.#code;
      if (this.#position > end) throw this.#malformed(`${end} bytes end within a measurement`);
      if (code === Code.EndOfStream) {
        if (part !== Part.None || this.#position < end) {
          throw this.#malformed(
            `end of stream at byte ${this.#position} of ${end}, in measurement ${n - start}`,
          );
        }
        return n;
      }
      if (code !== NO_CODE) {
        part = this.#decodeChange(code, part);
      } else if (points.isDue(this.#last)) {
        points.adapt(this.#last);
      } else if (this.#position === end && this.#left === 0) {
        if (part !== Part.None) throw this.#malformed(`${end} bytes end within a measurement`);
        return n;
      } else if (this.#point === ORIGIN) {
        this.#resolve();
      } else if (n === most) {
        throw this.#malformed(`more than ${this.#maxMeasurements} measurements`);
      } else {
        into.length = n;
        into.reserve(n + 1);
      }
    }
  }

  /**
   * Reads measurements of which nothing but the value is on the wire: the subscriber spends its time here. To be
   * fast, the loop keeps all state in locals, calls nothing, turns sums into integers with `| 0` (no check for
   * overflow) and avoids branches that the data makes unpredictable.
   *
   * It ends before something that is not a value, leaving the code in `#code`; or with `NO_CODE` where the block
   * ends, where a model must adapt, where a point must be looked up, or at `room`.
   *
   * @returns How many measurements `into` holds then.
   */
  #decodeValues(into: MeasurementBatch, from: number, room: number, end: number): number {
    // Copied from Field, Model and Code: only local constants become part of the machine code.
    const NextIndex = 0;
    const NextPoint = 1;
    const Flags1 = 2;
    const Value1 = 4;
    const Value2 = 5;
    const Value3 = 6;
    const Model = 7;
    const Counts = 8;
    const CodeValue1 = 20;
    const CodeValue2 = 21;
    const CodeValue3 = 22;
    const CodeValueZero = 23;

    const { signals, tickWords, valueBits, flags } = into;
    const { words } = this.#points;
    const { low, high } = this.#times;
    const view = this.#view;
    let last = this.#last;
    let index = this.#index;
    let point = this.#point;
    let position = this.#position;
    let left = this.#left;
    let pending = this.#pending;
    let n = from | 0;
    let code: number = NO_CODE;
    for (;;) {
      const model = words[(last + Model) | 0]!;
      if ((position >= end && (position > end || left === 0)) || (model & 0xff) === 0) {
        code = NO_CODE;
        break;
      }

      // A code's word: fewer zeros before its 1 than there are favourites, or as many and then the code itself.
      const window = pending | (view.getInt32(position) >>> left);
      const favourites = (model >>> 26) & 3;
      const zeros = Math.clz32(window);
      const isFavourite = (zeros - favourites) >> 31;
      const plain = (window >>> (27 - favourites)) & 31;
      code = plain ^ ((plain ^ (model >>> (8 + 6 * zeros))) & isFavourite & 31);
      const plainLength = 5 + favourites;
      const length = plainLength ^ ((plainLength ^ (zeros + 1)) & isFavourite);
      if (code >= CodeValue1 && (point === ORIGIN || n === room)) {
        code = NO_CODE;
        break;
      }
      words[(last + Model) | 0] = model - 1;
      const counts = (last + Counts + (code >> 2)) | 0;
      words[counts] = words[counts]! + (1 << ((code & 3) << 3));

      // Take the word and, of an odd number of half bytes, the lowest from the bits.
      const halves = code > CodeValueZero ? (code - CodeValueZero) | 0 : 0;
      const odd = (halves & 1) << 2;
      const bits = (length + odd) | 0;
      const bytes = (bits - left + 7) >> 3;
      position = (position + bytes) | 0;
      left = (left + (bytes << 3) - bits) | 0;
      pending = (window << bits) & ~(-1 >>> left);
      if (code < CodeValue1) break;

      const value1 = words[(point + Value1) | 0]!;
      let value = value1;
      if (halves !== 0) {
        const half = ((window << length) >>> 28) & ((odd << 2) - (odd >> 2));
        const change = (view.getInt32(position, true) << odd) | half;
        position = (position + (halves >> 1)) | 0;
        value = value1 ^ (change & (-1 >>> (32 - 4 * halves)));
        words[(point + Value3) | 0] = words[(point + Value2) | 0]!;
        words[(point + Value2) | 0] = value1;
        words[(point + Value1) | 0] = value;
      } else if (code !== CodeValue1) {
        const value2 = words[(point + Value2) | 0]!;
        if (code === CodeValue2) {
          value = value2;
        } else {
          value = code === CodeValue3 ? words[(point + Value3) | 0]! : 0;
          words[(point + Value3) | 0] = value2;
        }
        words[(point + Value2) | 0] = value1;
        words[(point + Value1) | 0] = value;
      }

      signals[n] = index;
      tickWords[n << 1] = low;
      tickWords[(n << 1) | 1] = high;
      valueBits[n] = value;
      flags[n] = words[(point + Flags1) | 0]!;
      n = (n + 1) | 0;
      last = point;
      index = words[last + NextIndex]!;
      point = words[last + NextPoint]!;
    }
    this.#code = code;
    this.#last = last;
    this.#index = index;
    this.#point = point;
    this.#position = position;
    this.#left = left;
    this.#pending = pending;
    return n;
  }

  /** Reads what follows a code for an index, a time or flags. @returns The part of the measurement just read. */
  #decodeChange(code: number, before: number): number {
    const part = code <= Code.PointIdXor32 ? Part.Index : code <= Code.TimeXor7Bit ? Part.Time : Part.Flags;
    if (part <= before) throw this.#malformed(`code ${code} out of order before byte ${this.#position}`);
    if (part === Part.Index) {
      this.#index ^= this.#takeIndexChange(code);
      this.#points.words[this.#last + Field.NextIndex] = this.#index;
      this.#resolve();
    } else if (part === Part.Time) {
      if (code === Code.TimeXor7Bit) this.#takeTime();
      else this.#times.follow(code);
    } else {
      if (this.#point === ORIGIN) this.#resolve();
      const { words } = this.#points;
      const point = this.#point;
      const flags = code === Code.Quality2 ? words[point + Field.Flags2]! : this.#takeFlags();
      words[point + Field.Flags2] = words[point + Field.Flags1]!;
      words[point + Field.Flags1] = flags;
    }
    return part;
  }

  /** Looks up the point of the measurement being read, or makes it if the limits allow. */
  #resolve(): void {
    const points = this.#points;
    const index = this.#index;
    let point = points.find(index);
    if (point === ORIGIN) {
      if (index >>> 0 > this.#maxSignalIndex) {
        throw this.#malformed(`signal index ${index >>> 0}, at most ${this.#maxSignalIndex} expected`);
      }
      if (points.size === this.#maxSignals) throw this.#malformed(`more than ${this.#maxSignals} signals`);
      point = points.add(index);
    }
    this.#point = point;
    points.words[this.#last + Field.NextPoint] = point;
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
    this.#times.moveTo(low ^ this.#times.low, high ^ this.#times.high);
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
