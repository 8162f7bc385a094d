/**
 * Options for TLS, the same for every command that connects or listens.
 *
 * @module
 */
import { Subscriber, type TlsOptions } from "../mod.ts";
import { checked, CommandError, ExitCode, UsageError } from "./exit_codes.ts";
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
  certificate: file({ group, summary: "own certificate, PEM; who listens needs one", needs: ["key"] }),
  key: file({ group, summary: "its private key, PEM", needs: ["certificate"] }),
  passphraseFile: file({ group, summary: "file that holds the key's passphrase", needs: ["key"] }),
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
    // One that is known this well may have any name.
    excludes: ["trust"],
  }),
};

/**
 * TLS as it was asked for: files are read for each connection, so that certificates can be replaced while running.
 *
 * @returns `undefined` when no TLS was asked for.
 * @throws {CommandError} `Usage` when a file can't be read.
 * @throws {UsageError} When one is no certificate or key, or the key is not that of the certificate.
 */
export async function readTls(
  values: ValuesOf<TlsOptionTable>,
): Promise<(() => Promise<TlsOptions>) | undefined> {
  const { tls, certificate, key, ca, trust, serverName, passphraseFile } = values;
  const settings = [certificate, serverName, ...ca, ...trust];
  if (!tls && settings.every((setting) => setting === undefined)) return undefined;
  const read = async (): Promise<TlsOptions> => ({
    ...(certificate !== undefined && { certificate: await readText(certificate) }),
    ...(key !== undefined && { key: await readText(key) }),
    ...(passphraseFile !== undefined && { passphrase: (await readText(passphraseFile)).trimEnd() }),
    ...(ca.length > 0 && { ca: await Promise.all(ca.map(readText)) }),
    ...(trust.length > 0 && { trustedCertificates: await Promise.all(trust.map(readTrusted)) }),
    ...(serverName !== undefined && { serverName }),
  });
  // What can't be read or used now should not first fail with a connection. A subscriber checks it as all others do.
  const options = await read();
  const trials: readonly (readonly [string, TlsOptions])[] = [
    ...[options.ca ?? []].flat().map((text, i) => [ca[i]!, { ca: [text] }] as const),
    ...(options.trustedCertificates ?? []).map((text, i) =>
      [trust[i]!, { trustedCertificates: [text] }] as const
    ),
  ];
  for (const [path, trial] of trials) tryOut(trial, path);
  const { certificate: own, key: secret, passphrase } = options;
  if (own !== undefined && secret !== undefined) {
    tryOut(
      { certificate: own, key: secret, ...passphrase !== undefined && { passphrase } },
      `${certificate}, ${key}`,
    );
  }
  checked(() => new Subscriber({ tls: options }));
  return read;
}

/** @throws {UsageError} With the names of the files, when what is in them can't be used. */
function tryOut(tls: TlsOptions, paths: string): void {
  try {
    checked(() => new Subscriber({ tls }));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${paths}: ${error.message.replace(/^tls: /, "")}`);
  }
}

/**
 * For who listens.
 *
 * @throws {UsageError} When TLS is asked for and there is no certificate to show.
 */
export function checkListening(values: ValuesOf<TlsOptionTable>): void {
  const { tls, certificate, ca, trust } = values;
  if (certificate !== undefined || (!tls && ca.length === 0 && trust.length === 0)) return;
  throw new UsageError("TLS needs --certificate and --key: who listens has to show one");
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
  listenCertificate: file({
    ...listening,
    summary: "certificate that they are shown, PEM",
    needs: ["listenKey"],
  }),
  listenKey: file({ ...listening, summary: "its private key, PEM", needs: ["listenCertificate"] }),
  listenPassphraseFile: file({
    ...listening,
    summary: "file that holds the key's passphrase",
    needs: ["listenKey"],
  }),
  listenCa: list({
    ...listening,
    summary: "certificates of authorities that theirs must come from, PEM",
    placeholder: "FILE",
    completion: "file",
    needs: ["listenCertificate"],
  }),
  listenTrust: list({
    ...listening,
    summary: "a certificate that one of them has: a file, PEM, or its SHA-256 fingerprint",
    placeholder: "FILE|HEX",
    completion: "file",
    needs: ["listenCertificate"],
  }),
};

/** As {@linkcode readTls}, of those who connect. */
export async function readListenTls(
  values: { readonly [Name in keyof ListenTlsOptionTable]: ReturnType<ListenTlsOptionTable[Name]["read"]> },
): Promise<(() => Promise<TlsOptions>) | undefined> {
  const { listenCertificate, listenKey, listenPassphraseFile, listenCa, listenTrust } = values;
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
