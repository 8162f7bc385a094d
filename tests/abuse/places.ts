/**
 * Where programs run that would be on machines of their own.
 *
 * Publisher, subscribers and attackers of the abuse suite share a machine, and what one of them computes keeps others
 * from the processor. So that what is measured is what the publisher does, the subscribers get a processor to
 * themselves, and attackers have of the others what the publisher leaves.
 *
 * @module
 */

/** Who it is. */
export type Place = "publisher" | "subscribers" | "attackers";

/** What commands have to begin with. */
export class Places {
  /** Whether subscribers have a processor to themselves. */
  readonly areApart: boolean;
  readonly #processors: readonly number[];

  private constructor(processors: readonly number[]) {
    this.areApart = processors.length > 1;
    this.#processors = processors;
  }

  /** Finds out what this machine offers. */
  static find(): Places {
    const offered = processors();
    return new Places(offered.length > 1 && canPlace(offered) ? offered : []);
  }

  /** What goes before a command, so that it runs there. */
  prefix(place: Place): string[] {
    const yielding = place === "attackers" && Deno.build.os !== "windows" ? ["nice", "-n", "19"] : [];
    if (!this.areApart) return yielding;
    const [from, to] = place === "subscribers" ? [-1, undefined] : [0, -1];
    return [...placed(this.#processors.slice(from, to)), ...yielding];
  }
}

/** What goes before a command, so that it runs on these processors. */
function placed(processors: readonly number[]): string[] {
  return ["taskset", "-c", processors.join()];
}

/** Whether processes can be placed. */
function canPlace(processors: readonly number[]): boolean {
  const [command = "", ...args] = placed(processors);
  try {
    return new Deno.Command(command, { args: [...args, "true"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** The processors that this process may run on; none where the system does not tell. */
function processors(): number[] {
  if (Deno.build.os !== "linux") return [];
  const [, list = ""] = /^Cpus_allowed_list:\s*(\S+)/m.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
  return list.split(",").filter(Boolean).flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}
