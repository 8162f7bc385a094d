import { normalizeGuid } from "./wire/guid.ts";

/**
 * Signal IDs as small whole numbers: handle `n` stands for the `n`th signal that was added, for good.
 *
 * A publisher and a subscriber each have one, so that the `signals` column of a batch keeps its meaning while
 * metadata, subscriptions and connections come and go, and per-signal state can live in plain arrays.
 *
 * @example
 * ```ts
 * import { SignalTable } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const signals = new SignalTable();
 * const handle = signals.add("9AE6DD95-BDDB-5DD8-8717-57DA1268B9CA");
 * assertEquals(handle, 0);
 * assertEquals(signals.idOf(0), "9ae6dd95-bddb-5dd8-8717-57da1268b9ca");
 * assertEquals(signals.handleOf("{9ae6dd95-bddb-5dd8-8717-57da1268b9ca}"), 0);
 * ```
 */
export class SignalTable {
  readonly #ids: string[] = [];
  readonly #handles = new Map<string, number>();

  /** How many signals there are; handles run from 0 to `size - 1`. */
  get size(): number {
    return this.#ids.length;
  }

  /**
   * The handle of a signal, made if new.
   *
   * @param signalId A GUID in any common spelling.
   * @throws {TypeError} When it is not a GUID.
   */
  add(signalId: string): number {
    const known = this.#handles.get(signalId);
    if (known !== undefined) return known;
    const id = normalizeGuid(signalId);
    let handle = this.#handles.get(id);
    if (handle === undefined) {
      handle = this.#ids.length;
      this.#ids.push(id);
      this.#handles.set(id, handle);
    }
    return handle;
  }

  /** The handle of a signal, or `undefined` when it was never added. */
  handleOf(signalId: string): number | undefined {
    return this.#handles.get(signalId) ?? this.#handles.get(normalizeGuid(signalId));
  }

  /** The signal ID behind a handle, a lower-case GUID. @throws {RangeError} When there is no such handle. */
  idOf(handle: number): string {
    const id = this.#ids[handle];
    if (id === undefined) {
      throw new RangeError(`no signal has handle ${handle}; there are ${this.#ids.length}`);
    }
    return id;
  }

  /** All signal IDs in order of their handles. */
  ids(): readonly string[] {
    return this.#ids;
  }
}
