/**
 * What a piece of work allocates, and where, as V8's sampling heap profiler sees it: objects that were collected
 * meanwhile count as well. The memory of typed arrays is not on that heap; measure.ts has it.
 *
 * @module
 */
import { Session } from "node:inspector/promises";

/** One sample stands for so many bytes on average: small, as there is hardly anything to find. */
const SAMPLING_INTERVAL = 256;

/** What was allocated. */
export interface Allocations {
  /** Bytes in all. */
  readonly bytes: number;
  /** How much of them each function allocated, the most first. */
  readonly places: readonly (readonly [place: string, bytes: number])[];
}

/** A node of the profiler's tree of calls. */
interface CallNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly selfSize: number;
  readonly children: readonly CallNode[];
}

/** Profiles work that has run before, so that what the engine does once is over. */
export async function profileAllocations(work: () => void): Promise<Allocations> {
  const session = new Session();
  session.connect();
  try {
    await session.post("HeapProfiler.enable");
    await session.post("HeapProfiler.startSampling", {
      samplingInterval: SAMPLING_INTERVAL,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    work();
    const { profile } = await session.post("HeapProfiler.stopSampling") as { profile: { head: CallNode } };
    const found = new Map<string, number>();
    collect(profile.head, found);
    const places = [...found].sort(([, a], [, b]) => b - a);
    return { bytes: places.reduce((sum, [, bytes]) => sum + bytes, 0), places };
  } finally {
    session.disconnect();
  }
}

function collect({ callFrame, selfSize, children }: CallNode, into: Map<string, number>): void {
  if (selfSize > 0) {
    const { functionName, url, lineNumber } = callFrame;
    const file = url.split("/").at(-1);
    const place = `${functionName || "(anonymous)"}${file ? ` (${file}:${lineNumber + 1})` : ""}`;
    into.set(place, (into.get(place) ?? 0) + selfSize);
  }
  for (const child of children) collect(child, into);
}
