/**
 * Being told to end.
 *
 * @module
 */

/** What ends a process in order, and the exit code when it is told a second time. */
const numbers: Readonly<Partial<Record<Deno.Signal, number>>> = Deno.build.os === "windows"
  ? { SIGINT: 2, SIGBREAK: 21 }
  : { SIGINT: 2, SIGTERM: 15 };

/** What reads files again, while there is anything that does. */
let reload: (() => void) | undefined;

/**
 * Runs something that ends in order when the process is told to. Told a second time, the process ends at once, with 128
 * and the number of the signal, as shells have it. That a terminal hangs up, which may be told twice, is an end in order,
 * too; elsewhere the same signal (SIGHUP) means to read files again, if something does.
 *
 * @param told Is aborted when the process is told to end.
 */
export async function untilTold<T>(told: AbortController, run: () => Promise<T>): Promise<T> {
  const atTerminal = [Deno.stdin, Deno.stdout, Deno.stderr].filter((stream) => stream.isTerminal());
  const listeners = new Map(
    Object.entries(numbers).map(([name, number]) => [name as Deno.Signal, (): void => {
      if (told.signal.aborted) Deno.exit(128 + number);
      told.abort();
    }]),
  );
  if (Deno.build.os !== "windows") {
    const isOurs = !isIgnored(1);
    listeners.set("SIGHUP", () => {
      // One that has hung up is none any more.
      const hasHungUp = atTerminal.some((stream) => !stream.isTerminal());
      if (reload !== undefined && !hasHungUp) reload();
      else if (isOurs) told.abort();
    });
  }
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  try {
    return await run();
  } finally {
    for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
  }
}

/** Whether the process was started with a signal ignored, as `nohup` does; where that can't be known, it was not. */
function isIgnored(number: number): boolean {
  try {
    const path = "/proc/self/status";
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return false;
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync(path))?.[1];
    return ignored !== undefined && (BigInt(`0x${ignored}`) >> BigInt(number - 1) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** Resolves when a signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Calls a function whenever the process is told to read its files again (SIGHUP); not on Windows, which has no such. */
export function onReload(read: () => void): Disposable {
  reload = read;
  return { [Symbol.dispose]: () => reload = undefined };
}

/** The longest that a timer takes, in milliseconds; one for longer fires at once. */
const longestDelay = 2 ** 31 - 1;

/**
 * A signal that fires with another one, or after so many milliseconds if there is such a limit.
 *
 * @param timeout Makes a signal that fires after so many milliseconds, which a timer takes; default the machine's.
 */
export function endingAfter(
  signal: AbortSignal,
  duration: number | undefined,
  timeout: (milliseconds: number) => AbortSignal = (milliseconds) => AbortSignal.timeout(milliseconds),
): AbortSignal {
  if (duration === undefined) return signal;
  const over = new AbortController();
  const pass = (left: number): void => {
    const part = Math.min(left, longestDelay);
    timeout(part).addEventListener("abort", () => left > part ? pass(left - part) : over.abort());
  };
  pass(duration);
  return AbortSignal.any([signal, over.signal]);
}
