/**
 * Being told to end.
 *
 * @module
 */

/** What ends a process in order, and the exit code when it is told a second time. */
const numbers: Readonly<Partial<Record<Deno.Signal, number>>> = Deno.build.os === "windows"
  ? { SIGINT: 2, SIGBREAK: 21 }
  : { SIGINT: 2, SIGTERM: 15 };

/**
 * Runs something that ends in order when the process is told to. Told a second time, the process ends at once, with 128
 * and the number of the signal, as shells have it.
 */
export async function untilTold<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const listeners = Object.entries(numbers).map(([name, number]) => {
    const listener = (): void => {
      if (stop.signal.aborted) Deno.exit(128 + number);
      stop.abort();
    };
    Deno.addSignalListener(name as Deno.Signal, listener);
    return [name as Deno.Signal, listener] as const;
  });
  try {
    return await run(stop.signal);
  } finally {
    for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
  }
}

/** Resolves when a signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Calls a function whenever the process is told to read its files again (SIGHUP); not on Windows, which has no such. */
export function onReload(reload: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]: () => {} };
  Deno.addSignalListener("SIGHUP", reload);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", reload) };
}

/** A signal that fires with another one, or after so many milliseconds if there is such a limit. */
export function endingAfter(signal: AbortSignal, duration: number | undefined): AbortSignal {
  return duration === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration)]);
}
