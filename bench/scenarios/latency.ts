import { fixed } from "../harness/format.ts";
import { ALL, pause, PublisherProcess, PythonProcess, SubscriberProcess } from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";
import { median, percentiles, type Weighted } from "../harness/statistics.ts";
import { withDocument } from "./document.ts";

/** A rate at which every measurement's delay is measured. */
interface Variant {
  readonly name: string;
  readonly figure: string;
  readonly run: (seconds: number) => Promise<readonly Weighted[]>;
}

const SHARES = [0.5, 0.99, 0.999] as const;

async function ours(
  signals: number,
  batch: number,
  rate: number,
  subscribers: number,
  seconds: number,
  maxPublishInterval = 0,
): Promise<readonly Weighted[]> {
  await using publisher = await PublisherProcess.start({ signals, options: { maxPublishInterval } });
  await using process = await SubscriberProcess.start({
    address: publisher.address,
    filters: new Array<string>(subscribers).fill(ALL),
    measureDelay: true,
    options: { autoRequestMetadata: false },
  });
  const warm = await publisher.publish({ batch, seconds: 1.5, rate });
  await process.received(warm.measurements);
  const { measurements } = await publisher.publish({ batch, seconds, rate });
  const { takers } = await process.received(warm.measurements + measurements);
  return takers.flatMap(({ delays }) => delays);
}

async function sttpapi(
  python: string,
  metadata: string,
  batch: number,
  rate: number,
  seconds: number,
): Promise<readonly Weighted[]> {
  await using publisher = PythonProcess.start(python, "publisher", { metadata });
  const { port } = await publisher.program.next("listening");
  const settings = { address: `127.0.0.1:${port}`, filter: ALL, tssc: true, delay: true };
  await using subscriber = PythonProcess.start(python, "subscriber", settings);
  await subscriber.program.next("subscribed");
  await pause(500);
  await publisher.publish(batch, seconds, rate);
  return (await subscriber.received()).delays;
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
        outcomes[i]!.push(percentiles(await variant.run(quick ? 2 : 6), SHARES));
      }
    }
    const figures: Record<string, number> = {};
    const rows = variants.map(({ name, figure }, i) => {
      const middle = SHARES.map((_, share) => median(outcomes[i]!.map((one) => one[share]!)));
      ["P50", "P99", "P999"].forEach((label, share) => figures[`latency${figure}${label}`] = middle[share]!);
      return [name, ...middle.map((delay) => fixed(delay, 2))];
    });
    return {
      tables: [{
        title: "From the call of publish() to the subscriber's loop, in milliseconds",
        header: ["", "p50", "p99", "p99.9"],
        rows,
      }],
      figures,
      notes: [
        "Every measurement counts. Two processes on one machine, loopback TCP; medians of the turns' percentiles.",
      ],
    };
  });
}

/** How late measurements are. */
export const latency: Section = { name: "latency", title: "Latency", run };
