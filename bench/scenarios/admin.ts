import { fixed, whole } from "../harness/format.ts";
import { CrowdProcess, pause, PublisherProcess } from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";

const SIGNALS = 100_000;
/** What every connection subscribes to: 4,000 of them. */
const FREQUENCIES = "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'";
/** What a page or script asks for; the first is what the page of connections does every other second. */
const REQUESTS: readonly (readonly [name: string, path: string])[] = [
  ["connections, the first 100", "api/v1/connections?sort=-stalledFor"],
  ["connections, as a page", "connections?sort=-stalledFor"],
  ["metadata, 100 rows", "api/v1/metadata/MeasurementDetail?offset=50000"],
  ["metadata, a filter", "api/v1/metadata/MeasurementDetail?filter=SignalAcronym+%3D+%27FREQ%27"],
  ["metadata, a text", "api/v1/metadata/MeasurementDetail?search=frequency"],
  ["metadata, a text that is not there", "api/v1/metadata/MeasurementDetail?search=nowhere"],
  ["signals, those that miss most", "api/v1/signals?sort=-missing"],
  ["signals, a text", "api/v1/signals?search=frequency"],
  ["signals, by their tags", "api/v1/signals?sort=pointTag"],
  ["what changed in metadata", "api/v1/metadata-changes"],
  ["devices", "api/v1/devices?sort=-missing"],
  ["/metrics", "metrics"],
];

/** @returns Milliseconds until an answer is read whole. */
async function ask(url: string, path: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(new URL(path, url));
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return performance.now() - start;
}

/** The page of plots of the last four signals. */
async function trendsOf(url: string): Promise<string> {
  const response = await fetch(new URL(`api/v1/signals?limit=4&offset=${SIGNALS - 4}`, url));
  const { signals } = await response.json() as { signals: readonly { signalId: string }[] };
  return `trends?${new URLSearchParams(signals.map(({ signalId }) => ["signal", signalId]))}`;
}

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(part * values.length)]!;
const median = (values: readonly number[]): number => quantile(values, 0.5);
const percent = (ratio: number): string => `${fixed(100 * (ratio - 1), 1)} %`;

async function run({ quick }: Settings): Promise<Findings> {
  const connections = quick ? 100 : 1000;
  const rounds = quick ? 2 : 15;
  await using publisher = await PublisherProcess.start({
    signals: SIGNALS,
    options: { maxConnections: connections + 10 },
  });
  const filters = new Array<string>(connections).fill(FREQUENCIES);
  await using _crowd = await CrowdProcess.start({ port: publisher.port, filters });
  const order = { batch: 1000, seconds: quick ? 2 : 6, rate: SIGNALS };
  await publisher.publish(order);

  let url = await publisher.admin(true);
  const answers: { readonly name: string; readonly cpu: number; readonly times: readonly number[] }[] = [];
  const requests = [...REQUESTS, ["plots of four signals, as a page", await trendsOf(url)] as const];
  // The first answers make what is kept from then on.
  for (const [, path] of requests) await ask(url, path);
  const turns = quick ? 3 : 15;
  for (const [name, path] of requests) {
    const { cpu } = await publisher.look();
    const times: number[] = [];
    for (let turn = 0; turn < turns; turn++) times.push(await ask(url, path));
    answers.push({ name, cpu: ((await publisher.look()).cpu - cpu) / turns, times });
  }

  // Each is held against the mean of what publishing took just before and after: it drifts by more than is looked for.
  const probes = ["with", "watched"] as const;
  const cost: Record<typeof probes[number], number[]> = { with: [], watched: [] };
  const without: number[] = [];
  const segment = async (which: "without" | typeof probes[number]): Promise<number> => {
    url = await publisher.admin(which !== "without");
    const stop = new AbortController();
    const watching = which === "watched" ? watch(url, stop.signal) : Promise.resolve();
    const { cpu, measurements } = await publisher.publish({ batch: 1000, seconds: quick ? 1 : 2 });
    stop.abort();
    await watching;
    return cpu / measurements * 1e6;
  };
  without.push(await segment("without"));
  for (let round = 0; round < rounds; round++) {
    for (const which of round % 2 === 0 ? probes : probes.toReversed()) {
      const probe = await segment(which);
      without.push(await segment("without"));
      cost[which].push(2 * probe / (without.at(-1)! + without.at(-2)!));
    }
  }
  return {
    tables: [
      {
        title: `The admin of ${whole(connections)} connections and ${
          whole(SIGNALS)
        } signals: milliseconds to an answer`,
        header: ["", "elapsed", "slowest", "of the processor"],
        rows: answers.map(({ name, cpu, times }) => [
          name,
          fixed(median(times), 1),
          fixed(Math.max(...times), 1),
          fixed(cpu, 1),
        ]),
      },
      {
        title: `Publishing to ${
          whole(connections)
        } subscribers as fast as can be: processor time for each measurement, ${
          fixed(median(without), 0)
        } ns without the admin`,
        header: ["", "more", "half of the runs between"],
        rows: ([["with it", cost.with], ["with it, and a page of connections open", cost.watched]] as const)
          .map(([name, ratios]) => [
            name,
            percent(median(ratios)),
            `${percent(quantile(ratios, 0.25))} and ${percent(quantile(ratios, 0.75))}`,
          ]),
      },
    ],
    figures: {
      adminSlowest: Math.max(...answers.map(({ times }) => median(times))),
      adminSlowestCpu: Math.max(...answers.map(({ cpu }) => cpu)),
      adminCost: median(cost.watched) - 1,
      adminCostAlone: median(cost.with) - 1,
    },
  };
}

/** Asks as a page that keeps itself up to date does. */
async function watch(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await ask(url, REQUESTS[1]![1]);
    for (let i = 0; i < 20 && !signal.aborted; i++) await pause(100);
  }
}

/** The HTTP admin of a publisher with many connections and signals. */
export const admin: Section = { name: "admin", title: "The HTTP admin", run };
