/**
 * Reads a recorded session with the codecs alone, as a patient subscriber would that knows each publisher's faults.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  CompactDecoder,
  DataPacketFlags,
  decodeBaseTimes,
  decodeCacheUpdate,
  decodeDataStartTime,
  type DecodedOperationalModes,
  decodeMetadataRefresh,
  decodeOperationalModes,
  decodePacketHeader,
  decodeSubscribe,
  FrameReader,
  gunzip,
  isGzip,
  MeasurementBatch,
  readCommand,
  readResponses,
  Response,
  type SignalIndexCache,
  SttpError,
  type SubscribeRequest,
  TsscDecoder,
  usesGzipCache,
  usesGzipMetadata,
} from "../../transport/mod.ts";
import { Command } from "../../transport/wire/codes.ts";
import { decodeResponseText } from "../../transport/wire/text.ts";

const FOLDER = new URL("../fixtures/captures/", import.meta.url);

/** A piece of the recording: what one side sent in one go, or a datagram. */
interface Chunk {
  readonly from: "client" | "server" | "datagram";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The names of all captures. */
export function captureNames(): string[] {
  const ending = ".session.gz";
  return Array.from(Deno.readDirSync(FOLDER), (entry) => entry.name)
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .sort();
}

function readFixture(name: string): Uint8Array<ArrayBuffer> {
  return gunzip(Deno.readFileSync(new URL(name, FOLDER)), { maxLength: 1 << 24 });
}

/** The pieces of a session in the order in which they were sent. */
function* chunks(session: Uint8Array<ArrayBuffer>): Generator<Chunk> {
  const view = new DataView(session.buffer);
  const senders = { c: "client", s: "server", d: "datagram" } as const;
  for (let offset = 0; offset < session.length;) {
    const sender = String.fromCharCode(session[offset]!) as keyof typeof senders;
    const length = view.getUint32(offset + 1);
    yield { from: senders[sender], bytes: session.subarray(offset + 5, offset + 5 + length) };
    offset += 5 + length;
  }
}

/** Measurements as the subscriber in the recording decoded them: `signalId ticks flags bits`. */
export function receivedLines(name: string): string[] {
  return new TextDecoder().decode(readFixture(`${name}.received.txt.gz`)).split("\n").slice(0, -1);
}

/** What a publisher does against the protocol, so far as its data can't be read without knowing. */
export interface Faults {
  /** Compact packets lack the count. */
  readonly noCount?: boolean;
  /** Data belongs to the newest confirmed cache, whatever its flag says. */
  readonly newestConfirmedCache?: boolean;
}

/** A data packet and what was in it. */
export interface Packet {
  /** The data packet's flags. */
  readonly flags: number;
  /** The count that it announced. */
  readonly count: number;
  /** What follows flags and count (or flags alone, where the count is missing). */
  readonly payload: Uint8Array;
  /** Its measurements, by signal index; empty when it is malformed. */
  readonly batch: MeasurementBatch;
  /** The signal of each measurement. */
  readonly signalIds: readonly string[];
  /** Why it could not be decoded. */
  readonly error?: SttpError;
  /** Whether base times had been sent, so that compact timestamps may be offsets. */
  readonly hadBaseTimes: boolean;
}

/** All that a session held, decoded. */
export class Capture {
  readonly #faults: Faults;
  /** Frames of the client, with their lengths. */
  readonly clientFrames: Uint8Array[] = [];
  /** Frames of the server, with their lengths. */
  readonly serverFrames: Uint8Array[] = [];
  /** Datagrams of the server. */
  readonly datagrams: Uint8Array[] = [];
  /** Codes of the commands, in order. */
  readonly commands: number[] = [];
  /** Codes of the responses that are not data, in order. */
  readonly responses: number[] = [];
  /** Texts of the Succeeded responses, in order, but for metadata. */
  readonly texts: string[] = [];
  /** What DefineOperationalModes said. */
  modes!: DecodedOperationalModes;
  /** What the Subscribe commands said. */
  readonly subscriptions: SubscribeRequest[] = [];
  /** Metadata documents. */
  readonly metadata: string[] = [];
  /** Signal index caches: the bodies of their updates and what they came to. */
  readonly caches: {
    readonly body: Uint8Array;
    readonly cacheIndex: number;
    readonly cache: SignalIndexCache;
  }[] = [];
  /** DataStartTimes. */
  readonly startTimes: bigint[] = [];
  /** Bodies of UpdateBaseTimes. */
  readonly baseTimes: Uint8Array[] = [];
  /** Data packets. */
  readonly packets: Packet[] = [];
  /** What ProcessingComplete said. */
  processingComplete: string | undefined;

