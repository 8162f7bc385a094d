/**
 * Where a subscriber's connection stands.
 *
 * | state | meaning |
 * | --- | --- |
 * | `awaitingModes` | connected; nothing but DefineOperationalModes is accepted |
 * | `ready` | modes agreed; no subscription |
 * | `subscribed` | a subscription was granted; data flows once its cache is in force |
 * | `leaving` | refused with a text that it has a moment to read |
 * | `closed` | over |
 */
export type SessionState = "awaitingModes" | "ready" | "subscribed" | "leaving" | "closed";

/** Which states may follow which. */
export const SessionTransitions: Readonly<Record<SessionState, readonly SessionState[]>> = {
  awaitingModes: ["ready", "leaving", "closed"],
  ready: ["subscribed", "closed"],
  subscribed: ["ready", "closed"],
  leaving: ["closed"],
  closed: [],
};

/**
 * Why a connection ended.
 *
 * | reason | meaning |
 * | --- | --- |
 * | `peerClosed` | the subscriber closed it |
 * | `connectionLost` | it broke |
 * | `notSttp` | the first command was not DefineOperationalModes, or longer than that can be (§1) |
 * | `frameTooLong` | a later frame was longer than the limit |
 * | `handshakeTimeout` | operational modes did not come in time |
 * | `unsupported` | a protocol version or text encoding that is not spoken here |
 * | `refused` | too many connections |
 * | `denied` | it may not connect, or no more |
 * | `banned` | an operator has shut it out for a while |
 * | `slow` | its queue was full and the policy is to disconnect |
 * | `stalled` | it read nothing for longer than the stall time-out |
 * | `controlOverflow` | more answers waited than the limit, or than there was room for beside those of others |
 * | `replaced` | another connection of its host wants its data at the same UDP port |
 * | `disconnected` | the application or an operator ended it |
 * | `stopped` | the publisher stopped |
 * | `internalError` | a fault of this library |
 */
export type CloseReason =
  | "peerClosed"
  | "connectionLost"
  | "notSttp"
  | "frameTooLong"
  | "handshakeTimeout"
  | "unsupported"
  | "refused"
  | "denied"
  | "banned"
  | "slow"
  | "stalled"
  | "controlOverflow"
  | "replaced"
  | "disconnected"
  | "stopped"
  | "internalError";
