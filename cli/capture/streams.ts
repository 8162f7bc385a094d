/**
 * TCP connections out of segments: each side's bytes in order, each once, and whose they are.
 *
 * @module
 */
import { Command, Response } from "../../mod.ts";
import { many } from "../text.ts";
import type { CapturedPart, Sender } from "./format.ts";
import { LowestFirst } from "./lowest.ts";
import type { Segment } from "./network.ts";

/** Something that happened to a connection. */
export type StreamEvent = CapturedPart & { readonly connection: number };

/** Bytes that wait for those before them, over all connections. */
const MAX_WAITING = 64 * 1024 ** 2;
/** What a segment that waits counts for besides its bytes: many tiny ones take memory, too. */
const SEGMENT_OVERHEAD = 512;
/** Connections that are known at a time, with those that are something else. */
const MAX_CONNECTIONS = 65_536;

/** By so many bytes of what is said first it is told whether it is STTP. */
const RECOGNISED = 6;

/** Finds the STTP connections among all that there are. */
export class Streams {
  readonly #port: number | undefined;
  readonly #connections = new Map<string, Connection>();
  /** The same in the order in which they began: of a Map the first key is found slowly when many before it are gone. */
  readonly #begun = new Line();
  /** Those that are STTP by the hosts of publisher and subscriber, in the order in which that was found. */
  readonly #byHosts = new Map<string, Line>();
  /** Bytes that wait. */
  readonly #waiting = { bytes: 0 };
  #count = 0;
  #others = 0;

  /** @param port One whose connections count whatever they say. */
  constructor(port: number | undefined) {
    this.#port = port;
  }

  /** Takes the next segment or datagram. @returns What it leads to. */
  add(segment: Segment): StreamEvent[] {
    if (segment.protocol === "udp") return this.#datagram(segment);
    const { source, destination, sourcePort, destinationPort, isSyn, isAck } = segment;
    const key = source < destination ? `${source} ${destination}` : `${destination} ${source}`;
    let connection = this.#connections.get(key);
    const events: StreamEvent[] = [];
    // The same ports may be used again.
    if (connection === undefined || (isSyn && !isAck && connection.hasData)) {
      const isChosen = sourcePort === this.#port || destinationPort === this.#port;
      connection = new Connection(key, isSyn && isAck ? destination : source, isChosen, this.#waiting);
      events.push(...this.#forget(this.#connections.get(key), "its ports are used again"));
      this.#connections.set(key, connection);
      this.#begun.add(connection);
      if (this.#connections.size > MAX_CONNECTIONS) {
        events.push(
          ...this.#forget(this.#begun.first(), `${MAX_CONNECTIONS} other connections have begun since`),
        );
      }
    }
    const parts = connection.add(segment);
    if (connection.isOther && !connection.isCounted) {
      connection.isCounted = true;
      this.#others++;
    }
    if (parts.length > 0 && connection.number === 0) {
      connection.number = ++this.#count;
      const hosts = hostsOf(connection.publisher, connection.subscriber);
      const line = this.#byHosts.get(hosts) ?? new Line();
      this.#byHosts.set(hosts, line);
      line.add(connection);
    }
    const { number } = connection;
    for (const part of parts) events.push({ ...part, connection: number });
    return events;
  }

  #forget(connection: Connection | undefined, reason: string): StreamEvent[] {
    if (connection === undefined) return [];
    const parts = connection.end(reason);
    connection.forget();
    connection.isForgotten = true;
    this.#connections.delete(connection.key);
    this.#begun.removed();
    const { number } = connection;
    if (number === 0) return [];
    const hosts = hostsOf(connection.publisher, connection.subscriber);
    if (this.#byHosts.get(hosts)!.removed() === 0) this.#byHosts.delete(hosts);
    return parts.map((part) => ({ ...part, connection: number }));
  }

  /** Data over UDP goes from the publisher's host to the subscriber's. */
  #datagram({ source, destination, payload }: Segment): StreamEvent[] {
    const isData = payload[0] === Response.DataPacket || payload[0] === Response.BufferBlock;
    if (!isData || payload[1] !== Command.Subscribe) return [];
    const connection = this.#byHosts.get(hostsOf(source, destination))?.last();
    if (connection === undefined) return [];
    return [{ kind: "bytes", from: "datagram", bytes: payload, connection: connection.number }];
  }

  /** The recording is at its end. */
  end(): StreamEvent[] {
    return [...this.#connections.values()].flatMap((connection) => {
      const { number } = connection;
      return connection.end("the recording ends").map((part) => ({ ...part, connection: number }));
    });
  }

