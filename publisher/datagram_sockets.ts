import { isIPv6 } from "node:net";
import { formatHostPort, type HostPort } from "../transport/address.ts";
import { type DatagramSocket, openUdp } from "../transport/udp.ts";
import { demandUdpPermission } from "../transport/udp_permission.ts";
import type { CheckedUdpOptions } from "./udp_options.ts";
import { UdpPorts } from "./udp_ports.ts";

/**
 * The sockets that a publisher's datagrams leave from: one for IPv4 and one for IPv6, opened when somebody wants them.
 * All subscribers share them, so that each sees one port from first to last.
 */
export class DatagramSockets {
  /** Where datagrams go to. */
  readonly ports: UdpPorts = new UdpPorts();
  readonly #options: CheckedUdpOptions;
  readonly #sockets = new Map<"IPv4" | "IPv6", Promise<DatagramSocket>>();

  /** @param options Local address and port. */
  constructor(options: CheckedUdpOptions) {
    this.#options = options;
  }

  /**
   * The socket that reaches an address.
   *
   * @throws {SttpError} `ConnectFailed` when the local address or port can't be had, or nothing may be sent there.
   */
  async socketTo({ hostname, port }: HostPort): Promise<DatagramSocket> {
    const socket = await this.#socketFor(hostname);
    await demandUdpPermission("UDP datagrams to", formatHostPort(hostname, port));
    return socket;
  }

  #socketFor(hostname: string): Promise<DatagramSocket> {
    const family = isIPv6(hostname) ? "IPv6" : "IPv4";
    const { port } = this.#options;
    const isOwn = isIPv6(this.#options.hostname) === (family === "IPv6");
    const local = isOwn ? this.#options.hostname : family === "IPv6" ? "::" : "0.0.0.0";
    let socket = this.#sockets.get(family);
    if (socket === undefined) {
      this.#sockets.set(family, socket = openUdp({ hostname: local, port, ipv6Only: true }));
      // The next who wants it may have more luck.
      socket.catch(() => this.#sockets.delete(family));
    }
    return socket;
  }

  /** Closes the sockets. More may be opened later. */
  async close(): Promise<void> {
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    await Promise.all(sockets.map((socket) => socket.then((open) => open.close(), () => {})));
  }
}
