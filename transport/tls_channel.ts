/**
 * TLS over any channel.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { connect, createServer, type TlsOptions as TlsServerOptions, type TLSSocket } from "node:tls";
import type { Channel, PeerInfo } from "./channel.ts";
import { ChannelStream } from "./channel_stream.ts";
import type { Clock } from "./clock.ts";
import { SttpError } from "./errors.ts";
import { closedEarly, GreetedChannel } from "./tls_greeting.ts";
import type { TlsSettings } from "./tls_options.ts";
import { checkPeer, explainFailure, TlsError } from "./tls_peer.ts";
import type { HandshakeTurns } from "./tls_turns.ts";

/** How a handshake goes. */
export interface HandshakeOptions {
  /** The side that the peer does not have: who connected is the client. */
  readonly side: "client" | "server";
  /** Certificates and trust; a function is asked when they are needed. */
  readonly settings: TlsSettings | (() => Promise<TlsSettings>);
  /** The name that a server goes by, when the settings have none; for a client. */
  readonly hostname?: string;
  /** Milliseconds after which to give up. */
  readonly timeout: number;
  /** Time and timers. */
  readonly clock: Clock;
  /** Gives up when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** When a server works on it; default always. */
  readonly turns?: HandshakeTurns;
  /** A server's client has said its first words, or more after these. */
  readonly onProgress?: () => void;
}

/** How much a handshake reads at a time. */
const HANDSHAKE_READ = 16_384;
/**
 * The least time that `node:tls` is given for a handshake by itself, in milliseconds. It never is what ends one; but
 * whatever becomes of a handshake, all that belongs to it stays in memory for so long, which by default is two minutes.
 */
const LEAST_NODE_TIMEOUT = 10_000;

/**
 * Agrees on TLS over an open channel and checks the peer.
 *
 * @param channel Belongs to the result, or is closed.
 * @returns The channel inside, whose peer has its certificate.
 * @throws {TlsError} When TLS can't be agreed on or the peer is not to be trusted.
 * @throws {SttpError} `Aborted`.
 */
export async function secureChannel(channel: Channel, options: HandshakeOptions): Promise<Channel> {
  const { side, hostname = "", timeout, clock, signal, turns } = options;
  const { address } = channel.peer;
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  // It may fail while nobody waits for it.
  promise.catch(() => {});
  const onAbort = (): void => reject(abortError(signal!, address));
  const onClosed = (): void => reject(closedEarly(address));
  const cancel = clock.schedule(
    timeout,
    () => reject(new TlsError("timeout", `no TLS with ${address} within ${timeout} ms`)),
  );
  signal?.addEventListener("abort", onAbort, { once: true });
  const greeted = side === "server" ? new GreetedChannel(channel, turns, options.onProgress) : undefined;
  let stream: ChannelStream | undefined;
  let socket: TLSSocket | undefined;
  try {
    if (signal?.aborted) throw abortError(signal, address);
    const settings = greeted === undefined
      ? await settingsOf(options)
      : await Promise.race([promise as Promise<never>, greet(greeted, options)]);
    stream = new ChannelStream(greeted ?? channel);
    // Who takes the stream sees to its errors; what ends without one, nobody tells.
    stream.on("end", onClosed);
    stream.on("close", onClosed);
    if (side === "client") startClient(stream, settings, hostname, resolve, reject);
    else startServer(stream, settings, timeout, resolve, reject);
    stream.demand(HANDSHAKE_READ);
    socket = await promise;
    const expected = { settings, isServer: side === "client", hostname, now: clock.now(), address };
    const certificate = checkPeer(socket, expected);
    greeted?.agreed();
    const tls = { protocol: socket.getProtocol() ?? "TLS" };
    const peer = { address, tls, ...(certificate && { certificate }) };
    return new TlsChannel(socket, stream, peer, side === "client" ? hintFor(settings) : undefined);
  } catch (error) {
    socket?.destroy();
    stream?.destroy();
    (greeted ?? channel).close();
    throw explainFailure(error, address);
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
    stream?.off("end", onClosed);
    stream?.off("close", onClosed);
  }
}

/** Spends nothing on a client until it has said its first words and its turn has come. */
async function greet(greeted: GreetedChannel, options: HandshakeOptions): Promise<TlsSettings> {
  await greeted.readGreeting();
  options.onProgress?.();
  const settings = await settingsOf(options);
  await greeted.takeTurn();
  return settings;
}

async function settingsOf({ settings }: HandshakeOptions): Promise<TlsSettings> {
  return typeof settings === "function" ? await settings() : settings;
}

/**
 * What may be the matter when a connection to a server is lost at once: in TLS 1.3 that is how it refuses a client,
 * which sees its end or, when it is writing just then, a write that fails.
 */
function hintFor({ own }: TlsSettings): string {
  return own === undefined ? "it may ask for a certificate" : "it may not trust our certificate";
}

/** A listener that gives up has a reason of its own. */
function abortError({ reason }: AbortSignal, address: string): SttpError {
  if (reason instanceof TlsError) return reason;
  return new SttpError("Aborted", `connecting to ${address} was aborted`, { cause: reason });
}

type OnSecure = (socket: TLSSocket) => void;
type OnFailed = (error: unknown) => void;

