import { SttpError } from "../transport/errors.ts";
import { Command } from "../transport/wire/codes.ts";
import { createSubscription, type Subscription } from "./subscription.ts";
import type { Session } from "./session.ts";
import type { Decision } from "./session_rights.ts";
import type { Visibility } from "./visibility.ts";

/**
 * Brings a session in line with metadata or rules that have changed. What its subscriber may not see any more ends at
 * once, as far as the rules say; what the application has to say follows when it has decided. A subscription about live
 * data then gets a new cache, if it comes to something else; history goes on with the rest.
 *
 * @param cause After `metadata`, subscribers subscribe again by themselves: only what is taken away changes.
 */
export async function renewRights(session: Session, cause: "metadata" | "rules"): Promise<void> {
  const { host, rights } = session;
  const before = rights.decided;
  // Who has asked for nothing yet has nothing to lose.
  if (before === undefined || host.definition === undefined) return;
  revoke(session, host.access.visibleByRules(session.subject, host.definition));
  const now = await rights.current();
  if (session.isClosed) return;
  revoke(session, now.visibility);
  if (cause === "rules" && !isSameView(now, before)) session.configurationChanged();
  const { latest } = session.data;
  if (latest === undefined) return;
  const isWhole = cause === "metadata" && latest.set.count === latest.set.size;
  if (!session.data.isOutdated && (latest.temporal !== undefined || isWhole)) return;
  // The subscriber may have asked for something else meanwhile.
  const isWanted = (): boolean => session.data.latest?.request === latest.request;
  try {
    await rights.with(
      (definition, inTurn) => {
        const { modes, host: { options } } = session;
        return createSubscription(latest.request, modes, definition, options, latest.dataChannel, inTurn);
      },
      (subscription) => {
        // What there is by now: rules that change again and again may have come to the same.
        if (isWanted() && !isSame(subscription, session.data.latest!)) session.data.subscribe(subscription);
      },
      isWanted,
    );
  } catch (error) {
    if (!(error instanceof SttpError)) throw error;
    // Its filter does not fit this metadata: it keeps what is left of what it had. Or it is not wanted any more.
    if (!session.data.isOutdated || !isWanted()) return;
    session.data.dropOutdated();
    session.failed(Command.Subscribe, error.message);
  }
}

function revoke(session: Session, visibility: Visibility): void {
  const signals = session.data.narrow(visibility);
  if (signals === 0) return;
  session.host.access.countRevoked(signals);
  session.host.emit({ kind: "signalsRevoked", connection: session.reference, signals });
}

function isSameView(one: Decision, other: Decision): boolean {
  return one.hidden === other.hidden && (one.hidden === 0 || one.visibility.equals(other.visibility));
}

function isSame(one: Subscription, other: Subscription): boolean {
  return one.set.equals(other.set) && one.unauthorized === other.unauthorized;
}
