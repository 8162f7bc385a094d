/**
 * Chromium for tests: what is installed, else Debian's, which is installed where that can be.
 *
 * @module
 */
import { type Browser, chromium } from "playwright-core";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

async function find(): Promise<string | undefined> {
  const given = Deno.env.get("CHROMIUM");
  if (given !== undefined) return given;
  for (const program of PROGRAMS) {
    for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
      const path = `${folder}/${program}`;
      const isFile = await Deno.stat(path).then((stat) => stat.isFile, () => false);
      if (isFile) return path;
    }
  }
  return undefined;
}

async function install(): Promise<void> {
  if (Deno.uid() !== 0) {
    throw new Error("there is no Chromium, and only root can install it: apt-get install chromium");
  }
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-inter"]]) {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const { success, stderr } = await new Deno.Command("apt-get", { args, env, stdout: "null" }).output();
    if (!success) throw new Error(`apt-get ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
  }
}

/** Starts Chromium. @throws {Error} When there is none and none can be installed. */
export async function launch(): Promise<Browser> {
  if (await find() === undefined) await install();
  const executablePath = await find();
  if (executablePath === undefined) throw new Error("Chromium is installed and not to be found");
  // As root it has no sandbox; what it shows here is our own.
  return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}
