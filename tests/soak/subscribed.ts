/**
 * Whether the subscribers of a soak got what they are there for.
 *
 * @module
 */
import type { Sample } from "./report.ts";
import type { SubscriberLook } from "./subscribers.ts";

/** How old the latest that a subscriber has may be, in milliseconds; the machine may be busy. */
const FRESH = 60_000;
/** The share of its intervals in which a throttled subscriber must have got something. */
const INTERVALS_MET = 0.5;

/** Measurements that the publisher dropped for who was too slow: those in the queue, and those until it caught up. */
export function droppedForTheSlow({ dropped }: Sample["publisher"]): number {
  return (dropped["overflow"] ?? 0) + (dropped["detached"] ?? 0);
}

/**
 * What there is to say against what the subscribers got.
 *
 * @param rate Rounds published a second.
 */
export function complaintsOfSubscribers(samples: readonly Sample[], rate: number): string[] {
  return samples[0]!.subscribers.each.flatMap((_, i) => [
    ...mishapsOf(samples.at(-1)!.subscribers.each[i]!),
    ...silenceOf(samples, i),
    ...deficitOf(samples, i, rate),
  ]);
}

function mishapsOf({ name, mishaps }: SubscriberLook): string[] {
  return mishaps.map((mishap) => `${name}, though nobody planned it: ${mishap}`);
}

/** Whether it had ever heard nothing for too long, not counting a pause of the publisher. */
function silenceOf(samples: readonly Sample[], i: number): string[] {
  for (const { at, publisher, subscribers } of samples) {
    const { name, behind, interval, stall } = subscribers.each[i]!;
    if (behind <= FRESH + publisher.longestPause + 1000 * (interval + stall)) continue;
    return [
      `${name} had nothing of the last ${Math.round(behind / 1000)} s, ${at.toFixed(1)} min from the start`,
    ];
  }
  return [];
}

/**
 * Whether it got less than was published, all that is known to be missing added, from the first look to the last. What
 * may have been on the way at these two does not count. For one that stalls, it is the publisher who knows what is missing.
 */
function deficitOf(samples: readonly Sample[], i: number, rate: number): string[] {
  const ends = [samples[0]!, samples.at(-1)!] as const;
  const [first, last] = ends.map(({ subscribers }) => subscribers.each[i]!) as [
    SubscriberLook,
    SubscriberLook,
  ];
  const { name, signals, interval, stall } = last;
  const dropped = ends.map(({ publisher }) => stall > 0 ? droppedForTheSlow(publisher) : 0);
  const had = (last.received + last.missing + dropped[1]! - first.received - first.missing - dropped[0]!) /
    Math.max(1, first.signals, signals);
  const seconds = 60 * (ends[1].at - ends[0].at);
  const due = interval > 0
    ? INTERVALS_MET * seconds / interval
    : ends[1].publisher.rounds - ends[0].publisher.rounds;
  const onTheWay = ends.reduce((sum, { publisher, subscribers, took }) => {
    const behind = Math.min(FRESH + 1000 * stall, subscribers.each[i]!.behind);
    return sum + (behind + publisher.longestPause + took) / 1000 * (interval > 0 ? 1 / interval : rate);
  }, 0);
  if (had >= due - onTheWay && signals > 0) return [];
  return [
    `${name} has ${signals} signals and had, or knows of, ${Math.round(had)} rounds of ${Math.round(due)}`,
  ];
}
