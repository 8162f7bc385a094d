import { SttpError } from "../../errors.ts";
import type { MeasurementBatch } from "../batch.ts";
import { Code, nextSequence, TSSC_HEADER_LENGTH, TSSC_RESERVE, TSSC_VERSION } from "./codes.ts";
import { Field, ORIGIN, PointTable } from "./points.ts";
import { TimeHistory } from "./times.ts";

/**
 * Compresses measurements into TSSC packets (§8 of the wire contract): lossless, stateful, each packet built in
 * place in the caller's memory. Nothing is allocated per measurement.
 *
 * A packet is made by {@linkcode TsscEncoder.begin}, any number of {@linkcode TsscEncoder.encode} and
 * {@linkcode TsscEncoder.finish}. The state goes on from packet to packet until {@linkcode TsscEncoder.reset}.
 *
 * @example
 * ```ts
 * import { MeasurementBatch, TsscDecoder, TsscEncoder } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const batch = new MeasurementBatch();
 * batch.add(0, 638_500_000_000_000_000n, 59.98, 0);
 * batch.add(1, 638_500_000_000_000_000n, 60.02, 0);
 *
 * const encoder = new TsscEncoder();
 * const packet = new Uint8Array(32_768);
 * encoder.begin(packet, 0, packet.length);
 * assertEquals(encoder.encode(batch, 0, batch.length), 2);
 * const end = encoder.finish();
 *
 * const decoded = new MeasurementBatch();
 * assertEquals(new TsscDecoder().decode(packet.subarray(0, end), decoded), 2);
 * assertEquals(decoded.values[1], batch.values[1]);
 * ```
 */
export class TsscEncoder {
  readonly #points = new PointTable();
  readonly #times = new TimeHistory();
  /** The point of the last measurement, whose model writes the codes of the next. */
  #last: number = ORIGIN;
  #sequence = 0;
  #count = 0;

  // The packet being written.
  #open = false;
  #out: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** The next free byte. */
  #position = 0;
  /** Where the packet must end. */
  #limit = 0;
  /** The byte that bits go to until it is full. */
  #home = 0;
  /** How many bits that byte has, 1 to 8. */
  #used = 8;
  /** Those bits, from the top of the word down. */
  #pending = 0;

  /** The sequence number of the packet being written, or of the next one: 0 after a reset. */
  get sequence(): number {
    return this.#sequence;
  }

  /** How many measurements the packet being written holds; after `finish` those of the finished one. */
  get count(): number {
    return this.#count;
  }

  /** Starts afresh: the next packet has sequence 0, and a packet being written is abandoned. */
  reset(): void {
    this.#points.reset();
    this.#times.reset();
    this.#last = ORIGIN;
    this.#sequence = 0;
    this.#count = 0;
    this.#open = false;
  }

