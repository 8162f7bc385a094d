// A publisher of a synthetic grid and a subscriber to all of it in one process, talking over TCP.
//
//   deno run --allow-net examples/demo.ts [--devices N] [--rate N] [--seconds N] [--port N] [--admin N]
//
import { parseArgs } from "node:util";
import {
  MeasurementBatch,
  Publisher,
  stateFlagNames,
  SttpError,
  Subscriber,
  type SubscriberStatus,
  Ticks,
} from "@sttp/sttp";
import { serveAdmin } from "@sttp/sttp/admin";
import { Grid } from "@sttp/sttp/grid";

const Usage = `A publisher of a synthetic grid and a subscriber to all of it, talking over TCP.

  --devices N   devices to publish, 1 to 100000; each has 10 signals (20)
  --rate N      frames a second, 1 to 1000 (30)
  --seconds N   how long to exchange measurements (until Ctrl-C)
  --port N      TCP port of the publisher, 0 for any free one (0)
  --admin N     HTTP port of an admin that shows all this, 0 for any free one (no admin)
  --help        this text`;

/** What the demonstration can be told. */
export interface DemoOptions {
  devices: number;
  rate: number;
  /** Infinity: until aborted. */
  seconds: number;
  port: number;
  /** `undefined`: no admin. */
  admin?: number;
}

/** What came of it. */
export interface DemoSummary {
  /** Frames published since the subscription took effect. */
  frames: number;
  /** Measurements in these frames. */
  published: number;
  /** Measurements received. */
  received: number;
  /** Bytes of the data packets that carried them. */
  bytes: number;
}

/**
 * Reads the command line.
 *
 * @returns The options, or `undefined` when help was asked for.
 * @throws {TypeError} When an argument is unknown or its value makes no sense.
 */
export function readArguments(args: string[]): DemoOptions | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      devices: text,
      rate: text,
      seconds: text,
      port: text,
      admin: text,
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  return {
    devices: whole("devices", values.devices, 20, 1, 100_000),
    rate: whole("rate", values.rate, 30, 1, 1000),
    seconds: whole("seconds", values.seconds, Infinity, 1, 1_000_000),
    port: whole("port", values.port, 0, 0, 65_535),
    ...(values.admin === undefined ? {} : { admin: whole("admin", values.admin, 0, 0, 65_535) }),
  };
}

function whole(name: string, text: string | undefined, otherwise: number, low: number, high: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= low && value <= high) return value;
  throw new TypeError(`--${name} is "${text}", expected a whole number from ${low} to ${high}`);
}

/**
 * Runs the demonstration to its end.
 *
 * @param options Sizes and times.
 * @param print Receives each line.
 * @param signal Ends it early, in order.
 */
