import type { AdminUser } from "./authentication.ts";
import type { AdminContext } from "./context.ts";
import { isOwnRequest } from "./guard.ts";
import { Problem } from "./problems.ts";

/** Bytes that the body of an action may have. */
const MAX_BODY = 8_192;
/** Characters that a reason may have. */
const MAX_REASON = 200;

/** Whether somebody may act. */
export function mayAct({ options }: AdminContext, user: AdminUser): boolean {
  return options.actions && user.role === "operator";
}

/**
 * Checks that an action may be taken.
 *
 * @throws {Problem} When actions are off, the user is no operator, or the request may be somebody else's.
 */
export function checkAction(context: AdminContext, user: AdminUser, request: Request): void {
  if (!context.options.actions) throw new Problem(403, "ActionsOff", "actions are not enabled here");
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

/**
 * Ends a connection, and tells who did.
 *
 * @throws {Problem} When there is no such connection, or the publisher can't do it.
 */
export function disconnect(
  { options, observer }: AdminContext,
  user: AdminUser,
  system: string | undefined,
  connection: number,
  reason: string,
): { readonly disconnected: number; readonly system: string } {
  const publisher = observer.publisher(system);
  const { name } = publisher;
  if (publisher.system.disconnect === undefined) {
    throw new Problem(409, "NotOffered", `${name} does not offer to end connections`);
  }
  const message = reason === "" ? `disconnected by ${user.name}` : `disconnected by ${user.name}: ${reason}`;
  const done = publisher.system.disconnect(connection, message);
  const at = options.clock.now();
  options.onAction({ at, user: user.name, action: "disconnect", system: name, connection, reason, done });
  if (!done) throw new Problem(404, "NoConnection", `${name} has no open connection ${connection}`);
  return { disconnected: connection, system: name };
}

/** The reason in the body of an action: of JSON `{"reason": "..."}` or nothing. @throws {Problem} */
export async function reasonOfJson(request: Request): Promise<string> {
  const text = await readBody(request);
  if (text.trim() === "") return "";
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Problem(400, "InvalidBody", 'the body is no JSON, {"reason": "..."} expected');
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Problem(400, "InvalidBody", 'the body is no object, {"reason": "..."} expected');
  }
  const unknown = Object.keys(body).find((name) => name !== "reason");
  if (unknown !== undefined) {
    throw new Problem(400, "InvalidBody", "the body may have a reason and nothing else");
  }
  return checkReason((body as { reason?: unknown }).reason ?? "");
}

/** The reason in a form that was sent. @throws {Problem} */
export async function reasonOfForm(request: Request): Promise<string> {
  return checkReason(new URLSearchParams(await readBody(request)).get("reason") ?? "");
}

function checkReason(reason: unknown): string {
  if (typeof reason === "string" && reason.length <= MAX_REASON && !/\p{Cc}/u.test(reason)) {
    return reason.trim();
  }
  throw new Problem(
    400,
    "InvalidBody",
    `the reason has to be text of at most ${MAX_REASON} characters without control characters`,
  );
}

async function readBody(request: Request): Promise<string> {
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Problem(413, "BodyTooLong", `the body has more than ${MAX_BODY} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
