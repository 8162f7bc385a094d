/**
 * A publisher on a clock of the test's own, and subscribers that send what the test tells them to.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DataSet } from "../../metadata/data_set.ts";
import type { Channel, PeerInfo } from "../../transport/channel.ts";
import { ManualClock } from "../../transport/clock.ts";
import { createChannelPair } from "../../transport/memory_channel.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { Command, DataPacketFlags, Response, responseName } from "../../transport/wire/codes.ts";
import { decodePacketHeader } from "../../transport/wire/data_packet.ts";
import { encodeCommand, FrameReader, readResponses } from "../../transport/wire/frame.ts";
import {
  DefaultOperationalModes,
  encodeOperationalModes,
  type OperationalModes,
} from "../../transport/wire/operational_modes.ts";
import { decodeCacheUpdate, type DecodedCacheUpdate } from "../../transport/wire/signal_index_cache.ts";
import { encodeSubscribe, type SubscriptionOptions } from "../../transport/wire/subscribe.ts";
import { decodeText } from "../../transport/wire/text.ts";
import { TsscDecoder } from "../../transport/wire/tssc/mod.ts";
import type { PublisherOptions } from "../options.ts";
import { Publisher } from "../publisher.ts";
import type { ConnectionSnapshot } from "../snapshot.ts";

/** The signal ID of measurement `n` of {@linkcode grid}. */
export function signalId(n: number): string {
  return `9ae6dd95-bddb-5dd8-8717-${n.toString(16).padStart(12, "0")}`;
}

/** Metadata of `size` measurements `PPA:1` and so on; every fourth is a STAT, the rest FREQ. */
export function grid(size: number, description = "a signal"): DataSet {
  const dataSet = new DataSet("Grid");
  const devices = dataSet.addTable("DeviceDetail");
  devices.addColumn("Acronym", "string");
  devices.addColumn("Name", "string");
  devices.addRow({ Acronym: "SHELBY", Name: "Shelby" });
  const table = dataSet.addTable("MeasurementDetail");
  table.addColumn("DeviceAcronym", "string");
  table.addColumn("ID", "string");
  table.addColumn("SignalID", "guid");
  table.addColumn("PointTag", "string");
  table.addColumn("SignalReference", "string");
  table.addColumn("SignalAcronym", "string");
  table.addColumn("Description", "string");
  table.addColumn("Enabled", "boolean");
  for (let n = 0; n < size; n++) {
    table.addRow({
      DeviceAcronym: "SHELBY",
      ID: `PPA:${n + 1}`,
      SignalID: signalId(n),
      PointTag: `SHELBY:${n}`,
      SignalReference: `SHELBY-AV${n}`,
      SignalAcronym: n % 4 === 3 ? "STAT" : "FREQ",
      Description: description,
      Enabled: true,
    });
  }
  return dataSet;
}

/** Lets everything happen that can happen without time passing. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** A publisher with its clock. Disposing of it stops it and checks that no timer is left. */
export class Rig implements AsyncDisposable {
  /** The clock that the publisher lives by. */
  readonly clock: ManualClock = new ManualClock();
  /** The publisher. */
  readonly publisher: Publisher;
  readonly #peers: ScriptedPeer[] = [];
  #noise = 0x2545f491;

  private constructor(options: PublisherOptions) {
    this.publisher = new Publisher({
      clock: this.clock,
      listen: () => {
        const closed = Promise.withResolvers<null>();
        return {
          address: "memory:0",
          port: 0,
          accept: () => closed.promise,
          close: () => closed.resolve(null),
        };
      },
      ...options,
    });
  }

  /** A running publisher with `size` signals. */
  static async start(options: PublisherOptions = {}, size = 8): Promise<Rig> {
    const rig = new Rig(options);
    rig.publisher.defineMetadata(grid(size));
    await rig.publisher.start();
    return rig;
  }

  /** A subscriber that has said nothing yet. */
  connect(bufferLimit?: number): ScriptedPeer {
    return this.connectTo(this.publisher, bufferLimit);
  }

  /** A subscriber that comes from this address, or with this certificate. */
  connectAs(info: PeerInfo): ScriptedPeer {
    const [near, far] = createChannelPair();
    this.publisher.serve({
      peer: info,
      read: (into) => near.read(into),
      write: (bytes) => near.write(bytes),
      close: () => near.close(),
    });
    const peer = new ScriptedPeer(far);
    this.#peers.push(peer);
    return peer;
  }

  /** The same with another publisher. */
  connectTo(publisher: Publisher, bufferLimit?: number): ScriptedPeer {
    const [near, far] = createChannelPair(bufferLimit === undefined ? {} : { bufferLimit });
    publisher.serve(near);
    const peer = new ScriptedPeer(far);
    this.#peers.push(peer);
    return peer;
  }

  /** A subscriber with these modes in force. */
  async agree(modes: Partial<OperationalModes> = {}, bufferLimit?: number): Promise<ScriptedPeer> {
    const peer = this.connect(bufferLimit);
    await peer.defineModes(modes);
    await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    return peer;
  }

  /** A subscriber with a confirmed subscription to these signals. */
  async subscribe(
    filterExpression = "FILTER ActiveMeasurements WHERE True",
    modes: Partial<OperationalModes> = {},
    options: SubscriptionOptions = {},
  ): Promise<ScriptedPeer> {
    const peer = await this.agree(modes);
    await peer.subscribe({ filterExpression, ...options });
    await peer.expectCache();
    await peer.expect(Response.Succeeded, Command.Subscribe);
    if (peer.modes.version > 1) await peer.confirmCache();
    await settle();
    return peer;
  }

