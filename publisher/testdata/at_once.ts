import { finish } from "../../metadata/steps.ts";
import type { Task } from "../turns.ts";

/** Nobody else wants anything: it is done when it is asked for. */
export function atOnce<Result>({ begin }: Task<Result>): Promise<Result> {
  return new Promise((resolve) => resolve(finish(begin())));
}
