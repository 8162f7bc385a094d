import { fixed, millions, whole } from "../harness/format.ts";
import { ALL, CrowdProcess, pause, PublisherProcess } from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";

const SIGNALS = 1000;

async function run({ quick }: Settings): Promise<Findings> {
  const idle = quick ? 300 : 1000;
  const active = quick ? 50 : 200;
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
  const resident = (full.resident - empty.resident) / idle;
  const heap = (full.memory.heapUsed + full.memory.external - empty.memory.heapUsed - empty.memory.external) /
    idle;

  await using _active = await CrowdProcess.start({
    port: publisher.port,
    filters: new Array<string>(active).fill("FILTER TOP 900 ActiveMeasurements WHERE True"),
  });
  const published = await publisher.publish({ batch: SIGNALS, seconds: quick ? 3 : 10, rate: 30 * SIGNALS });
  const after = await publisher.look(true);
  const dropped = Object.values(published.dropped).reduce((a, b) => a + b, 0);
  return {
    tables: [{
      title: `${idle} idle subscribers, then ${active} more, and data at 30 x 1,000 a second for all of them`,
      header: ["", "value"],
      rows: [
        ["resident memory a session, idle, KB", fixed(resident / 1024, 1)],
        ["heap and buffers a session, idle, KB", fixed(heap / 1024, 1)],
        ["subscribed", whole(after.subscribed)],
        ["processor, % of a core", fixed(100 * published.cpu / published.milliseconds, 1)],
        ["delivered, M/s", millions(30 * (SIGNALS * (idle + 1) + 900 * active))],
        ["dropped", whole(dropped)],
        ["memory at the end, MB", millions(after.resident, 0)],
      ],
    }],
    figures: {
      idleResident: resident,
      idleHeap: heap,
      idleSubscribed: after.subscribed,
      idleExpected: idle + active + 1,
      idleDropped: dropped,
      idleCpu: published.cpu / published.milliseconds,
    },
  };
}

/** Many sessions that do nothing, and some that do. */
export const idleSessions: Section = { name: "idle", title: "Many sessions", run };
