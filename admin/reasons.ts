/**
 * What totals by reason begin with: each reason that there can be has its series from the start, as alerts can't tell an
 * increase from a series that was not there.
 *
 * @module
 */
import type { AccessRefusalReason } from "../publisher/access.ts";
import type { DropReason } from "../publisher/outbound_queue.ts";
import type { CloseReason } from "../publisher/session_state.ts";
import type { TlsFailure } from "../transport/tls_peer.ts";

type None<Reason extends string> = Readonly<Record<Reason, 0>>;

/** Why connections end. */
export const noneClosed: None<CloseReason> = {
  peerClosed: 0,
  connectionLost: 0,
  notSttp: 0,
  frameTooLong: 0,
  handshakeTimeout: 0,
  unsupported: 0,
  refused: 0,
  denied: 0,
  banned: 0,
  slow: 0,
  stalled: 0,
  controlOverflow: 0,
  replaced: 0,
  disconnected: 0,
  stopped: 0,
  internalError: 0,
};

/** Why TLS is not agreed on. */
export const noneFailedAtTls: None<TlsFailure> = {
  noCertificate: 0,
  expired: 0,
  notYetValid: 0,
  untrusted: 0,
  wrongName: 0,
  version: 0,
  incompatible: 0,
  notTls: 0,
  refusedByPeer: 0,
  closed: 0,
  timeout: 0,
  overload: 0,
  settings: 0,
  failed: 0,
};

/** Why subscribers do not get measurements. */
export const noneDropped: None<DropReason | "datagram" | "notStarted"> = {
  overflow: 0,
  detached: 0,
  closed: 0,
  datagram: 0,
  notStarted: 0,
};

/** Why connections are refused. */
export const noneRefused: None<AccessRefusalReason | "banned" | "tooMany"> = {
  denied: 0,
  notAllowed: 0,
  perAddress: 0,
  authorizer: 0,
  authorizerFailed: 0,
  banned: 0,
  tooMany: 0,
};

/** Which decisions about access fail. */
export const noneFailed: None<"connection" | "signals" | "rule"> = { connection: 0, signals: 0, rule: 0 };
