/**
 * What a publisher looks like at one moment: plain objects that can be compared, kept and turned into JSON.
 *
 * @module
 */
import type { HistoryStats } from "../history/source.ts";
import type { PeerCertificate, TlsState } from "../transport/channel.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import type { AssemblyInfo } from "../transport/wire/subscribe.ts";
import type { OutboundLinkState } from "./link.ts";
import type { CloseReason, SessionState } from "./session_state.ts";

/** Measurements and bytes that went to subscribers. */
export interface SentTotals {
  /** Measurements, one for each subscriber that got it. */
  readonly measurements: number;
  /** Bytes, answers and everything else included. */
  readonly bytes: number;
}

/** A group of subscribers that share an encoder. */
export interface GroupSnapshot {
  /** The publisher's number for it, counted from 1. */
  readonly id: number;
  /** How many signals its members subscribe to. */
  readonly signals: number;
  /** How its packets are encoded: `TSSC compression` or `compact format`. */
  readonly format: string;
  /** Milliseconds between publications of the latest values; `null` when all are sent at once. */
  readonly throttleInterval: number | null;
  /** Whether NaN values are left out. */
  readonly withoutNaN: boolean;
  /** How many subscribers it has. */
  readonly members: number;
  /** How many of them get nothing at present: too slow, or waiting to be let in. */
  readonly detachedMembers: number;
  /** Measurements published for it, whether or not somebody was attached. */
  readonly measurements: number;
  /** Those of them that were encoded, as somebody was attached; the open packet's are not counted yet. */
  readonly encoded: number;
  /** Packets encoded; each went to every attached member. */
  readonly packets: number;
  /** Bytes of those packets. */
  readonly bytes: number;
  /** How often the encoder started afresh. */
  readonly resets: number;
}

/** History on its way to a subscriber. */
export interface ReplaySnapshot {
  /** Whether it goes on, has come to its end, or was ended. */
  readonly state: "running" | "complete" | "cancelled";
  /** Milliseconds for each frame: 0, as fast as possible; -1, as long as it took in its time. */
  readonly processingInterval: number;
  /** Measurements so far. */
  readonly measurements: number;
  /** The time that it has come to, ISO 8601; `null` before the first measurement. */
  readonly at: string | null;
}

/** A subscription of a connection. */
export interface SubscriptionSnapshot {
  /** The filter expression; for a connection that is closed, of a longer one the first 1,021 characters and three dots. */
  readonly filter: string;
  /** How many signals it comes to. */
  readonly signals: number;
  /** How many more it comes to that the subscriber may not see, as far as it is told. */
  readonly unauthorized: number;
  /** `TSSC compression` or `compact format`. */
  readonly format: string;
  /** Whether the subscriber has confirmed its signal index cache, so that data is sent. */
  readonly confirmed: boolean;
  /** The group that serves it, by its ID; `null` until it is confirmed. */
  readonly group: number | null;
  /** History, if it is about that and has been confirmed; else `null`. */
  readonly replay: ReplaySnapshot | null;
  /** Who the client says it is, each text clipped like that. */
  readonly client: AssemblyInfo;
  /** Settings that it asked for and that have no meaning here, clipped like that, and 8,192 characters at most. */
  readonly extra: Readonly<Record<string, string>>;
}

/** What a subscriber may see of the metadata. */
export interface RightsSnapshot {
  /** Signals that it may see. */
  readonly visible: number;
  /** Signals that it may not see. */
  readonly hidden: number;
}

/** What came of a publisher's access options. */
export interface AccessSnapshot {
  /** Rules in force about signals. */
  readonly rules: number;
  /** Connections that were refused, by reason: see `AccessRefusalReason`; `banned`; and `tooMany`, for `maxConnections`. */
  readonly refused: Readonly<Record<string, number>>;
  /**
   * What failed, and counts as a refusal: the application's decisions about a `connection` or `signals`; a `rule` that
   * does not fit the metadata.
   */
  readonly failed: Readonly<Record<string, number>>;
  /** Signals that were taken away from running subscriptions. */
  readonly revoked: number;
}

/** Data over UDP; its numbers count from the beginning of the connection. */
export interface DataChannelSnapshot {
  /** The subscriber's address, `host:port`. */
  readonly to: string;
  /** The local address, `host:port`. */
  readonly from: string;
  /** Datagrams sent. */
  readonly datagrams: number;
  /** Their bytes, without the headers of UDP and IP. */
  readonly bytes: number;
  /** Their measurements. */
  readonly measurements: number;
  /** Datagrams that the system did not take. */
  readonly errors: number;
  /** Why it did not take the last of those; `null` when there was none. */
  readonly lastError: string | null;
}

