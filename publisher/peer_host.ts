import { canonicalHost, parseHostPort } from "../transport/address.ts";

/** The host in a peer's address, spelt in one way. */
export function hostOf(address: string): string {
  try {
    return canonicalHost(parseHostPort(address, 0).hostname);
  } catch {
    // A channel that the application made may call its other end what it likes.
    return address;
  }
}
