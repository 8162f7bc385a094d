/**
 * From data packets to measurements with stable signal handles.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { type BaseTimes, decodeBaseTimes } from "../transport/wire/base_times.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { decodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { DataPacketFlags } from "../transport/wire/codes.ts";
import { CompactDecoder, type CompactFormat } from "../transport/wire/compact.ts";
import { type DataPacket, decodePacketHeader } from "../transport/wire/data_packet.ts";
import type { SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import { finish } from "../transport/wire/steps.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import { TsscDecoder } from "../transport/wire/tssc/mod.ts";
import { type CacheSlot, CacheSlots, SignalMap } from "./cache_slots.ts";
import { Decryption } from "./decryption.ts";
import { LossMeter } from "./loss_meter.ts";
import type { CheckedLimits } from "./options.ts";
import { ReceivedBaseTimes } from "./received_base_times.ts";
import type { Counters, DropReason } from "./stats.ts";

/** Bytes of an encrypted packet: it is decrypted in one piece, at some 70 MB a second. Publishers send some 32 KB. */
const MOST_ENCRYPTED = 1024 ** 2;

/** What a {@linkcode PacketReader} needs from its surroundings. */
export interface PacketReaderOptions {
  /** The protocol version in force. */
  version: number;
  /** Bounds on packets. */
  limits: CheckedLimits;
  /** What stamps measurements that come without a time. */
  clock: Clock;
  /** Where signals get their stable handles. */
  signals: SignalTable;
  /** What is counted. */
  counters: Counters;
  /** Counts and reports what is dropped. */
  drop: (reason: DropReason, message: string, count?: number) => void;
}

/** Reads a connection's data packets; keeps all state that this takes: caches, TSSC streams, base times. */
export class PacketReader {
  readonly #options: PacketReaderOptions;
  readonly #slots: CacheSlots;
  #baseTimes: BaseTimes | undefined;
  /** Those of the newest cache. */
  #newestBaseTimes: ReceivedBaseTimes | undefined;
  readonly #loss: LossMeter;
  #decryption: Decryption | undefined;
  /**
   * Whether this is the publisher of sttpapi (§15), which sends compact packets without their count and can send no
   * TSSC packet after number 65,535. The session sets it when it recognises that publisher.
   */
  isSttpapi = false;
  #isExhausted = false;