  /** What was no STTP. */
  passedOver(): string[] {
    return this.#others === 0
      ? []
      : [`${many(this.#others, "connection")} passed over: no STTP, or not from the start`];
  }
}

function hostsOf(publisher: string, subscriber: string): string {
  return `${hostOf(publisher)} ${hostOf(subscriber)}`;
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

/** Connections in an order. Those that are forgotten leave it together, so that each takes little time. */
class Line {
  #all: Connection[] = [];
  /** Before this there are only forgotten ones. */
  #head = 0;
  #known = 0;

  /** Puts a connection at the end. */
  add(connection: Connection): void {
    this.#all.push(connection);
    this.#known++;
    if (this.#all.length <= 2 * this.#known + 16) return;
    this.#all = this.#all.filter(({ isForgotten }) => !isForgotten);
    this.#head = 0;
  }

  /** One of them is forgotten. @returns How many are left. */
  removed(): number {
    return --this.#known;
  }

  /** The first that is not forgotten. */
  first(): Connection | undefined {
    while (this.#all[this.#head]?.isForgotten) this.#head++;
    return this.#all[this.#head];
  }

  /** The last that is not forgotten. */
  last(): Connection | undefined {
    while (this.#all.at(-1)?.isForgotten) this.#all.pop();
    return this.#all.at(-1);
  }
}

/** One TCP connection. */
class Connection {
  /** The addresses of both sides. */
  readonly key: string;
  /** Whether another has taken its place. */
  isForgotten = false;
  /** Its number among those that are STTP; 0 for none. */
  number = 0;
  /** Who is what; empty texts until it is known. */
  subscriber = "";
  publisher = "";
  isOther = false;
  isCounted = false;
  hasData = false;
  readonly #initiator: string;
  readonly #isChosen: boolean;
  readonly #waiting: { bytes: number };
  readonly #sides = new Map<string, Side>();
  #hasEnded = false;

  constructor(key: string, initiator: string, isChosen: boolean, waiting: { bytes: number }) {
    this.key = key;
    this.#initiator = initiator;
    this.#isChosen = isChosen;
    this.#waiting = waiting;
  }

  add(segment: Segment): CapturedPart[] {
    if (this.isOther || this.#hasEnded) return [];
    const { source, destination, payload, isFin, isReset } = segment;
    let side = this.#sides.get(source);
    if (side === undefined) this.#sides.set(source, side = new Side(this.#waiting));
    if (payload.length > 0) this.hasData = true;
    const parts: CapturedPart[] = [];
    for (const next of side.add(segment)) {
      const bytes = side.withHeld(next);
      if (this.subscriber === "") {
        if (bytes.length < RECOGNISED) {
          side.hold(bytes);
          continue;
        }
        if (!this.#recognise(source, destination, bytes, parts)) return [];
      }
      parts.push({ kind: "bytes", from: this.#roleOf(source), bytes });
    }
    if (side.isBroken) return [...parts, ...this.#ended(`${side.missing}`)];
    if (this.subscriber === "") return [];
    if (isReset) return [...parts, ...this.#ended(`the ${this.#roleOf(source)} reset the connection`)];
    if (isFin && side.isWhole) {
      return [...parts, ...this.#ended(`the ${this.#roleOf(source)} closed the connection`)];
    }
    return parts;
  }

  #roleOf(address: string): Exclude<Sender, "datagram"> {
    return address === this.subscriber ? "subscriber" : "publisher";
  }

  /** Finds out by what is said first whether it is STTP, and who is who. */
  #recognise(from: string, to: string, bytes: Uint8Array, parts: CapturedPart[]): boolean {
    const code = bytes[4];
    // A subscriber speaks first, of its modes; a publisher only to say that it does not want to.
    const isModes = bytes[0] === 0 && bytes[1] === 0 && code === Command.DefineOperationalModes;
    const isRefusal = bytes[0] === 0 && code === Response.Failed && bytes[5] === Command.Connect;
    if (!isModes && !isRefusal && !this.#isChosen) {
      this.isOther = true;
      this.forget();
      return false;
    }
    const isSubscriber = isModes || (!isRefusal && from === this.#initiator);
    [this.subscriber, this.publisher] = isSubscriber ? [from, to] : [to, from];
    parts.push({ kind: "opened", peers: { subscriber: this.subscriber, publisher: this.publisher } });
    return true;
  }

  /** Nothing waits any more. */
  forget(): void {
    for (const side of this.#sides.values()) side.forget();
    this.#sides.clear();
  }

  #ended(reason: string): CapturedPart[] {
    this.#hasEnded = true;
    this.forget();
    return this.number > 0 || this.subscriber !== "" ? [{ kind: "ended", reason }] : [];
  }

  /** It ends without having said so. */
  end(reason: string): CapturedPart[] {
    if (this.#hasEnded || this.number === 0) return [];
    const missing = [...this.#sides.values()].find((side) => side.isWaiting)?.missing;
    return this.#ended(missing ?? reason);
  }
}

/** The bytes of one side of a connection. */
class Side {
  readonly #total: { bytes: number };
  /** The number of the next byte, counted on beyond 2^32; `undefined` before the first segment. */
  #next: number | undefined;
  /** Segments that came too early, by the number of their first byte, and these numbers: the lowest comes first. */
  readonly #early = new Map<number, Uint8Array>();
  readonly #starts = new LowestFirst();
  #earlyBytes = 0;
  /** Too few bytes to tell what this is. */
  #held: Uint8Array = new Uint8Array(0);
  /** Whether bytes are missing that will not come any more. */
  isBroken = false;

  constructor(total: { bytes: number }) {
    this.#total = total;
  }

  /** Keeps bytes for the next time. */
  hold(bytes: Uint8Array): void {
    this.#held = bytes;
  }

  /** Bytes behind those that were kept. */
  withHeld(bytes: Uint8Array): Uint8Array {
    if (this.#held.length === 0) return bytes;
    const joined = new Uint8Array(this.#held.length + bytes.length);
    joined.set(this.#held);
    joined.set(bytes, this.#held.length);
    this.#held = new Uint8Array(0);
    return joined;
  }

  get isWaiting(): boolean {
    return this.#early.size > 0;
  }

  /** Whether all bytes are there that can be known of. */
  get isWhole(): boolean {
    return !this.isWaiting;
  }

  /** What is missing, in words. */
  get missing(): string {
    const bytes = (this.#starts.lowest - (this.#next ?? 0)) >>> 0;
    return `${many(bytes, "byte")} missing in the recording`;
  }

  forget(): void {
    this.#total.bytes -= this.#earlyBytes;
    this.#earlyBytes = 0;
    this.#early.clear();
    this.#starts.clear();
  }

  /** The bytes that are next, so far as they are there. */
  *add({ sequence, isSyn, payload }: Segment): Generator<Uint8Array, void, undefined> {
    if (this.isBroken) return;
    // Numbers have 32 bits and begin anew: this is the one nearest to the next byte.
    const start = this.#next === undefined ? sequence : this.#next + ((sequence - this.#next) | 0);
    if (isSyn) {
      this.#next = start + 1;
      return;
    }
    this.#next ??= start;
    if (payload.length === 0) return;
    if (start > this.#next) return this.#keep(start, payload);
    const fresh = this.#take(start, payload);
    if (fresh.length > 0) yield fresh;
    for (let first = this.#starts.lowest; first <= this.#next; first = this.#starts.lowest) {
      this.#starts.removeLowest();
      const bytes = this.#early.get(first)!;
      this.#early.delete(first);
      this.#count(-bytes.length - SEGMENT_OVERHEAD);
      const next = this.#take(first, bytes);
      if (next.length > 0) yield next;
    }
  }

  /** Keeps a segment that comes too early. */
  #keep(start: number, payload: Uint8Array): void {
    // It came before; the longer one has more to say.
    const before = this.#early.get(start);
    if (before !== undefined && before.length >= payload.length) return;
    if (before === undefined) this.#starts.add(start);
    // A copy, as there may be much more in the packet than these bytes.
    this.#early.set(start, payload.slice());
    this.#count(payload.length + (before === undefined ? SEGMENT_OVERHEAD : -before.length));
    this.isBroken = this.#total.bytes > MAX_WAITING;
  }

  #count(bytes: number): void {
    this.#earlyBytes += bytes;
    this.#total.bytes += bytes;
  }

  /** What is new in a segment that begins at the next byte or before it. */
  #take(start: number, payload: Uint8Array): Uint8Array {
    const known = this.#next! - start;
    if (known >= payload.length) return payload.subarray(payload.length);
    this.#next = start + payload.length;
    return payload.subarray(known);
  }
}
