/**
 * Datagrams, for the data channel over UDP.
 *
 * @module
 */
import { createSocket, type Socket } from "node:dgram";
import { canonicalHost, formatHostPort, type HostPort } from "./address.ts";
import { SttpError } from "./errors.ts";
import { demandUdpPermission } from "./udp_permission.ts";

/** The longest datagram that IPv4 can carry. */
export const MAX_DATAGRAM_LENGTH = 65_507;

/** A UDP socket with an address of its own. */
export interface DatagramSocket {
  /** The local address, `host:port`. */
  readonly address: string;
  /** The local port, the real one when 0 was asked for. */
  readonly port: number;
  /**
   * Sends a datagram, behind those given before; never waits.
   *
   * @param datagram Not to be changed before `done` is called.
   * @param to An address, not a name; of the socket's own family.
   * @param done Called once, later: without an argument when the system has taken the datagram, which says nothing
   * about its arrival, or with what went wrong: `Closed`, when the socket was closed or `signal` fired before.
   * @param signal Lets go of the datagram while it waits for those given before. Default: it is sent in any case.
   * @throws {RangeError} When the port makes no sense.
   */
  send(datagram: Uint8Array, to: HostPort, done: (error?: SttpError) => void, signal?: AbortSignal): void;
  /** Closes the socket; no datagram arrives any more. May be called again. */
  close(): Promise<void>;
}

/** What {@linkcode openUdp} opens. */
export interface OpenUdpOptions {
  /** The local address, whose kind decides between IPv4 and IPv6; default `0.0.0.0`, every IPv4 interface. */
  readonly hostname?: string;
  /** The local port; 0, the default, for any free one. */
  readonly port?: number;
  /** Whether `::` takes IPv6 alone and leaves the port free for IPv4; default false. */
  readonly ipv6Only?: boolean;
  /**
   * Takes what arrives.
   *
   * @param datagram Its own from here on; never longer than {@linkcode MAX_DATAGRAM_LENGTH}.
   * @param from Who sent it; the host as `canonicalHost` spells it. Anybody can pretend to be anybody.
   */
  readonly onDatagram?: (datagram: Uint8Array, from: HostPort) => void;
  /** Told when receiving fails; the socket is not closed by that. */
  readonly onError?: (error: SttpError) => void;
}

/**
 * Opens a UDP socket. Nothing is buffered here: a datagram is handed over as it arrives, and what the program has no
 * time for is lost in the system's own buffer, as it is on the way.
 *
 * @throws {SttpError} `ConnectFailed` when the address is in use, not ours or not permitted.
 * @throws {RangeError} When the port makes no sense.
 *
 * @example
 * ```ts
 * import { openUdp } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const arrived = Promise.withResolvers<Uint8Array>();
 * const far = await openUdp({ hostname: "127.0.0.1", onDatagram: arrived.resolve });
 * const near = await openUdp({ hostname: "127.0.0.1" });
 * near.send(new Uint8Array([7]), { hostname: "127.0.0.1", port: far.port }, () => {});
 * assertEquals(await arrived.promise, new Uint8Array([7]));
 * await near.close();
 * await far.close();
 * ```
 */
export async function openUdp(options: OpenUdpOptions = {}): Promise<DatagramSocket> {
  const { hostname = "0.0.0.0", port = 0, ipv6Only = false, onDatagram, onError } = options;
  checkPort(port, 0);
  const local = formatHostPort(hostname, port);
  await demandUdpPermission("UDP socket on", local);
  const socket = createSocket({ type: hostname.includes(":") ? "udp6" : "udp4", ipv6Only });
  const opened = Promise.withResolvers<void>();
  let isOpen = false;
  socket.on("error", (cause) => {
    const error = socketFailed(isOpen ? "ConnectionLost" : "ConnectFailed", local, cause);
    if (isOpen) onError?.(error);
    else opened.reject(error);
  });
  if (onDatagram !== undefined) {
    socket.on("message", ({ buffer, byteOffset, length }, { address, port }) => {
      // A Buffer's slice() makes no copy, which nobody expects of a Uint8Array.
      const datagram = new Uint8Array(buffer, byteOffset, length);
      onDatagram(datagram, { hostname: canonicalHost(address), port });
    });
  }
  socket.bind(port, hostname, opened.resolve);
  try {
    await opened.promise;
  } catch (error) {
    await closeSocket(socket);
    throw error;
  }
  isOpen = true;
  return new UdpSocket(socket);
}