  /** See {@linkcode PacketReaderOptions}. */
  constructor(options: PacketReaderOptions) {
    this.#options = options;
    const { limits, counters } = options;
    this.#loss = new LossMeter(counters.udp);
    this.#slots = new CacheSlots(options.version, () =>
      new TsscDecoder({
        maxSignalIndex: limits.signalIndex,
        maxSignals: Math.min(limits.cacheEntries, 1 << 24),
        maxMeasurements: limits.packetMeasurements,
      }));
  }

  /** Whether the publisher can send nothing more on this connection. */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  /**
   * Puts a new signal index cache in its place.
   *
   * @param format That of the subscription it belongs to.
   * @throws {SttpError} `LimitExceeded` when there are too many different signals.
   */
  installCache(cacheIndex: 0 | 1, cache: SignalIndexCache, format: CompactFormat): void {
    finish(this.installCacheSteps(cacheIndex, cache, format));
  }

  /** {@linkcode PacketReader.installCache} in steps; it is in its place after the last. */
  *installCacheSteps(
    cacheIndex: 0 | 1,
    cache: SignalIndexCache,
    format: CompactFormat,
  ): Generator<void, void, unknown> {
    const { limits, signals } = this.#options;
    const map = yield* SignalMap.of(cache, signals, limits.signals);
    const compact = new CompactDecoder(format, { maxMeasurements: limits.packetMeasurements });
    const baseTimes = new ReceivedBaseTimes(this.#options.clock, this.#baseTimes);
    this.#newestBaseTimes = baseTimes;
    this.#loss.reset();
    this.#slots.install(cacheIndex, map, compact, baseTimes);
  }

  /** The publisher is the kind that never sets the CacheIndex flag. */
  expectNoFlags(): void {
    this.#slots.expectNoFlags();
  }

  /** Whether an answer to a command behind the confirmation is needed; see {@linkcode CacheSlots}. */
  get undecided(): boolean {
    return this.#slots.undecided;
  }

  /** That answer came. */
  confirmationAnswered(): void {
    this.#slots.answered();
  }

  /** The body of an UpdateBaseTimes. @throws {SttpError} `MalformedFrame`. */
  updateBaseTimes(body: Uint8Array): void {
    const baseTimes = decodeBaseTimes(body);
    this.#baseTimes = baseTimes;
    // Those of a new subscription are not for late datagrams of the one before.
    for (const slot of this.#slots.all()) {
      const isNewest = slot.baseTimes === this.#newestBaseTimes;
      if (isNewest || slot.baseTimes.isRotatedBy(baseTimes)) slot.baseTimes.update(baseTimes);
    }
  }

  /**
   * The body of an UpdateCipherKeys (§12): from here on everything is taken for encrypted.
   *
   * @returns The index of the key that comes into use.
   * @throws {SttpError} `MalformedFrame`.
   */
  updateCipherKeys(body: Uint8Array): 0 | 1 {
    const keys = decodeCipherKeys(body);
    this.#decryption ??= new Decryption();
    this.#decryption.update(keys);
    this.#options.counters.cipherKeys++;
    return keys.cipherIndex;
  }

  /** The handle of a signal index in a buffer block; `undefined` when there is none. */
  signalOf(index: number, isFlagged: boolean): number | undefined {
    return this.#slots.choose(isFlagged, undefined)?.map.handleOf(index);
  }

  /** What payloads are decrypted with; `undefined` while they are not encrypted. */
  get decryption(): Decryption | undefined {
    return this.#decryption;
  }

  /**
   * Appends the measurements of a data packet's body to a batch. Whatever can't be used is counted and dropped.
   *
   * @param isDatagram Whether it came over UDP.
   */
  read(body: Uint8Array, into: MeasurementBatch, isDatagram: boolean = false): void {
    const { counters, drop } = this.#options;
    counters.packets++;
    counters.dataBytes += body.length;
    let packet: DataPacket;
    try {
      const plain = this.#decryption === undefined ? body : this.#decrypt(body, this.#decryption);
      if (plain === undefined) {
        return drop("undecipherable", "a data packet is encrypted with no key that the publisher has sent");
      }
      packet = decodePacketHeader(plain);
    } catch (error) {
      return drop("malformedPacket", (error as Error).message);
    }
    const { flags, payload } = packet;
    const tssc = (flags & DataPacketFlags.Compressed) !== 0;
    const tsscStart = tssc ? payload[1] === 0 && payload[2] === 0 : undefined;
    const slot = this.#slots.choose((flags & DataPacketFlags.CacheIndex) !== 0, tsscStart);
    if (slot === undefined) return drop("noCache", "a data packet came before any signal index cache");
    const start = into.length;
    try {
      if (tssc) this.#decodeTssc(payload, slot, into);
      else this.#decodeCompact(packet, body, slot, into, isDatagram);
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      return drop("malformedPacket", error.message);
    }
    const unknown = slot.map.apply(into, start);
    if (unknown > 0) drop("unknownSignal", "a signal index is not in the signal index cache", unknown);
    counters.measurements += into.length - start;
    if (isDatagram && slot.compact.format.includeTime) this.#loss.add(into, start);
  }

  #decrypt(body: Uint8Array, decryption: Decryption): Uint8Array | undefined {
    if (body.length > MOST_ENCRYPTED) {
      const message = `encrypted data packet of ${body.length} bytes, at most ${MOST_ENCRYPTED} expected`;
      throw new SttpError("LimitExceeded", message);
    }
    const flags = body[0]!;
    const isOdd = (flags & DataPacketFlags.CipherIndex) !== 0;
    const payload = decryption.decrypt(body.subarray(1), isOdd, isPlausible);
    if (payload === undefined) return undefined;
    const plain = new Uint8Array(1 + payload.length);
    plain[0] = flags;
    plain.set(payload, 1);
    return plain;
  }

  #decodeTssc(payload: Uint8Array, slot: CacheSlot, into: MeasurementBatch): void {
    const { counters, drop } = this.#options;
    const expected = slot.tssc.expectedSequence;
    const decoded = slot.tssc.decode(payload, into);
    const sequence = payload[1]! << 8 | payload[2]!;
    if (decoded < 0) {
      drop("outOfSequence", `TSSC packet ${sequence} came, ${expected} expected; it takes a 0 now`);
    } else if (sequence === 0) {
      counters.tsscResets++;
    } else if (sequence === 0xffff) {
      this.#isExhausted = this.isSttpapi;
    }
  }

  #decodeCompact(
    { count, payload }: DataPacket,
    body: Uint8Array,
    slot: CacheSlot,
    into: MeasurementBatch,
    isDatagram: boolean,
  ): void {
    const baseTimes = isDatagram ? slot.baseTimes.ofDatagrams : this.#baseTimes;
    slot.compact.baseTimes = baseTimes;
    const arrival = slot.compact.format.includeTime ? 0n : ticksNow(this.#options.clock);
    try {
      slot.compact.decode(payload, count, into, arrival);
    } catch (error) {
      if (this.isSttpapi && slot.compact.format.includeTime && (body.length - 1) % 17 === 0) {
        slot.compact.decode(body.subarray(1), undefined, into);
        return;
      }
      // A publisher may apply the options of a new subscription before it switches caches.
      const other = this.#slots.all().find((other) => other !== slot)?.compact;
      if (other === undefined || sameFormat(other.format, slot.compact.format)) throw error;
      other.baseTimes = baseTimes;
      other.decode(payload, count, into, ticksNow(this.#options.clock));
    }
  }
}

/** Whether a decrypted payload begins with a count that its length bears out: 32 KB of TSSC hold 262,144. */
function isPlausible(payload: Uint8Array): boolean {
  if (payload.length < 4) return false;
  const count = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
  return count <= 8 * payload.length;
}

function sameFormat(a: CompactFormat, b: CompactFormat): boolean {
  return a.includeTime === b.includeTime && a.useMillisecondResolution === b.useMillisecondResolution;
}
