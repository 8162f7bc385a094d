import { median } from "../harness/statistics.ts";
import { fixed, millions, whole } from "../harness/format.ts";
import {
  ALL,
  pause,
  PublisherProcess,
  PythonProcess,
  SubscriberProcess,
  type Taken,
} from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";
import { withDocument } from "./document.ts";
import { type Encryption, makeEncryption } from "./encryption.ts";

const SIGNALS = 1000;

/** One way to exchange measurements. */
interface Variant {
  readonly name: string;
  readonly figure: string;
  /** Publishes for so many seconds. */
  readonly run: (seconds: number) => Promise<Outcome>;
}

interface Outcome {
  /** Measurements a second, to the last batch that arrived. */
  readonly rate: number;
  /** Nanoseconds of the processor for each measurement, on either side. */
  readonly publisherCost: number;
  readonly subscriberCost: number;
  /** On the wire, for each measurement. */
  readonly bytes: number;
  /** Published and not received. */
  readonly lost: number;
}

/** How our two sides exchange measurements. */
interface Way {
  /** Measurements a publication. */
  readonly batch: number;
  /** Measurements until the publisher gives way to its event loop; default 50,000. */
  readonly turn?: number;
  /** Default TSSC. */
  readonly compact?: boolean;
  /** Default `columns`. */
  readonly take?: "columns" | "objects" | "each";
  /** Default 1. */
  readonly subscribers?: number;
  /** Over TLS. */
  readonly encryption?: Encryption;
}

function ours(figure: string, name: string, way: Way): Variant {
  return { name, figure, run: (seconds) => oursToOurs(seconds, way) };
}

async function oursToOurs(seconds: number, way: Way): Promise<Outcome> {
  const { batch, turn, compact = false, take = "columns", subscribers = 1, encryption } = way;
  await using publisher = await PublisherProcess.start({
    signals: SIGNALS,
    options: { ...encryption && { tls: encryption.publisher } },
  });
  await using subscriber = await SubscriberProcess.start({
    address: publisher.address,
    filters: new Array<string>(subscribers).fill(ALL),
    take,
    options: {
      compressPayload: !compact,
      autoRequestMetadata: false,
      ...encryption && { tls: encryption.subscriber },
    },
  });
  // Both sides' code is compiled for what it does now before anything is measured.
  const order = { batch, ...turn !== undefined && { turn } };
  const warm = await publisher.publish({ ...order, seconds: 1 });
  const before = await subscriber.received(warm.measurements);
  const published = await publisher.publish({ ...order, seconds });
  const after = await subscriber.received(warm.measurements + published.measurements);
  const total = (takers: readonly Taken[]): number => takers.reduce((sum, { received }) => sum + received, 0);
  const received = total(after.takers) - total(before.takers);
  const lastAt = Math.max(...after.takers.map((taker) => taker.lastAt));
  return {
    // Until the last has arrived, not just left: sockets hold millions.
    rate: received / (lastAt - published.startedAt) * 1000,
    publisherCost: published.cpu * 1e6 / published.measurements,
    subscriberCost: (after.cpu - before.cpu) * 1e6 / received,
    bytes: published.sent.bytes / published.sent.measurements,
    lost: subscribers * published.measurements - received,
  };
}

async function oursToPython(python: string, seconds: number, tssc: boolean): Promise<Outcome> {
  await using publisher = await PublisherProcess.start({ signals: SIGNALS });
  const settings = { address: publisher.address, filter: ALL, tssc };
  await using subscriber = PythonProcess.start(python, "subscriber", settings);
  await subscriber.program.next("subscribed");
  // Sockets hold more than it takes in minutes, so what counts is how fast it goes on.
  const publishing = publisher.publish({ batch: SIGNALS, seconds: 2 * seconds + 5, ahead: 32_768 });
  await pause(1500);
  const start = performance.now();
  const before = await subscriber.look();
  // A packet of many measurements takes it most of a second.
  await pause(2000 * seconds);
  const after = await subscriber.look();
  const elapsed = performance.now() - start;
  publishing.catch(() => {
    // It ends with the publisher, which has nobody to wait for any more.
  });
  const received = after.received - before.received;
  return {
    rate: received / elapsed * 1000,
    publisherCost: NaN,
    subscriberCost: (after.cpu - before.cpu) * 1e6 / received,
    bytes: NaN,
    lost: NaN,
  };
}

async function pythonToOurs(python: string, metadata: string, seconds: number): Promise<Outcome> {
  await using publisher = PythonProcess.start(python, "publisher", { metadata });
  const { port } = await publisher.program.next("listening");
  await using subscriber = await SubscriberProcess.start({
    address: `127.0.0.1:${port}`,
    filters: [ALL],
    options: { autoRequestMetadata: false },
  });
  await pause(500);
  const before = await subscriber.look();
  const published = await publisher.publish(SIGNALS, seconds);
  const after = await subscriber.received(published.measurements);
  const { received, milliseconds } = after.takers[0]!;
  return {
    rate: received / milliseconds * 1000,
    publisherCost: published.cpu * 1e6 / published.measurements,
    subscriberCost: (after.cpu - before.cpu) * 1e6 / received,
    bytes: NaN,
    lost: published.measurements - received,
  };
}

