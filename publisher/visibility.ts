let made = 0;

/** The signals that somebody may see, by handle. Equal ones have equal keys. */
export class Visibility {
  /** Tells it apart from all others, equal ones included. */
  readonly id: number = ++made;
  /** Whether each handle is visible: 1 or 0. Not to be changed. */
  readonly #bits: Uint8Array;
  /** Whether the handles beyond those are. */
  readonly #beyond: boolean;
  /** Tells visibilities apart that are not equal, most likely; see {@linkcode Visibility.equals}. */
  readonly key: string;

  /**
   * @param bits By handle, 1 for visible and 0 for hidden; kept, not copied.
   * @param beyond Whether handles beyond those are visible: of signals that are in no metadata so far.
   */
  constructor(bits: Uint8Array, beyond: boolean = false) {
    this.#bits = bits;
    this.#beyond = beyond;
    // FNV-1a over the handles that differ from those beyond.
    let hash = 0x811c9dc5;
    let count = 0;
    for (let handle = 0; handle < bits.length; handle++) {
      if ((bits[handle] === 1) === beyond) continue;
      hash = Math.imul(hash ^ handle, 0x01000193);
      count++;
    }
    this.key = `${beyond} ${count} ${hash >>> 0}`;
  }

  /** Whether a signal may be seen. */
  has(handle: number): boolean {
    return handle < this.#bits.length ? this.#bits[handle] === 1 : this.#beyond;
  }

  /** What is visible in both. */
  and(other: Visibility): Visibility {
    if (other === allVisible) return this;
    const bits = new Uint8Array(Math.max(this.#bits.length, other.#bits.length));
    for (let handle = 0; handle < bits.length; handle++) {
      bits[handle] = this.has(handle) && other.has(handle) ? 1 : 0;
    }
    return new Visibility(bits, this.#beyond && other.#beyond);
  }

  /** Whether the same is visible. */
  equals(other: Visibility): boolean {
    if (other === this) return true;
    if (other.key !== this.key) return false;
    const length = Math.max(this.#bits.length, other.#bits.length);
    for (let handle = 0; handle < length; handle++) if (this.has(handle) !== other.has(handle)) return false;
    return true;
  }
}

/** Everything is visible. */
export const allVisible: Visibility = new Visibility(new Uint8Array(0), true);
/** Nothing is. */
export const noneVisible: Visibility = new Visibility(new Uint8Array(0), false);
