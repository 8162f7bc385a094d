/**
 * Our subscriber against recorded publishers: what other implementations sent, sent to it again, must come out as
 * the codecs alone read it, in spite of what those publishers do against the protocol (§15).
 * What the recordings are: tests/fixtures/captures/README.md.
 */
import { assertEquals } from "@std/assert";
import type { Channel } from "../../transport/channel.ts";
import {
  Command,
  createChannelPair,
  decodeSubscribe,
  encodeResponse,
  FrameReader,
  ManualClock,
  type MeasurementBatch,
  openUdp,
  readCommand,
  readResponses,
  Response,
  usesGzipCache,
  usesGzipMetadata,
  usesTssc,
} from "../../transport/mod.ts";
import { DataSet } from "../../metadata/data_set.ts";
import { Subscriber } from "../../subscriber/mod.ts";
import { Capture, captureNames } from "../support/capture.ts";

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** A recorded publisher: says what it said, when it has been told what it was told. */
class Player {
  readonly #channel: Channel;
  /** Codes of the subscriber's commands. */
  readonly commands: number[] = [];
  /** The UDP port that the subscriber wants its data at; 0 when there is none. */
  port = 0;
  readonly ended: Promise<void>;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    const frames = new FrameReader({ maxLength: 10_000 });
    for (;;) {
      const count = await this.#channel.read(frames.writable());
      if (count === null) return;
      frames.commit(count);
      for (let payload = frames.next(); payload !== undefined; payload = frames.next()) {
        const { code, body } = readCommand(payload);
        this.commands.push(code);
        if (code === Command.Subscribe) {
          this.port = decodeSubscribe(body, "utf-8").dataChannel?.localPort ?? 0;
        }
        // Not in any recording: the recorded subscribers did not ask.
        if (code === Command.UpdateProcessingInterval) {
          await this.send(encodeResponse(Response.Succeeded, code));
        }
      }
    }
  }

  async send(frame: Uint8Array): Promise<void> {
    await this.#channel.write(frame);
    // Data needs no answer, so it may come as fast as it likes.
    const onlyData = [...readResponses(frame.subarray(4))].every(({ code }) => code === Response.DataPacket);
    if (!onlyData) await settle();
  }

  /** Sends datagrams, each when the one before has arrived. */
  async sendDatagrams(datagrams: readonly Uint8Array[], arrived: () => number): Promise<void> {
    const socket = await openUdp({ hostname: "127.0.0.1" });
    for (const [i, datagram] of datagrams.entries()) {
      socket.send(datagram, { hostname: "127.0.0.1", port: this.port }, () => {});
      while (arrived() === i) await settle();
    }
    await socket.close();
  }
}

/** Whether a frame belongs to what a Subscribe leads to. */
function answersSubscribe(frame: Uint8Array): boolean {
  return [...readResponses(frame.subarray(4))].some(({ code, inResponseTo }) =>
    code === Response.UpdateSignalIndexCache ||
    (code === Response.Succeeded && inResponseTo === Command.Subscribe)
  );
}

function linesOf(subscriber: Subscriber, batch: MeasurementBatch): string[] {
  return Array.from({ length: batch.length }, (_, i) => {
    const bits = (batch.valueBits[i]! >>> 0).toString(16).padStart(8, "0");
    return `${subscriber.signals.idOf(batch.signals[i]!)} ${batch.ticks[i]} ${batch.flags[i]} ${bits}`;
  });
}

/** Plays a recording. @returns What the subscriber received, as {@linkcode Capture.lines} writes it. */
async function play(
  capture: Capture,
  resubscribes: boolean,
): Promise<{ lines: string[]; subscriber: Subscriber }> {
  const { modes } = capture.modes;
  const [near, far] = createChannelPair({ bufferLimit: 1 << 20 });
  const player = new Player(far);
  const lines: string[] = [];
  const { filterExpression, includeTime, useMillisecondResolution } = capture.subscriptions[0]!;
  const subscriber: Subscriber = new Subscriber({
    connector: () => Promise.resolve(near),
    clock: new ManualClock(),
    reconnect: false,
    version: modes.version as 1 | 2,
    compressPayload: usesTssc(modes),
    compressMetadata: usesGzipMetadata(modes),
    compressSignalIndexCache: usesGzipCache(modes),
    filter: filterExpression,
    includeTime,
    useMillisecondResolution,
    // The command channel is in memory and has no address.
    udp: capture.datagrams.length > 0 && { interface: "127.0.0.1", sources: ["127.0.0.1"] },
    onBatch: (batch) => {
      lines.push(...linesOf(subscriber, batch));
    },
  });
  const connecting = subscriber.connect();
  const pending: Promise<void>[] = [];
  let answers = 0;
  for (const frame of capture.serverFrames) {
    // A cache and a Succeeded for each subscription, in either order.
    if (resubscribes && answersSubscribe(frame) && answers++ > 0 && answers % 2 === 1) {
      pending.push(
        subscriber.subscribe({ filter: capture.subscriptions[pending.length + 1]!.filterExpression }),
      );
      await settle();
    }
    await player.send(frame);
  }
  await settle();
  await player.sendDatagrams(capture.datagrams, () => subscriber.stats().udp.datagrams);
  await connecting;
  await Promise.all(pending);
  assertEquals(player.commands.includes(Command.ConfirmUpdateSignalIndexCache), modes.version > 1);
  await subscriber.disconnect();
  await player.ended;
  return { lines, subscriber };
}

/** What was dropped, but for answers to commands that only the recorded subscriber had sent. */
function dropped(subscriber: Subscriber): Record<string, number> {
  const { unexpectedResponse: _, ...rest } = subscriber.stats().dropped;
  return Object.fromEntries(Object.entries(rest).filter(([, count]) => count > 0));
}

function sizes(metadata: DataSet | undefined): string[] | undefined {
  return metadata?.tables.map(({ name, columns, rowCount }) => `${name} ${columns.length} ${rowCount}`);
}

for (const name of captureNames()) {
  Deno.test(`${name}: our subscriber receives every measurement under its name`, async () => {
    const byCppapi = name.includes("-cpppub-");
    const capture = Capture.read(name, byCppapi ? { newestConfirmedCache: true } : { noCount: true });
    const { lines, subscriber } = await play(capture, name.includes("resubscribe"));
    assertEquals(lines, capture.lines());
    // One recording ends with a packet that its publisher broke.
    assertEquals(dropped(subscriber), name.endsWith("bigflags") ? { malformedPacket: 1 } : {});
    const published = await DataSet.fromXml(capture.metadata[0]!);
    assertEquals(sizes(subscriber.metadata), sizes(published));
  });
}