async function pythonToPython(python: string, metadata: string, seconds: number): Promise<Outcome> {
  await using publisher = PythonProcess.start(python, "publisher", { metadata });
  const { port } = await publisher.program.next("listening");
  const settings = { address: `127.0.0.1:${port}`, filter: ALL, tssc: true };
  await using subscriber = PythonProcess.start(python, "subscriber", settings);
  await subscriber.program.next("subscribed");
  await pause(500);
  const before = await subscriber.look();
  const published = await publisher.publish(SIGNALS, seconds);
  const after = await subscriber.received();
  return {
    rate: after.received / after.milliseconds * 1000,
    publisherCost: published.cpu * 1e6 / published.measurements,
    subscriberCost: (after.cpu - before.cpu) * 1e6 / after.received,
    bytes: NaN,
    lost: published.measurements - after.received,
  };
}

function peers(python: string, metadata: string): Variant[] {
  return [
    {
      name: "ours -> sttpapi, TSSC",
      figure: "streamToSttpapi",
      run: (seconds) => oursToPython(python, seconds, true),
    },
    {
      name: "sttpapi -> ours, TSSC",
      figure: "streamFromSttpapi",
      run: (seconds) => pythonToOurs(python, metadata, seconds),
    },
    {
      name: "sttpapi -> sttpapi, TSSC",
      figure: "streamSttpapi",
      run: (seconds) => pythonToPython(python, metadata, seconds),
    },
  ];
}

async function run({ quick, python }: Settings): Promise<Findings> {
  return await withDocument(SIGNALS, async (metadata) => {
    const encryption = await makeEncryption();
    const own = [
      ours("streamTssc1000", "TSSC, 1,000 a publish, columns", { batch: 1000 }),
      ours("streamTssc10000", "TSSC, 10,000 a publish, columns", { batch: 10_000 }),
      ours("streamTurn", "TSSC, 1,000 a publish and a turn of the event loop, columns", {
        batch: 1000,
        turn: 1000,
      }),
      ours("streamObjects", "TSSC, 1,000 a publish, objects batch by batch", {
        batch: 1000,
        take: "objects",
      }),
      ours("streamEach", "TSSC, 1,000 a publish, `for await` of each", { batch: 1000, take: "each" }),
      ours("streamCompact1000", "compact, 1,000 a publish, columns", { batch: 1000, compact: true }),
      ours("streamCompact10000", "compact, 10,000 a publish, columns", { batch: 10_000, compact: true }),
      ours("streamTen", "TSSC, 1,000 a publish, columns, ten subscribers, in all", {
        batch: 1000,
        subscribers: 10,
      }),
      ours("streamTls", "TSSC, 1,000 a publish, columns, over TLS", { batch: 1000, encryption }),
      ours("streamCompactTls", "compact, 1,000 a publish, columns, over TLS", {
        batch: 1000,
        compact: true,
        encryption,
      }),
    ];
    const variants = [...own, ...(python === undefined ? [] : peers(python, metadata))];
    const outcomes = variants.map((): Outcome[] => []);
    for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
      for (const [i, variant] of variants.entries()) {
        outcomes[i]!.push(await variant.run(quick ? 1.5 : 4));
      }
    }
    const middle = (of: Outcome[], field: keyof Outcome): number => median(of.map((one) => one[field]));
    return {
      tables: [{
        title: "One publisher, one subscriber, loopback TCP, as fast as both can; 1,000 signals",
        header: ["", "M/s", "publisher ns", "subscriber ns", "bytes", "lost"],
        rows: variants.map(({ name }, i) => [
          name,
          millions(middle(outcomes[i]!, "rate")),
          fixed(middle(outcomes[i]!, "publisherCost"), 0),
          fixed(middle(outcomes[i]!, "subscriberCost"), 0),
          fixed(middle(outcomes[i]!, "bytes"), 2),
          whole(outcomes[i]!.reduce((sum, { lost }) => sum + lost, 0)),
        ]),
      }],
      figures: {
        ...Object.fromEntries(variants.map(({ figure }, i) => [figure, middle(outcomes[i]!, "rate")])),
        streamLost: outcomes.slice(0, own.length).flat().reduce((sum, { lost }) => sum + lost, 0),
      },
      notes: [
        "The publisher gives way to its event loop every 50,000 measurements, if nothing else is said.",
        "Processor time is for each measurement published or received, bytes on the wire for each received.",
      ],
    };
  });
}

/** Measurements from one process to another, as fast as they go. */
export const stream: Section = { name: "stream", title: "One stream", run };