  /** Publishes a value for each of these signals (by number), and waits until it is written. */
  async publish(signals: readonly number[], ticks = 1000n, value = 1): Promise<void> {
    const batch = new MeasurementBatch();
    for (const n of signals) batch.add(this.publisher.signals.handleOf(signalId(n))!, ticks, value + n, 0);
    this.publisher.publish(batch);
    await settle();
  }

  /** Publishes a value that does not compress for each of the first `size` signals, and waits until it is written. */
  async publishNoise(size: number, ticks: bigint): Promise<void> {
    const batch = new MeasurementBatch(size);
    for (let n = 0; n < size; n++) batch.add(n, ticks, 0, 0);
    for (let n = 0; n < size; n++) {
      // xorshift32
      this.#noise ^= this.#noise << 13;
      this.#noise ^= this.#noise >>> 17;
      this.#noise ^= this.#noise << 5;
      batch.valueBits[n] = this.#noise;
    }
    this.publisher.publish(batch);
    await settle();
  }

  /** The only connection, or the one with this number. */
  connection(id?: number): ConnectionSnapshot {
    const { open } = this.publisher.stats();
    const found = open.find((connection) => id === undefined || connection.id === id);
    if (found === undefined) throw new Error("no such connection");
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher.stop({ drain: 0 });
    for (const peer of this.#peers) peer.channel.close();
    assertEquals(this.clock.pending, 0, "timers left");
  }
}

/** A response, taken out of its frame. */
export interface ReceivedResponse {
  readonly code: number;
  readonly inResponseTo: number;
  readonly body: Uint8Array;
}

/** The subscriber's end of a connection, under the test's control. */
export class ScriptedPeer {
  readonly channel: Channel;
  modes: OperationalModes = DefaultOperationalModes;
  /** Data so far, by wire signal index. */
  readonly data: MeasurementBatch = new MeasurementBatch();
  readonly #decoders = [new TsscDecoder(), new TsscDecoder()];
  readonly #frames = new FrameReader({ maxLength: 1 << 28 });
  readonly #received: ReceivedResponse[] = [];

  constructor(channel: Channel) {
    this.channel = channel;
  }

  /** Sends a command. */
  async send(command: number, body?: Uint8Array): Promise<void> {
    await this.channel.write(encodeCommand(command, body));
  }

  async defineModes(modes: Partial<OperationalModes> = {}): Promise<void> {
    this.modes = { ...DefaultOperationalModes, ...modes };
    await this.send(Command.DefineOperationalModes, encodeOperationalModes(this.modes));
  }

  async subscribe(options: SubscriptionOptions): Promise<void> {
    await this.send(Command.Subscribe, encodeSubscribe(options, this.modes.encoding!));
  }

  async confirmCache(): Promise<void> {
    await this.send(Command.ConfirmUpdateSignalIndexCache);
  }

  /** The next response; `undefined` at the end of the connection. */
  async receive(): Promise<ReceivedResponse | undefined> {
    while (this.#received.length === 0) {
      const length = await this.channel.read(this.#frames.writable());
      if (length === null) return undefined;
      this.#frames.commit(length);
      for (let payload; (payload = this.#frames.next()) !== undefined;) {
        for (const { code, inResponseTo, body } of readResponses(payload)) {
          this.#received.push({ code, inResponseTo, body: body.slice() });
        }
      }
    }
    return this.#received.shift();
  }

  /** The next response, which must be this one. @returns Its body. */
  async expect(code: number, inResponseTo: number = Command.Subscribe): Promise<Uint8Array> {
    const response = await this.receive();
    const name = response === undefined ? "end of connection" : responseName(response.code);
    const isFailure = response?.code === Response.Failed && code !== Response.Failed;
    assertEquals(isFailure ? `${name}: ${this.#text(response.body)}` : name, responseName(code));
    assertEquals(response!.inResponseTo, inResponseTo);
    return response!.body;
  }

  /** The next response, which must be Failed or Succeeded. @returns Its text. */
  async expectText(code: number, inResponseTo: number): Promise<string> {
    return this.#text(await this.expect(code, inResponseTo));
  }

  #text(body: Uint8Array): string {
    return decodeText(body, this.modes.encoding ?? "utf-8");
  }

  async expectCache(): Promise<DecodedCacheUpdate> {
    const body = await this.expect(Response.UpdateSignalIndexCache);
    const { version, gzip, compressSignalIndexCache, encoding } = this.modes;
    return decodeCacheUpdate(body, {
      version,
      gzip: gzip && compressSignalIndexCache,
      encoding: encoding!,
    });
  }

  /** Takes a TSSC packet in. @returns How many measurements it held, and its cache index. */
  async expectData(): Promise<[count: number, cacheIndex: number]> {
    const { flags, count, payload } = decodePacketHeader(await this.expect(Response.DataPacket));
    assertEquals(flags & ~DataPacketFlags.CacheIndex, DataPacketFlags.Compressed);
    const cacheIndex = flags & DataPacketFlags.CacheIndex ? 1 : 0;
    assertEquals(this.#decoders[cacheIndex]!.decode(payload, this.data), count);
    return [count, cacheIndex];
  }

  /** The connection must have ended, with nothing more to read. */
  async expectEnd(): Promise<void> {
    const response = await this.receive();
    assertEquals(response === undefined ? "end" : responseName(response.code), "end");
  }
}
