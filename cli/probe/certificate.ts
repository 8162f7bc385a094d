/**
 * What a publisher shows by TLS, whether or not it is to be trusted.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { type Channel, customaryPort, parseTarget, SttpError, TlsError, type TlsOptions } from "../../mod.ts";
import { type CertificateInfo, certificateInfo } from "../certificate.ts";
import type { TlsReport } from "./report.ts";

/**
 * Looks at a publisher's certificate.
 *
 * @param dial Connects as a subscriber would, and so decides about trust.
 * @param timeout Milliseconds for either connection.
 */
export async function probeTls(
  address: string,
  options: TlsOptions,
  dial: () => Promise<Channel>,
  timeout: number,
): Promise<TlsReport> {
  const { certificate, protocol } = await shown(address, options, timeout);
  try {
    (await dial()).close();
    return { certificate, trusted: true, problem: null, protocol };
  } catch (error) {
    if (!(error instanceof SttpError) || error.code === "Aborted") throw error;
    // A publisher that can't be reached is no matter of trust.
    if (!(error instanceof TlsError) && certificate === null) throw error;
    return { certificate, trusted: false, problem: error.message, protocol };
  }
}

/** What it shows to somebody who trusts everybody. Nothing is sent to it beyond the handshake. */
function shown(
  address: string,
  { certificate, key, passphrase, serverName, minVersion = "1.3" }: TlsOptions,
  timeout: number,
): Promise<{ certificate: CertificateInfo | null; protocol: string | null }> {
  const { hostname, port } = parseTarget(address, customaryPort(true));
  const name = serverName ?? hostname;
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port,
      rejectUnauthorized: false,
      minVersion: `TLSv${minVersion}`,
      ...certificate !== undefined && { cert: certificate },
      ...key !== undefined && { key },
      ...passphrase !== undefined && { passphrase },
      ...!/^[\d.]+$|:/.test(name) && { servername: name },
    });
    const end = (result: Awaited<ReturnType<typeof shown>>): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const nothing = { certificate: null, protocol: null };
    const timer = setTimeout(() => end(nothing), timeout);
    socket.once("error", () => end(nothing));
    socket.once("close", () => end(nothing));
    socket.once("secureConnect", () => {
      end({
        certificate: infoOf(socket.getPeerCertificate().raw),
        protocol: [socket.getProtocol(), socket.getCipher()?.name].filter(Boolean).join(" "),
      });
    });
  });
}

/** What a certificate says; `null` when there is none, or it makes no sense. */
function infoOf(raw: Uint8Array | undefined): CertificateInfo | null {
  if (raw === undefined) return null;
  try {
    return certificateInfo(new X509Certificate(raw));
  } catch {
    return null;
  }
}
