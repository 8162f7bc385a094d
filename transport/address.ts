/**
 * `host:port` in text.
 *
 * @module
 */

/** A host and a port on it. */
export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly hostname: string;
  /** 0 to 65535; 0 lets the system choose when listening. */
  readonly port: number;
}

/**
 * Takes `host:port` apart.
 *
 * @param text Such as `localhost:7175`, `192.0.2.1:7165`, `[::1]:7165`, or `:7165` for localhost; without a port, a
 * bare host or a bare IPv6 address, when there is a default.
 * @param defaultPort The port where the text names none.
 * @throws {TypeError} When the text names no port and there is no default, or is not an address.
 *
 * @example
 * ```ts
 * import { parseHostPort } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseHostPort("localhost:7175"), { hostname: "localhost", port: 7175 });
 * assertEquals(parseHostPort("[::1]", 7165), { hostname: "::1", port: 7165 });
 * ```
 */
export function parseHostPort(text: string, defaultPort?: number): HostPort {
  const match = /^\s*(?:\[([0-9a-fA-F:.]+(?:%[^\]\s]+)?)\]|([^:\s[\]]*))(?::(\d{1,5}))?\s*$/.exec(text) ??
    bareIpv6(text);
  const hostname = match?.[1] ?? match?.[2];
  if (match === null || hostname === undefined || (hostname === "" && match[3] === undefined)) {
    throw new TypeError(`"${text}" is not an address such as localhost:7165 or [::1]:7165`);
  }
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (port === undefined) {
    throw new TypeError(`"${text}" names no port; expected such as ${text.trim()}:7165`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`"${text}": port ${port} is not between 0 and 65535`);
  }
  return { hostname: hostname || "localhost", port };
}

/**
 * Takes the `host:port` of something to connect to apart, as {@linkcode parseHostPort} does.
 *
 * @throws {TypeError} When it is not an address.
 * @throws {RangeError} When the port is 0: only who listens can leave it to the system.
 */
export function parseTarget(text: string, defaultPort?: number): HostPort {
  const target = parseHostPort(text, defaultPort);
  if (target.port === 0) throw new RangeError(`"${text}": nobody can be connected to at port 0`);
  return target;
}

/** An IPv6 address without brackets: at least two colons, so that none of them can stand before a port. */
function bareIpv6(text: string): RegExpExecArray | null {
  return /^\s*([0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)\s*$/.exec(text);
}

/** Puts `host:port` together; an IPv6 address gets brackets. */
export function formatHostPort(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * A host's address in one spelling, so that addresses can be compared as texts: IPv6 in its shortest form, without
 * brackets and zone; IPv4 that is mapped into IPv6 as IPv4. Names come back in lower case.
 *
 * @example
 * ```ts
 * import { canonicalHost } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(canonicalHost("::ffff:192.0.2.1"), "192.0.2.1");
 * assertEquals(canonicalHost("FE80:0:0:0::1%eth0"), "fe80::1");
 * ```
 */
export function canonicalHost(host: string): string {
  const address = host.toLowerCase().replace(/^\[|\]$|%.*$/g, "");
  if (!address.includes(":")) return address;
  const url = URL.parse(`http://[${address}]`);
  if (url === null) return address;
  const shortest = url.hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(shortest);
  if (mapped === null) return shortest;
  const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The customary port (§1) of who listens: 7165, or 7167 with TLS. */
export function customaryPort(tls: unknown): number {
  return tls === undefined || tls === false ? 7165 : 7167;
}
