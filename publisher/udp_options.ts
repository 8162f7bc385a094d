import { isIP } from "node:net";

/** How a publisher serves subscribers that ask for their data over UDP (§4). */
export interface PublisherUdpOptions {
  /**
   * The local address that datagrams leave from; default the publisher's own `hostname`. Where that is a name, or not
   * of the subscriber's family, every interface: the system chooses the one that leads to the subscriber.
   */
  readonly hostname?: string;
  /** The local port that datagrams leave from, for firewalls that want to know it; default 0, any free one. */
  readonly port?: number;
  /**
   * Bytes of a datagram, without the headers of UDP and IP, at most: 512 to 32,768. Default 32,768, which networks
   * take apart and put together again; 1,400 passes whole nearly everywhere, so that a lost fragment takes no other
   * with it.
   */
  readonly maxDatagramLength?: number;
  /**
   * Whether payloads are encrypted (§12). The keys go over the command channel, so that has to be TLS for them to be
   * secret. A session that has got keys is encrypted to its end, over either channel. Default false.
   */
  readonly encrypt?: boolean;
  /** Milliseconds after which a session's keys are replaced, at least 1,000; default 60,000. */
  readonly keyRotationInterval?: number;
  /** Bytes of one subscriber's datagrams that the system has not yet taken, beyond which more are dropped; default 4 MiB. */
  readonly queueLimit?: number;
}

/** {@linkcode PublisherUdpOptions}, complete. */
export type CheckedUdpOptions = Required<PublisherUdpOptions>;

/** The longest datagram that every peer has a buffer for. */
export const LONGEST_DATAGRAM = 32_768;

/**
 * Checks the options for UDP and fills in the defaults.
 *
 * @param publisherHostname Where the publisher listens.
 * @throws {RangeError} When a number is out of its range.
 * @throws {TypeError} When the address is none, or a value is not of its kind.
 */
export function checkUdpOptions(
  options: PublisherUdpOptions | false | undefined,
  publisherHostname: string,
): CheckedUdpOptions | undefined {
  if (options === false) return undefined;
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw new TypeError("udp must be an object or false");
  }
  const { hostname, encrypt = false } = options ?? {};
  if (hostname !== undefined && isIP(hostname) === 0) {
    throw new TypeError(`udp.hostname "${hostname}" is not an address`);
  }
  if (typeof encrypt !== "boolean") throw new TypeError("udp.encrypt must be a boolean");
  return {
    hostname: hostname ?? (isIP(publisherHostname) === 0 ? "0.0.0.0" : publisherHostname),
    port: inRange("port", options?.port ?? 0, 0, 65_535),
    maxDatagramLength: inRange(
      "maxDatagramLength",
      options?.maxDatagramLength ?? LONGEST_DATAGRAM,
      512,
      LONGEST_DATAGRAM,
    ),
    encrypt,
    keyRotationInterval: inRange(
      "keyRotationInterval",
      options?.keyRotationInterval ?? 60_000,
      1000,
      2 ** 31 - 1,
    ),
    queueLimit: inRange(
      "queueLimit",
      options?.queueLimit ?? 4 * 1024 ** 2,
      LONGEST_DATAGRAM,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`udp.${name} is ${value}, a whole number ${range} expected`);
}
