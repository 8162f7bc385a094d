/**
 * What a soak came to.
 *
 * @module
 */
import { median } from "../../bench/harness/statistics.ts";
import type { PublisherLook } from "../abuse/programs/publisher.ts";
import { complaintsOfSubscribers, droppedForTheSlow } from "./subscribed.ts";
import type { MixedLook } from "./subscribers.ts";

/** One look at everything. */
export interface Sample {
  /** Minutes since the beginning. */
  readonly at: number;
  /** Since the look before. */
  readonly seconds: number;
  readonly publisher: PublisherLook;
  readonly subscribers: MixedLook;
  /** How long this look took, in milliseconds. */
  readonly took: number;
  /** Open files of the publisher's process. */
  readonly files: number;
  /** Open files of the process of the 20 subscribers. */
  readonly theirFiles: number;
}

/** The report, and what is wrong. */
export interface SoakResult {
  readonly text: string;
  readonly failures: readonly string[];
}

/** The parts of a run after warming up: their medians are compared, the largest of the later ones with the first. */
const PARTS = 5;
/** By how much a heap may be larger in a later part. */
const MOST_GROWTH = 0.05;
/** By how much heap and buffers together may be, as buffers come and go with those who stall. */
const MOST_GROWTH_WITH_BUFFERS = 0.15;
/**
 * By how much resident memory may be. A leak outside of the heap shows there alone; but what V8, SQLite or TLS hold for later
 * stays, and whether it is there after five minutes or after twenty is chance: of 185 MiB that became 219 in two steps.
 */
const MOST_GROWTH_RESIDENT = 0.25;
/** What counts as nothing in a run of less than ten minutes, in which code is still being compiled. */
const NOTHING = 2 * 1024 ** 2;
/** Where who stalls has not yet needed all of its buffers, too. */
const NOTHING_IN_BUFFERS = 24 * 1024 ** 2;
const NOTHING_RESIDENT = 64 * 1024 ** 2;

/** A kind of memory of a process. */
interface Memory {
  readonly name: string;
  readonly of: (sample: Sample) => number;
  /** The share by which it may grow. */
  readonly most: number;
  /** The bytes by which it may grow in a short run. */
  readonly nothing: number;
}

const memories: readonly Memory[] = ([["publisher", "publisher"], ["20 subscribers", "subscribers"]] as const)
  .flatMap(([whose, side]) => [
    { name: `heap of the ${whose}`, of: (sample) => sample[side].heap, most: MOST_GROWTH, nothing: NOTHING },
    {
      name: `heap and buffers of the ${whose}`,
      of: (sample): number => sample[side].heap + sample[side].external,
      most: MOST_GROWTH_WITH_BUFFERS,
      nothing: NOTHING_IN_BUFFERS,
    },
    {
      name: `resident memory of the ${whose}`,
      of: (sample): number => sample[side].resident,
      most: MOST_GROWTH_RESIDENT,
      nothing: NOTHING_RESIDENT,
    },
  ]);

/** How much of a memory there was in the first part after warming up, and in the part with most of it after that. */
interface Growth {
  readonly memory: Memory;
  readonly first: number;
  readonly most: number;
}

function growthOf(memory: Memory, warm: readonly Sample[]): Growth {
  const size = Math.max(1, Math.ceil(warm.length / PARTS));
  const parts: number[] = [];
  for (let i = 0; i < warm.length; i += size) parts.push(median(warm.slice(i, i + size).map(memory.of)));
  return { memory, first: parts[0]!, most: Math.max(...parts.slice(1), parts.at(-1)!) };
}

