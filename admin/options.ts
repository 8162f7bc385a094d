import type { LogThreshold } from "../log/level.ts";
import type { Clock } from "../transport/clock.ts";
import { systemClock } from "../transport/clock.ts";

/** What somebody may do: a `reader` sees everything, an `operator` acts, too. */
export type AdminRole = "reader" | "operator";

/** Somebody who may use the admin: as `Authorization: Bearer secret`, or as Basic with name and secret. */
export interface AdminCredential {
  /** Who it is, for the log and for Basic; no colon. */
  readonly name: string;
  /** What it may do. */
  readonly role: AdminRole;
  /** The token or password, 12 to 1024 characters. */
  readonly secret: string;
}

/** What operators can do. */
export type AdminActionName =
  /** End a connection, and keep whoever is at its other end away for a while. */
  | "disconnect"
  /** End such a ban early. */
  | "liftBan"
  /** Send a notification to subscribers. */
  | "notify"
  /** Replace the keys that payloads are encrypted with. */
  | "rotateCipherKeys"
  /** Load a publisher's metadata anew, or have a subscriber ask for it. */
  | "reloadMetadata"
  /** Log more or less. */
  | "setLogLevel";

/** All of them. */
export const AdminActionNames: readonly AdminActionName[] = [
  "disconnect",
  "liftBan",
  "notify",
  "rotateCipherKeys",
  "reloadMetadata",
  "setLogLevel",
];

/** An action that somebody took or was refused. */
export interface AdminAction {
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** Who, by the name of the credential; `anonymous` where there are no credentials. */
  readonly user: string;
  /** The address that the request came from; `null` where that is not known. */
  readonly address: string | null;
  /** What. */
  readonly action: AdminActionName;
  /** In which system; `null` where it is about none, or was refused before that was clear. */
  readonly system: string | null;
  /** To which connection or ban; `null` where it is about none. */
  readonly id: number | null;
  /** What else the operator gave, such as a `reason`; nothing where it was refused before that was read. */
  readonly parameters: Readonly<Record<string, string | number>>;
  /** Whether it was done: it was allowed, there was something to do it to, and it did not fail. */
  readonly done: boolean;
  /** Why it was not done, as the error code of the answer, such as `NotAllowed`; `null` when it was. */
  readonly refusal: string | null;
  /** For how many refused ones of this user this one stands: of more than 60 a minute, the last is told for the rest. */
  readonly repeated: number;
}

