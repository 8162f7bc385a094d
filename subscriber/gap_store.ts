import { SttpError } from "../transport/errors.ts";
import { isGuid } from "../transport/wire/guid.ts";
import type { Gap } from "./gap_tracker.ts";
import { GivingWay } from "./giving_way.ts";

/**
 * Gaps in a JSON file, so that they are not forgotten with the process. Without a path, in memory only. What takes long
 * to write, as there are very many signals, is written with turns for everything else in between.
 */
export class GapStore {
  readonly #path: string | undefined;
  readonly #onError: (error: SttpError) => void;
  #gaps: Gap[] = [];
  #mark: Gap | undefined;
  /** Whether the file does not yet say all that there is. */
  #isChanged = false;
  /** Settles when that which takes long to write is written. */
  #saving: Promise<void> | undefined;

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

  /** How many times of signals they hold. */
  get times(): number {
    return this.#gaps.reduce((sum, { last, first }) => sum + last.size + first.size, 0);
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

  /** Whether the file is being written. */
  get isSaving(): boolean {
    return this.#saving !== undefined;
  }

  /** Resolves when all that changed is in the file, or can't be. */
  get saved(): Promise<void> {
    return this.#saving ?? Promise.resolve();
  }

  /** Begins to write the file, as it is now; when it is being written already, it is written once more after that. */
  #save(): void {
    if (this.#path === undefined) return;
    this.#isChanged = true;
    if (this.#saving !== undefined) return;
    const way = new GivingWay();
    const going = way.carryOut(this.#write(this.#path));
    if (going === undefined) return way.close();
    this.#saving = going.finally(() => {
      way.close();
      this.#saving = undefined;
    });
  }

  /** Writes the file until it is as it should be. */
  *#write(path: string): Generator<void, void> {
    // Renamed into place, so that a crash leaves the old one or the new one.
    const temporary = `${path}.new`;
    while (this.#isChanged) {
      this.#isChanged = false;
      const gaps = this.#mark === undefined ? [...this.#gaps] : [...this.#gaps, this.#mark];
      try {
        {
          using file = Deno.openSync(temporary, { write: true, create: true, truncate: true });
          for (const text of textsOf(gaps)) {
            const bytes = new TextEncoder().encode(text);
            for (let offset = 0; offset < bytes.length;) offset += file.writeSync(bytes.subarray(offset));
            yield;
          }
        }
        Deno.renameSync(temporary, path);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const message = `what was missed can't be noted in ${path}: ${reason}`;
        this.#onError(new SttpError("InvalidState", message, { cause }));
      }
    }
  }
}

/** So many times are written in one piece. */
const PIECE = 256;

/** The file, in pieces. */
function* textsOf(gaps: readonly Gap[]): Generator<string, void> {
  let text = '{"gaps":[';
  let pending = 0;
  for (const [i, { filter, last, first, stop, from, others }] of gaps.entries()) {
    const head = JSON.stringify({
      filter,
      stop: stop === undefined ? null : String(stop),
      ...from !== undefined && { from: String(from) },
      ...others !== undefined && { others: String(others) },
    });
    text += (i === 0 ? "" : ",") + head.slice(0, -1);
    for (const [name, times] of [["last", last], ["first", first]] as const) {
      text += `,"${name}":{`;
      let separator = "";
      for (const [id, time] of times) {
        text += `${separator}"${id}":"${time}"`;
        separator = ",";
        if (++pending < PIECE) continue;
        yield text;
        text = "";
        pending = 0;
      }
      text += "}";
    }
    text += "}";
  }
  yield `${text}]}`;
}

function gapOf(value: unknown): Gap {
  const { filter, stop, last, first, from, others } = value as Record<string, unknown>;
  if (typeof filter !== "string") throw new TypeError("a gap without a filter");
  return {
    filter,
    stop: stop === null ? undefined : BigInt(stop as string),
    last: timesOf(last),
    first: timesOf(first),
    ...from !== undefined && { from: BigInt(from as string) },
    ...others !== undefined && { others: BigInt(others as string) },
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
