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

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function run({ quick }: Settings): Promise<Findings> {
  const connections = quick ? 100 : 1000;
  const rounds = quick ? 2 : 11;
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
  // The first answers make what is kept from then on.
  for (const [, path] of REQUESTS) await ask(url, path);
  const turns = quick ? 3 : 15;
  for (const [name, path] of REQUESTS) {
    const { cpu } = await publisher.look();
    const times: number[] = [];
    for (let turn = 0; turn < turns; turn++) times.push(await ask(url, path));
    answers.push({ name, cpu: ((await publisher.look()).cpu - cpu) / turns, times });
  }

  // They take turns; `watched` means that somebody has the page of connections open.
  const cost: Record<"without" | "with" | "watched", number[]> = { without: [], with: [], watched: [] };
  for (let round = 0; round < rounds; round++) {
    const kinds = ["without", "with", "watched"] as const;
    for (const which of round % 2 === 0 ? kinds : kinds.toReversed()) {
      url = await publisher.admin(which !== "without");
      const stop = new AbortController();
      const watching = which === "watched" ? watch(url, stop.signal) : Promise.resolve();
      const { cpu, measurements } = await publisher.publish({ batch: 1000, seconds: quick ? 2 : 3 });
      stop.abort();
      await watching;
      cost[which].push(cpu / measurements * 1e6);
    }
  }
  const before = median(cost.without);
  return {
    tables: [
      {
        title: `The admin of ${whole(connections)} connections and ${
          whole(SIGNALS)
        } signals: milliseconds to an answer`,
        header: ["", "of the processor", "elapsed", "slowest"],
        rows: answers.map(({ name, cpu, times }) => [
          name,
          fixed(cpu, 1),
          fixed(median(times), 1),
          fixed(Math.max(...times), 1),
        ]),
      },
      {
        title: `Publishing to ${
          whole(connections)
        } subscribers as fast as can be: processor time for each measurement`,
        header: ["", "ns", "more"],
        rows: (["without", "with", "watched"] as const).map((which) => [
          {
            without: "without the admin",
            with: "with it",
            watched: "with it, and a page of connections open",
          }[which],
          fixed(median(cost[which]), 0),
          which === "without" ? "" : `${fixed(100 * (median(cost[which]) / before - 1), 1)} %`,
        ]),
      },
    ],
    figures: {
      adminSlowest: Math.max(...answers.map(({ cpu }) => cpu)),
      adminCost: median(cost.watched) / before - 1,
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