export async function runDemo(
  options: DemoOptions,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<DemoSummary> {
  const grid = await Grid.create({ devices: options.devices, framesPerSecond: options.rate });
  await using publisher = new Publisher({ port: options.port, hostname: "127.0.0.1" });
  publisher.defineMetadata(grid.metadata());
  grid.bind(publisher.signals);
  await publisher.start();
  print(
    `Publishing ${count(grid.signals.length)} signals of ${count(options.devices)} devices on ` +
      `${publisher.address}, ${options.rate} frames a second.`,
  );

  await using subscriber = new Subscriber({ filter: "FILTER ActiveMeasurements WHERE True" });
  await using admin = options.admin === undefined
    ? undefined
    : serveAdmin({ grid: publisher, subscriber }, { port: options.admin });
  if (admin !== undefined) print(`The admin is at ${admin.url}`);
  const events = subscriber.status();
  const printing = printEvents(events, print);
  const tally = new Tally();
  try {
    await subscriber.connect(publisher.address, { signal });
    const receiving = receive(subscriber, tally, print);
    const batch = new MeasurementBatch(grid.signals.length);
    for await (const ticks of grid.frames({ signal })) {
      batch.clear();
      grid.write(batch, ticks);
      publisher.publish(batch);
      tally.published(ticks);
      if (tally.frames >= options.seconds * options.rate) break;
    }
    await arrival(tally, tally.frames * grid.signals.length);
    await subscriber.disconnect();
    await receiving;
  } catch (error) {
    if (!signal.aborted) throw error;
    // There may have been no connection whose end would end the events.
    await events.return?.();
  }
  await subscriber.disconnect();
  await printing;
  const { frames, received } = tally;
  return { frames, published: frames * grid.signals.length, received, bytes: subscriber.stats().dataBytes };
}

/** Counts from the first frame that the subscriber gets: those before it found no subscription in force. */
class Tally {
  /** Frames published since then. */
  frames = 0;
  /** Measurements received. */
  received = 0;
  #first: bigint | undefined;
  #before: bigint[] = [];

  published(ticks: bigint): void {
    if (this.#first === undefined) this.#before.push(ticks);
    else this.frames++;
  }

  arrived(batch: MeasurementBatch): void {
    if (this.#first === undefined) {
      const first = batch.ticks[0]!;
      this.#first = first;
      this.frames = this.#before.filter((ticks) => ticks >= first).length;
      this.#before = [];
    }
    this.received += batch.length;
  }
}

async function receive(subscriber: Subscriber, tally: Tally, print: (line: string) => void): Promise<void> {
  let lastMessage: number | undefined;
  for await (const batch of subscriber.batches()) {
    tally.arrived(batch);
    if (lastMessage === undefined) {
      print("Receiving measurements...");
    } else if (performance.now() - lastMessage >= 5000) {
      print(`${count(tally.received)} measurements received so far. Current measurement:`);
      print(`    ${describeMeasurement(subscriber, batch, Math.floor(Math.random() * batch.length))}`);
    } else {
      continue;
    }
    lastMessage = performance.now();
  }
}

/** Waits for what is still under way; not for ever, because it may be lost. */
async function arrival(tally: Tally, expected: number): Promise<void> {
  for (let i = 0; i < 200 && tally.received < expected; i++) {
    await new Promise((done) => setTimeout(done, 10));
  }
}

function describeMeasurement(subscriber: Subscriber, batch: MeasurementBatch, i: number): string {
  const time = Ticks.format(batch.ticks[i]!, { fraction: 3 }).slice(11, -1);
  const state = stateFlagNames(batch.flags[i]!).join(", ") || "Normal";
  return `${subscriber.signals.idOf(batch.signals[i]!)} @ ${time} = ${
    batch.values[i]!.toFixed(3)
  } (${state})`;
}

async function printEvents(
  events: AsyncIterable<SubscriberStatus>,
  print: (line: string) => void,
): Promise<void> {
  for await (const event of events) {
    for (const line of describe(event)) print(line);
  }
}

function describe(status: SubscriberStatus): string[] {
  switch (status.kind) {
    case "connected":
      return [`Connection to ${status.peer} established.`];
    case "metadata": {
      const rows = status.tables.reduce((sum, table) => sum + table.rows, 0);
      return [
        `Received ${count(status.bytes)} bytes of metadata in ${seconds(status.requestMilliseconds)}.`,
        `Parsed ${count(rows)} metadata records in ${seconds(status.parseMilliseconds)}.`,
        "    Discovered:",
        ...status.tables.map(({ name, rows }) => `        ${count(rows)} ${name} records`),
      ];
    }
    case "subscribed":
      return [status.message];
    case "dropped":
      return [`Dropped ${count(status.count)} (${status.reason}): ${status.message}`];
    case "metadataFailed":
    case "subscribeFailed":
    case "connectionLost":
      return [`${status.kind}: ${status.error.message}`];
    case "closed":
      return ["Connection closed."];
    default:
      return [];
  }
}

function count(n: number): string {
  return n.toLocaleString("en");
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(3)} seconds`;
}

async function main(args: string[]): Promise<number> {
  let options: DemoOptions | undefined;
  try {
    options = readArguments(args);
  } catch (error) {
    console.error(`${(error as Error).message}\nTry --help.`);
    return 2;
  }
  if (options === undefined) {
    console.log(Usage);
    return 0;
  }
  const stop = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const onSignal = (): void => stop.abort();
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  try {
    const { frames, published, received, bytes } = await runDemo(options, console.log, stop.signal);
    console.log(`Published ${count(published)} measurements in ${count(frames)} frames.`);
    console.log(`Received ${count(received)} measurements in ${count(bytes)} bytes of data packets.`);
    if (received > 0) console.log(`Bytes a measurement: ${(bytes / received).toFixed(2)}`);
    console.log(`Lost: ${count(published - received)}`);
    return published === received ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SttpError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    return 1;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