  readonly #tssc = [new TsscDecoder(), new TsscDecoder()];
  #compact: CompactDecoder | undefined;
  readonly #inForce: (SignalIndexCache | undefined)[] = [undefined, undefined];
  #confirmed: SignalIndexCache | undefined;
  readonly #unconfirmed: SignalIndexCache[] = [];

  private constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Reads the capture of that name. */
  static read(name: string, faults: Faults): Capture {
    const capture = new Capture(faults);
    const client = new FrameReader({ maxLength: 8_197 });
    const server = new FrameReader({ maxLength: 1 << 20 });
    for (const chunk of chunks(readFixture(`${name}.session.gz`))) {
      if (chunk.from === "client") {
        feed(client, chunk.bytes, capture.clientFrames, (payload) => capture.#command(payload));
      } else if (chunk.from === "server") {
        feed(server, chunk.bytes, capture.serverFrames, (payload) => capture.#responses(payload));
      } else {
        capture.datagrams.push(chunk.bytes);
        capture.#responses(chunk.bytes);
      }
    }
    assertEquals([client.buffered, server.buffered], [0, 0], "whole frames only");
    return capture;
  }

  /** The measurements of all packets, as {@linkcode receivedLines} writes them. */
  lines(): string[] {
    return this.packets.flatMap(({ batch, signalIds }) =>
      signalIds.map((signalId, i) => {
        const bits = (batch.valueBits[i]! >>> 0).toString(16).padStart(8, "0");
        return `${signalId} ${batch.ticks[i]} ${batch.flags[i]} ${bits}`;
      })
    );
  }

  #command(payload: Uint8Array): void {
    const { code, body } = readCommand(payload);
    this.commands.push(code);
    if (code === Command.DefineOperationalModes) {
      this.modes = decodeOperationalModes(body);
    } else if (code === Command.MetadataRefresh) {
      assertEquals(decodeMetadataRefresh(body, "utf-8"), "");
    } else if (code === Command.Subscribe) {
      const request = decodeSubscribe(body, this.#encoding);
      this.subscriptions.push(request);
      const baseTimes = this.#compact?.baseTimes;
      this.#compact = new CompactDecoder(request);
      this.#compact.baseTimes = baseTimes;
    } else if (code === Command.ConfirmUpdateSignalIndexCache) {
      this.#confirmed = this.#unconfirmed.shift() ?? this.#confirmed;
    }
  }

  get #encoding(): "utf-8" {
    assertEquals(this.modes.modes.encoding, "utf-8");
    return "utf-8";
  }

  #responses(payload: Uint8Array): void {
    for (const { code, inResponseTo, body } of readResponses(payload)) {
      if (code === Response.DataPacket) {
        assertEquals(inResponseTo, Command.Subscribe);
        this.#packet(body.slice());
        continue;
      }
      this.responses.push(code);
      switch (code) {
        case Response.Succeeded:
          if (inResponseTo === Command.MetadataRefresh) this.#metadata(body);
          else this.texts.push(decodeResponseText(body, this.#encoding));
          break;
        case Response.UpdateSignalIndexCache:
          this.#cache(body.slice());
          break;
        case Response.DataStartTime:
          this.startTimes.push(decodeDataStartTime(body));
          break;
        case Response.UpdateBaseTimes:
          this.baseTimes.push(body.slice());
          this.#compact!.baseTimes = decodeBaseTimes(body);
          break;
        case Response.ProcessingComplete:
          this.processingComplete = decodeResponseText(body, this.#encoding);
          break;
        default:
          assertEquals(code, Response.NoOP);
          assertEquals(body.length, 0);
      }
    }
  }

  #metadata(body: Uint8Array): void {
    assertEquals(isGzip(body), usesGzipMetadata(this.modes.modes));
    const xml = isGzip(body) ? gunzip(body, { maxLength: 1 << 20 }) : body;
    this.metadata.push(new TextDecoder().decode(xml));
  }

  #cache(body: Uint8Array): void {
    const { version } = this.modes.modes;
    const update = decodeCacheUpdate(body, { version, gzip: usesGzipCache(this.modes.modes) });
    this.caches.push({ body, ...update });
    this.#inForce[update.cacheIndex] = update.cache;
    this.#unconfirmed.push(update.cache);
    // A single cache is in force at once.
    if (version === 1) this.#confirmed = update.cache;
  }

  #packet(body: Uint8Array): void {
    const { flags, count } = decodePacketHeader(body);
    const isTssc = (flags & DataPacketFlags.Compressed) !== 0;
    const payload = body.subarray(this.#faults.noCount && !isTssc ? 1 : 5);
    const cacheIndex = flags & DataPacketFlags.CacheIndex ? 1 : 0;
    const batch = new MeasurementBatch(16);
    let error: SttpError | undefined;
    try {
      if (isTssc) {
        assert(this.#tssc[cacheIndex]!.decode(payload, batch) >= 0, "in sequence");
      } else {
        this.#compact!.decode(payload, this.#faults.noCount ? undefined : count, batch);
      }
    } catch (cause) {
      if (!(cause instanceof SttpError)) throw cause;
      error = cause;
    }
    const cache = this.#faults.newestConfirmedCache ? this.#confirmed : this.#inForce[cacheIndex];
    assert(cache !== undefined, "a cache before its data");
    const positions = new Map(Array.from(cache.indexes, (index, i) => [index, i]));
    const signalIds = Array.from(
      batch.signals.subarray(0, batch.length),
      (index) => cache.signalIds[positions.get(index) ?? -1] ?? `index ${index}`,
    );
    const hadBaseTimes = this.#compact?.baseTimes !== undefined;
    this.packets.push({ flags, count, payload, batch, signalIds, hadBaseTimes, ...(error && { error }) });
  }
}

/** The frames of a session, with their lengths, and its datagrams. */
export function captureFrames(name: string): Record<"client" | "server" | "datagrams", Uint8Array[]> {
  const frames = { client: [] as Uint8Array[], server: [] as Uint8Array[], datagrams: [] as Uint8Array[] };
  const readers = {
    client: new FrameReader({ maxLength: 8_197 }),
    server: new FrameReader({ maxLength: 1 << 20 }),
  };
  for (const { from, bytes } of chunks(readFixture(`${name}.session.gz`))) {
    if (from === "datagram") frames.datagrams.push(bytes);
    else feed(readers[from], bytes, frames[from], () => {});
  }
  return frames;
}

/** Gives bytes to a reader, keeps the frames that come out with their lengths, and hands over their payloads. */
function feed(
  reader: FrameReader,
  bytes: Uint8Array,
  frames: Uint8Array[],
  take: (payload: Uint8Array) => void,
): void {
  for (let offset = 0; offset < bytes.length;) {
    const room = reader.writable();
    const size = Math.min(room.length, bytes.length - offset);
    room.set(bytes.subarray(offset, offset + size));
    reader.commit(size);
    offset += size;
    for (let payload = reader.next(); payload !== undefined; payload = reader.next()) {
      const frame = new Uint8Array(4 + payload.length);
      new DataView(frame.buffer).setUint32(0, payload.length);
      frame.set(payload, 4);
      frames.push(frame);
      take(payload);
    }
  }
}
