/**
 * What certificates say.
 *
 * @module
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import { CommandError, ExitCode } from "./exit_codes.ts";
import { count, plain } from "./text.ts";

/** What a certificate says. */
export interface CertificateInfo {
  /** Whom it is about. */
  readonly subject: string;
  /** Who vouches for it. */
  readonly issuer: string;
  /** The names and addresses of its host. */
  readonly hosts: readonly string[];
  /** Its time of validity, ISO 8601. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Whole days until it expires; negative when it has. */
  readonly daysLeft: number;
  /** Whether it is valid at this time. */
  readonly valid: boolean;
  /** Whether it may vouch for others. */
  readonly authority: boolean;
  /** Whether it vouches for itself. */
  readonly selfSigned: boolean;
  /** The kind of its key, such as `ec prime256v1` or `rsa 2048`. */
  readonly key: string;
  /** SHA-256, lower-case hex: what `--trust` takes. */
  readonly fingerprint: string;
}

const DAY = 86_400_000;

/**
 * Looks into a certificate.
 *
 * @param now Milliseconds since 1970.
 * @throws {CommandError} `BadInput` when it says what makes no sense, such as a name that is not UTF-8.
 */
export function certificateInfo(certificate: X509Certificate, now: number = Date.now()): CertificateInfo {
  try {
    return infoOf(certificate, now);
  } catch (cause) {
    const message = `the certificate can't be read: ${(cause as Error).message}`;
    throw new CommandError(ExitCode.BadInput, message, { cause });
  }
}

function infoOf(certificate: X509Certificate, now: number): CertificateInfo {
  const { subject, issuer, subjectAltName = "", validFromDate: from, validToDate: to } = certificate;
  return {
    subject: oneLine(subject),
    issuer: oneLine(issuer),
    hosts: [...subjectAltName.matchAll(/(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]+)/g)].map(([, host]) =>
      host!
    ),
    validFrom: from.toISOString(),
    validTo: to.toISOString(),
    daysLeft: Math.floor((to.getTime() - now) / DAY),
    valid: from.getTime() <= now && now <= to.getTime(),
    authority: certificate.ca,
    selfSigned: certificate.checkIssued(certificate),
    key: keyKind(certificate),
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

/** All certificates in a text. @throws {CommandError} `BadInput` when there is none, or one can't be read. */
export function readCertificates(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block));
  } catch {
    // Said below.
  }
  throw new CommandError(ExitCode.BadInput, `${path} is not a certificate in PEM`);
}

/** A certificate in lines for people. */
export function describeCertificate(info: CertificateInfo): string[] {
  const { subject, issuer, hosts, validFrom, validTo, daysLeft, valid, authority, selfSigned, key } = info;
  const left = daysLeft < 0 ? `expired ${count(-daysLeft)} days ago` : `${count(daysLeft)} days left`;
  return [
    `subject      ${plain(subject)}`,
    `issuer       ${selfSigned ? "itself" : plain(issuer)}`,
    `hosts        ${hosts.length === 0 ? "none" : plain(hosts.join(", "))}`,
    `valid        ${validFrom} to ${validTo}: ${!valid && daysLeft >= 0 ? "not yet" : left}`,
    `authority    ${authority ? "yes" : "no"}`,
    `key          ${key}`,
    `fingerprint  ${info.fingerprint}`,
  ];
}

/** X.500 names come a part in each line. */
function oneLine(name: string | undefined): string {
  return (name ?? "").replaceAll("\n", ", ");
}

function keyKind(certificate: X509Certificate): string {
  let publicKey: KeyObject;
  try {
    ({ publicKey } = certificate);
  } catch {
    return "of an unknown kind";
  }
  const { asymmetricKeyType = "unknown", asymmetricKeyDetails } = publicKey;
  const size = asymmetricKeyDetails?.modulusLength ?? asymmetricKeyDetails?.namedCurve;
  return size === undefined ? asymmetricKeyType : `${asymmetricKeyType} ${size}`;
}
