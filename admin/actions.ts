import { logThresholds } from "../log/level.ts";
import type { LogThreshold } from "../log/level.ts";
import { SttpError } from "../transport/errors.ts";
import type { AdminUser } from "./authentication.ts";
import type { Field, readJson, Values } from "./bodies.ts";
import { type AdminContext, type AdminRequest, numberIn } from "./context.ts";
import { isOwnRequest } from "./guard.ts";
import type { AdminActionName } from "./options.ts";
import { Problem } from "./problems.ts";
import { clip, Query } from "./query.ts";
import type { NamedSystem } from "./system.ts";

/** What an action is asked to do. */
interface ActionRequest {
  /** The system that the request names, if it does. */
  readonly system: string | undefined;
  /** The number in its path; `undefined` where that has none. */
  readonly id: number | undefined;
  /** What its body says. */
  readonly values: Values;
}

/** What has been done. */
interface ActionOutcome {
  /** The system; `null` where it is about none. */
  readonly system: string | null;
  /** Whether there was something to do it to. */
  readonly done: boolean;
  /** What the answer says besides the system. */
  readonly answer: Readonly<Record<string, string | number>>;
}

/** An action: where it is, what its body says, and what it does. */
export interface Action {
  readonly name: AdminActionName;
  /** Below `/api/v1` for programs, and below the root for the pages' forms. */
  readonly path: string;
  /** What the body may say. */
  readonly fields: Readonly<Record<string, Field>>;
  /** The page that a form leads back to, with the ID of what it was about. */
  readonly page: (id: number | undefined) => string;
  /** Whether a system has it at all; without a system: whether there is one that has. */
  readonly offered: (context: AdminContext, system: NamedSystem) => boolean;
  /** @throws {Problem} When it can't be done. */
  readonly perform: (
    context: AdminContext,
    user: AdminUser,
    request: ActionRequest,
  ) => ActionOutcome | Promise<ActionOutcome>;
}

const reason: Field = { kind: "text", most: 200 };
/** Seconds that a ban may last: a year. */
const LONGEST_BAN = 365 * 86_400;

/** All actions. */
export const Actions: readonly Action[] = [
  {
    name: "disconnect",
    path: "/connections/:id/disconnect",
    fields: { reason, banSeconds: { kind: "whole", least: 0, most: LONGEST_BAN } },
    page: (id) => `/connections/${id}`,
    offered: (_, { kind, system }) => kind === "publisher" && system.disconnect !== undefined,
    perform: ({ observer }, user, { system, id, values }) => {
      const publisher = observer.onlyPublisher(system);
      const { disconnect } = publisher.system;
      if (disconnect === undefined) throw notOffered(publisher, "end connections");
      const text = `disconnected by ${user.name}${values["reason"] ? `: ${values["reason"]}` : ""}`;
      const ban = 1000 * Number(values["banSeconds"] ?? 0);
      const done = disconnect.call(publisher.system, id!, text, { ban });
      return { system: publisher.name, done, answer: { disconnected: id! } };
    },
  },
  {
    name: "liftBan",
    path: "/bans/:id/lift",
    fields: {},
    page: () => "/security",
    offered: (_, { kind, system }) => kind === "publisher" && system.liftBan !== undefined,
    perform: ({ observer }, _, { system, id }) => {
      const publisher = observer.onlyPublisher(system);
      const { liftBan } = publisher.system;
      if (liftBan === undefined) throw notOffered(publisher, "lift bans");
      return { system: publisher.name, done: liftBan.call(publisher.system, id!), answer: { lifted: id! } };
    },
  },
  {
    name: "notify",
    path: "/notifications",
    fields: {
      text: { kind: "text", most: 4_000, required: true, lines: true },
      to: { kind: "text", most: 1_000 },
    },
    page: () => "/operate",
    offered: (_, { kind, system }) => kind === "publisher" && system.notify !== undefined,
    perform: ({ observer }, _, { system, values: { text, to } }) => {
      const publisher = observer.onlyPublisher(system);
      const { notify } = publisher.system;
      if (notify === undefined) throw notOffered(publisher, "send notifications");
      const notified = notify.call(
        publisher.system,
        String(text),
        to === undefined ? {} : { to: String(to) },
      );
      return { system: publisher.name, done: notified > 0 || to === undefined, answer: { notified } };
    },
  },
  {
    name: "rotateCipherKeys",
    path: "/cipher-keys/rotate",
    fields: { connection: { kind: "whole", least: 1, most: Number.MAX_SAFE_INTEGER } },
    page: () => "/operate",
    offered: (_, { kind, system }) => kind === "publisher" && system.rotateCipherKeys !== undefined,
    perform: ({ observer }, _, { system, values: { connection } }) => {
      const publisher = observer.onlyPublisher(system);
      const { rotateCipherKeys } = publisher.system;
      if (rotateCipherKeys === undefined) throw notOffered(publisher, "rotate cipher keys");
      const rotated = rotateCipherKeys.call(publisher.system, connection as number | undefined);
      return {
        system: publisher.name,
        done: rotated > 0 || connection === undefined,
        answer: { rotated },
      };
    },
  },
  {
    name: "reloadMetadata",
    path: "/metadata/reload",
    fields: {},
    page: () => "/operate",
    offered: ({ options }, { kind, system }) =>
      kind === "publisher" ? options.reloadMetadata !== undefined : system.refreshMetadata !== undefined,
    perform: async ({ observer, options }, _, { system: name }) => {
      const found = observer.onlySystem(name);
      try {
        if (found.kind === "publisher") {
          if (options.reloadMetadata === undefined) throw notOffered(found, "reload metadata");
          await options.reloadMetadata(found.name);
        } else {
          if (found.system.refreshMetadata === undefined) throw notOffered(found, "reload metadata");
          await found.system.refreshMetadata();
        }
      } catch (error) {
        if (error instanceof Problem) throw error;
        // What an application's own code says may tell of its inside.
        const isTold = error instanceof SttpError;
        if (!isTold) console.error(error);
        const why = isTold ? error.message : "the program's log tells why";
        throw new Problem(409, "Failed", `metadata could not be reloaded: ${why}`);
      }
      return { system: found.name, done: true, answer: { reloaded: found.name } };
    },
  },
  {
    name: "setLogLevel",
    path: "/log-level",
    fields: { level: { kind: "word", words: logThresholds } },
    page: () => "/operate",
    offered: ({ options }) => options.log !== undefined,
    perform: ({ options }, _, { values: { level } }) => {
      if (options.log === undefined) {
        throw new Problem(409, "NotOffered", "there is no log whose level could be set");
      }
      options.log.level = level as LogThreshold;
      return { system: null, done: true, answer: { level: level! } };
    },
  },
];

