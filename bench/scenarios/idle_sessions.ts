import { fixed, millions, whole } from "../harness/format.ts";
import { ALL, CrowdProcess, pause, type PublisherLook, PublisherProcess } from "../harness/programs.ts";
import type { Figures, Findings, Section, Settings } from "../harness/report.ts";
import { medians } from "../harness/statistics.ts";

const SIGNALS = 1000;

async function turn(idle: number, active: number, seconds: number): Promise<Figures> {
  await using publisher = await PublisherProcess.start({
    signals: SIGNALS,
    options: { maxConnections: idle + active + 10 },
  });
  await using _one = await CrowdProcess.start({ port: publisher.port, filters: [ALL] });
  // The group and its encoder are there before anything is weighed, and all code has run.
  await publisher.publish({ batch: SIGNALS, seconds: 2, rate: 30 * SIGNALS });
  await pause(500);
  const empty = await publisher.look(true);

  await using _idle = await CrowdProcess.start({
    port: publisher.port,
    filters: new Array<string>(idle).fill(ALL),
  });
  await pause(1000);
  const full = await publisher.look(true);
  const heap = ({ memory }: PublisherLook): number => memory.heapUsed + memory.external;

  await using _active = await CrowdProcess.start({
    port: publisher.port,
    filters: new Array<string>(active).fill("FILTER TOP 900 ActiveMeasurements WHERE True"),
  });
  const before = await publisher.look();
  const published = await publisher.publish({ batch: SIGNALS, seconds, rate: 30 * SIGNALS });
  const after = await publisher.look(true);
  return {
    idleResident: (full.resident - empty.resident) / idle,
    idleHeap: (heap(full) - heap(empty)) / idle,
    idleSubscribed: after.subscribed,
    idleExpected: idle + active + 1,
    idleDelivered: (after.sent.measurements - before.sent.measurements) / published.milliseconds * 1000,
    idleDropped: Object.values(published.dropped).reduce((a, b) => a + b, 0),
    idleCpu: published.cpu / published.milliseconds,
    idleMemory: after.resident,
  };
}

async function run({ quick }: Settings): Promise<Findings> {
  const idle = quick ? 300 : 1000;
  const active = quick ? 50 : 200;
  const turns: Figures[] = [];
  for (let i = 0; i < (quick ? 1 : 3); i++) turns.push(await turn(idle, active, quick ? 3 : 10));
  const figures = medians(turns);
  return {
    tables: [{
      title: `${idle} idle subscribers, then ${active} more, and data at 30 x 1,000 a second for all of them`,
      header: ["", "value"],
      rows: [
        ["resident memory a session, idle, KB", fixed(figures.idleResident! / 1024, 1)],
        ["heap and buffers a session, idle, KB", fixed(figures.idleHeap! / 1024, 1)],
        ["subscribed", whole(figures.idleSubscribed!)],
        ["processor, % of a core", fixed(100 * figures.idleCpu!, 1)],
        ["delivered, M/s", millions(figures.idleDelivered!)],
        ["dropped", whole(figures.idleDropped!)],
        ["memory at the end, MB", millions(figures.idleMemory!, 0)],
      ],
    }],
    figures,
  };
}

/** Many sessions that do nothing, and some that do. */
export const idleSessions: Section = { name: "idle", title: "Many sessions", run };
