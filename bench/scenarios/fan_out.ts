import { fixed, millions, whole } from "../harness/format.ts";
import { ALL, CrowdProcess, type Published, PublisherProcess } from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";
import { median } from "../harness/statistics.ts";
import { type Encryption, makeEncryption } from "./encryption.ts";

/** As many as 1,000 devices with 20 signals each have, 30 frames a second. */
const SIGNALS = 20_000;
const RATE = 600_000;

/** How the application publishes that. */
const PATTERNS: readonly Pattern[] = [
  { figure: "Frames", name: "30 x 20,000", batch: 20_000 },
  { figure: "Devices", name: "600 x 1,000", batch: 1000 },
];

interface Pattern {
  readonly figure: string;
  readonly name: string;
  readonly batch: number;
  readonly encryption?: Encryption;
  /** Whether each publication begins with a signal drawn by lot. */
  readonly shuffled?: boolean;
}

/** What no search can be used twice for. */
const SHUFFLED: Pattern = {
  figure: "Shuffled",
  name: "600 x 1,000 from anywhere",
  batch: 1000,
  shuffled: true,
};

/** Subscribers to all of it; 0 shows what the application itself and its calls cost. */
const SUBSCRIBERS = [0, 1, 10, 100] as const;

/**
 * Filters that all differ, each for 1,000 of the signals: groups of 40 neighbouring devices, which overlap with
 * others'.
 */
export function differentFilters(count: number): string[] {
  const devices = SIGNALS / 25;
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor(i * (devices - 40) / count);
    return `FILTER ActiveMeasurements WHERE DeviceID >= ${from} AND DeviceID < ${from + 40}`;
  });
}

/** What came of publishing. */
interface Delivered extends Published {
  /** Measurements that went to subscribers. */
  readonly delivered: number;
  /** Bytes of theirs that they did not read. */
  readonly unread: number;
}

/** Measurements that were dropped, and bytes that did not arrive. */
function lostBy({ dropped, unread }: Delivered): number {
  return Object.values(dropped).reduce((a, b) => a + b, 0) + unread;
}

async function publishTo(
  filters: string[],
  batch: number,
  seconds: number,
  { encryption, shuffled = false }: { encryption?: Encryption | undefined; shuffled?: boolean | undefined } =
    {},
): Promise<Delivered> {
  await using publisher = await PublisherProcess.start({
    signals: SIGNALS,
    options: { ...encryption && { tls: encryption.publisher } },
  });
  await using crowd = await CrowdProcess.start({
    port: publisher.port,
    filters,
    tls: encryption?.subscriber,
  });
  const order = { batch, rate: RATE, shuffled };
  const warm = await publisher.publish({ ...order, seconds: 1 });
  const readBefore = await crowd.read();
  const published = await publisher.publish({ ...order, seconds });
  const read = await crowd.read() - readBefore;
  return {
    ...published,
    delivered: published.sent.measurements - warm.sent.measurements,
    unread: published.sent.bytes - warm.sent.bytes - read,
  };
}

async function runFanOut({ quick }: Settings): Promise<Findings> {
  const seconds = quick ? 2 : 5;
  const turns = quick ? 1 : 3;
  const figures: Record<string, number> = {};
  const rows: string[][] = [];
  const tls: Pattern = {
    figure: "Tls",
    name: "over TLS, 30 x 20,000",
    batch: 20_000,
    encryption: await makeEncryption(),
  };
  for (const { figure, name, batch, encryption } of [...PATTERNS, tls]) {
    const outcomes = SUBSCRIBERS.map((): Delivered[] => []);
    for (let turn = 0; turn < turns; turn++) {
      for (const [i, count] of SUBSCRIBERS.entries()) {
        outcomes[i]!.push(
          await publishTo(new Array<string>(count).fill(ALL), batch, seconds, { encryption }),
        );
      }
    }
    /** The application's own part, for each measurement published. */
    const alone = median(outcomes[0]!.map(({ cpu, measurements }) => cpu * 1e6 / measurements));
    for (const [i, count] of SUBSCRIBERS.entries()) {
      const turns = outcomes[i]!;
      const dropped = turns.reduce((sum, turn) => sum + lostBy(turn), 0);
      const cost = count === 0 ? alone : median(turns.map(({ cpu, delivered }) => cpu * 1e6 / delivered));
      // What is left when the application's part is taken off: the harder comparison.
      const ours = median(
        turns.map(({ cpu, measurements, delivered }) => (cpu * 1e6 - alone * measurements) / delivered),
      );
      rows.push([
        `${name} a second, ${count} subscribers`,
        fixed(100 * median(turns.map(({ cpu, milliseconds }) => cpu / milliseconds)), 1),
        fixed(cost, 2),
        count === 0 ? "-" : fixed(ours, 2),
        whole(dropped),
      ]);
      figures[`fanOut${figure}${count}`] = cost;
      if (count > 0) figures[`fanOut${figure}${count}Net`] = ours;
      if (count === 100) figures[`fanOut${figure}Lost`] = dropped;
    }
  }
  return {
    tables: [{
      title:
        "600,000 measurements a second to subscribers of the same signals: the publisher's processor time",
      header: ["", "% of a core", "ns per delivered", "without the application's", "dropped"],
      rows,
    }],
    figures,
    notes: [
      "With no subscriber at all the application's own work is left: filling batches, timers, calling publish().",
    ],
  };
}

/** One publication to many subscribers. */
export const fanOut: Section = { name: "fan-out", title: "Fan-out", run: runFanOut };

async function runFilters({ quick }: Settings): Promise<Findings> {
  const seconds = quick ? 2 : 5;
  const counts = [1, 10, 100] as const;
  const rows: string[][] = [];
  const figures: Record<string, number> = {};
  let groups = 0;
  // Frames, and parts of them in turn, let every filter reuse what it found before; what is shuffled does not.
  for (const { figure, name, batch, shuffled } of [...PATTERNS, SHUFFLED]) {
    let lost = 0;
    const idle: number[] = [];
    const costs = counts.map((): number[] => []);
    const delivered = counts.map((): number[] => []);
    for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
      const none = await publishTo([], batch, seconds, { shuffled });
      idle.push(none.cpu / none.milliseconds);
      for (const [i, count] of counts.entries()) {
        const published = await publishTo(differentFilters(count), batch, seconds, { shuffled });
        costs[i]!.push(published.cpu / published.milliseconds);
        delivered[i]!.push(published.delivered / published.milliseconds * 1000);
        groups = published.groups;
        lost += lostBy(published);
      }
    }
    for (const [i, count] of counts.entries()) {
      const cost = median(costs[i]!);
      const rate = median(delivered[i]!);
      const net = (cost - median(idle)) * 1e9 / rate;
      rows.push([
        `${name} a second, ${count} different filters`,
        fixed(100 * cost, 1),
        millions(rate),
        fixed(net, 1),
        fixed(1e3 * (cost - median(idle)) / count, 2),
      ]);
      figures[`filters${figure}${count}`] = net;
    }
    figures[`filters${figure}Lost`] = lost;
  }
  return {
    tables: [{
      title: "600,000 measurements a second to subscribers with different filters of 1,000 signals each",
      header: ["", "% of a core", "delivered M/s", "ns per delivered", "ms a second per filter"],
      rows,
    }],
    figures,
    notes: [
      `${groups} groups for 100 filters. Without the application's own work, measured with no subscriber.`,
    ],
  };
}

/** One publication to many subscribers who want different parts of it. */
export const filters: Section = { name: "groups", title: "Different filters", run: runFilters };
