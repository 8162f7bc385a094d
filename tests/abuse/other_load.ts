/**
 * What else a machine does while something is measured on it.
 *
 * @module
 */

/** Fields of a line of /proc/stat whose time somebody had: user, nice, system, steal; see proc(5). */
const BUSY = [1, 2, 3, 8];

/** Watches for how long processors were busy with something else than some processes. */
export class OtherLoad {
  readonly #pids: readonly number[];
  readonly #since = performance.now();
  readonly #before: number;

  /** Begins. @param pids The processes whose time does not count; this one's does not either. */
  constructor(pids: readonly number[]) {
    this.#pids = [...pids, Deno.pid];
    this.#before = this.#others();
  }

  /**
   * The share of one processor that others had since it began; 0 where the system does not tell. To be asked while the
   * processes are there.
   */
  share(): number {
    return 10 * (this.#others() - this.#before) / (performance.now() - this.#since);
  }

  /** Hundredths of a second that others had. */
  #others(): number {
    if (Deno.build.os !== "linux") return 0;
    const all = Deno.readTextFileSync("/proc/stat").split("\n", 1)[0]!.split(/\s+/);
    const own = this.#pids.reduce((sum, pid) => sum + processorTime(pid), 0);
    return BUSY.reduce((sum, field) => sum + Number(all[field]), 0) - own;
  }
}

/** Hundredths of a second of the processor that a process has taken. */
function processorTime(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // Behind the name, which may hold anything, the fields of proc(5) from the third on.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
