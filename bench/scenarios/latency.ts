import { fixed } from "../harness/format.ts";
import {
  ALL,
  BarePair,
  pause,
  PublisherProcess,
  PythonProcess,
  SubscriberProcess,
} from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";
import { median, percentiles, type Weighted } from "../harness/statistics.ts";
import { withDocument } from "./document.ts";

/** A rate at which every measurement's delay is measured. */
interface Variant {
  readonly name: string;
  readonly figure: string;
  readonly run: (seconds: number) => Promise<Outcome>;
}

interface Outcome {
  readonly delays: readonly Weighted[];
  /** By how much each call of `publish()` missed its time. */
  readonly late?: readonly number[];
}

const SHARES = [0.5, 0.99, 0.999] as const;

async function ours(
  signals: number,
  batch: number,
  rate: number,
  subscribers: number,
  seconds: number,
  maxPublishInterval = 0,
): Promise<Outcome> {
  await using publisher = await PublisherProcess.start({ signals, options: { maxPublishInterval } });
  await using process = await SubscriberProcess.start({
    address: publisher.address,
    filters: new Array<string>(subscribers).fill(ALL),
    measureDelay: true,
    options: { autoRequestMetadata: false },
  });
  const warm = await publisher.publish({ batch, seconds: 1.5, rate });
  await process.received(warm.measurements);
  const { measurements, late } = await publisher.publish({ batch, seconds, rate });
  const { takers } = await process.received(warm.measurements + measurements);
  return { delays: takers.flatMap(({ delays }) => delays), late };
}

/** As many bytes as 20,000 measurements take, in their rhythm, with the time that encoding and decoding them takes. */
async function bare(seconds: number): Promise<Outcome> {
  await using pair = await BarePair.start({ bytes: 44_000, busy: 0.9 });
  await pair.send({ rate: 30, seconds: 1.5 });
  const { delays, late } = await pair.send({ rate: 30, seconds });
  return { delays: delays.map((delay) => [delay, 1] as const), late };
}

async function sttpapi(
  python: string,
  metadata: string,
  batch: number,
  rate: number,
  seconds: number,
): Promise<Outcome> {
  await using publisher = PythonProcess.start(python, "publisher", { metadata });
  const { port } = await publisher.program.next("listening");
  const settings = { address: `127.0.0.1:${port}`, filter: ALL, tssc: true, delay: true };
  await using subscriber = PythonProcess.start(python, "subscriber", settings);
  await subscriber.program.next("subscribed");
  await pause(500);
  await publisher.publish(batch, seconds, rate);
  return { delays: (await subscriber.received()).delays };
}

async function run({ quick, python }: Settings): Promise<Findings> {
  return await withDocument(1000, async (metadata) => {
    const variants: Variant[] = [
      {
        name: "600 x 1,000 a second, 1 subscriber",
        figure: "Spread",
        run: (seconds) => ours(20_000, 1000, 600_000, 1, seconds),
      },
      {
        name: "30 x 20,000 a second, 1 subscriber",
        figure: "Frames",
        run: (seconds) => ours(20_000, 20_000, 600_000, 1, seconds),
      },
      { name: "plain TCP, 30 x 44,000 bytes, each end 0.9 ms busy", figure: "Bare", run: bare },
      {
        name: "600 x 1,000 a second, 1 subscriber, maxPublishInterval 20 ms",
        figure: "Gathered",
        run: (seconds) => ours(20_000, 1000, 600_000, 1, seconds, 20),
      },
      {
        name: "30 x 100 a second, 1 subscriber",
        figure: "Slow",
        run: (seconds) => ours(1000, 100, 3000, 1, seconds),
      },
    ];
    if (python !== undefined) {
      variants.push({
        name: "sttpapi to sttpapi, 30 x 100 a second",
        figure: "Sttpapi",
        run: (seconds) => sttpapi(python, metadata, 100, 3000, seconds),
      });
    }
    const outcomes = variants.map((): number[][] => []);
    for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
      for (const [i, variant] of variants.entries()) {
        const { delays, late = [] } = await variant.run(quick ? 2 : 6);
        const [lateness] = percentiles(late.map((by) => [by, 1] as const), [0.99]);
        outcomes[i]!.push([...percentiles(delays, SHARES), lateness!]);
      }
    }
    const figures: Record<string, number> = {};
    const rows = variants.map(({ name, figure }, i) => {
      const middle = [...SHARES, "late"].map((_, column) => median(outcomes[i]!.map((one) => one[column]!)));
      ["P50", "P99", "P999"].forEach((label, column) =>
        figures[`latency${figure}${label}`] = middle[column]!
      );
      return [name, ...middle.map((delay) => fixed(delay, 2))];
    });
    return {
      tables: [{
        title: "From the call of publish() to the subscriber's loop, in milliseconds",
        header: ["", "p50", "p99", "p99.9", "calls late, p99"],
        rows,
      }],
      figures,
      notes: [
        "Every measurement counts. Two processes on one machine, loopback TCP; medians of the turns' percentiles.",
        "Delays count from the call; how late the calls themselves were, by the timers, stands in the last column.",
      ],
    };
  });
}

/** How late measurements are. */
export const latency: Section = { name: "latency", title: "Latency", run };
