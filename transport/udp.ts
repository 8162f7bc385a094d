/**
 * Datagrams, for the data channel over UDP.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { canonicalHost, formatHostPort, type HostPort } from "./address.ts";
import { SttpError } from "./errors.ts";

/** The longest datagram that IPv4 can carry. */
export const MAX_DATAGRAM_LENGTH = 65_507;

/** A UDP socket with an address of its own. */
export interface DatagramSocket {
  /** The local address, `host:port`. */
  readonly address: string;
  /** The local port, the real one when 0 was asked for. */
  readonly port: number;
  /**
   * Sends a datagram; never waits.
   *
   * @param datagram Not to be changed before `done` is called.
   * @param to An address, not a name; of the socket's own family.
   * @param done Called once, later: without an argument when the system has taken the datagram, which says nothing
   * about its arrival, or with what went wrong.
   */
  send(datagram: Uint8Array, to: HostPort, done: (error?: SttpError) => void): void;
  /** Closes the socket; no datagram arrives any more. May be called again. */
  close(): Promise<void>;
}

/** What {@linkcode openUdp} opens. */
export interface OpenUdpOptions {
  /** The local address, whose kind decides between IPv4 and IPv6; default `0.0.0.0`, every IPv4 interface. */
  readonly hostname?: string;
  /** The local port; 0, the default, for any free one. */
  readonly port?: number;
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
 * @throws {SttpError} `ConnectFailed` when the address is in use or not ours.
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
 * assertEquals(new Uint8Array(await arrived.promise), new Uint8Array([7]));
 * await near.close();
 * await far.close();
 * ```
 */
export async function openUdp(options: OpenUdpOptions = {}): Promise<DatagramSocket> {
  const { hostname = "0.0.0.0", port = 0, onDatagram, onError } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`port ${port} is not between 0 and 65535`);
  }
  const socket = createSocket(hostname.includes(":") ? "udp6" : "udp4");
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => closed ??= new Promise((resolve) => socket.close(() => resolve()));
  const opened = Promise.withResolvers<void>();
  let isOpen = false;
  socket.on("error", (cause) => {
    const what = `UDP socket on ${formatHostPort(hostname, port)}: ${cause.message}`;
    const error = new SttpError(isOpen ? "ConnectionLost" : "ConnectFailed", what, { cause });
    if (isOpen) onError?.(error);
    else opened.reject(error);
  });
  if (onDatagram !== undefined) {
    socket.on("message", (datagram, { address, port }) => {
      if (closed === undefined) onDatagram(datagram, { hostname: canonicalHost(address), port });
    });
  }
  socket.bind(port, hostname, opened.resolve);
  try {
    await opened.promise;
  } catch (error) {
    await close();
    throw error;
  }
  isOpen = true;
  const local = socket.address();
  return {
    address: formatHostPort(local.address, local.port),
    port: local.port,
    send(datagram, to, done): void {
      if (closed !== undefined) {
        queueMicrotask(() => done(new SttpError("Closed", "the UDP socket is closed")));
        return;
      }
      socket.send(datagram, to.port, to.hostname, (cause) => {
        done(
          cause === null || cause === undefined ? undefined : new SttpError(
            "ConnectionLost",
            `datagram to ${formatHostPort(to.hostname, to.port)}: ${cause.message}`,
            {
              cause,
            },
          ),
        );
      });
    },
    close,
  };
}
