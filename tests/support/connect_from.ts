/** TCP connections that leave from an address of the test's choice, such as `127.0.0.2`. */
import { once } from "node:events";
import { connect } from "node:net";
import { type Channel, formatHostPort } from "../../transport/mod.ts";

/** Connects to a port of this machine. */
export async function connectFrom(localAddress: string, port: number): Promise<Channel> {
  const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true });
  await once(socket, "connect");
  const chunks = socket[Symbol.asyncIterator]();
  let rest = new Uint8Array(0);
  return {
    peer: { address: formatHostPort("127.0.0.1", port) },
    async read(into): Promise<number | null> {
      while (rest.length === 0) {
        const { done, value } = await chunks.next().catch(() => ({ done: true, value: undefined }));
        if (done) return null;
        rest = value;
      }
      const length = Math.min(rest.length, into.length);
      into.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      return length;
    },
    async write(bytes): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.write(bytes.slice(), (error) => error ? reject(error) : resolve());
      await promise;
    },
    close: () => void socket.destroy(),
  };
}
