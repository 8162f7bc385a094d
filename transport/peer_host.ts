import { canonicalHost, parseHostPort } from "./address.ts";
import { addressBytes } from "./ip_address.ts";

/** The host in a peer's address, spelt in one way. */
export function hostOf(address: string): string {
  try {
    return canonicalHost(parseHostPort(address, 0).hostname);
  } catch {
    // A channel that the application made may call its other end what it likes.
    return address;
  }
}

/** The network that a peer's address is in: see {@linkcode networkOf}. */
export function networkOfPeer(address: string): string {
  return networkOf(hostOf(address));
}

/**
 * The network that a host is in: of IPv6 the first 64 bits, as who has one address there has them all. Other hosts stand
 * for themselves.
 */
export function networkOf(host: string): string {
  const address = addressBytes(host);
  return address?.length === 16 ? `${address.subarray(0, 8).toHex()}/64` : host;
}
