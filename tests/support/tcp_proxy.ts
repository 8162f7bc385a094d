/** A network that can fail: hands bytes on between who connects and who listens. */
export class TcpProxy implements AsyncDisposable {
  /** Where to connect to, `host:port`. */
  readonly address: string;
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];

  /** @param target The port on this machine of who listens. */
  constructor(target: number) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#running.push(this.#accept());
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      try {
        const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
        this.#running.push(this.#relay(near, far), this.#relay(far, near));
      } catch {
        near.close();
      }
    }
  }

  async #relay(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    this.#connections.add(from);
    const buffer = new Uint8Array(65_536);
    try {
      for (let length; (length = await from.read(buffer)) !== null;) {
        for (let sent = 0; sent < length;) sent += await to.write(buffer.subarray(sent, length));
      }
    } catch {
      // Cut.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  /** Ends every connection, without a word to either side. */
  cut(): void {
    for (const connection of [...this.#connections]) this.#close(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#running);
  }
}
