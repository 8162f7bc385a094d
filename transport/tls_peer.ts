/**
 * Who is at the other end of a TLS connection, and why one did not come about.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { checkServerIdentity, type PeerCertificate as NodeCertificate, type TLSSocket } from "node:tls";
import type { PeerCertificate } from "./channel.ts";
import { SttpError } from "./errors.ts";
import { fingerprintOf, type TlsSettings } from "./tls_options.ts";

/**
 * Why a TLS connection did not come about.
 *
 * | reason | meaning |
 * | --- | --- |
 * | `noCertificate` | the peer showed no certificate |
 * | `expired` | its certificate is no longer valid |
 * | `notYetValid` | its certificate is not valid yet |
 * | `untrusted` | its certificate comes from no authority that is trusted, or is not on the list |
 * | `wrongName` | its certificate is for another host |
 * | `version` | it speaks only versions of TLS that are too old |
 * | `incompatible` | it speaks no cipher or key exchange that we do |
 * | `notTls` | what came was not TLS |
 * | `refusedByPeer` | it refused us, or our certificate |
 * | `closed` | it closed the connection before all was agreed |
 * | `timeout` | it took too long |
 * | `overload` | too many others were connecting at the same time |
 * | `settings` | our own settings can't be used |
 * | `failed` | anything else |
 */
export type TlsFailure =
  | "noCertificate"
  | "expired"
  | "notYetValid"
  | "untrusted"
  | "wrongName"
  | "version"
  | "incompatible"
  | "notTls"
  | "refusedByPeer"
  | "closed"
  | "timeout"
  | "overload"
  | "settings"
  | "failed";

/** A TLS connection did not come about; its code is `HandshakeFailed`. */
export class TlsError extends SttpError {
  /** Why, for programs. */
  readonly reason: TlsFailure;
  /** The certificate that the peer showed, if it came to that. */
  readonly certificate: PeerCertificate | undefined;

  /**
   * An error with its reason.
   *
   * @param message What was wrong, with whom, and what was expected.
   * @param options `cause`: the error underneath; `certificate`: what the peer showed.
   */
  constructor(
    reason: TlsFailure,
    message: string,
    options: ErrorOptions & { certificate?: PeerCertificate | undefined } = {},
  ) {
    super("HandshakeFailed", message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "TlsError";
    this.reason = reason;
    this.certificate = options.certificate;
  }
}

/** What is asked of a peer. */
export interface Expectation {
  /** Whom to trust. */
  readonly settings: TlsSettings;
  /** Whether the peer is the one that listens. */
  readonly isServer: boolean;
  /** The name that a listening peer goes by. */
  readonly hostname: string;
  /** The time, in milliseconds since 1970. */
  readonly now: number;
  /** For messages. */
  readonly address: string;
}

/**
 * Decides about a peer whose handshake is done, so that it has proven to have the key of its certificate.
 *
 * @returns Its certificate; `undefined` when it needs none and showed none.
 * @throws {TlsError} When it is not to be trusted.
 */
export function checkPeer(socket: TLSSocket, expected: Expectation): PeerCertificate | undefined {
  const { settings, isServer, address } = expected;
  const { ca, trusted } = settings;
  const isNeeded = isServer || ca !== undefined || trusted !== undefined;
  const shown = socket.getPeerCertificate();
  // Without a certificate it is an empty object.
  if (!shown?.raw) {
    if (!isNeeded) return undefined;
    throw new TlsError("noCertificate", `${address} showed no certificate`);
  }
  const x509 = new X509Certificate(shown.raw);
  const validTo = x509.validToDate.getTime();
  const certificate = { name: nameOf(shown, x509), fingerprint: fingerprintOf(x509), validTo };
  if (!isNeeded) return certificate;

  const refuse = (reason: TlsFailure, problem: string): TlsError =>
    new TlsError(reason, `the certificate "${certificate.name}" of ${address} ${problem}`, { certificate });
  if (expected.now > validTo) throw refuse("expired", `expired on ${dateText(x509.validToDate)}`);
  if (expected.now < x509.validFromDate.getTime()) {
    throw refuse("notYetValid", `is valid only from ${dateText(x509.validFromDate)}`);
  }
  if (trusted !== undefined && !trusted.has(certificate.fingerprint)) {
    throw refuse("untrusted", `with fingerprint ${certificate.fingerprint} is not one of those trusted`);
  }
  if ((ca !== undefined || trusted === undefined) && !socket.authorized) {
    throw refuse("untrusted", `comes from no trusted authority (${socket.authorizationError})`);
  }
  if (isServer && trusted === undefined) {
    const name = settings.serverName ?? expected.hostname;
    const problem = checkServerIdentity(name, shown);
    if (problem !== undefined) throw refuse("wrongName", `is not for "${name}"`);
  }
  return certificate;
}

/** The common name, or the whole subject. */
function nameOf(shown: NodeCertificate, x509: X509Certificate): string {
  const name: unknown = shown.subject?.CN;
  return typeof name === "string" && name !== "" ? name : x509.subject.replaceAll("\n", ", ");
}

function dateText(date: Date): string {
  return date.toISOString().slice(0, 19) + "Z";
}

/** Finds the reason in what `node:tls`, or the channel underneath, says of a handshake that failed. */
export function explainFailure(cause: unknown, address: string): SttpError {
  if (cause instanceof TlsError) return cause;
  if (cause instanceof SttpError) {
    return cause.code === "Aborted" ? cause : new TlsError("closed", cause.message, { cause });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = String((cause as { code?: unknown } | null)?.code ?? "");
  const reason = reasonOf(code, message);
  return new TlsError(reason, `no TLS with ${address}: ${message}`, { cause });
}

function reasonOf(code: string, message: string): TlsFailure {
  if (/Tls1[23]Not|SupportedVersionsExt|SignatureAlgorithmsExt|alert: ProtocolVersion/.test(message)) {
    return "version";
  }
  if (message.startsWith("peer is incompatible")) return "incompatible";
  if (message.includes("corrupt message") || code === "ERR_SSL_WRONG_VERSION_NUMBER") return "notTls";
  if (message.includes("received fatal alert")) return "refusedByPeer";
  if (code === "ECONNRESET" || code === "EPIPE" || /hang up|disconnected before/.test(message)) {
    return "closed";
  }
  return "failed";
}
