/**
 * The other implementations that the interop tests talk to, installed into `.cache/interop/` of this repository.
 *
 * A partner that can't be had is no silent gap: it is reported by name and with the reason, and
 * `STTP_INTEROP_REQUIRE` says which of them must be there (see {@linkcode verdict}).
 *
 * @module
 */

/** The release of sttpapi that is installed. */
export const STTPAPI_VERSION = "0.7.6";

/** A partner, or why there is none. */
export type Partner = ReadyPartner | MissingPartner;

/** A partner that can be run. */
export interface ReadyPartner {
  readonly state: "ready";
  /** `sttpapi` or `goapi`. */
  readonly name: string;
  /** Its release. */
  readonly version: string;
  /** What to execute: a Python interpreter, or the built program. */
  readonly command: string;
}

/** A partner that can't be run. */
export interface MissingPartner {
  readonly state: "missing";
  /** `sttpapi` or `goapi`. */
  readonly name: string;
  /** False when its registry answered that it has no such package; true when anything else went wrong. */
  readonly offered: boolean;
  /** What went wrong. */
  readonly reason: string;
}

/**
 * What to do with a partner: run its tests, skip them by name, or fail.
 *
 * @param required The value of `STTP_INTEROP_REQUIRE`: names separated by commas. A missing partner that is named is
 * a failure; with a `?` after the name it may be missing, but only because its registry does not offer it.
 */
export function verdict(partner: Partner, required: string | undefined): "run" | "skip" | "fail" {
  if (partner.state === "ready") return "run";
  const names = (required ?? "").split(",").map((name) => name.trim());
  if (names.includes(partner.name)) return "fail";
  if (names.includes(`${partner.name}?`) && partner.offered) return "fail";
  return "skip";
}

const here = new URL("./", import.meta.url);
const cache = new URL("../../.cache/interop/", import.meta.url);
const windows = Deno.build.os === "windows";
const found = new Map<string, Promise<Partner>>();

/**
 * Makes a virtual environment with sttpapi from PyPI. The `command` of the result is its Python interpreter.
 * Several processes may call this at once; the first installs and the others wait.
 */
export function ensurePython(): Promise<Partner> {
  return once("sttpapi", installPython);
}

/**
 * Builds the subscriber in `goapi/` on the newest release of github.com/sttp/goapi that the Go module proxy offers.
 * The `command` of the result is the program.
 */
export function ensureGo(): Promise<Partner> {
  return once("goapi", buildGo);
}

function once(name: string, install: () => Promise<Partner>): Promise<Partner> {
  let partner = found.get(name);
  if (partner === undefined) {
    partner = underLock(name, install).catch((error: unknown) => missing(name, true, String(error)));
    found.set(name, partner);
  }
  return partner;
}

async function underLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  await Deno.mkdir(cache, { recursive: true });
  using lock = await Deno.open(new URL(`${name}.lock`, cache), { create: true, write: true });
  await lock.lock(true);
  return await work();
}

function missing(name: string, offered: boolean, reason: string): MissingPartner {
  return { state: "missing", name, offered, reason: reason.trim() };
}

async function installPython(): Promise<Partner> {
  const name = "sttpapi";
  const folder = new URL(`sttpapi-${STTPAPI_VERSION}/`, cache);
  const python = filePath(new URL(windows ? "Scripts/python.exe" : "bin/python", folder));
  const ready: ReadyPartner = { state: "ready", name, version: STTPAPI_VERSION, command: python };
  const check = ["-c", `import importlib.metadata as m; assert m.version("sttpapi") == "${STTPAPI_VERSION}"`];
  if ((await run(python, check)).ok) return ready;

  const base = await findPython();
  if (base === undefined) return missing(name, true, "no Python of 3.10 or later on the PATH");
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const made = await run(base, ["-m", "venv", filePath(folder)]);
  if (!made.ok) return missing(name, true, `no virtual environment: ${made.text}`);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  const installed = await run(python, [...pip, `sttpapi==${STTPAPI_VERSION}`]);
  if (!installed.ok) {
    const offered = !/No matching distribution found for sttpapi/.test(installed.text);
    return missing(name, offered, `pip install sttpapi==${STTPAPI_VERSION}: ${installed.text}`);
  }
  const checked = await run(python, check);
  return checked.ok ? ready : missing(name, true, checked.text);
}

async function findPython(): Promise<string | undefined> {
  for (const candidate of windows ? ["python"] : ["python3", "python"]) {
    if ((await run(candidate, ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"])).ok) {
      return candidate;
    }
  }
  return undefined;
}

async function buildGo(): Promise<Partner> {
  const name = "goapi";
  const module = "github.com/sttp/goapi";
  const proxies = await run("go", ["env", "GOPROXY"]);
  if (!proxies.ok) return missing(name, true, `no Go on the PATH: ${proxies.text}`);
  const folder = new URL("goapi/", cache);
  await Deno.mkdir(folder, { recursive: true });
  const files = ["main.go", "go.mod"];
  for (const file of files) await Deno.copyFile(new URL(`goapi/${file}`, here), new URL(file, folder));

  // Without "direct" the answer is the registry's alone, and says whether the module is on offer.
  const registry = proxies.text.split(/[,|]/).filter((proxy) => !/^(direct|off)?$/.test(proxy.trim())).join(
    ",",
  );
  const go = (...args: string[]): Promise<Finished> =>
    run("go", args, { cwd: folder, env: { GOFLAGS: "-mod=mod", ...registry && { GOPROXY: registry } } });
  const latest = await go("list", "-m", "-f", "{{.Version}}", `${module}@latest`);
  if (!latest.ok) {
    const refused = /\b(403|404|410)\b|no matching versions/.test(latest.text);
    return missing(name, !refused, `the Go module proxy on ${module}: ${latest.text}`);
  }
  const version = latest.text;
  const program = filePath(new URL(windows ? "partner.exe" : "partner", folder));
  const steps = [["get", `${module}@${version}`], ["mod", "tidy"], ["build", "-o", program, "."]];
  for (const step of steps) {
    const done = await go(...step);
    if (!done.ok) return missing(name, true, `go ${step.join(" ")}: ${done.text}`);
  }
  return { state: "ready", name, version, command: program };
}

interface Finished {
  readonly ok: boolean;
  /** What it printed on standard output, or when it failed on standard error. */
  readonly text: string;
}

async function run(
  command: string,
  args: string[],
  options: { cwd?: URL; env?: Record<string, string> } = {},
): Promise<Finished> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args, ...options }).output();
    return { ok: success, text: new TextDecoder().decode(success ? stdout : stderr).trim() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { ok: false, text: `${command} not found` };
    throw error;
  }
}

/** A file URL as a path for other programs. */
export function filePath(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return windows ? path.slice(1).replaceAll("/", "\\") : path.replace(/\/$/, "");
}
