/**
 * An ordered list of signals that subscriptions come to, with the way from a handle to its place in the list, which
 * is the signal index on the wire (§5).
 */
export class SignalSet {
  /** The handles in order: element `i` is the signal with index `i`. */
  readonly handles: Int32Array;
  /** The index of a handle, −1 where it is not in the list; handles beyond the end are not in it either. */
  readonly indexes: Int32Array;
  /** A number that equal lists share. */
  readonly hash: number;

  /** @param handles Distinct handles, in order; kept, not copied. */
  constructor(handles: Int32Array) {
    let highest = -1;
    // FNV-1a over the handles.
    let hash = 0x811c9dc5;
    for (let i = 0; i < handles.length; i++) {
      const handle = handles[i]!;
      if (handle > highest) highest = handle;
      hash = Math.imul(hash ^ handle, 0x01000193);
    }
    this.handles = handles;
    this.hash = hash >>> 0;
    this.indexes = new Int32Array(highest + 1).fill(-1);
    for (let i = 0; i < handles.length; i++) this.indexes[handles[i]!] = i;
  }

  /** How many signals there are. */
  get size(): number {
    return this.handles.length;
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