  /**
   * Begins a packet at `offset` of `out`: version and sequence are written at once, the block follows them. Bytes
   * before `limit` may be overwritten even beyond the packet's end.
   *
   * @throws {RangeError} When fewer than 103 bytes (header and 100 for the block) lie between `offset` and `limit`.
   * @throws {SttpError} `InvalidState` when a packet is being written already.
   */
  begin(out: Uint8Array, offset: number, limit: number): void {
    if (this.#open) throw new SttpError("InvalidState", "a TSSC packet is being written: finish it first");
    if (!(offset >= 0 && limit <= out.length && limit - offset >= TSSC_HEADER_LENGTH + TSSC_RESERVE)) {
      throw new RangeError(
        `TSSC packet from ${offset} to ${limit} of ${out.length} bytes: ` +
          `at least ${TSSC_HEADER_LENGTH + TSSC_RESERVE} are needed`,
      );
    }
    if (this.#out !== out) {
      this.#out = out;
      this.#view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    }
    out[offset] = TSSC_VERSION;
    this.#view.setUint16(offset + 1, this.#sequence);
    this.#position = offset + TSSC_HEADER_LENGTH;
    this.#limit = limit;
    // No bits are pending: as if the byte before the block were full of them.
    this.#home = this.#position - 1;
    this.#used = 8;
    this.#pending = out[this.#home]! << 24;
    this.#count = 0;
    this.#open = true;
  }

  /**
   * Writes measurements `from` to `to` (exclusive) of a batch whose `signals` are wire signal indexes, as long as
   * at least 100 bytes are free.
   *
   * @returns The index of the first measurement not written: `to` when all were.
   * @throws {RangeError} When the batch has no such measurements.
   * @throws {SttpError} `InvalidState` when no packet is being written.
   */
  encode(batch: MeasurementBatch, from: number, to: number): number {
    if (!this.#open) throw new SttpError("InvalidState", "no TSSC packet is being written: begin one first");
    if (!(from >= 0 && from <= to && to <= batch.length)) {
      throw new RangeError(`measurements ${from} to ${to} of a batch of ${batch.length}`);
    }
    const { signals, tickWords, flags } = batch;
    const stop = this.#limit - TSSC_RESERVE;
    let i = from;
    if (i < to && this.#position <= stop) {
      for (;;) {
        i = this.#encodePredicted(batch, i, to, stop);
        if (i === to || this.#position > stop) break;
        this.#encodeChanges(signals[i]!, tickWords[2 * i]!, tickWords[2 * i + 1]!, flags[i]! | 0);
      }
    }
    this.#count += i - from;
    return i;
  }

  /**
   * Writes measurements as long as index, time and flags are as predicted, so that only the values take space: the
   * publisher spends its time here. To be fast, the loop keeps all state in locals, calls nothing, turns sums into
   * integers with `| 0` (no check for overflow) and avoids branches that the data makes unpredictable.
   *
   * @param from The first measurement, which is written even if fewer bytes than `stop` says are free: what is
   * before its value may be there already.
   * @param stop The last position at which another measurement may start.
   * @returns The first measurement that is not as predicted, or not reached.
   */
  #encodePredicted(batch: MeasurementBatch, from: number, to: number, stop: number): number {
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

    const { signals, tickWords, valueBits, flags } = batch;
    const { words } = this.#points;
    const { low, high } = this.#times;
    const out = this.#out;
    const view = this.#view;
    let last = this.#last;
    let position = this.#position;
    let home = this.#home;
    let used = this.#used;
    let pending = this.#pending;
    let i = from | 0;
    do {
      const point = words[last + NextPoint]!;
      const model = words[(last + Model) | 0]!;
      if (
        point === ORIGIN || (model & 0xff) === 0 || words[last + NextIndex] !== signals[i] ||
        tickWords[i << 1] !== low || tickWords[(i << 1) | 1] !== high ||
        words[(point + Flags1) | 0] !== (flags[i]! | 0)
      ) break;

      // Which code the value gets, and for an XOR form of how many half bytes.
      const value = valueBits[i]!;
      const value1 = words[(point + Value1) | 0]!;
      const change = value ^ value1;
      let code = CodeValue1;
      let halves = 0;
      if (change !== 0) {
        const value2 = words[(point + Value2) | 0]!;
        words[(point + Value1) | 0] = value;
        words[(point + Value2) | 0] = value1;
        if (value === value2) {
          code = CodeValue2;
        } else {
          const value3 = words[(point + Value3) | 0]!;
          words[(point + Value3) | 0] = value2;
          if (value === value3) {
            code = CodeValue3;
          } else if (value === 0) {
            code = CodeValueZero;
          } else {
            halves = (35 - Math.clz32(change)) >> 2;
            code = (CodeValueZero + halves) | 0;
          }
        }
      }

      // Count the code, and find its word: a 1 after zeros for a favourite, else the code itself after zeros.
      words[(last + Model) | 0] = model - 1;
      const counts = (last + Counts + (code >> 2)) | 0;
      words[counts] = words[counts]! + (1 << ((code & 3) << 3));
      const isFirst = ((code ^ ((model >>> 8) & 0x3f)) - 1) >> 31;
      const isSecond = ((code ^ ((model >>> 14) & 0x3f)) - 1) >> 31;
      const isThird = ((code ^ ((model >>> 20) & 0x3f)) - 1) >> 31;
      const plain = 5 + ((model >>> 26) & 3);
      const length = (plain + (isFirst & (1 - plain)) + (isSecond & (2 - plain)) + (isThird & (3 - plain))) |
        0;
      const word = code ^ ((code ^ 1) & (isFirst | isSecond | isThird));

      // The word and, of an odd number of half bytes, the lowest go to the bits. See #putBits.
      const odd = (halves & 1) << 2;
      const bits = (word << odd) | (change & ((1 << odd) - 1));
      pending |= (bits << (32 - length - odd)) >>> used;
      used = (used + length + odd) | 0;
      out[home] = pending >>> 24;
      view.setInt16(position, pending >>> 8);
      const full = (used - 1) >> 3;
      position = (position + full) | 0;
      home = (home + ((position - 1 - home) & -((full + 1) >> 1))) | 0;
      pending <<= full << 3;
      used = (used - (full << 3)) | 0;
      // The other half bytes follow; what is written beyond them will be overwritten.
      view.setInt32(position, change >>> odd, true);
      position = (position + (halves >> 1)) | 0;
      last = point;
      i = (i + 1) | 0;
    } while (i < to && position <= stop);

    this.#position = position;
    this.#home = home;
    this.#used = used;
    this.#pending = pending;
    this.#last = last;
    return i;
  }

  /**
   * Closes the packet.
   *
   * @returns Where it ends in the memory given to `begin`.
   * @throws {SttpError} `InvalidState` when no packet is being written.
   */
  finish(): number {
    if (!this.#open) throw new SttpError("InvalidState", "no TSSC packet is being written: begin one first");
    if (this.#used < 8) this.#putCode(Code.EndOfStream, 0, 0);
    this.#open = false;
    this.#sequence = nextSequence(this.#sequence);
    return this.#position;
  }

  /** Writes what of a measurement differs from the prediction, but for the value; then it is as predicted. */
  #encodeChanges(index: number, low: number, high: number, flags: number): void {
    const points = this.#points;
    const times = this.#times;
    const last = this.#last;
    let point = points.words[last + Field.NextPoint]!;
    const change = index ^ points.words[last + Field.NextIndex]!;
    if (change !== 0) this.#putIndexChange(change);
    if (change !== 0 || point === ORIGIN) {
      point = points.find(index) || points.add(index);
      points.words[last + Field.NextIndex] = index;
      points.words[last + Field.NextPoint] = point;
    }

    if (low !== times.low || high !== times.high) {
      const changedLow = low ^ times.low;
      const changedHigh = high ^ times.high;
      const code = times.advance(low, high);
      this.#putCode(code, 0, 0);
      if (code === Code.TimeXor7Bit) this.#putVarint(changedLow, changedHigh);
    }

    const { words } = points;
    const flags1 = words[point + Field.Flags1]!;
    if (flags !== flags1) {
      if (flags === words[point + Field.Flags2]) {
        this.#putCode(Code.Quality2, 0, 0);
      } else {
        this.#putCode(Code.Quality7Bit32, 0, 0);
        this.#putVarint(flags, 0);
      }
      words[point + Field.Flags2] = flags1;
      words[point + Field.Flags1] = flags;
    }
    if (points.isDue(last)) points.adapt(last);
  }

  #putIndexChange(change: number): void {
    let halves = (35 - Math.clz32(change)) >> 2;
    if (halves > 6) halves = 8;
    const odd = (halves & 1) << 2;
    const code = halves === 8 ? Code.PointIdXor32 : Code.PointIdXor4 - 1 + halves;
    this.#putCode(code, odd, change & ((1 << odd) - 1));
    this.#view.setInt32(this.#position, change >>> odd, true);
    this.#position += halves >> 1;
  }

  /** Writes a code in the last point's model, followed by `extraLength` bits. */
  #putCode(code: number, extraLength: number, extra: number): void {
    const points = this.#points;
    const last = this.#last;
    if (points.isDue(last)) points.adapt(last);
    const length = points.wordLength(last, code);
    points.count(last, code);
    this.#putBits((length < 5 ? 1 : code) << extraLength | extra, length + extraLength);
  }

  /** Writes up to 12 bits, reserving the next free byte whenever the one at hand is full. */
  #putBits(bits: number, length: number): void {
    const out = this.#out;
    let pending = this.#pending | ((bits << (32 - length)) >>> this.#used);
    let used = this.#used + length;
    out[this.#home] = pending >>> 24;
    while (used > 8) {
      pending <<= 8;
      used -= 8;
      this.#home = this.#position++;
      out[this.#home] = pending >>> 24;
    }
    this.#pending = pending;
    this.#used = used;
  }

  /** Writes a number in bytes of 7 bits, low ones first; a ninth byte has 8. */
  #putVarint(low: number, high: number): void {
    const out = this.#out;
    let position = this.#position;
    for (let bytes = 0; bytes < 8 && (high !== 0 || low >>> 0 > 0x7f); bytes++) {
      out[position++] = low | 0x80;
      low = (low >>> 7) | (high << 25);
      high >>>= 7;
    }
    out[position++] = low;
    this.#position = position;
  }
}
