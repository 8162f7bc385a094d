import { SttpError } from "../transport/errors.ts";
import { isGuid } from "../transport/wire/guid.ts";
import type { Gap } from "./gap_tracker.ts";

/** Gaps in a small JSON file, so that they are not forgotten with the process. Without a path, in memory only. */
export class GapStore {
  readonly #path: string | undefined;
  readonly #onError: (error: SttpError) => void;
  #gaps: Gap[] = [];
  #mark: Gap | undefined;

  /**
   * @param onError Told when the file can't be written: the gaps are kept in memory, and written with the next change.
   * @throws {SttpError} `MalformedText` when the file is something else.
   */
  constructor(path: string | undefined, onError: (error: SttpError) => void) {
    this.#path = path;
    this.#onError = onError;
    if (path === undefined) return;
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    try {
      this.#gaps = (JSON.parse(text).gaps as unknown[]).map(gapOf);
    } catch (cause) {
      throw new SttpError("MalformedText", `${path} is no list of gaps`, { cause });
    }
  }

  /** All of them, the oldest first. */
  get gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** Puts a gap in the place of another, or at the end; without a gap, removes the other. */
  replace(old: Gap | undefined, gap: Gap | undefined): void {
    const at = old === undefined ? -1 : this.#gaps.indexOf(old);
    const added = gap === undefined ? [] : [gap];
    if (at < 0) this.#gaps.push(...added);
    else this.#gaps.splice(at, 1, ...added);
    if (gap !== undefined && gap.stop === undefined) this.#mark = undefined;
    this.#save();
  }

  /**
   * Notes the gap that there will be if the process ends without another word: only whoever reads the file next will see
   * it. The next gap that begins takes its place.
   */
  mark(gap: Gap | undefined): void {
    if (this.#path === undefined || this.#mark === gap) return;
    this.#mark = gap;
    this.#save();
  }

  #save(): void {
    if (this.#path === undefined) return;
    const all = this.#mark === undefined ? this.#gaps : [...this.#gaps, this.#mark];
    const gaps = all.map(({ filter, last, first, stop, from }) => ({
      filter,
      stop: stop === undefined ? null : String(stop),
      ...from !== undefined && { from: String(from) },
      last: textsOf(last),
      first: textsOf(first),
    }));
    // Renamed into place, so that a crash leaves the old one or the new one.
    const temporary = `${this.#path}.new`;
    try {
      Deno.writeTextFileSync(temporary, JSON.stringify({ gaps }));
      Deno.renameSync(temporary, this.#path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `what was missed can't be noted in ${this.#path}: ${reason}`;
      this.#onError(new SttpError("InvalidState", message, { cause }));
    }
  }
}

function textsOf(times: ReadonlyMap<string, bigint>): Record<string, string> {
  return Object.fromEntries([...times].map(([id, time]) => [id, String(time)]));
}

function gapOf(value: unknown): Gap {
  const { filter, stop, last, first, from } = value as Record<string, unknown>;
  if (typeof filter !== "string") throw new TypeError("a gap without a filter");
  return {
    filter,
    stop: stop === null ? undefined : BigInt(stop as string),
    last: timesOf(last),
    first: timesOf(first),
    ...from !== undefined && { from: BigInt(from as string) },
  };
}

function timesOf(texts: unknown): Map<string, bigint> {
  return new Map(
    Object.entries(texts as Record<string, string>).map(([id, text]) => {
      if (!isGuid(id)) throw new TypeError(`${id} is no signal ID`);
      return [id, BigInt(text)];
    }),
  );
}
