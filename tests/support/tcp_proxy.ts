/** What a network does to bytes in one direction. */
export interface Faults {
  /** Milliseconds for which each piece is held back; what comes behind it waits, too. */
  readonly delay?: number;
  /** Bytes that go on at a time, at most. */
  readonly piece?: number;
  /** Changes bytes on their way; `offset` is that of the first in its direction of the connection. */
  readonly corrupt?: (bytes: Uint8Array, offset: number) => void;
  /** The connection is cut when so many bytes have gone on. */
  readonly cutAfter?: number;
}

/** A network that can fail: hands bytes on between who connects and who listens. */
export class TcpProxy implements AsyncDisposable {
  /** Where to connect to, `host:port`. */
  readonly address: string;
  /** The port on this machine of who listens, for connections to come. */
  target: number;
  /** What becomes of bytes from who connects, on all connections. */
  toServer: Faults = {};
  /** What becomes of bytes to who connects. */
  toClient: Faults = {};
  /** Connections made so far. */
  connections = 0;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];
  #stalled: PromiseWithResolvers<void> | undefined;

  /** @param target The port on this machine of who listens. */
  constructor(target: number) {
    this.target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#running.push(this.#accept());
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      try {
        const far = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
        this.connections++;
        this.#running.push(
          this.#relay(near, far, () => this.toServer),
          this.#relay(far, near, () => this.toClient),
        );
      } catch {
        near.close();
      }
    }
  }

  async #relay(from: Deno.TcpConn, to: Deno.TcpConn, faults: () => Faults): Promise<void> {
    this.#open.add(from);
    const buffer = new Uint8Array(65_536);
    let offset = 0;
    try {
      for (let length; (length = await from.read(buffer)) !== null;) {
        for (let sent = 0; sent < length;) {
          const { delay = 0, piece = length, corrupt, cutAfter = Infinity } = faults();
          await this.#stalled?.promise;
          if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
          const bytes = buffer.subarray(sent, Math.min(length, sent + piece, sent + cutAfter - offset));
          if (bytes.length === 0) throw new Error("cut");
          corrupt?.(bytes, offset);
          for (let written = 0; written < bytes.length;) written += await to.write(bytes.subarray(written));
          sent += bytes.length;
          offset += bytes.length;
        }
      }
    } catch {
      // Cut.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#open.delete(connection)) connection.close();
  }

  /** Ends every connection, without a word to either side. */
  cut(): void {
    this.flow();
    for (const connection of [...this.#open]) this.#close(connection);
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
    this.#listener.close();
    this.cut();
    await Promise.all(this.#running);
  }
}