function socketFailed(code: "ConnectFailed" | "ConnectionLost", local: string, cause: unknown): SttpError {
  return new SttpError(code, `UDP socket on ${local}: ${cause instanceof Error ? cause.message : cause}`, {
    cause,
  });
}

/** For how many milliseconds datagrams may be sent one behind the other before everything else gets its turn. */
const SENDING_SLICE = 2;

interface Outbound {
  readonly datagram: Uint8Array;
  readonly to: HostPort;
  readonly done: (error?: SttpError) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends one datagram at a time: the system would be handed several at once in any order, and many of them would keep
 * timers and other sockets waiting.
 */
class UdpSocket implements DatagramSocket {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #waiting: Outbound[] = [];
  #head = 0;
  #isSending = false;
  #sliceStart = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #closed: Promise<void> | undefined;

  constructor(socket: Socket) {
    const { address, port } = socket.address();
    this.#socket = socket;
    this.address = formatHostPort(address, port);
    this.port = port;
  }

  send(datagram: Uint8Array, to: HostPort, done: (error?: SttpError) => void, signal?: AbortSignal): void {
    checkPort(to.port, 1);
    this.#waiting.push({ datagram, to, done, signal });
    if (this.#isSending) return;
    this.#isSending = true;
    this.#sliceStart = performance.now();
    // Not at once, so that `done` is never called from within.
    queueMicrotask(() => this.#sendNext());
  }

  #sendNext(): void {
    const next = this.#takeWanted();
    if (next === undefined) return this.#endSending();
    const { datagram, to, done } = next;
    this.#socket.send(datagram, to.port, to.hostname, (cause) => {
      done(cause === null || cause === undefined ? undefined : sendingFailed(to, cause));
      const isLast = this.#head === this.#waiting.length || this.#closed !== undefined;
      if (isLast || performance.now() - this.#sliceStart < SENDING_SLICE) return this.#sendNext();
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.#sliceStart = performance.now();
        this.#sendNext();
      }, 0);
    });
  }

  /** Takes the next datagram that is still wanted; those before it are let go of. */
  #takeWanted(): Outbound | undefined {
    let unwanted: SttpError | undefined;
    while (this.#closed === undefined) {
      const next = this.#waiting[this.#head];
      if (next === undefined) return undefined;
      if (++this.#head >= 1024 && 2 * this.#head >= this.#waiting.length) {
        this.#waiting.splice(0, this.#head);
        this.#head = 0;
      }
      if (next.signal?.aborted !== true) return next;
      next.done(unwanted ??= new SttpError("Closed", "the datagram is not to be sent any more"));
    }
    return undefined;
  }

  #endSending(): void {
    const left = this.#waiting.splice(0).slice(this.#head);
    this.#head = 0;
    this.#isSending = false;
    for (const { done } of left) done(new SttpError("Closed", "the UDP socket is closed"));
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = closeSocket(this.#socket);
      clearTimeout(this.#pause);
      if (this.#pause !== undefined) this.#endSending();
    }
    return this.#closed;
  }
}

function checkPort(port: number, least: number): void {
  if (!Number.isInteger(port) || port < least || port > 65_535) {
    throw new RangeError(`port ${port} is not between ${least} and 65535`);
  }
}

function sendingFailed({ hostname, port }: HostPort, cause: Error): SttpError {
  return new SttpError("ConnectionLost", `datagram to ${formatHostPort(hostname, port)}: ${cause.message}`, {
    cause,
  });
}

function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
