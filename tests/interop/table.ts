/**
 * Tables of measurements that go through a pair of programs, and what came out compared with what went in.
 *
 * @module
 */

/** One measurement of a table. */
export interface Row {
  /** Rows of one frame are published together. */
  readonly frame: number;
  /** A lower-case GUID. */
  readonly signalId: string;
  readonly ticks: bigint;
  readonly flags: number;
  /** The float32's bits. */
  readonly bits: number;
}

/** What to make a table of. */
export interface TableOptions {
  /** The signals, in the order in which each frame has them. */
  readonly signalIds: readonly string[];
  /** How many frames. */
  readonly frames: number;
  /** The ticks of the first frame; default 638,500,000,000,000,000, in 2024. */
  readonly start?: bigint;
  /** From frame to frame, used in turn; default 330,000. */
  readonly steps?: readonly bigint[];
  /** State flags, one for every frame's special measurement, used in turn; default 8 and 0x48. */
  readonly flags?: readonly number[];
  /** Makes the values differ from those of another table. */
  readonly seed?: number;
}

/** Values that go wrong first: NaN, both infinities, both zeros, the smallest number, the largest of either sign. */
const SPECIAL_BITS = [0x7fc00000, 0x7f800000, 0xff800000, 0x80000000, 0, 1, 0x7f7fffff, 0xff7fffff];

/**
 * Believable values (each signal wanders around a level of its own) with one special value and one set of flags in
 * every frame after the third, going round the signals.
 */
export function makeTable(options: TableOptions): Row[] {
  const { signalIds, frames, start = 638_500_000_000_000_000n, steps = [330_000n], flags = [8, 0x48] } =
    options;
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const rows: Row[] = [];
  let ticks = start;
  for (let frame = 0; frame < frames; frame++) {
    for (const [i, signalId] of signalIds.entries()) {
      float[0] = 60 * (i + 1) * (1 + 0.001 * Math.sin(frame / 7 + i + (options.seed ?? 0)));
      const special = frame >= 3 && frame % signalIds.length === i;
      const flagged = frame >= 3 && (frame + 1) % signalIds.length === i;
      rows.push({
        frame,
        signalId,
        ticks,
        flags: flagged ? flags[frame % flags.length]! : 0,
        bits: special ? SPECIAL_BITS[frame % SPECIAL_BITS.length]! : bits[0]!,
      });
    }
    ticks += steps[frame % steps.length]!;
  }
  return rows;
}

/** A measurement as the partners' programs write it. */
export function formatRow(row: Omit<Row, "frame">): string {
  return `${row.signalId} ${BigInt.asUintN(64, row.ticks)} ${row.flags} ${
    row.bits.toString(16).padStart(8, "0")
  }`;
}

/** A table as sttpapi's program reads it. */
export function formatTable(rows: readonly Row[]): string {
  return rows.map((row) => `${row.frame} ${formatRow(row)}\n`).join("");
}

/** What compact packets keep of the state flags (§7): groups of them, each as one bit. */
const COMPACT_GROUPS = [0x000000fc, 0x0000ef03, 0x00bf0000, 0xe0000000, 0x00001000, 0x00400000];

/** A table as it must arrive in compact packets, where state flags come out as groups (§7). */
export function afterCompact(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const groups = COMPACT_GROUPS.filter((group) => (row.flags & group) !== 0);
    return { ...row, flags: groups.reduce((all, group) => all | group, 0) >>> 0 };
  });
}

/**
 * Compares what arrived with what was published: every measurement, in order, nothing more.
 *
 * @param expected What must have arrived.
 * @param received The lines that the receiving program wrote.
 * @returns What was compared, for the report.
 * @throws {Error} With the number of differences and the first of them.
 */
export function compare(expected: readonly Row[], received: readonly string[]): string {
  const wanted = expected.map(formatRow);
  const differences: string[] = [];
  for (let i = 0; i < Math.max(wanted.length, received.length); i++) {
    if (wanted[i] === received[i]) continue;
    differences.push(
      `measurement ${i}: expected "${wanted[i] ?? "no more"}", got "${received[i] ?? "no more"}"`,
    );
  }
  if (differences.length > 0) {
    throw new Error(
      `${received.length} measurements received of ${wanted.length}; ${differences.length} differ, the first:\n` +
        differences.slice(0, 5).join("\n"),
    );
  }
  const signals = new Set(expected.map((row) => row.signalId)).size;
  return `${wanted.length} measurements of ${signals} signals equal in value, time, flags and order`;
}

/** The lines of a file that a partner's program wrote. */
export async function readLines(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).split("\n").filter((line) => line !== "");
}
