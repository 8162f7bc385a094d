import { addressBytes } from "../transport/ip_address.ts";

interface Range {
  readonly address: Uint8Array;
  readonly bits: number;
}

/** IP addresses and ranges of them, to look addresses up in. IPv4 that is mapped into IPv6 counts as IPv4. */
export class AddressRanges {
  readonly #ranges: readonly Range[];

  /**
   * @param texts Addresses, and ranges in CIDR notation: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
   * @throws {TypeError} When one is neither.
   */
  constructor(texts: readonly string[]) {
    this.#ranges = texts.map(parseRange);
  }

  /** Whether an address is one of them or in one of them; a name never is. */
  has(host: string): boolean {
    const address = addressBytes(host);
    return address !== undefined && this.#ranges.some((range) => isIn(address, range));
  }
}

function parseRange(text: string): Range {
  const [, host, prefix] = /^\s*([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?\s*$/.exec(text) ?? [];
  const address = host === undefined ? undefined : addressBytes(host);
  if (address === undefined || host === undefined) throw wrongRange(text);
  const most = 8 * address.length;
  // The prefix of a mapped address counts the 96 bits in front of the IPv4 address.
  const mapped = most === 32 && host.includes(":") ? 96 : 0;
  const bits = prefix === undefined ? most : Number(prefix) - mapped;
  if (bits < 0 || bits > most) throw wrongRange(text);
  return { address, bits };
}

function wrongRange(text: string): TypeError {
  return new TypeError(`"${text}" is neither an IP address nor a range such as 10.0.0.0/8 or 2001:db8::/32`);
}

function isIn(address: Uint8Array, range: Range): boolean {
  // Of the same family.
  if (address.length !== range.address.length) return false;
  for (let i = 0; 8 * i < range.bits; i++) {
    const ignored = Math.max(0, 8 * (i + 1) - range.bits);
    if ((address[i]! ^ range.address[i]!) >> ignored !== 0) return false;
  }
  return true;
}
