/**
 * What a TLS client says first, before anything is spent on it.
 *
 * @module
 */
import type { Channel, PeerInfo } from "./channel.ts";
import { networkOfPeer } from "./peer_host.ts";
import { TlsError } from "./tls_peer.ts";
import type { EndTurn, HandshakeTurns } from "./tls_turns.ts";

/** A record's type, version and length; RFC 8446, 5.1. */
const HEADER = 5;
/** The longest record that is not encrypted. */
const MAX_RECORD = 16_384;
/** Most clients' first record has room in this, also with a key exchange that withstands quantum computers. */
const USUAL = 2048;
/** Type of a record with a part of a handshake. */
const HANDSHAKE = 22;
/** Type of the first message of a handshake. */
const CLIENT_HELLO = 1;

/** Reads a client's first record, all of it. @returns What came: the record, and what may have followed. */
async function readGreeting(channel: Channel): Promise<Uint8Array> {
  const { address } = channel.peer;
  let bytes = new Uint8Array(USUAL);
  let length = 0;
  for (let needed = HEADER; length < needed; needed = neededOf(bytes, length, address)) {
    if (needed > bytes.length) {
      const longer = new Uint8Array(needed);
      longer.set(bytes.subarray(0, length));
      bytes = longer;
    }
    const read = await channel.read(bytes.subarray(length));
    if (read === null) throw closedEarly(address);
    length += read;
  }
  return bytes.subarray(0, length);
}

/** How many bytes a client's first record has, as far as that is known. */
function neededOf(bytes: Uint8Array, length: number, address: string): number {
  const [type, version, , high = 0, low = 0, message] = bytes;
  const record = high << 8 | low;
  const isTls = type === HANDSHAKE && (length < 2 || version === 3) &&
    (length < HEADER || record <= MAX_RECORD) &&
    (length <= HEADER || message === CLIENT_HELLO);
  if (!isTls) throw new TlsError("notTls", `no TLS with ${address}: what it sent does not begin a handshake`);
  return length < HEADER ? HEADER : HEADER + record;
}

/** The peer ended the connection too early. */
export function closedEarly(address: string): TlsError {
  return new TlsError("closed", `${address} closed the connection before TLS was agreed on`);
}

/**
 * The channel of a client that is to say its first words. After them, until the handshake is over, whatever comes is
 * handed on when it is the network's turn; the turn lasts until more is asked for or an answer is given.
 */
export class GreetedChannel implements Channel {
  readonly peer: PeerInfo;
  readonly #channel: Channel;
  readonly #turns: HandshakeTurns | undefined;
  readonly #network: string;
  readonly #onProgress: (() => void) | undefined;
  /** What was read and not yet handed on. */
  #greeting: Uint8Array = new Uint8Array(0);
  #endTurn: EndTurn | undefined;
  #isAgreed = false;
  #isClosed = false;

  /**
   * @param turns Default: it is always its turn.
   * @param onProgress Is told when more comes after the first words, until the handshake is over.
   */
  constructor(channel: Channel, turns: HandshakeTurns | undefined, onProgress: (() => void) | undefined) {
    this.peer = channel.peer;
    this.#onProgress = onProgress;
    this.#channel = channel;
    this.#turns = turns;
    this.#network = networkOfPeer(channel.peer.address);
  }

  /**
   * Waits for the first words; they are what is read first then.
   *
   * @throws {TlsError} As soon as it can't be TLS, or when the peer ends before.
   * @throws {SttpError} `ConnectionLost` when the connection broke.
   */
  async readGreeting(): Promise<void> {
    this.#greeting = await readGreeting(this.#channel);
  }

  /** Waits until it may be worked on. */
  async takeTurn(): Promise<void> {
    const end = await this.#turns?.take(this.#network);
    if (this.#isClosed || this.#isAgreed) end?.();
    else this.#endTurn = end;
  }

  /** The handshake is over: from now on nothing waits. */
  agreed(): void {
    this.#isAgreed = true;
    this.#endTurn?.();
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#greeting.length > 0) return Promise.resolve(this.#takeGreeting(into));
    return this.#isAgreed ? this.#channel.read(into) : this.#readNext(into);
  }

  #takeGreeting(into: Uint8Array): number {
    const part = this.#greeting.subarray(0, into.length);
    into.set(part);
    const left = this.#greeting.subarray(part.length);
    // An empty part of it would keep all of it, for as long as there is the connection.
    this.#greeting = left.length > 0 ? left : new Uint8Array(0);
    return part.length;
  }

  async #readNext(into: Uint8Array): Promise<number | null> {
    this.#endTurn?.();
    const length = await this.#channel.read(into);
    if (length === null || this.#isAgreed) return length;
    this.#onProgress?.();
    await this.takeTurn();
    return length;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#endTurn?.();
    return this.#channel.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#endTurn?.();
    this.#channel.close();
  }
}
