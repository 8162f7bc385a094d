/**
 * Waits that an AbortSignal ends.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";

/** The AbortSignal's reason as this library's error. */
export function abortError(signal: AbortSignal, what: string): SttpError {
  return new SttpError("Aborted", `${what} was aborted`, { cause: signal.reason });
}

/**
 * Waits for a promise as long as the signal allows.
 *
 * @param what What is aborted, for people.
 * @throws {SttpError} `Aborted`; what becomes of the promise then is nobody's concern.
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  what: string,
): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortError(signal, what));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
