import { Logger } from "../log/logger.ts";
import { ActionLog } from "./action_log.ts";
import { createApp } from "./app.ts";
import { type AdminUser, Authenticator } from "./authentication.ts";
import type { AdminContext } from "./context.ts";
import { EventLog } from "./event_log.ts";
import { isForeignFetch, isForHost, secure } from "./guard.ts";
import { Observer } from "./observer.ts";
import { type AdminLog, type AdminOptions, checkOptions, type EventWriter } from "./options.ts";
import { ownTotalsOf } from "./own_totals.ts";
import { Problem } from "./problems.ts";
import { pathOf } from "./query.ts";
import { type AdminSystem, nameSystems } from "./system.ts";

/** What a server knows of a request besides itself; `Deno.serve` passes it on. */
export interface RequestInfo {
  /** Where it comes from, for the limit on attempts at authentication. */
  readonly remoteAddr?: { readonly hostname?: string | undefined } | undefined;
}

/** An HTTP admin: hand its `fetch` to `Deno.serve`, to another application, or call it. */
export interface Admin {
  /** Answers a request, which has its whole path: `basePath`, and what is below it. Never rejects. */
  fetch(request: Request, info?: RequestInfo): Promise<Response>;
  /**
   * Looks at the systems no more: it counts nothing and hears of nothing from here on. Streams of events and plots end, and
   * requests are answered with 503.
   */
  close(): void;
}

/** What can be asked for without saying who one is: it tells nothing but that all is well. */
const OPEN_PATHS = ["/healthz", "/readyz"];

/**
 * Makes an HTTP admin for a publisher, a subscriber or several of them: pages for people, JSON at `/api/v1`, metrics for
 * Prometheus at `/metrics`, `/healthz` and `/readyz`. It looks at the systems when it is asked, and remembers their last
 * 1,000 events.
 *
 * @param systems One, or several by name; a name has letters, digits, `-`, `_` and `.`.
 * @throws {TypeError} When an option does not exist or is of a wrong kind, or there is no system.
 * @throws {RangeError} When a number or length is out of its range.
 *
 * @example Asked without a server
 * ```ts
 * import { createAdmin } from "@sttp/sttp/admin";
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { assertEquals } from "@std/assert";
 *
 * const publisher = new Publisher({ name: "grid", port: 0 });
 * const admin = createAdmin(publisher);
 * const response = await admin.fetch(new Request("http://localhost/api/v1/status"));
 * const { systems } = await response.json();
 * assertEquals(systems[0].state, "stopped");
 * admin.close();
 * ```
 */
export function createAdmin(
  systems: AdminSystem | Readonly<Record<string, AdminSystem>>,
  options: AdminOptions = {},
): Admin {
  return createLoggedAdmin(systems, options).admin;
}

/** Makes an admin as {@linkcode createAdmin} does, and tells where that goes which happens to the admin itself. */
export function createLoggedAdmin(
  systems: AdminSystem | Readonly<Record<string, AdminSystem>>,
  options: AdminOptions,
): { readonly admin: Admin; readonly ownLog: EventWriter } {
  const checked = checkOptions(options);
  const { basePath, clock, credentials, hosts } = checked;
  const named = nameSystems(systems);
  const totals = ownTotalsOf(named[0]!.system);
  const spare = new Logger({ clock, output: (line) => console.error(line) });
  const ownLog = takesEvents(checked.log) ? guarded(checked.log, spare) : spare;
  const authenticator = new Authenticator(credentials, clock, (address) => {
    totals.authenticationFailures++;
    // Not what was given: a mistyped secret is nearly the right one, and so may a name be.
    ownLog.warning("admin.signInFailed", { address: address === "" ? null : address });
  });
  const ended = new AbortController();
  const observer = new Observer(named, checked);
  const log = new EventLog(named, clock, () => observer.noteMetadata());
  const actions = new ActionLog(checked.onAction, clock);
  const context: AdminContext = {
    options: checked,
    observer,
    log,
    actions,
    ownLog,
    ended: ended.signal,
    totals,
  };
  const app = createApp(context);

  const answer = (request: Request, info: RequestInfo | undefined): Response | Promise<Response> => {
    if (ended.signal.aborted) return respond(new Problem(503, "Closed", "the admin has been closed"));
    if (!isForHost(request, hosts)) {
      return respond(new Problem(421, "WrongHost", "this host name is not one of the admin's"));
    }
    if (isForeignFetch(request)) {
      return respond(new Problem(403, "ForeignRequest", "pages of other sites can only lead here"));
    }
    const path = pathOf(request, basePath);
    if (path === undefined) {
      return respond(new Problem(404, "NotFound", `there is nothing here; the admin is at ${basePath}/`));
    }
    const address = info?.remoteAddr?.hostname;
    let user: AdminUser = { name: "anonymous", role: "reader" };
    if (!OPEN_PATHS.includes(path)) {
      const result = authenticator.authenticate(request.headers.get("authorization"), address);
      if (result.kind === "unknown") return respond(unauthorized, { "www-authenticate": CHALLENGE });
      if (result.kind === "tooMany") {
        const problem = new Problem(429, "TooManyAttempts", "too many wrong credentials came from there");
        return respond(problem, { "retry-after": String(result.retryAfterSeconds) });
      }
      user = result.user;
    }
    return app.fetch(request, { user, address: address ?? null });
  };

  const admin: Admin = {
    async fetch(request, info): Promise<Response> {
      const response = secure(await answer(request, info));
      totals.countRequest(response.status);
      return response;
    },
    close(): void {
      ended.abort();
      observer.close();
      log.close();
      actions.close();
      spare.flush();
    },
  };
  return { admin, ownLog };
}

function takesEvents(log: AdminLog | undefined): log is AdminLog & EventWriter {
  return typeof log?.warning === "function" && typeof log.error === "function";
}

/**
 * A log that may throw or reject: nothing is refused or answered otherwise for that, and nobody fills a disk with it.
 *
 * @param spare Gets what it does not take.
 */
function guarded(log: EventWriter, spare: EventWriter): EventWriter {
  const call = async (
    level: keyof EventWriter,
    ...line: Parameters<EventWriter["warning"]>
  ): Promise<void> => {
    const [event, fields] = line;
    try {
      await log[level](event, fields);
    } catch (error) {
      spare[level](event, { ...fields, logFailure: error });
    }
  };
  return {
    warning: (...line) => void call("warning", ...line),
    error: (...line) => void call("error", ...line),
  };
}

const CHALLENGE = 'Basic realm="STTP admin", charset="UTF-8", Bearer realm="STTP admin"';
const unauthorized = new Problem(401, "Unauthorized", "credentials are needed here: Bearer, or Basic");

function respond(problem: Problem, headers: Record<string, string> = {}): Response {
  return Response.json(problem, { status: problem.status, headers });
}
