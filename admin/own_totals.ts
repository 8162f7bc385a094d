import type { OwnCounters } from "./metrics.ts";

/** What the admins of one system have counted, one after another or side by side. */
export class OwnTotals implements OwnCounters {
  readonly requests: Record<string, number> = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0 };
  authenticationFailures = 0;

  /** Counts a request by its status. */
  countRequest(status: number): void {
    const kind = `${Math.floor(status / 100)}xx`;
    this.requests[kind] = (this.requests[kind] ?? 0) + 1;
  }
}

const totals = new WeakMap<object, OwnTotals>();

/**
 * The totals of a system's admins. They are kept as long as the system is: a publisher that is started again with a new
 * admin goes on counting.
 */
export function ownTotalsOf(system: object): OwnTotals {
  let found = totals.get(system);
  if (found === undefined) totals.set(system, found = new OwnTotals());
  return found;
}
