/** Certificates of all kinds, and pairs of peers that try to agree on TLS. */
import {
  CertificateAuthority,
  type Channel,
  type Clock,
  createChannelPair,
  createSelfSignedCertificate,
  systemClock,
  type TestCertificate,
  type TlsOptions,
} from "../../transport/mod.ts";
import { secureChannel } from "../../transport/tls_channel.ts";
import { checkTlsOptions } from "../../transport/tls_options.ts";

/** What tests of TLS need; made once. */
export interface Certificates {
  /** An authority, its certificate in PEM. */
  readonly ca: string;
  /** Whoever issues it. */
  readonly authority: CertificateAuthority;
  /** Another one that has the same name. */
  readonly otherAuthority: CertificateAuthority;
  /** For `localhost` and its addresses. */
  readonly server: TestCertificate;
  readonly client: TestCertificate;
  readonly expired: TestCertificate;
  readonly notYetValid: TestCertificate;
  /** From another authority. */
  readonly foreign: TestCertificate;
  readonly selfSigned: TestCertificate;
}

let certificates: Promise<Certificates> | undefined;

/** The certificates. */
export function testCertificates(): Promise<Certificates> {
  return certificates ??= makeCertificates();
}

async function makeCertificates(): Promise<Certificates> {
  const [authority, otherAuthority] = [
    await CertificateAuthority.create(),
    await CertificateAuthority.create(),
  ];
  const year = (offset: number): Date => new Date(Date.now() + offset * 365 * 86_400_000);
  return {
    ca: authority.certificate,
    authority,
    otherAuthority,
    server: await authority.issue({ name: "server" }),
    client: await authority.issue({ name: "client" }),
    expired: await authority.issue({ name: "expired", validFrom: year(-2), validTo: year(-1) }),
    notYetValid: await authority.issue({ name: "not yet", validFrom: year(1), validTo: year(2) }),
    foreign: await otherAuthority.issue({ name: "client" }),
    selfSigned: await createSelfSignedCertificate({ name: "alone" }),
  };
}

/** What the two sides of a connection say of TLS: over TLS each proves who it is, over TCP they say nothing. */
export async function sidesOver(
  transport: "TCP" | "TLS",
): Promise<Record<"publisher" | "subscriber", { tls?: TlsOptions }>> {
  if (transport === "TCP") return { publisher: {}, subscriber: {} };
  const { ca, server, client } = await testCertificates();
  return { publisher: { tls: { ...server, ca } }, subscriber: { tls: { ...client, ca } } };
}

/** How a pair of peers is to meet. */
export interface MeetingOptions {
  /** Between them; default channels in memory. */
  readonly channels?: readonly [Channel, Channel];
  /** The name that the client knows the server by; default `localhost`. */
  readonly hostname?: string;
  /** The clock of both. */
  readonly clock?: Clock;
}

/** Lets a client and a server agree on TLS. @returns What became of either. */
export async function meet(
  client: TlsOptions,
  server: TlsOptions,
  options: MeetingOptions = {},
): Promise<[PromiseSettledResult<Channel>, PromiseSettledResult<Channel>]> {
  const { channels: [near, far] = createChannelPair(), hostname = "localhost", clock = systemClock } =
    options;
  const sides = [checkTlsOptions(client), checkTlsOptions(server)] as const;
  const common = { timeout: 10_000, clock };
  return await Promise.allSettled([
    secureChannel(near, { ...common, side: "client", settings: sides[0], hostname }),
    secureChannel(far, { ...common, side: "server", settings: sides[1] }),
  ]);
}

/** Lets them agree, and gives both ends; both are closed afterwards. */
export async function withTls(
  test: (client: Channel, server: Channel) => Promise<void>,
  channels?: readonly [Channel, Channel],
): Promise<void> {
  const { ca, server } = await testCertificates();
  const results = await meet({ ca }, server, channels && { channels });
  const [near, far] = results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
  try {
    await test(near!, far!);
  } finally {
    near!.close();
    far!.close();
  }
}
