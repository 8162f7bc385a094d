import { cpus, loadavg, totalmem } from "node:os";

/** What the figures were found on, in lines of text. */
export interface Machine {
  readonly processor: string;
  readonly memory: string;
  readonly system: string;
  readonly deno: string;
  /** What else it had to do. */
  readonly load: string;
}

/** Describes this machine as it is now. */
export function describeMachine(): Promise<Machine> {
  const cores = cpus();
  const { os, arch } = Deno.build;
  return Promise.resolve({
    processor: `${cores.length} x ${cores[0]?.model.trim() ?? "unknown processor"}`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB of memory`,
    system: `${os} ${Deno.osRelease().split("-")[0]}, ${arch}`,
    deno: `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
    load: `load average before: ${loadavg().map((load) => load.toFixed(2)).join(", ")}`,
  });
}
