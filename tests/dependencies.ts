/**
 * Checks what the lock file locks: every npm package has a licence that goes with ours, and none has a known
 * vulnerability (`deno audit`, where the registry answers): `deno task dependencies`.
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

async function run(...args: string[]): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Whether a licence expression allows a licence of the list: `A OR B` one of them, `A AND B` all. */
export function isAllowed(licence: string): boolean {
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
  await run("install", "--frozen");
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

if (import.meta.main) {
  const problems = await checkLicences();
  const audit = await run("audit", "--level=high");
  const isReached = /vulnerabilit/i.test(audit.text);
  if (isReached && !audit.success) problems.push(audit.text);
  console.log(
    isReached ? audit.text.trim() : "the registry does not answer about vulnerabilities: not checked",
  );
  for (const problem of problems) console.error(problem);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
