/**
 * Checks what the lock file locks: every npm package has a licence that goes with ours, and none has a known
 * vulnerability, however harmless (`deno audit`): `deno task dependencies`. Where the registry does not answer about
 * vulnerabilities, that is said and, with `STTP_AUDIT_REQUIRE=1`, an error.
 *
 * @module
 */
const allowed = new Set([
  "0BSD",
  // How one package spells the next.
  "Apache 2.0",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Unlicense",
]);

interface Lock {
  readonly npm: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** What came of a command of Deno's. */
export interface Outcome {
  /** Whether its exit code was 0. */
  readonly success: boolean;
  /** What it wrote. */
  readonly text: string;
}

async function run(...args: string[]): Promise<Outcome> {
  const env = { NO_COLOR: "1" };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Whether a licence expression allows a licence of the list: `A OR B` one of them, `A AND B` all; not both mixed. */
export function isAllowed(licence: string): boolean {
  if (/ OR /i.test(licence) && / AND /i.test(licence)) return false;
  const plain = licence.replaceAll(/[()]/g, "").trim();
  if (/ OR /i.test(plain)) return plain.split(/ OR /i).some(isAllowed);
  return plain.split(/ AND /i).every((part) => allowed.has(part.trim()));
}

/** The licence of a package in the cache, whatever registry it came from. */
function licenceOf(cache: string, name: string, version: string): string | undefined {
  for (const registry of Deno.readDirSync(cache)) {
    try {
      const text = Deno.readTextFileSync(`${cache}/${registry.name}/${name}/${version}/package.json`);
      const { license } = JSON.parse(text) as { license?: string | { type: string } };
      return typeof license === "object" ? license.type : license;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.NotADirectory)) {
        throw error;
      }
    }
  }
  return undefined;
}

/** What is wrong with the licences. */
async function checkLicences(): Promise<string[]> {
  const { npm }: Lock = JSON.parse(await Deno.readTextFile("deno.lock"));
  const install = await run("install", "--frozen");
  if (!install.success) return [`what the lock file locks could not be installed: ${install.text.trim()}`];
  const { npmCache } = JSON.parse((await run("info", "--json")).text) as { npmCache: string };
  const problems: string[] = [];
  for (const [key, { integrity }] of Object.entries(npm)) {
    // `@scope/name@1.2.3_peer@4.5.6`
    const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(key)!;
    if (integrity === undefined) problems.push(`${key} has no checksum`);
    const licence = licenceOf(npmCache, name!, version!);
    if (licence === undefined) problems.push(`${key}: its licence is not known`);
    else if (!isAllowed(licence)) problems.push(`${key}: ${licence} does not go with MIT`);
    else console.log(`${key}: ${licence}`);
  }
  return problems;
}

/** What `deno audit` came to: what there is to say, and whether it is an error. */
export function auditVerdict(audit: Outcome, isRequired: boolean): { text: string; isError: boolean } {
  const text = audit.text.trim();
  if (audit.success && /no known vulnerabilities/i.test(text)) return { text, isError: false };
  if (/vulnerabilit/i.test(text)) return { text, isError: true };
  const why = text.split("\n", 1)[0] || "it says nothing";
  return {
    text: `NOT CHECKED for known vulnerabilities, as the registry does not answer: ${why}`,
    isError: isRequired,
  };
}

if (import.meta.main) {
  const problems = await checkLicences();
  const isRequired = (Deno.env.get("STTP_AUDIT_REQUIRE") ?? "") !== "";
  const { text, isError } = auditVerdict(await run("audit"), isRequired);
  if (isError) problems.push(text);
  else console.log(text);
  for (const problem of problems) console.error(problem);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