/** One connection, open or recently closed. */
export interface ConnectionSnapshot {
  /** The publisher's number for it, counted from 1. */
  readonly id: number;
  /** The ID that the subscriber was given in its signal index cache, a GUID. */
  readonly subscriberId: string;
  /** The peer, `host:port`. */
  readonly address: string;
  /** Who made the connection: the subscriber (`incoming`) or the publisher (`outgoing`). */
  readonly direction: "incoming" | "outgoing";
  /** What TLS came to on its command channel; `null` without TLS. */
  readonly tls: TlsState | null;
  /** The peer's certificate; `null` where there is none. */
  readonly certificate: PeerCertificate | null;
  /** Who it is over several connections, for notifications; `null` while that can't be told. */
  readonly identity: string | null;
  /** Where it stands. */
  readonly state: SessionState;
  /** When it was made, in milliseconds since 1970. */
  readonly connectedAt: number;
  /** When the subscriber was last heard of, in milliseconds since 1970. */
  readonly lastReceivedAt: number;
  /** What was agreed; `null` before that. */
  readonly modes: OperationalModes | null;
  /** The compression algorithms that it named besides, as a connection string. */
  readonly algorithms: string;
  /** What it may see; `null` before it has asked for anything, and without metadata. */
  readonly rights: RightsSnapshot | null;
  /** The subscription in force, or the one to come; `null` when there is none. */
  readonly subscription: SubscriptionSnapshot | null;
  /** Which signal index cache its data refers to. */
  readonly cacheIndex: number;
  /**
   * Milliseconds from sending its latest signal index cache to its confirmation: what was queued before it, the way there
   * and back, and the subscriber's work on it. `null` before the first, and at version 1, which has no confirmations.
   */
  readonly latency: number | null;
  /** What was written to it. */
  readonly sent: SentTotals & {
    /** Bytes of data packets, over TCP and UDP. */
    readonly dataBytes: number;
  };
  /** Where its data goes over UDP; `null` while it goes over the command channel. */
  readonly dataChannel: DataChannelSnapshot | null;
  /** What its payloads are encrypted with (§12); `null` while they are not. */
  readonly cipher: {
    /** The key in use: 0, the even one; 1, the odd one. */
    readonly index: 0 | 1;
    /** How often a key was replaced. */
    readonly rotations: number;
  } | null;
  /** Its buffer blocks; `null` before the first. */
  readonly bufferBlocks: BufferBlockSnapshot | null;
  /** Bytes read from it. */
  readonly receivedBytes: number;
  /** What waits to be written. */
  readonly queue: {
    /** Bytes of data. */
    readonly dataBytes: number;
    /** Bytes of answers. */
    readonly controlBytes: number;
    /** Frames, or pieces of them; short answers that wait together count as one. */
    readonly frames: number;
    /** For how many milliseconds the present write has waited for the subscriber. */
    readonly stalledFor: number;
  };
  /**
   * Measurements that it asked for and did not get, by reason: `overflow`, `detached`, `closed`, `datagram`. Of a write
   * that the end of the connection cut short, some may have come: `closed` counts all of it. What is lost on the way
   * over UDP shows at the subscriber only.
   */
  readonly dropped: Readonly<Record<string, number>>;
  /**
   * When it was too slow last, so that data was dropped, in milliseconds since 1970: now, while it waits for fresh data;
   * `null` when it never was.
   */
  readonly overflowedAt: number | null;
  /** How often things happened: commands by name, failed ones as `name failed`, overflows, odd frames. */
  readonly events: Readonly<Record<string, number>>;
  /** When and why it ended; `null` while it is open. */
  readonly closed: {
    /** Milliseconds since 1970. */
    readonly at: number;
    /** For programs. */
    readonly reason: CloseReason;
    /** For people. */
    readonly message: string;
  } | null;
}

/** Buffer blocks of a connection (§13). */
export interface BufferBlockSnapshot {
  /** Blocks sent, each counted once. */
  readonly sent: number;
  /** Blocks that the subscriber confirmed. */
  readonly confirmed: number;
  /** How often blocks were sent again. */
  readonly retransmitted: number;
  /**
   * Blocks that it may not have: too many were not confirmed, so that they were not sent; or they were not confirmed
   * when its subscription to their signal, or the connection, ended.
   */
  readonly dropped: number;
  /** Blocks that are not confirmed. */
  readonly waiting: number;
  /** Bytes of those. */
  readonly waitingBytes: number;
}

