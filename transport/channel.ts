/** What is known about the other end of a {@linkcode Channel}. */
export interface PeerInfo {
  /** `host:port`, IPv6 hosts in brackets; a name of its own for an in-memory channel. */
  readonly address: string;
  /** The peer's certificate, when the channel is TLS and the peer showed one. */
  readonly certificate?: PeerCertificate;
  /** What TLS came to, when the channel is TLS. */
  readonly tls?: TlsState;
}

/** What two ends have agreed on when they speak TLS. */
export interface TlsState {
  /** The version, such as `TLSv1.3`. */
  readonly protocol: string;
}

/** The parts of a peer's certificate that identify it. */
export interface PeerCertificate {
  /** The subject's common name, or the whole subject where it has none. */
  readonly name: string;
  /** SHA-256 of the certificate, lower-case hex without separators. */
  readonly fingerprint: string;
  /** When it expires, in milliseconds since 1970. */
  readonly validTo: number;
}

/**
 * The command channel as a session sees it: an ordered, reliable stream of bytes each way.
 * One read and one write may be pending at a time; a session has one reader and one writer loop.
 */
export interface Channel {
  /** Who is at the other end. */
  readonly peer: PeerInfo;
  /**
   * Reads what has arrived, at most `into.length` bytes, waiting for at least one.
   *
   * @returns The number of bytes read, or `null` when the peer closed its side or this one was closed.
   * @throws {SttpError} `ConnectionLost` when the connection broke.
   */
  read(into: Uint8Array): Promise<number | null>;
  /**
   * Writes all of `bytes`, which must not change until the promise settles.
   *
   * @throws {SttpError} `ConnectionLost` when the connection broke or was closed.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes both directions at once. Pending reads give `null`. May be called again. */
  close(): void;
}

/** Accepts channels from peers that connect. */
export interface ChannelListener {
  /** The address in use, `host:port`; the port is the real one when 0 was asked for. */
  readonly address: string;
  /** The port in use. */
  readonly port: number;
  /** What it shows to peers, as it was when the last one came; none without TLS. */
  readonly certificate?: PeerCertificate | undefined;
  /** Waits for the next peer; `null` after {@linkcode ChannelListener.close}. */
  accept(): Promise<Channel | null>;
  /** Stops listening; channels already accepted stay open. */
  close(): void;
}
