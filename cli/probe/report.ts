/**
 * What is found out about a publisher.
 *
 * @module
 */
import type { TextEncoding } from "../../mod.ts";
import type { CertificateInfo } from "../certificate.ts";

/** What a publisher said to operational modes. */
export interface ModesAnswer {
  /**
   * `accepted`, `refused`; `silent`: it said nothing in time and kept the connection, as some publishers do that accept
   * them; `closed`: it closed the connection without a word; `failed`: the connection failed, or it speaks no STTP.
   */
  readonly answer: "accepted" | "refused" | "silent" | "closed" | "failed";
  /** What it said, or why it failed. */
  readonly text: string;
  /** From the question to the answer. */
  readonly milliseconds: number;
}

/** What TLS came to. */
export interface TlsReport {
  /** What the publisher showed; `null` when it did not come to that. */
  readonly certificate: CertificateInfo | null;
  /** Whether it is trusted, as a subscriber with the same options would. */
  readonly trusted: boolean;
  /** Why it is not. */
  readonly problem: string | null;
  /** Version of TLS and cipher. */
  readonly protocol: string | null;
}

/** What a subscription came to. */
export interface SessionReport {
  /** Making the connection, TLS included. */
  readonly connectMilliseconds: number;
  /** The answer to the operational modes; `null` when there was none. */
  readonly modesMilliseconds: number | null;
  readonly metadata:
    | {
      readonly bytes: number;
      readonly gzip: boolean;
      readonly milliseconds: number;
      /** Rows by table. */
      readonly tables: Readonly<Record<string, number>>;
    }
    | { readonly problem: string };
  readonly subscription: {
    readonly text: string;
    readonly milliseconds: number;
    readonly signals: number;
    readonly unauthorized: number;
    /** Whether its signal index cache came compressed. */
    readonly gzip: boolean;
  } | null;
  readonly data: DataReport;
}

/** What data came. */
export interface DataReport {
  /** How it was sent; `null` when none came. */
  readonly format: string | null;
  /** From the confirmed subscription to the first data; `null` when none came. */
  readonly firstMilliseconds: number | null;
  /** For how long it was counted. */
  readonly seconds: number;
  readonly measurements: number;
  /** Different signals among them. */
  readonly signals: number;
  /** Measurements a second. */
  readonly rate: number;
  /** Bytes of data packets a second. */
  readonly bytesPerSecond: number;
  /** By how many milliseconds the newest was behind the clock of this machine at the end; `null` when none came. */
  readonly ageMilliseconds: number | null;
  /** The least of the delays from a measurement's time to its arrival, by both clocks; `null` when none came. */
  readonly leastDelayMilliseconds: number | null;
  /** What was not understood, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Whether one way of sending data works; `problem` is `null` when it does. */
export interface WayReport {
  readonly works: boolean;
  readonly problem: string | null;
}

/** Everything. What was not looked at, or could not be, is `null`. */
export interface ProbeReport {
  readonly address: string;
  readonly tls: TlsReport | null;
  readonly versions: readonly ({ readonly version: 1 | 2 | 3 } & ModesAnswer)[];
  readonly encodings: readonly ({ readonly encoding: TextEncoding } & ModesAnswer)[];
  readonly session: SessionReport | null;
  readonly compact: WayReport | null;
  readonly udp: WayReport | null;
  /** Why there was no session. */
  readonly problem: string | null;
}
