import { isIP } from "node:net";
import { checkKinds, inRange, longestDelay } from "../transport/option_checks.ts";

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

const kinds: Readonly<Record<keyof PublisherUdpOptions, string>> = {
  hostname: "string",
  port: "number",
  maxDatagramLength: "number",
  encrypt: "boolean",
  keyRotationInterval: "number",
  queueLimit: "number",
};

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
  const given = options ?? {};
  if (typeof given !== "object" || given === null) throw new TypeError("udp must be an object or false");
  checkKinds(given, kinds, "udp");
  const { hostname, port = 0, maxDatagramLength = LONGEST_DATAGRAM, encrypt = false } = given;
  const { keyRotationInterval = 60_000, queueLimit = 4 * 1024 ** 2 } = given;
  if (hostname !== undefined && isIP(hostname) === 0) {
    throw new TypeError(`udp.hostname "${hostname}" is not an IP address`);
  }
  return {
    hostname: hostname ?? (isIP(publisherHostname) === 0 ? "0.0.0.0" : publisherHostname),
    port: inRange(port, "udp.port", 0, 65_535, true),
    maxDatagramLength: inRange(maxDatagramLength, "udp.maxDatagramLength", 512, LONGEST_DATAGRAM, true),
    encrypt,
    keyRotationInterval: inRange(keyRotationInterval, "udp.keyRotationInterval", 1000, longestDelay, false),
    queueLimit: inRange(queueLimit, "udp.queueLimit", LONGEST_DATAGRAM, Number.MAX_SAFE_INTEGER, true),
  };
}