function notOffered({ name }: NamedSystem, what: string): Problem {
  return new Problem(409, "NotOffered", `${name} does not offer to ${what}`);
}

/** Whether somebody may take an action, and some system has it. */
export function mayAct(
  context: AdminContext,
  user: AdminUser,
  name: AdminActionName,
  system?: NamedSystem,
): boolean {
  const { offered } = Actions.find((action) => action.name === name)!;
  const systems = system === undefined ? context.observer.systems : [system];
  return context.options.actions.has(name) && user.role === "operator" &&
    systems.some((one) => offered(context, one));
}

/** @throws {Problem} When it is off, the user is no operator, or the request may be somebody else's. */
function checkAction(context: AdminContext, user: AdminUser, action: Action, request: Request): void {
  if (!context.options.actions.has(action.name)) {
    throw new Problem(403, "ActionsOff", `${action.name} is not enabled here`);
  }
  if (user.role !== "operator") {
    throw new Problem(403, "NotAllowed", `${user.name} is a ${user.role}, no operator`);
  }
  if (!isOwnRequest(request)) {
    throw new Problem(
      403,
      "ForeignRequest",
      "actions are taken from the admin's own page, or with a JSON body",
    );
  }
}

/** What has become of a request to act. */
interface Taken {
  /** The number in its path. */
  readonly id: number | undefined;
  /** What the answer says. */
  readonly answer: Readonly<Record<string, unknown>>;
}

/**
 * Does what a request to act asks for, and tells who asked, whether or not it was done. Whether it may be done is settled
 * before anything of the request is read.
 *
 * @param readBody Reads the body: JSON or a form.
 * @throws {Problem} When it may not be done, or can't be, or there is nothing to do it to.
 */
export async function takeAction(
  context: AdminContext,
  c: AdminRequest,
  action: Action,
  readBody: typeof readJson,
): Promise<Taken> {
  const { clock } = context.options;
  const { address, user } = c.env;
  let request: ActionRequest = { system: undefined, id: undefined, values: {} };
  let outcome: ActionOutcome | undefined;
  let refusal: string | null = null;
  try {
    checkAction(context, user, action, c.req.raw);
    const system = new Query(c.req.url, ["system"]).text("system");
    const id = action.path.includes(":id") ? numberIn(c) : undefined;
    request = { system, id, values: {} };
    request = { system, id, values: await readBody(c.req.raw, action.fields, clock) };
    outcome = await action.perform(context, user, request);
    context.observer.refresh();
    if (!outcome.done) throw nothingThere(action, outcome, request);
    return { id, answer: { ...outcome.answer, ...outcome.system !== null && { system: outcome.system } } };
  } catch (error) {
    refusal = error instanceof Problem ? error.code : "InternalError";
    throw error;
  } finally {
    context.actions.add({
      at: clock.now(),
      user: user.name,
      address,
      action: action.name,
      system: outcome?.system ?? (request.system === undefined ? null : clip(request.system, 64)),
      id: request.id ?? null,
      parameters: request.values,
      done: refusal === null,
      refusal,
      repeated: 1,
    });
  }
}

function nothingThere({ name }: Action, { system }: ActionOutcome, { id, values }: ActionRequest): Problem {
  switch (name) {
    case "liftBan":
      return new Problem(404, "NoBan", `${system} has no ban ${id}`);
    case "notify":
      return new Problem(404, "NoSubscriber", `${system} knows no subscriber of this identity`);
    case "rotateCipherKeys":
      return new Problem(
        409,
        "NotRotated",
        `connection ${values["connection"]} of ${system} has no cipher keys, or has got new ones just now`,
      );
    default:
      return new Problem(404, "NoConnection", `${system} has no open connection ${id}`);
  }
}
