/**
 * `sttp certificates`.
 *
 * @module
 */
import { CertificateAuthority, type CertificateOptions, type TestCertificate } from "../../mod.ts";
import { certificateInfo, describeCertificate, readCertificates } from "../certificate.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { ExitCode, UsageError } from "../exit_codes.ts";
import { list, text, whole } from "../option.ts";

const making = { group: "Making", needs: ["make"] } as const;

/** `sttp certificates`: shows certificates, and makes some for trials. */
export const certificates: Command = defineCommand({
  name: "certificates",
  summary: "Show certificates, or make an authority and certificates for tests",
  description:
    "Shows what certificates say: whom they are about, who vouches for them, for which hosts, until when. With " +
    "--make it makes an authority and certificates that it vouches for, for tests and trials: their keys are in " +
    "files without a password. No file is written over.",
  operands: {
    file: list({
      summary: "certificates to show, PEM",
      placeholder: "FILE",
      completion: "file",
      excludes: ["make"],
    }),
  },
  options: {
    make: text({
      group: making.group,
      summary: "make certificates in this folder: ca.pem, and NAME.pem and NAME.key for each name",
      placeholder: "FOLDER",
      completion: "directory",
    }),
    name: list({
      ...making,
      summary: "whom a certificate is for; default publisher and subscriber",
      placeholder: "NAME",
    }),
    host: list({
      ...making,
      summary: "a name or address of their hosts; default localhost, 127.0.0.1 and ::1",
      placeholder: "HOST",
    }),
    days: whole(1, 36_500)({ ...making, summary: "how long they are valid", default: "365" }),
  },
  examples: [
    { line: "certificates own.pem ca.pem", explanation: "What do these say?" },
    {
      line: "certificates --make trial",
      explanation: "An authority, a publisher and a subscriber on this machine",
    },
    {
      line: "certificates --make trial --name WEST --host west.example --days 30",
      explanation: "One for a host, for a month",
    },
  ],
  async run({ file: files, make, name: names, host: hosts, days }, context): Promise<ExitCode> {
    if (make === undefined && files.length === 0) {
      throw new UsageError("either files to show or --make is needed");
    }
    if (make !== undefined) {
      await makeAll(make, names.length === 0 ? ["publisher", "subscriber"] : names, hosts, days, context);
    } else {
      for (const path of files) await show(path, context);
    }
    return ExitCode.Ok;
  },
});

async function show(path: string, { output }: Context): Promise<void> {
  for (const certificate of readCertificates(await Deno.readTextFile(path), path)) {
    const info = certificateInfo(certificate);
    if (output.json) await output.value({ file: path, ...info });
    else {await output.line([
        output.outStyles.bold(path),
        ...describeCertificate(info).map((line) => `  ${line}`),
      ].join("\n"));}
  }
}

async function makeAll(
  folder: string,
  names: readonly string[],
  hosts: readonly string[],
  days: number,
  { output }: Context,
): Promise<void> {
  for (const name of names) {
    if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u.test(name) || name === "ca") {
      throw new UsageError(`--name is "${name}", letters, digits, "-", "_" and "." expected, and not ca`);
    }
  }
  await Deno.mkdir(folder, { recursive: true });
  const validFrom = new Date(Date.now() - 3_600_000);
  const validTo = new Date(validFrom.getTime() + days * 86_400_000);
  const authority = await CertificateAuthority.create({ validFrom, validTo });
  await write(folder, "ca", authority, output);
  for (const name of names) {
    const issued = await issue(authority, { name, validFrom, validTo, ...hosts.length > 0 && { hosts } });
    await write(folder, name, issued, output);
  }
}

async function issue(authority: CertificateAuthority, options: CertificateOptions): Promise<TestCertificate> {
  try {
    return await authority.issue(options);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`--host: a name or address can't be used: ${error.message}`);
  }
}

/** Writes a certificate and its key, which only the owner may read. */
async function write(
  folder: string,
  name: string,
  { certificate, key }: TestCertificate,
  output: Context["output"],
): Promise<void> {
  for (const [ending, contents, mode] of [["pem", certificate, 0o644], ["key", key, 0o600]] as const) {
    const path = `${folder}/${name}.${ending}`;
    await Deno.writeTextFile(path, contents, { createNew: true, mode });
    if (output.json) await output.value({ file: path });
    else await output.line(path);
  }
}
