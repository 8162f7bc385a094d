import type { PeerCertificate } from "../transport/channel.ts";
import type { TlsFailure } from "../transport/tls.ts";
import type { OutboundLinkEnd } from "./link.ts";
import type { CloseReason } from "./session_state.ts";

/** Which connection an event is about. */
export interface ConnectionReference {
  /** The publisher's number for it, counted from 1. */
  readonly id: number;
  /** The peer, `host:port`. */
  readonly address: string;
}

/** What happens to a publisher, as its `status()` tells it. */
export type PublisherStatus =
  /** It is running, and listens there; `null` when it does not listen. */
  | { readonly kind: "started"; readonly address: string | null }
  /** It has stopped; no event follows. */
  | { readonly kind: "stopped" }
  /** Taking in a connection failed; it goes on listening. */
  | { readonly kind: "acceptFailed"; readonly message: string }
  /** TLS was not agreed on with a peer, or the peer is not trusted; nothing else was exchanged with it. */
  | {
    readonly kind: "handshakeFailed";
    readonly address: string;
    readonly reason: TlsFailure;
    readonly message: string;
    /** What the peer showed; `null` when it did not come to that. */
    readonly certificate: PeerCertificate | null;
  }
  /** A connection to a listening subscriber is being made; `attempt` counts from 0 since the last success. */
  | { readonly kind: "connecting"; readonly address: string; readonly attempt: number }
  /** It failed, or ended, with this message; another attempt follows after a delay. */
  | {
    readonly kind: "reconnecting";
    readonly address: string;
    readonly attempt: number;
    readonly delayMilliseconds: number;
    readonly message: string;
  }
  /** No more connections are made to a listening subscriber. */
  | { readonly kind: "linkClosed"; readonly address: string; readonly end: OutboundLinkEnd }
  /** Metadata was defined for the first time, or anew. */
  | { readonly kind: "metadataDefined"; readonly generation: number; readonly signals: number }
  /** Somebody connected. */
  | { readonly kind: "connected"; readonly connection: ConnectionReference }
  /** Somebody was refused, with this text. */
  | {
    readonly kind: "refused";
    readonly connection: ConnectionReference;
    readonly message: string;
    /** Why, for programs: a `AccessRefusalReason`, `banned`, `tooMany` or `unsupported`. */
    readonly reason: string;
  }
  /** The application's decision about a connection or its signals failed; it counts as a refusal. */
  | {
    readonly kind: "authorizationFailed";
    readonly connection: ConnectionReference;
    readonly about: "connection" | "signals";
    readonly message: string;
    readonly cause: unknown;
  }
  /** A rule does not fit the metadata: if it allows, it allows nothing; if it denies, it denies everything. */
  | { readonly kind: "accessRuleFailed"; readonly rule: string; readonly message: string }
  /** A running subscription lost so many signals, which its subscriber may not see any more. */
  | { readonly kind: "signalsRevoked"; readonly connection: ConnectionReference; readonly signals: number }
  /**
   * A subscription was granted; its data starts when the subscriber has confirmed its cache. Of a filter expression that
   * is longer, the first 1,021 characters and three dots.
   */
  | {
    readonly kind: "subscribed";
    readonly connection: ConnectionReference;
    readonly filter: string;
    readonly signals: number;
  }
  /** A subscription was ended by its subscriber. */
  | { readonly kind: "unsubscribed"; readonly connection: ConnectionReference }
  /** A temporal subscription came to its end, or was ended (§11). */
  | {
    readonly kind: "processingComplete";
    readonly connection: ConnectionReference;
    readonly message: string;
  }
  /** A command was answered Failed with this text. */
  | {
    readonly kind: "commandFailed";
    readonly connection: ConnectionReference;
    readonly command: string;
    readonly message: string;
    /** What the application threw, if it did. */
    readonly cause?: unknown;
  }
  /** Unconfirmed notifications of a subscriber were too many, or it was away too long: so many are given up. */
  | { readonly kind: "notificationsGivenUp"; readonly subscriber: string; readonly count: number }
  /** The application's store did not take the notifications; with the next change they are offered again. */
  | { readonly kind: "notificationsNotSaved"; readonly message: string; readonly cause: unknown }
  /** A subscriber is too slow; data is dropped from here on, until `resynchronised`. */
  | { readonly kind: "overflow"; readonly connection: ConnectionReference; readonly measurements: number }
  /** A slow subscriber gets data again, after missing so many measurements besides those of `overflow`. */
  | {
    readonly kind: "resynchronised";
    readonly connection: ConnectionReference;
    readonly measurements: number;
  }
  /** A connection ended. */
  | {
    readonly kind: "disconnected";
    readonly connection: ConnectionReference;
    readonly reason: CloseReason;
    readonly message: string;
  }
  /** A fault of this library: something it does not expect was thrown. */
  | { readonly kind: "internalError"; readonly message: string; readonly cause: unknown }
  /** The reader was slow; it missed so many events before the next. */
  | { readonly kind: "missed"; readonly count: number };
