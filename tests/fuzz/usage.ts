/**
 * What this process takes of the machine, and the bounds of that.
 *
 * @module
 */
import process from "node:process";

/**
 * The time of the processor that one input may take, in milliseconds; more is a hang. The longest that anything is
 * allowed is a filter, 2 seconds; the rest is for code that runs for the first time and for a slow machine.
 */
export const MOST_TIME = 5_000;
/**
 * By how much the memory may grow for one input, in MiB: what is in use, even when it is released again, and what buffers
 * reserve, even when nothing is ever written there.
 */
export const MOST_GROWTH = 256;
/** The most memory that a process may ever hold, in use or reserved, in MiB: about twice what any target comes to. */
export const MOST_MEMORY = 700;

const isLinux = Deno.build.os === "linux";

/** What something took. */
export interface Taken {
  /** Milliseconds of the processor, of all threads. */
  readonly time: number;
  /** By how much the memory in use grew at the most, or what buffers reserve, whichever is more, in MiB. */
  readonly growth: number;
}

/** The highest that was seen before the system's own mark was set back, in MiB. */
let highest = 0;

/** Measures what is taken from now on. @returns Tells how much that was. */
export function measure(): () => Taken {
  highest = peakMemory();
  lowerMark();
  const before = usage();
  return () => {
    const after = usage();
    const growth = Math.max(after.memory - before.memory, after.reserved - before.reserved);
    return { time: after.time - before.time, growth };
  };
}

/** The most memory that the process has held so far, in MiB; of what buffers reserve, as it was between inputs. */
export function peakMemory(): number {
  const { memory, reserved } = usage();
  return Math.max(highest, memory, reserved);
}

/** Milliseconds of the processor that the process has taken so far. */
export function processorTime(): number {
  return usage().time;
}

/** What is wrong with the memory of the process, if anything. */
export function memoryProblem(): string | undefined {
  const peak = Math.round(peakMemory());
  return peak > MOST_MEMORY ? `${peak} MiB held, at most ${MOST_MEMORY} expected` : undefined;
}

/** What the process has taken, and takes. */
interface Usage {
  /** Milliseconds of the processor. */
  readonly time: number;
  /**
   * The mark of the most memory in use, in MiB. Elsewhere than on Linux it is what is in use now, and what was released
   * does not show: what `maxRSS` means differs between systems, and on Linux it begins with what the parent process held.
   */
  readonly memory: number;
  /**
   * What buffers reserve now, in MiB. The system gives memory to what is written, so that a buffer of 3 GB that is empty
   * takes next to none in use. It shows until it is collected: that is hardly ever before the input is done, and another
   * input will show it.
   */
  readonly reserved: number;
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, external } = Deno.memoryUsage();
  return {
    time: (user + system) / 1000,
    memory: isLinux ? highWaterMark() : rss / 1024 ** 2,
    reserved: external / 1024 ** 2,
  };
}

/** The most memory that this process has held since the mark was set back, in MiB; see proc(5). */
function highWaterMark(): number {
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]) / 1024;
}

let canLower = isLinux;

/**
 * Sets the system's mark of the most memory back to what is in use now, so that what one input takes does not hide in
 * what another took before. Where that is not permitted, growth shows when it is beyond all before it.
 */
function lowerMark(): void {
  if (!canLower) return;
  try {
    // See proc(5).
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  } catch {
    canLower = false;
  }
}
