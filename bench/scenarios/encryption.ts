import { createSelfSignedCertificate, type TlsOptions } from "../../transport/mod.ts";

/** What both sides of an encrypted connection need. */
export interface Encryption {
  readonly publisher: TlsOptions;
  readonly subscriber: TlsOptions;
}

/** Makes a certificate for the publisher, which subscribers know; it asks them for none. */
export async function makeEncryption(): Promise<Encryption> {
  const own = await createSelfSignedCertificate({ name: "bench" });
  return { publisher: own, subscriber: { trustedCertificates: [own.certificate] } };
}
