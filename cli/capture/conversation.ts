/**
 * One recorded connection, explained message by message.
 *
 * @module
 */
import {
  BufferBlockFlags,
  type Clock,
  Command,
  commandName,
  DataPacketFlags,
  decodeBaseTimes,
  decodeBufferBlockContent,
  decodeBufferBlockHead,
  decodeCacheUpdate,
  decodeDataStartTime,
  decodeNotification,
  decodeOperationalModes,
  decodeResponseText,
  decodeSubscribe,
  DefaultLimits,
  DefaultOperationalModes,
  FRAME_HEADER_LENGTH,
  FrameReader,
  gunzip,
  isGzip,
  MeasurementBatch,
  type OperationalModes,
  readCommand,
  readResponses,
  Response,
  RESPONSE_HEADER_LENGTH,
  responseName,
  type ResponseView,
  SignalTable,
  SttpError,
  type TextEncoding,
  TicksPerMillisecond,
  UnixEpochTicks,
  usesGzipCache,
} from "../../mod.ts";
// Reading data packets takes much that a subscriber knows, faults of publishers included; here it is the same.
import { PacketReader } from "../../subscriber/packets.ts";
import { readMetadata } from "../../subscriber/metadata.ts";
import { omitsCacheIndex } from "../../subscriber/session.ts";
import { Counters } from "../../subscriber/stats.ts";
import { timeText } from "../data/cell_text.ts";
import { count, many } from "../text.ts";
import {
  explainBytes,
  explainCommand,
  explainModes,
  explainSubscribe,
  type Explanation,
  hexOf,
} from "./commands.ts";
import type { Sender } from "./format.ts";

/** A command, a response, or something that is neither. */
export interface Message extends Explanation {
  /** Who sent it. */
  readonly from: Sender;
  /** When, in ticks; `undefined` when it is not known. */
  readonly ticks: bigint | undefined;
  /** Where its frame begins in what that side has sent; of a datagram, which one it is, counted from 0. */
  readonly offset: number;
  /** Its bytes, without the frame's length. */
  readonly length: number;
  /** What it is called, such as `Subscribe` or `DataPacket`; empty when it is no message. */
  readonly name: string;
  /** Which command it answers; `undefined` for commands, and where nothing is answered. */
  readonly inResponseTo: string | undefined;
  /** What is wrong with it. */
  readonly problems: readonly string[];
  /** What a data packet holds, with handles of {@linkcode Conversation.signals}: lent until the next message. */
  readonly measurements: MeasurementBatch | undefined;
}

/** One direction of the stream. */
interface Side {
  readonly frames: FrameReader;
  /** Bytes before the next frame. */
  offset: number;
  /** Why nothing more can be read. */
  lost: boolean;
  /** Bytes since then. */
  unread: number;
}

/** No text is read beyond this many bytes. */
const mostText = 65_536;
/** The end of the year 9999, in milliseconds since 1970. */
const LATEST = 253_402_300_799_999;

/** Bytes of a side that are taken at a time: little, as a recording may have very many connections. */
const READ_SIZE = 1_024;

/** What TLS begins with. As a frame's length it would be 350 MB, which nobody begins with. */
const TLS_HANDSHAKE = [0x16, 3] as const;

