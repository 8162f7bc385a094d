/**
 * What a soak came to.
 *
 * @module
 */
import type { PublisherLook } from "../abuse/programs/publisher.ts";
import { complaintsOfSubscribers } from "./subscribed.ts";
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

/** By how much a heap may be larger at the end. */
const MOST_GROWTH = 0.05;
/** What counts as nothing in a run of less than ten minutes, in which code is still being compiled. */
const NOTHING = 2 * 1024 ** 2;

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
  const heap = (part: readonly Sample[]): number => median(part.map(({ publisher }) => publisher.heap));
  const theirHeap = (part: readonly Sample[]): number =>
    median(part.map(({ subscribers }) => subscribers.heap));
  for (const [whose, of] of [["publisher's", heap], ["subscribers'", theirHeap]] as const) {
    const most = Math.max(minutes < 10 ? NOTHING : 0, MOST_GROWTH * of(first));
    if (of(last) - of(first) > most) failures.push(`the ${whose} heap has grown`);
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
  const { explained, untold, unexplained, wrong } = end.subscribers;
  if (unexplained > 0) failures.push(`${unexplained} measurements are missing without a reason`);
  if (wrong > 0) failures.push(`${wrong} values came under a wrong name`);
  if (end.publisher.faults.length > 0) failures.push(`faults: ${end.publisher.faults.join("\n")}`);
  const delivered = samples.reduce((sum, { subscribers }) => sum + subscribers.received, 0);
  const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(2)} MiB`;
  const p99 = samples.map(({ subscribers }) => subscribers.latency.p99);
  const growth = (of: (part: readonly Sample[]) => number): string => {
    const by = of(last) - of(first);
    return `${mib(by)} (${(100 * by / of(first)).toFixed(1)} %), from ${mib(of(first))} to ${mib(of(last))}`;
  };
  const text = `# Soak of ${minutes} minutes

**Growth of heaps after warming up: the publisher's ${growth(heap)}; the 20 subscribers' ${
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
| resident memory, at first and at last | ${mib(median(first.map(({ publisher }) => publisher.resident)))}, ${
    mib(median(last.map(({ publisher }) => publisher.resident)))
  } |
| counted by the subscribers as lost, by reason (silentOverUdp: loss, or nothing was sent) | ${
    list(end.subscribers.losses)
  } |
| missing, by kind of subscriber, with a reason counted | ${list(explained)} |
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

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
