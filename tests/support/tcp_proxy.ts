import { connect, createServer, type Server, type Socket } from "node:net";

/** What a network does to bytes in one direction. */
export interface Faults {
  /** Milliseconds for which each piece is held back; what comes behind it waits, too. */
  readonly delay?: number;
  /** Bytes that go on at a time, at most. */
  readonly piece?: number;
  /** Changes bytes on their way; `offset` is that of the first in its direction of the connection. */
  readonly corrupt?: (bytes: Uint8Array, offset: number) => void;
  /** Whether a piece that begins at `offset` of its direction goes on only behind the next one. */
  readonly swap?: (offset: number) => boolean;
  /** The connection is cut when so many bytes have gone on: both sides learn that the other has closed it. */
  readonly cutAfter?: number;
  /** The connection is reset when so many bytes have gone on: both sides get an RST, in the middle of whatever it is. */
  readonly resetAfter?: number;
}

/** A network that can fail: hands bytes on between who connects and who listens. */
export class TcpProxy implements AsyncDisposable {
  /** The port on this machine of who listens, for connections to come. */
  target: number;
  /** The address that who listens sees, for connections to come. */
  source = "127.0.0.1";
  /** What becomes of bytes from who connects, on all connections. */
  toServer: Faults = {};
  /** What becomes of bytes to who connects. */
  toClient: Faults = {};
  /** Connections made so far. */
  connections = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #running: Promise<void>[] = [];
  #stalled: PromiseWithResolvers<void> | undefined;

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer({ noDelay: true }, (near) => void this.#running.push(this.#accept(near)));
  }

  /** Opens a network. @param target The port on this machine of who listens. */
  static async open(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Where to connect to, `host:port`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async #accept(near: Socket): Promise<void> {
    const far = connect({ port: this.target, host: "127.0.0.1", localAddress: this.source, noDelay: true });
    this.#watch(near, far);
    this.#watch(far, near);
    const isOpen = await new Promise<boolean>((resolve) => {
      far.once("connect", () => resolve(true));
      far.once("close", () => resolve(false));
    });
    if (!isOpen) return;
    this.connections++;
    await Promise.all([
      this.#relay(near, far, () => this.toServer),
      this.#relay(far, near, () => this.toClient),
    ]);
  }

  /** What becomes of one side becomes of the other. */
  #watch(socket: Socket, other: Socket): void {
    this.#open.add(socket);
    // What is wrong shows when it closes.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#open.delete(socket);
      other.destroy();
    });
  }

  async #relay(from: Socket, to: Socket, faults: () => Faults): Promise<void> {
    let offset = 0;
    let held: Uint8Array | undefined;
    const write = (bytes: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => to.write(bytes, (error) => error ? reject(error) : resolve()));
    try {
      for await (const read of from) {
        const chunk: Uint8Array = read;
        for (let sent = 0; sent < chunk.length;) {
          const { delay = 0, piece = chunk.length, corrupt, swap, cutAfter, resetAfter } = faults();
          await this.#stalled?.promise;
          if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
          const end = cutAfter ?? resetAfter ?? Infinity;
          const bytes = chunk.subarray(sent, Math.min(chunk.length, sent + piece, sent + end - offset));
          if (bytes.length === 0) return end === cutAfter ? void from.destroy() : this.#reset(from, to);
          corrupt?.(bytes, offset);
          const isHeld = held === undefined && swap?.(offset) === true;
          if (!isHeld) await write(bytes);
          if (held !== undefined) await write(held);
          held = isHeld ? bytes : undefined;
          sent += bytes.length;
          offset += bytes.length;
        }
      }
    } catch {
      // It broke on one side.
    }
    from.destroy();
  }

  #reset(...sockets: readonly Socket[]): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  /** Ends every connection, without a word to either side. */
  cut(): void {
    this.flow();
    for (const socket of [...this.#open]) socket.destroy();
  }

  /** Resets every connection: both sides get an RST. */
  reset(): void {
    this.flow();
    this.#reset(...this.#open);
  }

  /** Nothing goes on in either direction until {@linkcode flow}; the connections stay open. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers();
  }

  /** Lets go on what was stalled. */
  flow(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
    await Promise.all(this.#running);
  }
}
