import { allVisible, type Visibility } from "./visibility.ts";

/** Bytes of the objects around the handles and indexes. */
const OVERHEAD = 512;

/**
 * An ordered list of signals that subscriptions come to, with the way from a handle to its place in the list, which
 * is the signal index on the wire (§5).
 */
export class SignalSet {
  /** The handles in order: element `i` is the signal with index `i`, -1 one that was taken out. */
  readonly handles: Int32Array;
  /** The lowest of the handles. */
  readonly lowest: number;
  /** By handle, from the lowest to the highest: its index, or −1 where it is not in the list. */
  readonly indexes: Int32Array;
  /** A number that equal lists share. */
  readonly hash: number;
  /** How many signals there are. */
  readonly count: number;
  readonly #visible = new WeakMap<Visibility, SignalSet>();

  /** @param handles Distinct handles, in order, and any number of -1; kept, not copied. */
  constructor(handles: Int32Array) {
    let lowest = 0x7fffffff;
    let highest = -1;
    // FNV-1a over the handles.
    let hash = 0x811c9dc5;
    for (let i = 0; i < handles.length; i++) {
      const handle = handles[i]!;
      if (handle > highest) highest = handle;
      if (handle >= 0 && handle < lowest) lowest = handle;
      hash = Math.imul(hash ^ handle, 0x01000193);
    }
    this.handles = handles;
    this.hash = hash >>> 0;
    this.lowest = lowest;
    this.indexes = new Int32Array(Math.max(highest + 1 - lowest, 0)).fill(-1);
    let count = 0;
    for (let i = 0; i < handles.length; i++) {
      if (handles[i]! < 0) continue;
      this.indexes[handles[i]! - lowest] = i;
      count++;
    }
    this.count = count;
  }

  /** How many indexes there are: those of signals that were taken out stay. */
  get size(): number {
    return this.handles.length;
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return OVERHEAD + this.handles.byteLength + this.indexes.byteLength;
  }

  /** The index of a handle; -1 when it is not in the list. */
  indexOf(handle: number): number {
    return this.indexes[handle - this.lowest] ?? -1;
  }

  /** The list without the signals that are hidden; the indexes of the others stay as they are. */
  visible(visibility: Visibility): SignalSet {
    if (visibility === allVisible) return this;
    // Kept, as many subscribers may have the same list, and should go on having the same.
    let rest = this.#visible.get(visibility);
    if (rest === undefined) this.#visible.set(visibility, rest = this.#without(visibility));
    return rest;
  }

  #without(visibility: Visibility): SignalSet {
    const isHidden = (handle: number): boolean => handle >= 0 && !visibility.has(handle);
    if (!this.handles.some(isHidden)) return this;
    return new SignalSet(this.handles.map((handle) => isHidden(handle) ? -1 : handle));
  }

  /** Whether the other list has the same signals in the same order. */
  equals(other: SignalSet): boolean {
    if (other === this) return true;
    const { handles } = other;
    if (handles.length !== this.handles.length || other.hash !== this.hash) return false;
    for (let i = 0; i < handles.length; i++) {
      if (handles[i] !== this.handles[i]) return false;
    }
    return true;
  }
}
