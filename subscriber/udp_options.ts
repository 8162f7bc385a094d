/**
 * Options for data over UDP.
 *
 * @module
 */
import { isIP } from "node:net";
import { canonicalHost } from "../transport/address.ts";
import { checkKinds, inRange } from "../transport/option_checks.ts";

/** How a subscriber gets its data over UDP (§4). */
export interface UdpOptions {
  /** The local port, which the publisher is told; 0, the default, for any free one. */
  readonly port?: number;
  /** The local address to listen on; default every one of the family (IPv4, IPv6) that the publisher is connected by. */
  readonly interface?: string;
  /**
   * Addresses that the publisher's datagrams may come from, besides the one at the other end of the command channel:
   * for a publisher of several addresses. Default none.
   */
  readonly sources?: readonly string[];
}

/** {@linkcode UdpOptions}, checked. */
export interface CheckedUdpOptions {
  readonly port: number;
  readonly interface: string | undefined;
  /** As `canonicalHost` spells them. */
  readonly sources: readonly string[];
}

/**
 * Checks the options for UDP and fills in the defaults.
 *
 * @returns `undefined` for data over the command channel.
 * @throws {TypeError} When an option does not exist, is of a wrong type or is not an address.
 * @throws {RangeError} When the port is out of its range.
 */
export function checkUdpOptions(given: UdpOptions | boolean | undefined): CheckedUdpOptions | undefined {
  if (given === undefined || given === false) return undefined;
  const options = given === true ? {} : given;
  if (typeof options !== "object" || options === null) {
    throw new TypeError("udp must be an object or a boolean");
  }
  checkKinds(options, { port: "number", interface: "string", sources: "object" }, "udp");
  const { port = 0, sources = [] } = options;
  if (!Array.isArray(sources)) throw new TypeError("udp.sources must be an array of addresses");
  return {
    port: inRange(port, "udp.port", 0, 65_535, true),
    interface: options.interface === undefined ? undefined : checkAddress(options.interface, "udp.interface"),
    sources: sources.map((source) => canonicalHost(checkAddress(source, "udp.sources"))),
  };
}

function checkAddress(address: unknown, name: string): string {
  if (typeof address === "string" && isIP(address) !== 0) return address;
  throw new TypeError(`${name}: "${address}" is not an IP address`);
}