/** A log as the admin needs it, such as a `Logger`. */
export interface AdminLog {
  /** What is logged: this level and those above it. */
  level: LogThreshold;
  /** Logs something that is not as it should be. */
  warning?(event: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Logs something that failed. */
  error?(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A log that takes events. */
export type EventWriter = Required<Pick<AdminLog, "warning" | "error">>;

/** Options of `createAdmin`. */
export interface AdminOptions {
  /** Who may use it. Default: nobody in particular, so whoever reaches it may read and nobody may act. */
  readonly credentials?: readonly AdminCredential[];
  /** What operators may do: everything (`true`), or what is named. Needs an operator's credential. Default nothing. */
  readonly actions?: boolean | readonly AdminActionName[];
  /**
   * The host names that it may be asked under, without port. Default: the names of the machine itself (`localhost`,
   * `127.0.0.1`, `[::1]`) when there are no credentials, so that no web page can reach it under a name of its own
   * (DNS rebinding); any when there are.
   */
  readonly hosts?: readonly string[];
  /** Where it is found, such as `/admin`: what the paths of requests and of its links begin with. Default: at the root. */
  readonly basePath?: string;
  /**
   * Milliseconds that a subscriber may leave a write waiting before `/readyz` says no, and for which it says no after a
   * subscriber was so slow that its data was dropped. Default 10,000.
   */
  readonly stallLimit?: number;
  /**
   * Loads a publisher's metadata anew, such as from its file, and calls its `defineMetadata`. Gets the admin's name for
   * the publisher. Without it, only subscribers' metadata can be reloaded.
   */
  readonly reloadMetadata?: (system: string) => void | Promise<void>;
  /**
   * The log whose level operators may change, such as a `Logger`. Without it, that action is not there. One that has
   * `warning` and `error`, as a `Logger` does, also gets what happens to the admin itself: `admin.signInFailed` with the
   * address that wrong credentials came from, `admin.internalError`, and `admin.acceptFailed` of `serveAdmin`. Where
   * these throw or reject, or are not there, that goes to standard error by a `Logger` of the admin.
   */
  readonly log?: AdminLog;
  /** Gets every action, and those that were refused. Default: a line of JSON to standard error. */
  readonly onAction?: (action: AdminAction) => void;
  /** Where it takes the time from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** {@linkcode AdminOptions} with defaults. */
export interface CheckedOptions {
  readonly credentials: readonly AdminCredential[];
  readonly actions: ReadonlySet<AdminActionName>;
  /** In lower case; `undefined`: any. */
  readonly hosts: ReadonlySet<string> | undefined;
  readonly basePath: string;
  readonly stallLimit: number;
  readonly reloadMetadata: ((system: string) => void | Promise<void>) | undefined;
  readonly log: AdminLog | undefined;
  readonly onAction: (action: AdminAction) => void;
  readonly clock: Clock;
}

/** What the machine calls itself. */
export const LoopbackHosts: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

const KNOWN = [
  "credentials",
  "actions",
  "hosts",
  "basePath",
  "stallLimit",
  "reloadMetadata",
  "log",
  "onAction",
  "clock",
];

/**
 * Checks the options.
 *
 * @throws {TypeError} When one does not exist or is of a wrong kind.
 * @throws {RangeError} When a number or length is out of its range.
 */
export function checkOptions(options: AdminOptions): CheckedOptions {
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) {
      throw new TypeError(`there is no option ${name}; expected ${KNOWN.join(", ")}`);
    }
  }
  const { credentials = [], actions = false, basePath = "", stallLimit = 10_000 } = options;
  const names = new Set<string>();
  for (const credential of credentials) {
    checkCredential(credential);
    if (names.has(credential.name)) throw new TypeError(`two credentials are named "${credential.name}"`);
    names.add(credential.name);
  }
  const allowed = actions === true ? AdminActionNames : actions === false ? [] : actions;
  for (const name of allowed) {
    if (!AdminActionNames.includes(name)) {
      throw new TypeError(`there is no action "${name}"; expected ${AdminActionNames.join(", ")}`);
    }
  }
  if (allowed.length > 0 && !credentials.some(({ role }) => role === "operator")) {
    throw new TypeError("actions need a credential with the role operator");
  }
  if (!/^(?:\/[A-Za-z0-9_.~-]+)*$/.test(basePath)) {
    throw new TypeError(`basePath is "${basePath}", expected nothing or a path such as /admin`);
  }
  if (!(stallLimit > 0)) {
    throw new RangeError(`stallLimit is ${stallLimit}, a number of milliseconds expected`);
  }
  if (options.log !== undefined) checkLog(options.log);
  const hosts = options.hosts ?? (credentials.length === 0 ? LoopbackHosts : undefined);
  return {
    credentials: credentials.map(({ name, role, secret }) => ({ name, role, secret })),
    actions: new Set(allowed),
    hosts: hosts && new Set(hosts.map((host) => host.toLowerCase())),
    basePath,
    stallLimit,
    reloadMetadata: options.reloadMetadata,
    log: options.log,
    onAction: options.onAction ?? ((action) => console.error(JSON.stringify(action))),
    clock: options.clock ?? systemClock,
  };
}

function checkLog(log: AdminLog): void {
  const takes = (method: unknown): boolean => method === undefined || typeof method === "function";
  if (typeof log === "object" && log !== null && typeof log.level === "string") {
    if (takes(log.warning) && takes(log.error)) return;
  }
  throw new TypeError(
    "log has to be an object with a text level, and functions warning and error if it has these",
  );
}

function checkCredential({ name, role, secret }: AdminCredential): void {
  // Never the value: it may be a secret in the wrong place.
  if (typeof name !== "string" || !/^[^:\p{Cc}]{1,64}$/u.test(name)) {
    throw new TypeError("a credential's name has 1 to 64 characters without colon and control characters");
  }
  if (role !== "reader" && role !== "operator") {
    throw new TypeError(`the role of "${name}" has to be reader or operator`);
  }
  if (typeof secret !== "string" || !/^[\x21-\x7e]*$/.test(secret)) {
    throw new TypeError(`the secret of "${name}" has to be ASCII characters without spaces`);
  }
  if (secret.length < 12 || secret.length > 1024) {
    throw new RangeError(`the secret of "${name}" has ${secret.length} characters, 12 to 1024 expected`);
  }
}
