import type { Context } from "hono";
import type { ActionLog } from "./action_log.ts";
import type { AdminUser } from "./authentication.ts";
import type { EventLog } from "./event_log.ts";
import type { CheckedOptions, EventWriter } from "./options.ts";
import type { Observer } from "./observer.ts";
import type { OwnCounters } from "./metrics.ts";
import { Problem } from "./problems.ts";

/** What every route has at hand. */
export interface AdminContext {
  readonly options: CheckedOptions;
  readonly observer: Observer;
  readonly log: EventLog;
  readonly actions: ActionLog;
  /** Where what happens to the admin itself is logged. */
  readonly ownLog: EventWriter;
  /** What the admin itself has counted so far. */
  readonly totals: OwnCounters;
  /** Fires when the admin is closed. */
  readonly ended: AbortSignal;
}

/** What a request brings along besides itself. */
export interface AdminEnv {
  Bindings: {
    readonly user: AdminUser;
    /** Where it comes from; `null` where that is not known. */
    readonly address: string | null;
  };
}

/** A request on its way through a route. */
export type AdminRequest = Context<AdminEnv>;

/** The number in the path of a connection or a ban. @throws {Problem} When it is none. */
export function numberIn(c: AdminRequest): number {
  const text = c.req.param("id") ?? "";
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  const [code, what] = c.req.path.includes("/bans/") ? ["NoBan", "bans"] : ["NoConnection", "connections"];
  throw new Problem(404, code!, `${what} are numbered from 1`);
}
