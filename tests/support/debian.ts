/**
 * Programs that tests need and that may have to be installed first.
 *
 * @module
 */

/** Where a program is on the path; `undefined` when it is not. */
async function find(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
      const path = `${folder}/${program}`;
      if (await Deno.stat(path).then((stat) => stat.isFile, () => false)) return path;
    }
  }
  return undefined;
}

async function install(packages: readonly string[]): Promise<void> {
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const { success, stderr } = await new Deno.Command("apt-get", { args, env, stdout: "null" }).output();
    if (!success) throw new Error(`apt-get ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}

/**
 * The path of a program, which is installed by apt where it is missing and that can be.
 *
 * @param programs Its names, the first that is there counts.
 * @param packages Debian's packages of it.
 * @throws {Error} When it is missing and can't be installed.
 */
export async function ensureProgram(
  programs: readonly string[],
  packages: readonly string[],
): Promise<string> {
  const present = await find(programs);
  if (present !== undefined) return present;
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || await find(["apt-get"]) === undefined) {
    throw new Error(`${programs[0]} is missing; on Debian, apt-get install ${packages.join(" ")} as root`);
  }
  await install(packages);
  const installed = await find(programs);
  if (installed === undefined) {
    throw new Error(`${packages.join(", ")} installed, and ${programs[0]} is not there`);
  }
  return installed;
}
