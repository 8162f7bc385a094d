/**
 * What TLS is told: certificates, whom to trust, and how that may change while running.
 *
 * @module
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { PeerCertificate } from "./channel.ts";
import { checkKinds } from "./option_checks.ts";

/**
 * How a command channel is secured. The same settings serve who connects and who listens, a publisher and a
 * subscriber; certificates and keys are texts in PEM.
 *
 * Trust, on either side: with {@linkcode TlsOptions.ca} the peer's certificate must come from one of these
 * authorities; with {@linkcode TlsOptions.trustedCertificates} it must be one of these; with both, both. With neither,
 * who connects trusts the authorities that the system trusts, and who listens asks for no certificate. Certificates
 * are always refused outside their time of validity.
 */
export interface TlsOptions {
  /** The own certificate; those between it and its authority may follow. Who listens needs one. */
  readonly certificate?: string;
  /** Its private key. */
  readonly key?: string;
  /** The password of the key, if it has one. */
  readonly passphrase?: string;
  /** Certificates of authorities; one text may hold several. */
  readonly ca?: string | readonly string[];
  /**
   * Certificates of peers, each a text in PEM or the SHA-256 fingerprint in hex, with or without colons. An empty list
   * trusts nobody. A peer that is known this well may have any name.
   */
  readonly trustedCertificates?: readonly string[];
  /** The name that a listening peer's certificate must be for; default the host that is connected to. */
  readonly serverName?: string;
  /** The oldest version of TLS to speak; default `1.3`. */
  readonly minVersion?: "1.2" | "1.3";
}

/**
 * {@linkcode TlsOptions}, or a function that gives them. The function is asked for each connection, so that replaced
 * certificates and lists count from the next one on; when it fails, that connection is refused.
 */
export type TlsSource = TlsOptions | (() => TlsOptions | Promise<TlsOptions>);

/** {@linkcode TlsOptions}, checked. */
export interface TlsSettings {
  /** The own certificate, with its key without password. */
  readonly own:
    | { readonly certificate: string; readonly key: string; readonly identity: PeerCertificate }
    | undefined;
  readonly ca: readonly string[] | undefined;
  /** Fingerprints, lower-case hex. */
  readonly trusted: ReadonlySet<string> | undefined;
  readonly serverName: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

const kinds = {
  certificate: "string",
  key: "string",
  passphrase: "string",
  ca: "any",
  trustedCertificates: "any",
  serverName: "string",
  minVersion: "string",
};

/**
 * Checks TLS options and brings them into the form that connections need.
 *
 * @throws {TypeError} When an option does not exist, a text is no certificate or key, or they do not belong together.
 */
export function checkTlsOptions(options: TlsOptions): TlsSettings {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("tls must be an object or a function that returns one");
  }
  checkKinds(options, kinds, "tls");
  const { ca, trustedCertificates, serverName, minVersion = "1.3" } = options;
  if (minVersion !== "1.2" && minVersion !== "1.3") {
    throw new TypeError(`tls: minVersion must be "1.2" or "1.3", not "${minVersion}"`);
  }
  checkTexts("ca", ca === undefined || Array.isArray(ca) ? ca : [ca]);
  checkTexts("trustedCertificates", trustedCertificates);
  return {
    own: checkOwn(options),
    ca: ca === undefined ? undefined : checkAuthorities(typeof ca === "string" ? [ca] : ca),
    trusted: trustedCertificates && new Set(trustedCertificates.map(checkTrusted)),
    serverName,
    minVersion: `TLSv${minVersion}`,
  };
}

function checkTexts(name: string, list: unknown): void {
  if (list === undefined) return;
  if (!Array.isArray(list) || list.some((text) => typeof text !== "string")) {
    throw new TypeError(`tls: "${name}" must be a list of texts`);
  }
}

function checkOwn({ certificate, key, passphrase }: TlsOptions): TlsSettings["own"] {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new TypeError(`tls: the ${certificate === undefined ? "key" : "certificate"} is there alone`);
  }
  const [own] = certificatesIn(certificate, "certificate");
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    // The cause may say too much of a secret.
    const hint = key.includes("ENCRYPTED") ? " with this passphrase" : "";
    throw new TypeError(`tls: key is not a private key in PEM${hint}`, { cause });
  }
  if (!own!.checkPrivateKey(privateKey)) throw new TypeError("tls: key is not the key of certificate");
  return {
    certificate,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    identity: identityOf(own!),
  };
}

function checkAuthorities(texts: readonly string[]): string[] {
  const found = texts.flatMap((text) => certificatesIn(text, "ca"));
  // None would be taken for "whomever the system trusts".
  if (found.length === 0) throw new TypeError("tls: ca is empty");
  return found.map(String);
}

function checkTrusted(text: string): string {
  const hex = text.replaceAll(":", "").trim().toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  if (!text.includes("-----BEGIN")) {
    throw new TypeError(
      "tls: trustedCertificates has neither a certificate in PEM nor a SHA-256 fingerprint",
    );
  }
  const found = certificatesIn(text, "trustedCertificates");
  if (found.length > 1) throw new TypeError("tls: trustedCertificates has several certificates in one text");
  return fingerprintOf(found[0]!);
}

/** All certificates in a text: at least one. */
function certificatesIn(text: string, option: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length === 0) throw new TypeError("nothing between BEGIN and END CERTIFICATE lines");
    const found = blocks.map((block) => new X509Certificate(block));
    // Names that can't be read are told here, not when somebody asks for them.
    for (const certificate of found) identityOf(certificate);
    return found;
  } catch (cause) {
    throw new TypeError(`tls: ${option} is not a certificate in PEM`, { cause });
  }
}

/** SHA-256 of a certificate, lower-case hex without separators. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase();
}

/** What identifies a certificate. */
function identityOf(certificate: X509Certificate): PeerCertificate {
  const { subject, validToDate } = certificate;
  const name = /^CN=(.+)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");
  return { name, fingerprint: fingerprintOf(certificate), validTo: validToDate.getTime() };
}

/**
 * SHA-256 of a certificate in PEM, lower-case hex: how a trusted certificate is named where its text is too long.
 *
 * @throws {TypeError} When the text is no certificate.
 */
export function certificateFingerprint(certificate: string): string {
  return fingerprintOf(certificatesIn(certificate, "certificate")[0]!);
}

/** Gives the settings for each connection; those of options that stay the same are made once. */
export class TlsProvider {
  readonly #source: TlsSource;
  #known: { readonly text: string; readonly settings: TlsSettings } | undefined;

  /**
   * Options are checked at once, a function is only asked later.
   *
   * @throws {TypeError} As {@linkcode checkTlsOptions}.
   */
  constructor(source: TlsSource) {
    this.#source = source;
    if (typeof source !== "function") this.#prepare(source);
  }

  /** The own certificate, as it was when the settings were asked for last; `undefined` before that. */
  get own(): PeerCertificate | undefined {
    return this.#known?.settings.own?.identity;
  }

  /**
   * The settings in force now.
   *
   * @throws {TypeError} As {@linkcode checkTlsOptions}; or what the function throws.
   */
  async settings(): Promise<TlsSettings> {
    return this.#prepare(typeof this.#source === "function" ? await this.#source() : this.#source);
  }

  #prepare(options: TlsOptions): TlsSettings {
    const text = JSON.stringify(options);
    if (this.#known?.text !== text) this.#known = { text, settings: checkTlsOptions(options) };
    return this.#known.settings;
  }
}
