import type { ChannelListener, PeerInfo } from "../transport/channel.ts";
import { listenTcp } from "../transport/tcp.ts";
import { listenTls, type TlsError } from "../transport/tls.ts";
import type { CheckedOptions } from "./options.ts";

/**
 * Listens as the options say.
 *
 * @param onRefused Is told of each peer with which TLS was not agreed on.
 * @returns `undefined` when the options say not to.
 * @throws {SttpError} `ConnectFailed` when the address can't be had.
 */
export async function openListener(
  options: Pick<CheckedOptions, "listen" | "hostname" | "port" | "tls" | "handshakeTimeout" | "clock">,
  onRefused: (error: TlsError, peer: PeerInfo) => void,
): Promise<ChannelListener | undefined> {
  const { listen, hostname, port, tls, handshakeTimeout, clock } = options;
  if (listen === false) return undefined;
  if (listen !== undefined) return await listen();
  if (tls === undefined) return listenTcp({ hostname, port });
  return await listenTls({ hostname, port, tls, handshakeTimeout, onRefused, clock });
}