/** Sums a run up. The first fifth is warming up, at most five minutes of it. */
export function summarise(
  samples: readonly Sample[],
  run: { minutes: number; rate: number; polls: number; connections: number; problems: readonly string[] },
): SoakResult {
  const { minutes, rate, polls, connections } = run;
  const failures = [...run.problems];
  const warm = samples.filter(({ at }) => at > Math.min(5, minutes / 5));
  const third = Math.max(1, Math.floor(warm.length / 3));
  const first = warm.slice(0, third);
  const last = warm.slice(-third);
  const growths = memories.map((memory) => growthOf(memory, warm));
  for (const { memory, first, most } of growths) {
    const bound = Math.max(minutes < 10 ? memory.nothing : 0, memory.most * first);
    if (most - first > bound) failures.push(`the ${memory.name} has grown`);
  }
  const most = (part: readonly Sample[], of: (sample: Sample) => number): number => Math.max(...part.map(of));
  // Those that come and go make them go up and down: what counts is whether the peaks rise.
  const grown = (of: (sample: Sample) => number): boolean => most(last, of) > most(first, of) + 10;
  const watched: readonly { name: string; of: (sample: Sample) => number }[] = [
    { name: "open files of the publisher", of: ({ files }): number => files },
    { name: "timers of the publisher", of: ({ publisher }): number => publisher.timers },
    { name: "open files of the subscribers", of: ({ theirFiles }): number => theirFiles },
    { name: "timers of the subscribers", of: ({ subscribers }): number => subscribers.timers },
  ];
  for (const { name, of } of watched) if (grown(of)) failures.push(`${name} have grown`);
  failures.push(...complaintsOfSubscribers(samples, rate));
  const end = samples.at(-1)!;
  const { explained, stalled, untold, wrong } = end.subscribers;
  // What the publisher has dropped it has counted; who stalls can't know of it.
  const told = Math.min(stalled, droppedForTheSlow(end.publisher));
  const unexplained = end.subscribers.unexplained + stalled - told;
  if (unexplained > 0) failures.push(`${unexplained} measurements are missing without a reason`);
  if (wrong > 0) failures.push(`${wrong} values came under a wrong name`);
  if (end.publisher.faults.length > 0) failures.push(`faults: ${end.publisher.faults.join("\n")}`);
  const delivered = samples.reduce((sum, { subscribers }) => sum + subscribers.received, 0);
  const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(2)} MiB`;
  const p99 = samples.map(({ subscribers }) => subscribers.latency.p99);
  const growth = ({ first, most }: Growth): string => {
    const by = most - first;
    return `${mib(by)} (${(100 * by / first).toFixed(1)} %), from ${mib(first)} to ${mib(most)}`;
  };
  const [heap, , , theirHeap] = growths as [Growth, Growth, Growth, Growth];
  const text = `# Soak of ${minutes} minutes

**Growth of heaps after warming up, at most: the publisher's ${growth(heap)}; the 20 subscribers' ${
    growth(theirHeap)
  }**

| what | value |
| --- | --- |
| rounds of 1,000 measurements published | ${end.publisher.rounds} |
| measurements checked by the 20 subscribers | ${delivered} |
| connections that came and went | ${connections} |
| requests to the admin | ${polls} |
| delay, median of the samples' p99 | ${median(p99).toFixed(1)} ms |
| delay, worst of the samples' p99 | ${Math.max(...p99).toFixed(1)} ms |
${
    watched.map(({ name, of }) => `| ${name}, at first and at last | ${most(first, of)}, ${most(last, of)} |`)
      .join("\n")
  }
${growths.map((of) => `| ${of.memory.name}, growth at most | ${growth(of)} |`).join("\n")}
| counted by the subscribers as lost, by reason (silentOverUdp: loss, or nothing was sent) | ${
    list(end.subscribers.losses)
  } |
| missing, by kind of subscriber, with a reason counted | ${list({ ...explained, stalled: told })} |
| dropped by the publisher, by reason | ${list(end.publisher.dropped)} |
| missing over UDP, and told neither as lost nor as silent | ${untold} |
| missing without a reason | ${unexplained} |
| connections closed, by reason | ${list(end.publisher.closed)} |

${failures.length === 0 ? "No complaints." : failures.map((failure) => `- FAILED: ${failure}`).join("\n")}
`;
  return { text, failures };
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}
