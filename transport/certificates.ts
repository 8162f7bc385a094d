/**
 * Certificates for tests and trials, made without any tool.
 *
 * @module
 */
/** A certificate and its key, ready for {@linkcode TlsOptions}. */
export interface TestCertificate {
  /** The certificate in PEM. */
  readonly certificate: string;
  /** Its private key in PEM (PKCS #8), not encrypted. */
  readonly key: string;
}

/** What a certificate is to say. */
export interface CertificateOptions {
  /** Whom it is about: its common name. */
  readonly name: string;
  /** Names and addresses under which its host can be reached; default `localhost`, `127.0.0.1` and `::1`. */
  readonly hosts?: readonly string[];
  /**
   * What it may be used for: by who listens (`server`), by who connects (`client`); default both, since either side
   * of STTP may be the one that listens.
   */
  readonly usage?: "server" | "client" | "both";
  /** From when on it is valid; default an hour ago, so that clocks may differ. */
  readonly validFrom?: Date;
  /** Until when it is valid, such as a time past for an expired one; default a year after `validFrom`. */
  readonly validTo?: Date;
}

/** A set of certificates for two peers that trust each other. */
export interface TestCertificates {
  /** Who vouches for both; makes more. */
  readonly authority: CertificateAuthority;
  /** For who listens. */
  readonly server: TestCertificate;
  /** For who connects. */
  readonly client: TestCertificate;
}

/**
 * Makes an authority and a certificate for each side of a trial set-up on this machine.
 *
 * @example A publisher and a subscriber that know each other
 * ```ts
 * import { createTestCertificates } from "@sttp/sttp/transport";
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { Subscriber } from "@sttp/sttp/subscriber";
 * import { assertEquals } from "@std/assert";
 *
 * const { authority, server, client } = await createTestCertificates();
 * const ca = authority.certificate;
 * await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", tls: { ...server, ca } });
 * await publisher.start();
 * await using subscriber = new Subscriber({ tls: { ...client, ca } });
 * await subscriber.connect(publisher.address);
 * assertEquals(publisher.stats().open[0]?.certificate?.name, "client");
 * ```
 */
export async function createTestCertificates(): Promise<TestCertificates> {
  const authority = await CertificateAuthority.create();
  const [server, client] = await Promise.all([
    authority.issue({ name: "server", usage: "server" }),
    authority.issue({ name: "client", usage: "client" }),
  ]);
  return { authority, server, client };
}

/**
 * Makes a certificate that vouches for itself; its peer can trust it only by itself
 * ({@linkcode TlsOptions.trustedCertificates}).
 *
 * @throws {TypeError} When the name is empty.
 * @throws {RangeError} When it would end before it begins.
 */
export async function createSelfSignedCertificate(options: CertificateOptions): Promise<TestCertificate> {
  const keys = await generateKeys();
  return await issue(options, keys, { name: options.name, keys });
}

/** An authority that vouches for certificates: for tests and trials, its key is held in memory. */
export class CertificateAuthority {
  /** Its own certificate in PEM: what those put into `ca` who trust it. */
  readonly certificate: string;
  /** Its private key in PEM (PKCS #8), not encrypted. */
  readonly key: string;
  readonly #issuer: Issuer;

  private constructor({ certificate, key }: TestCertificate, issuer: Issuer) {
    this.certificate = certificate;
    this.key = key;
    this.#issuer = issuer;
  }

  /**
   * Makes an authority with a key of its own.
   *
   * @param options `name`: its common name, default `STTP test authority`; `validFrom` and `validTo` as in
   * {@linkcode CertificateOptions}, ten years by default.
   * @throws {TypeError} When the name is empty.
   * @throws {RangeError} When it would end before it begins.
   */
  static async create(
    options: Partial<Pick<CertificateOptions, "name" | "validFrom" | "validTo">> = {},
  ): Promise<CertificateAuthority> {
    const { name = "STTP test authority", validFrom = anHourAgo() } = options;
    const { validTo = new Date(validFrom.getTime() + 10 * YEAR) } = options;
    const keys = await generateKeys();
    const issuer = { name, keys };
    const own = await issue({ name, validFrom, validTo, hosts: [] }, keys, issuer, true);
    return new CertificateAuthority(own, issuer);
  }

  /**
   * Makes a certificate that this authority vouches for, with a key of its own.
   *
   * @throws {TypeError} When the name is empty.
   * @throws {RangeError} When it would end before it begins.
   *
   * @example An expired one
   * ```ts
   * import { CertificateAuthority } from "@sttp/sttp/transport";
   * import { assertMatch } from "@std/assert";
   *
   * const authority = await CertificateAuthority.create();
   * const expired = await authority.issue({
   *   name: "SHELBY",
   *   validFrom: new Date("2020-01-01"),
   *   validTo: new Date("2021-01-01"),
   * });
   * assertMatch(expired.certificate, /^-----BEGIN CERTIFICATE-----/);
   * ```
   */
  async issue(options: CertificateOptions): Promise<TestCertificate> {
    return await issue(options, await generateKeys(), this.#issuer);
  }
}

interface Issuer {
  readonly name: string;
  readonly keys: CryptoKeyPair;
}

const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const YEAR = 365 * 24 * 3_600_000;

function anHourAgo(): Date {
  return new Date(Date.now() - 3_600_000);
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
}

async function issue(
  options: CertificateOptions,
  keys: CryptoKeyPair,
  issuer: Issuer,
  isAuthority = false,
): Promise<TestCertificate> {
  const { name, hosts = ["localhost", "127.0.0.1", "::1"], usage = "both", validFrom = anHourAgo() } =
    options;
  const { validTo = new Date(validFrom.getTime() + YEAR) } = options;
  if (typeof name !== "string" || name === "") throw new TypeError("a certificate needs a name");
  if (!(validTo > validFrom)) {
    throw new RangeError(`a certificate from ${String(validFrom)} can't end at ${String(validTo)}`);
  }
  const serialNumber = crypto.getRandomValues(new Uint8Array(16));
  serialNumber[0]! &= 0x7f;
  // Only who makes certificates pays for the library behind this.
  const { encodeCertificate } = await import("./x509.ts");
  const der = await encodeCertificate({
    serialNumber,
    issuer: issuer.name,
    subject: name,
    validFrom,
    validTo,
    publicKey: await publicPoint(keys),
    issuerPublicKey: await publicPoint(issuer.keys),
    isAuthority,
    usages: usage === "both" ? ["server", "client"] : [usage],
    hosts,
  }, async (bytes) => {
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    return new Uint8Array(await crypto.subtle.sign(algorithm, issuer.keys.privateKey, bytes));
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certificate: toPem("CERTIFICATE", der), key: toPem("PRIVATE KEY", new Uint8Array(key)) };
}

async function publicPoint(keys: CryptoKeyPair): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
}

function toPem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g)!;
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