/** What subscribers were notified of (§14). */
export interface NotificationsSnapshot {
  /** How many subscribers are known, here or not. */
  readonly subscribers: number;
  /** Notifications that are not confirmed, one for each subscriber that is to get it. */
  readonly pending: number;
  /** Notifications that were confirmed. */
  readonly confirmed: number;
  /** Notifications that were given up, because a subscriber had too many or was away too long. */
  readonly givenUp: number;
}

/** Somebody who may not connect for a while. */
export interface BanSnapshot {
  /** The publisher's number for the ban, counted from 1. */
  readonly id: number;
  /** What it is recognised by: its certificate, else the host that it comes from. */
  readonly kind: "certificate" | "host";
  /** The name in the certificate, or the host. */
  readonly name: string;
  /** When it ends, in milliseconds since 1970. */
  readonly until: number;
  /** Why, for operators. */
  readonly reason: string;
}

/** A listening subscriber that the publisher connects to. */
export interface OutboundLinkSnapshot {
  /** Where it listens, `host:port`. */
  readonly address: string;
  /** Where the link stands. */
  readonly state: OutboundLinkState;
  /** Attempts since the last success. */
  readonly attempt: number;
  /** Connections that came about. */
  readonly connections: number;
  /** The number of the present one; `null` when there is none. */
  readonly connection: number | null;
  /** Why the last attempt or connection ended; `null` while there is one, and before the first has failed. */
  readonly problem: string | null;
}

/** Whether a publisher takes connections. */
export type PublisherState = "stopped" | "starting" | "running" | "stopping";

/** A publisher at one moment. Totals count from its construction and never fall. */
export interface PublisherStats {
  /** Its name. */
  readonly name: string;
  /** Its node ID; `null` when none was given. */
  readonly nodeId: string | null;
  /** Whether it takes connections. */
  readonly state: PublisherState;
  /** Where it listens, `host:port`; `null` when it does not. */
  readonly address: string | null;
  /** The certificate that it shows there, as it was when somebody last connected; `null` without TLS. */
  readonly certificate: PeerCertificate | null;
  /** When it was last started, in milliseconds since 1970; `null` before that. */
  readonly startedAt: number | null;
  /** The metadata in force; `null` when none is defined. */
  readonly metadata: {
    /** How often metadata was defined. */
    readonly generation: number;
    /** How many signals it describes. */
    readonly signals: number;
  } | null;
  /** What the application published while the publisher ran. */
  readonly published: {
    /** Calls. */
    readonly batches: number;
    /** Measurements. */
    readonly measurements: number;
    /** Those of them whose signal is in no metadata defined so far. */
    readonly unknownSignals: number;
  };
  /** What was written to subscribers. */
  readonly sent: SentTotals;
  /** What subscribers were notified of. */
  readonly notifications: NotificationsSnapshot;
  /**
   * Measurements that subscribers asked for and did not get, by reason; and as `notStarted` those that were published
   * while the publisher did not run.
   */
  readonly dropped: Readonly<Record<string, number>>;
  /** Connections in numbers. */
  readonly connections: {
    /** Open now. */
    readonly open: number;
    /** Made so far, those refused included. */
    readonly accepted: number;
    /** Ended so far, by reason. */
    readonly closed: Readonly<Record<string, number>>;
    /** Those that failed at TLS and are not counted elsewhere, by reason (`TlsFailure`). */
    readonly handshakesFailed: Readonly<Record<string, number>>;
  };
  /**
   * Bytes that wait to be sent over all connections, what several of them get counted once, and the objects around them
   * included; see `limits.allQueuesLength`.
   */
  readonly waitingBytes: number;
  /** The open connections. */
  readonly open: readonly ConnectionSnapshot[];
  /** The connections that ended last, the latest first; at most 100. */
  readonly recentlyClosed: readonly ConnectionSnapshot[];
  /** Who may not connect at present. */
  readonly bans: readonly BanSnapshot[];
  /** Who was kept out, and from what. */
  readonly access: AccessSnapshot;
  /** The listening subscribers that it connects to. */
  readonly links: readonly OutboundLinkSnapshot[];
  /** The history that temporal subscriptions are served from; `null` when there is none, or it does not tell. */
  readonly history: HistoryStats | null;
  /** Who shares an encoder. */
  readonly groups: readonly GroupSnapshot[];
}
