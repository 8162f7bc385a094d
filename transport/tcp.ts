/**
 * The command channel over TCP.
 *
 * @module
 */
import { formatHostPort } from "./address.ts";
import type { Channel, ChannelListener, PeerInfo } from "./channel.ts";
import { SttpError } from "./errors.ts";

/** Where {@linkcode connectTcp} connects to, and how long it tries. */
export interface ConnectTcpOptions {
  /** A name or an address; default `localhost`. */
  readonly hostname?: string;
  /** The port. */
  readonly port: number;
  /** Gives up when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which to give up; default none: the system's own. */
  readonly timeout?: number | undefined;
}

/**
 * Connects to a listening peer; small writes go out at once (TCP_NODELAY).
 *
 * @throws {SttpError} `ConnectFailed` when nobody answers there, `TimedOut`, or `Aborted`.
 * @throws {RangeError} When the port or the timeout makes no sense.
 *
 * @example
 * ```ts
 * import { connectTcp, listenTcp } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
 * const near = await connectTcp({ hostname: "127.0.0.1", port: listener.port, timeout: 5000 });
 * const far = await listener.accept();
 * await near.write(new Uint8Array([7]));
 * const bytes = new Uint8Array(10);
 * assertEquals(await far?.read(bytes), 1);
 * near.close();
 * far?.close();
 * listener.close();
 * ```
 */
export async function connectTcp(options: ConnectTcpOptions): Promise<Channel> {
  const { hostname = "localhost", port, signal, timeout } = options;
  checkPort(port, 1);
  if (timeout !== undefined && !(timeout > 0 && timeout <= 0x7fffffff)) {
    throw new RangeError(`timeout ${timeout} is not a number of milliseconds from 1 to 2147483647`);
  }
  const address = formatHostPort(hostname, port);
  if (signal?.aborted) throw aborted(address, signal);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  let timedOut = false;
  const timer = timeout === undefined ? undefined : setTimeout(() => {
    timedOut = true;
    stop.abort();
  }, timeout);
  try {
    const conn = await Deno.connect({ hostname, port, signal: stop.signal });
    if (stop.signal.aborted) {
      conn.close();
      throw stop.signal.reason;
    }
    conn.setNoDelay(true);
    return new TcpChannel(conn);
  } catch (cause) {
    if (signal?.aborted) throw aborted(address, signal);
    if (timedOut) {
      throw new SttpError("TimedOut", `no connection to ${address} within ${timeout} ms`, { cause });
    }
    throw new SttpError("ConnectFailed", `no connection to ${address}: ${messageOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Where {@linkcode listenTcp} listens. */
export interface ListenTcpOptions {
  /** The local address; default `0.0.0.0`, every IPv4 interface. `::` takes IPv6 too. */
  readonly hostname?: string;
  /** The port; 0 for any free one. */
  readonly port: number;
}

/**
 * Listens for peers.
 *
 * @throws {SttpError} `ConnectFailed` when the address is in use or not ours.
 * @throws {RangeError} When the port makes no sense.
 */
export function listenTcp(options: ListenTcpOptions): ChannelListener {
  const { hostname = "0.0.0.0", port } = options;
  checkPort(port, 0);
  try {
    return new TcpListener(Deno.listen({ hostname, port }));
  } catch (cause) {
    throw new SttpError(
      "ConnectFailed",
      `can't listen on ${formatHostPort(hostname, port)}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function checkPort(port: number, least: number): void {
  if (!Number.isInteger(port) || port < least || port > 65_535) {
    throw new RangeError(`port ${port} is not between ${least} and 65535`);
  }
}

function aborted(address: string, signal: AbortSignal): SttpError {
  return new SttpError("Aborted", `connecting to ${address} was aborted`, { cause: signal.reason });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

class TcpChannel implements Channel {
  readonly peer: PeerInfo;
  readonly #conn: Deno.TcpConn;
  #closed = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    const { hostname, port } = conn.remoteAddr;
    this.peer = { address: formatHostPort(hostname, port) };
  }

  async read(into: Uint8Array): Promise<number | null> {
    if (this.#closed) return null;
    try {
      return await this.#conn.read(into);
    } catch (cause) {
      // A read pending at close() is interrupted.
      if (this.#closed) return null;
      throw this.#lost(cause);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      if (this.#closed) {
        throw new SttpError("ConnectionLost", `the channel to ${this.peer.address} is closed`);
      }
      try {
        written += await this.#conn.write(written === 0 ? bytes : bytes.subarray(written));
      } catch (cause) {
        throw this.#lost(cause);
      }
    }
  }

  #lost(cause: unknown): SttpError {
    return new SttpError("ConnectionLost", `connection to ${this.peer.address} lost: ${messageOf(cause)}`, {
      cause,
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }
}

class TcpListener implements ChannelListener {
  readonly address: string;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  #closed = false;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    const { hostname, port } = listener.addr;
    this.address = formatHostPort(hostname, port);
    this.port = port;
  }

  async accept(): Promise<Channel | null> {
    while (!this.#closed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (cause) {
        if (this.#closed) return null;
        // A peer that went away before it was accepted is no fault of the listener.
        if (cause instanceof Deno.errors.ConnectionAborted || cause instanceof Deno.errors.ConnectionReset) {
          continue;
        }
        throw new SttpError("ConnectionLost", `can't accept on ${this.address}: ${messageOf(cause)}`, {
          cause,
        });
      }
      try {
        conn.setNoDelay(true);
        return new TcpChannel(conn);
      } catch {
        // Gone already.
        conn.close();
      }
    }
    return null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}
