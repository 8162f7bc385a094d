/**
 * What happens to a subscriber, as events.
 *
 * @module
 */
import type { PeerCertificate } from "../transport/channel.ts";
import type { SttpError } from "../transport/errors.ts";
import type { TlsFailure } from "../transport/tls.ts";
import type { DropReason } from "./stats.ts";

/** Why a subscriber's run ended; what `closed` resolves with. */
export type CloseReason =
  /** `disconnect()` was called, or the subscriber was disposed of. */
  | { readonly kind: "disconnected" }
  /** The first connection did not come about; `connect()` rejected with the same error. */
  | { readonly kind: "connectFailed"; readonly error: SttpError }
  /** The publisher refuses this subscriber (§2.6) or its operational modes: coming back would not help. */
  | { readonly kind: "refused"; readonly error: SttpError }
  /** The connection was lost and reconnecting is off, or all retries are used up. */
  | { readonly kind: "lost"; readonly error: SttpError };

/** An event of a subscriber; `kind` tells which. */
export type SubscriberStatus =
  /** A connection is being made; `attempt` counts from 0 since the last one that lasted. */
  | { readonly kind: "connecting"; readonly address: string; readonly attempt: number }
  /** A publisher is waited for, which connects to this address; with `serve()`, the address of the first one. */
  | { readonly kind: "listening"; readonly address: string }
  /** Somebody connected and was turned away: not trusted, no TLS, or `busy`, another publisher is connected. */
  | {
    readonly kind: "refused";
    readonly address: string;
    readonly reason: TlsFailure | "busy";
    readonly message: string;
    /** What the peer showed; `null` when it did not come to that. */
    readonly certificate: PeerCertificate | null;
  }
  /** Taking in a connection failed; others follow. */
  | { readonly kind: "acceptFailed"; readonly message: string }
  /** The connection is there and the operational modes are sent. */
  | { readonly kind: "connected"; readonly peer: string }
  /** The publisher answered the operational modes; not every publisher does. */
  | { readonly kind: "modesAccepted"; readonly message: string }
  /** Metadata came: what it took, and the rows of each of its tables. */
  | {
    readonly kind: "metadata";
    /** Bytes on the wire. */
    readonly bytes: number;
    /** From the request to the answer. */
    readonly requestMilliseconds: number;
    /** Decompressing and reading it. */
    readonly parseMilliseconds: number;
    readonly tables: readonly { readonly name: string; readonly rows: number }[];
  }
  /** Metadata could not be had at a connection or change; the rest goes on without. */
  | { readonly kind: "metadataFailed"; readonly error: SttpError }
  /** The publisher accepted a subscription. */
  | { readonly kind: "subscribed"; readonly message: string; readonly signals: number }
  /** A subscription that was not asked for by a call of its own failed: after a reconnection or a change. */
  | { readonly kind: "subscribeFailed"; readonly error: SttpError }
  /** The publisher ended the subscription on request. */
  | { readonly kind: "unsubscribed" }
  /** Data is to come over UDP, to this address. */
  | { readonly kind: "dataChannel"; readonly address: string }
  /** The publisher sent keys for its payloads (§12) and goes over to this one: 0, the even one; 1, the odd one. */
  | { readonly kind: "cipherKeys"; readonly cipherIndex: 0 | 1 }
  /** A signal index cache came: how many signals are granted, and how many refused. */
  | {
    readonly kind: "signals";
    readonly cacheIndex: number;
    readonly signals: number;
    /** How many; `Subscriber.unauthorized` has them. */
    readonly unauthorized: number;
  }
  /** The first measurement's timestamp (§6), in ticks. */
  | { readonly kind: "dataStartTime"; readonly ticks: bigint }
  /** A temporal subscription came to its end (§11). */
  | { readonly kind: "processingComplete"; readonly message: string }
  /**
   * The publisher's metadata or rights changed; the subscriber refreshes and subscribes anew by itself, once a second at
   * most.
   */
  | { readonly kind: "configurationChanged" }
  /** The publisher notifies its subscribers (§14). */
  | { readonly kind: "notification"; readonly text: string }
  /** The delivery buffer has been full for a second, so that nothing is read; and that it goes on again. */
  | { readonly kind: "paused" | "resumed"; readonly waiting: number }
  /** Something was dropped; at most one event per reason every 2 s, `stats()` has them all. */
  | {
    readonly kind: "dropped";
    readonly reason: DropReason;
    /** How many since the last event of this reason. */
    readonly count: number;
    readonly message: string;
  }
  /** What was missed between these times (in ticks), while there was no connection, has been handed over. */
  | {
    readonly kind: "recovered";
    readonly start: bigint;
    readonly stop: bigint;
    readonly measurements: number;
  }
  /**
   * What was missed could not be had or noted. It is tried again, unless the publisher refused: then the gap is kept, and
   * asked for over the next connection.
   */
  | { readonly kind: "recoveryFailed"; readonly error: SttpError; readonly isTriedAgain: boolean }
  /** There were too many gaps, and what was missed between these times (in ticks) will not come any more. */
  | { readonly kind: "gapGivenUp"; readonly start: bigint; readonly stop: bigint }
  /** The connection ended. */
  | { readonly kind: "connectionLost"; readonly error: SttpError }
  /** Another attempt follows after a delay. */
  | { readonly kind: "reconnecting"; readonly attempt: number; readonly delayMilliseconds: number }
  /** The run ended. */
  | { readonly kind: "closed"; readonly reason: CloseReason }
  /** This reader of the stream was too slow: so many events are missing here. */
  | { readonly kind: "missed"; readonly count: number };
