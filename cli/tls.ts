/**
 * Options for TLS, the same for every command that connects or listens.
 *
 * @module
 */
import type { TlsOptions } from "../mod.ts";
import { CommandError, ExitCode, UsageError } from "./exit_codes.ts";
import { file, flag, list, type Option, type Options, text, type ValuesOf } from "./option.ts";

const group = "TLS";

/** The options. */
export interface TlsOptionTable extends Options {
  readonly tls: Option<boolean>;
  readonly certificate: Option<string | undefined>;
  readonly key: Option<string | undefined>;
  readonly passphraseFile: Option<string | undefined>;
  readonly ca: Option<readonly string[]>;
  readonly trust: Option<readonly string[]>;
  readonly serverName: Option<string | undefined>;
}

/** Their declarations. */
export const tlsOptions: TlsOptionTable = {
  tls: flag({ group, summary: "secure the connection with TLS; the other options here say so, too" }),
  certificate: file({ group, summary: "own certificate, PEM; who listens needs one" }),
  key: file({ group, summary: "its private key, PEM" }),
  passphraseFile: file({ group, summary: "file that holds the key's passphrase" }),
  ca: list({
    group,
    summary: "certificates of authorities to trust, PEM, in place of those of the system",
    placeholder: "FILE",
    completion: "file",
  }),
  trust: list({
    group,
    summary: "trust this certificate alone: a file, PEM, or its SHA-256 fingerprint",
    placeholder: "FILE|HEX",
    completion: "file",
  }),
  serverName: text({
    group,
    summary: "name that the peer's certificate must be for, if not the host's",
    placeholder: "NAME",
  }),
};

/**
 * TLS as it was asked for: files are read for each connection, so that certificates can be replaced while running.
 *
 * @returns `undefined` when no TLS was asked for.
 * @throws {UsageError} When a file can't be read, or the options contradict each other.
 */
export async function readTls(
  values: ValuesOf<TlsOptionTable>,
): Promise<(() => Promise<TlsOptions>) | undefined> {
  const { tls, certificate, key, ca, trust, serverName, passphraseFile } = values;
  const settings = [certificate, key, serverName, passphraseFile, ...ca, ...trust];
  if (!tls && settings.every((setting) => setting === undefined)) return undefined;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new UsageError("--certificate and --key belong together");
  }
  const read = async (): Promise<TlsOptions> => ({
    ...(certificate !== undefined && { certificate: await readText(certificate) }),
    ...(key !== undefined && { key: await readText(key) }),
    ...(passphraseFile !== undefined && { passphrase: (await readText(passphraseFile)).trimEnd() }),
    ...(ca.length > 0 && { ca: await Promise.all(ca.map(readText)) }),
    ...(trust.length > 0 && { trustedCertificates: await Promise.all(trust.map(readTrusted)) }),
    ...(serverName !== undefined && { serverName }),
  });
  // What can't be read now should not first fail with a connection.
  await read();
  return read;
}

/** Options for TLS of a command that connects somewhere, too: those for who connects to it. */
export interface ListenTlsOptionTable {
  readonly listenCertificate: Option<string | undefined>;
  readonly listenKey: Option<string | undefined>;
  readonly listenPassphraseFile: Option<string | undefined>;
  readonly listenCa: Option<readonly string[]>;
  readonly listenTrust: Option<readonly string[]>;
}

const listening = { group: "TLS of those who connect" } as const;

/** Their declarations. */
export const listenTlsOptions: ListenTlsOptionTable = {
  listenCertificate: file({ ...listening, summary: "certificate that they are shown, PEM" }),
  listenKey: file({ ...listening, summary: "its private key, PEM" }),
  listenPassphraseFile: file({ ...listening, summary: "file that holds the key's passphrase" }),
  listenCa: list({
    ...listening,
    summary: "certificates of authorities that theirs must come from, PEM",
    placeholder: "FILE",
    completion: "file",
  }),
  listenTrust: list({
    ...listening,
    summary: "a certificate that one of them has: a file, PEM, or its SHA-256 fingerprint",
    placeholder: "FILE|HEX",
    completion: "file",
  }),
};

/** As {@linkcode readTls}, of those who connect. */
export async function readListenTls(
  values: { readonly [Name in keyof ListenTlsOptionTable]: ReturnType<ListenTlsOptionTable[Name]["read"]> },
): Promise<(() => Promise<TlsOptions>) | undefined> {
  const { listenCertificate, listenKey, listenPassphraseFile, listenCa, listenTrust } = values;
  if ((listenCertificate === undefined) !== (listenKey === undefined)) {
    throw new UsageError("--listen-certificate and --listen-key belong together");
  }
  const rest = [listenPassphraseFile, ...listenCa, ...listenTrust];
  if (listenCertificate === undefined && rest.some((setting) => setting !== undefined)) {
    throw new UsageError("for TLS of those who connect, --listen-certificate and --listen-key are needed");
  }
  return await readTls({
    tls: false,
    certificate: listenCertificate,
    key: listenKey,
    passphraseFile: listenPassphraseFile,
    ca: listenCa,
    trust: listenTrust,
    serverName: undefined,
  });
}

async function readTrusted(given: string): Promise<string> {
  return /^[0-9a-f:]{64,95}$/i.test(given) ? given : await readText(given);
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new CommandError(ExitCode.Usage, `${path} can't be read: ${(cause as Error).message}`, { cause });
  }
}