/** What both sides are told. Peers are checked by {@linkcode checkPeer}, which knows more reasons. */
function commonOptions({ own, ca, minVersion }: TlsSettings): {
  cert?: string;
  key?: string;
  ca?: string[];
  minVersion: TlsSettings["minVersion"];
  rejectUnauthorized: false;
} {
  return {
    ...(own && { cert: own.certificate, key: own.key }),
    ...(ca && { ca: [...ca] }),
    minVersion,
    rejectUnauthorized: false,
  };
}

/** What a server is told. @param timeout Milliseconds that a handshake may take. */
export function serverOptions(settings: TlsSettings, timeout: number): TlsServerOptions {
  const { ca, trusted } = settings;
  return {
    ...commonOptions(settings),
    requestCert: ca !== undefined || trusted !== undefined,
    handshakeTimeout: Math.max(timeout, LEAST_NODE_TIMEOUT),
  };
}

function startClient(
  stream: ChannelStream,
  settings: TlsSettings,
  hostname: string,
  onSecure: OnSecure,
  onFailed: OnFailed,
): void {
  const name = settings.serverName ?? hostname;
  const socket = connect({
    ...commonOptions(settings),
    socket: stream,
    // Only names are asked for, not addresses.
    servername: /^[\d.]*$|:/.test(name) ? "" : name,
    checkServerIdentity: () => undefined,
  });
  socket.on("error", onFailed);
  socket.once("secureConnect", () => onSecure(socket));
}

function startServer(
  stream: ChannelStream,
  settings: TlsSettings,
  timeout: number,
  onSecure: OnSecure,
  onFailed: OnFailed,
): void {
  // One for each connection: nothing goes from one peer, or one set of settings, to another. A shared one would resume
  // sessions, with the certificate of before in the place of one that is shown, and has no option not to.
  const server = createServer(serverOptions(settings, timeout));
  server.on("tlsClientError", onFailed);
  server.on("secureConnection", (socket) => {
    socket.on("error", onFailed);
    onSecure(socket);
  });
  server.emit("connection", stream);
}

/** The inside of a TLS connection. */
class TlsChannel implements Channel {
  readonly peer: PeerInfo;
  readonly #socket: TLSSocket;
  readonly #stream: ChannelStream;
  /** What was decrypted and not yet read: no more than two pieces off the wire come to. */
  #chunks: Buffer[] = [];
  #state: "open" | "ended" | "lost" | "closed" = "open";
  #cause: unknown;
  /** Said of a connection that is lost, by whatever cause, before anything came. */
  #hint: string | undefined;
  #onChange: (() => void) | undefined;
  #failWrite: ((error: SttpError) => void) | undefined;

  constructor(socket: TLSSocket, stream: ChannelStream, peer: PeerInfo, hint?: string) {
    this.peer = peer;
    this.#hint = hint;
    this.#socket = socket;
    this.#stream = stream;
    stream.demand(0);
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#hint = undefined;
      stream.demand(0);
      this.#onChange?.();
    });
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.#lose(error));
    stream.on("error", (error) => this.#lose(error));
    stream.on("close", () => this.#end());
    if (socket.destroyed || stream.destroyed) this.#end();
  }

  #end(): void {
    if (this.#hint === undefined) return this.#enter("ended");
    this.#lose(new Error("it ended"));
  }

  #lose(cause: unknown): void {
    this.#cause ??= cause;
    this.#enter("lost");
  }

  #enter(state: "ended" | "lost" | "closed"): void {
    if (this.#state === "closed" || this.#state === "lost") return;
    this.#state = state;
    this.#onChange?.();
    if (state !== "ended" || this.#stream.destroyed) this.#failWrite?.(this.#lost());
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#state === "lost") throw this.#lost();
      if (this.#state !== "open") return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      this.#stream.demand(into.length);
      await promise;
      this.#onChange = undefined;
    }
    return this.#state === "closed" ? null : this.#take(into);
  }

  #take(into: Uint8Array): number {
    let length = 0;
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined || length === into.length) return length;
      const part = Math.min(chunk.length, into.length - length);
      into.set(part === chunk.length ? chunk : chunk.subarray(0, part), length);
      length += part;
      if (part === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    if (this.#state === "closed" || this.#state === "lost" || this.#stream.destroyed) throw this.#lost();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#failWrite = reject;
    this.#socket.write(bytes, (error) => {
      // Of what failed underneath, node:tls says that it is done.
      const failure = error ?? this.#stream.errored;
      if (!failure) return resolve();
      this.#cause ??= failure;
      reject(this.#lost());
    });
    try {
      await promise;
    } finally {
      this.#failWrite = undefined;
    }
  }

  #lost(): SttpError {
    const { address } = this.peer;
    if (this.#state === "closed") {
      return new SttpError("ConnectionLost", `the channel to ${address} is closed`);
    }
    const cause = this.#cause;
    const hint = this.#hint === undefined ? "" : ` before anything came, ${this.#hint}`;
    // The channel underneath has said so already.
    if (cause instanceof SttpError && cause.code === "ConnectionLost") {
      return new SttpError("ConnectionLost", cause.message + hint, { cause });
    }
    const message = cause instanceof Error ? `: ${cause.message}` : "";
    return new SttpError("ConnectionLost", `connection to ${address} lost${message}${hint}`, { cause });
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#chunks = [];
    this.#state = "closed";
    this.#onChange?.();
    this.#failWrite?.(this.#lost());
    this.#socket.destroy();
    this.#stream.destroy();
  }
}