/** Explains what is said over one connection, in the order in which it was said. */
export class Conversation {
  /** The signals of measurements. */
  readonly signals: SignalTable = new SignalTable();
  /** Point tags by signal ID, as metadata told them. */
  readonly tags: Map<string, string> = new Map();
  readonly #sides: Readonly<Record<"subscriber" | "publisher", Side>> = {
    subscriber: newSide(DefaultLimits.commandFrameLength),
    publisher: newSide(DefaultLimits.responseFrameLength),
  };
  readonly #counters = new Counters();
  readonly #batch = new MeasurementBatch(16);
  readonly #clock: Clock;
  #ticks: bigint | undefined;
  #datagrams = 0;
  #modes: OperationalModes = DefaultOperationalModes;
  #packets: PacketReader;
  /** That of the newest subscription. */
  #format = { includeTime: true, useMillisecondResolution: false };
  #problems: string[] = [];

  /** Nothing was said yet. */
  constructor() {
    const now = (): number => {
      const ticks = this.#ticks ?? UnixEpochTicks;
      // A recording may name any time at all.
      return Math.min(Math.max(Number((ticks - UnixEpochTicks) / TicksPerMillisecond), 0), LATEST);
    };
    this.#clock = { now, monotonic: now, schedule: () => () => {} };
    this.#packets = this.#newPacketReader();
  }

  #newPacketReader(): PacketReader {
    return new PacketReader({
      version: this.#modes.version,
      limits: { ...DefaultLimits, signals: DefaultLimits.signalIndex },
      clock: this.#clock,
      signals: this.signals,
      counters: this.#counters,
      drop: (_, message, times = 1) =>
        this.#problems.push(times === 1 ? message : `${message} (${count(times)} times)`),
    });
  }

  get #encoding(): TextEncoding {
    return this.#modes.encoding ?? "utf-8";
  }

  /** Bytes of either side that could not be cut into messages, and those of a message that is not yet whole. */
  leftOver(from: "subscriber" | "publisher"): { unread: number; incomplete: number; offset: number } {
    const { unread, frames, offset } = this.#sides[from];
    return { unread, incomplete: frames.buffered, offset };
  }

  /**
   * Takes what was sent next.
   *
   * @param ticks When; `undefined` when it is not known.
   * @returns The messages that end in it.
   */
  async *add(
    from: Sender,
    bytes: Uint8Array,
    ticks: bigint | undefined,
  ): AsyncGenerator<Message, void, undefined> {
    this.#ticks = ticks;
    if (from === "datagram") {
      yield* this.#responses(from, this.#datagrams++, bytes);
      return;
    }
    const side = this.#sides[from];
    for (let at = 0; at < bytes.length;) {
      if (side.lost) {
        side.unread += bytes.length - at;
        return;
      }
      const room = side.frames.writable();
      const piece = bytes.subarray(at, at + room.length);
      room.set(piece);
      side.frames.commit(piece.length);
      at += piece.length;
      yield* this.#frames(from, side);
    }
  }

  async *#frames(from: "subscriber" | "publisher", side: Side): AsyncGenerator<Message, void, undefined> {
    for (;;) {
      let payload: Uint8Array | undefined;
      const first = side.frames.peek(16);
      try {
        if (side.offset === 0 && first[0] === TLS_HANDSHAKE[0] && first[1] === TLS_HANDSHAKE[1]) {
          const explanation = { details: { tls: true }, summary: "TLS: what is said can't be seen" };
          yield this.#lose(from, side, explanation, []);
          return;
        }
        payload = side.frames.next();
      } catch (error) {
        const problem = `${
          messageOf(error)
        }: no more of this side can be read; it goes on with ${first.toHex()}`;
        yield this.#lose(from, side, nothing, [problem]);
        return;
      }
      if (payload === undefined) return;
      const { offset } = side;
      side.offset += FRAME_HEADER_LENGTH + payload.length;
      if (from === "subscriber") yield this.#command(offset, payload);
      else yield* this.#responses(from, offset, payload);
    }
  }

  /** Nothing more can be read of a side. */
  #lose(from: Sender, side: Side, explanation: Explanation, problems: readonly string[]): Message {
    side.lost = true;
    side.unread = side.frames.buffered;
    return this.#message(from, side.offset, 0, "", explanation, problems);
  }

  #message(
    from: Sender,
    offset: number,
    length: number,
    name: string,
    explanation: Explanation,
    problems: readonly string[],
    more: { inResponseTo?: string | undefined; measurements?: MeasurementBatch | undefined } = {},
  ): Message {
    const { inResponseTo, measurements } = more;
    return {
      ...explanation,
      from,
      ticks: this.#ticks,
      offset,
      length,
      name,
      inResponseTo,
      problems,
      measurements,
    };
  }

  // ---- commands ----

  #command(offset: number, payload: Uint8Array): Message {
    if (payload.length === 0) {
      return this.#message("subscriber", offset, 0, "", nothing, ["an empty frame, a command expected"]);
    }
    const { code, body } = readCommand(payload);
    let explanation: Explanation;
    const problems: string[] = [];
    try {
      explanation = this.#explainCommand(code, body);
    } catch (error) {
      explanation = explainBytes(body);
      problems.push(messageOf(error));
    }
    return this.#message("subscriber", offset, payload.length, commandName(code), explanation, problems);
  }

  #explainCommand(code: number, body: Uint8Array): Explanation {
    switch (code) {
      case Command.DefineOperationalModes: {
        const modes = decodeOperationalModes(body);
        this.#modes = modes.modes;
        this.#packets = this.#newPacketReader();
        return explainModes(modes);
      }
      case Command.Subscribe: {
        const request = decodeSubscribe(body, this.#encoding);
        const { includeTime, useMillisecondResolution } = request;
        this.#format = { includeTime, useMillisecondResolution };
        return explainSubscribe(request);
      }
      case Command.ConfirmUpdateSignalIndexCache:
        // The publisher will have read it when it sends the next packet.
        this.#packets.confirmationAnswered();
        return nothing;
      default:
        return explainCommand(code, body, this.#encoding);
    }
  }

  // ---- responses ----

  async *#responses(
    from: "publisher" | "datagram",
    offset: number,
    payload: Uint8Array,
  ): AsyncGenerator<Message, void, undefined> {
    const responses = readResponses(payload);
    let read = 0;
    for (;;) {
      let response: ResponseView | void;
      try {
        response = responses.next().value;
      } catch (error) {
        yield this.#message(from, offset, payload.length - read, "", nothing, [messageOf(error)]);
        return;
      }
      if (!response) return;
      const length = RESPONSE_HEADER_LENGTH + response.body.length;
      read += length;
      yield await this.#response(from, offset, length, response);
    }
  }

  async #response(
    from: "publisher" | "datagram",
    offset: number,
    length: number,
    { code, inResponseTo, body }: ResponseView,
  ): Promise<Message> {
    this.#problems = [];
    this.#batch.clear();
    let explanation: Explanation;
    try {
      explanation = await this.#explainResponse(code, inResponseTo, body, from === "datagram");
    } catch (error) {
      explanation = explainBytes(body);
      this.#problems.push(messageOf(error));
    }
    const isAnswer = code === Response.Succeeded || code === Response.Failed ||
      (code >= Response.UserResponse00 && code <= Response.UserResponse15);
    return this.#message(from, offset, length, responseName(code), explanation, this.#problems, {
      ...isAnswer && { inResponseTo: commandName(inResponseTo) },
      ...code === Response.DataPacket && { measurements: this.#batch },
    });
  }

  async #explainResponse(
    code: number,
    inResponseTo: number,
    body: Uint8Array,
    isDatagram: boolean,
  ): Promise<Explanation> {
    switch (code) {
      case Response.Succeeded:
        return await this.#succeeded(inResponseTo, body);
      case Response.Failed:
        return quoted(this.#text(body));
      case Response.DataPacket:
        return this.#dataPacket(body, isDatagram);
      case Response.UpdateSignalIndexCache:
        return this.#cache(body);
      case Response.UpdateBaseTimes: {
        const times = decodeBaseTimes(body);
        this.#packets.updateBaseTimes(body);
        const { timeIndex } = times;
        const [base0, base1] = [timeText(times.base(0)), timeText(times.base(1))];
        return { details: { timeIndex, base0, base1 }, summary: `base ${timeIndex} of ${base0}, ${base1}` };
      }
      case Response.UpdateCipherKeys: {
        const cipherIndex = this.#packets.updateCipherKeys(body);
        return {
          details: { cipherIndex },
          summary: `keys are here; the ${evenOdd(cipherIndex)} one comes into use`,
        };
      }
      case Response.DataStartTime: {
        const time = timeText(decodeDataStartTime(body));
        return { details: { time }, summary: time };
      }
      case Response.ProcessingComplete:
        return quoted(this.#text(body));
      case Response.BufferBlock:
        return this.#bufferBlock(body);
      case Response.Notify: {
        const { hash, text } = decodeNotification(body, this.#encoding);
        return { details: { hash, text }, summary: `${hexOf(hash)} ${JSON.stringify(text)}` };
      }
      default:
        return body.length === 0 ? nothing : explainBytes(body);
    }
  }

  #text(body: Uint8Array): string {
    // One publisher puts a length in front, by which its other faults can be expected (§15).
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    if (body.length >= 4 && view.getUint32(0) === body.length - 4) this.#packets.isSttpapi = true;
    return decodeResponseText(body, this.#encoding, mostText);
  }

  async #succeeded(command: number, body: Uint8Array): Promise<Explanation> {
    if (command === Command.MetadataRefresh) return await this.#metadata(body);
    if (command === Command.GetPrimaryMetadataSchema || command === Command.GetSignalSelectionSchema) {
      return { details: { bytes: body.length }, summary: `a schema of ${many(body.length, "byte")}` };
    }
    const text = this.#text(body);
    if (command === Command.DefineOperationalModes && omitsCacheIndex.test(text)) {
      this.#packets.expectNoFlags();
    }
    return quoted(text);
  }

  async #metadata(body: Uint8Array): Promise<Explanation> {
    const size = `${many(body.length, "byte")}${isGzip(body) ? ", gzipped" : ""}`;
    if (body.length === 0) return { details: { bytes: 0, tables: {} }, summary: "none" };
    const dataSet = await readMetadata(body, DefaultLimits);
    const tables = Object.fromEntries(dataSet.tables.map(({ name, rowCount }) => [name, rowCount]));
    const table = dataSet.table("MeasurementDetail");
    const ids = table?.column("SignalID")?.values ?? [];
    const tags = table?.column("PointTag")?.values ?? [];
    ids.forEach((id, i) => {
      if (typeof id === "string" && typeof tags[i] === "string") this.tags.set(id, tags[i]);
    });
    const rows = Object.entries(tables).map(([name, rows]) => `${name} ${count(rows)}`).join(", ");
    return { details: { bytes: body.length, gzip: isGzip(body), tables }, summary: `${size}: ${rows}` };
  }

  #cache(body: Uint8Array): Explanation {
    const { version } = this.#modes;
    const gzip = usesGzipCache(this.#modes);
    const { cacheIndex, cache } = decodeCacheUpdate(body, { version, gzip, encoding: this.#encoding });
    this.#packets.installCache(cacheIndex, cache, this.#format);
    const { size, unauthorized } = cache;
    const refused = unauthorized.length === 0 ? "" : `, ${count(unauthorized.length)} not granted`;
    return {
      details: {
        bytes: body.length,
        gzip: isGzip(body.subarray(version > 1 ? 1 : 0)),
        cacheIndex,
        signals: size,
        unauthorized,
      },
      summary: `cache ${cacheIndex}: ${many(size, "signal")}${refused}, ${many(body.length, "byte")}`,
    };
  }

  #dataPacket(body: Uint8Array, isDatagram: boolean): Explanation {
    const batch = this.#batch;
    const isEncrypted = this.#packets.decryption !== undefined;
    this.#packets.read(body, batch, isDatagram);
    const flags = body[0] ?? 0;
    const isTssc = (flags & DataPacketFlags.Compressed) !== 0;
    const cacheIndex = flags & DataPacketFlags.CacheIndex ? 1 : 0;
    const sequence = isTssc && !isEncrypted && body.length > 7 ? body[6]! << 8 | body[7]! : undefined;
    const range = timesOf(batch);
    const format = isTssc ? "TSSC" : "compact";
    const details = {
      format,
      ...sequence !== undefined && { sequence },
      cacheIndex,
      encrypted: isEncrypted,
      bytes: body.length,
      count: batch.length,
      ...range && { first: timeText(range[0]), last: timeText(range[1]) },
    };
    const what = `${format}${sequence === undefined ? "" : ` ${sequence}`}, cache ${cacheIndex}`;
    const times = range === undefined
      ? ""
      : range[0] === range[1]
      ? `, ${timeText(range[0])}`
      : `, ${timeText(range[0])} to ${timeText(range[1])}`;
    const size = `${many(batch.length, "measurement")} in ${many(body.length, "byte")}`;
    return { details, summary: `${isEncrypted ? "encrypted, " : ""}${what}: ${size}${times}` };
  }

  #bufferBlock(body: Uint8Array): Explanation {
    const { sequence, flags, rest } = decodeBufferBlockHead(body);
    const isOdd = (flags & BufferBlockFlags.CipherIndex) !== 0;
    const { decryption } = this.#packets;
    const plain = decryption === undefined
      ? rest
      : decryption.decrypt(rest, isOdd, (bytes) => bytes.length >= 4);
    if (plain === undefined) {
      throw new SttpError("MalformedPacket", "it is encrypted with no key that was sent");
    }
    const { signalIndex, payload } = decodeBufferBlockContent(plain);
    const isCompressed = (flags & BufferBlockFlags.Compressed) !== 0;
    const bytes = isCompressed ? gunzip(payload, { maxLength: DefaultLimits.bufferBlockLength }) : payload;
    const handle = this.#packets.signalOf(signalIndex, (flags & BufferBlockFlags.CacheIndex) !== 0);
    const signalId = handle === undefined ? undefined : this.signals.idOf(handle);
    if (signalId === undefined) {
      this.#problems.push(`signal index ${signalIndex} is not in the signal index cache`);
    }
    const content = explainBytes(bytes);
    const details = {
      sequence,
      signalId: signalId ?? null,
      confirmationRequired: (flags & BufferBlockFlags.ConfirmationRequired) !== 0,
      compressed: isCompressed,
      encrypted: decryption !== undefined,
      ...content.details,
    };
    return {
      details,
      summary: `block ${sequence} of ${signalId ?? `index ${signalIndex}`}: ${content.summary}`,
    };
  }
}

const nothing: Explanation = { details: {}, summary: "" };

function newSide(maxLength: number): Side {
  return { frames: new FrameReader({ maxLength, readSize: READ_SIZE }), offset: 0, lost: false, unread: 0 };
}

function quoted(text: string): Explanation {
  return { details: { text }, summary: text === "" ? "" : JSON.stringify(text) };
}

function evenOdd(index: 0 | 1): string {
  return index === 0 ? "even" : "odd";
}

/** The least and the greatest time in a batch. */
function timesOf({ ticks, length }: MeasurementBatch): [bigint, bigint] | undefined {
  if (length === 0) return undefined;
  let [first, last] = [ticks[0]!, ticks[0]!];
  for (let i = 1; i < length; i++) {
    if (ticks[i]! < first) first = ticks[i]!;
    if (ticks[i]! > last) last = ticks[i]!;
  }
  return [first, last];
}

function messageOf(error: unknown): string {
  if (error instanceof SttpError) return error.message;
  throw error;
}
