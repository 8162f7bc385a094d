const DAMAGED = "damaged Snappy data";

/**
 * Uncompresses raw Snappy data. hyparquet has a function of its own for this, which lengths of 2 GiB and more lead in
 * circles.
 *
 * @param length How long the result is.
 * @throws {Error} When the data is damaged, or of another length.
 */
export function uncompressSnappy(input: Uint8Array, length: number): Uint8Array {
  // A copy makes 64 bytes of three.
  if (length > 22 * input.length) throw new Error(DAMAGED);
  const output = new Uint8Array(length);
  let from = 0;
  let to = 0;
  // The length stands in front, too.
  while (input[from++]! >= 0x80);
  while (from < input.length) {
    const tag = input[from++]!;
    const kind = tag & 3;
    let count = (tag >> 2) + 1;
    if (kind === 0) {
      if (count > 60) {
        const size = count - 60;
        count = littleEndian(input, from, size) + 1;
        from += size;
      }
      if (!(from + count <= input.length && to + count <= length)) throw new Error(DAMAGED);
      output.set(input.subarray(from, from + count), to);
      from += count;
    } else {
      const size = kind === 3 ? 4 : kind;
      let offset = littleEndian(input, from, size);
      from += size;
      if (kind === 1) {
        offset += tag >> 5 << 8;
        count = (tag >> 2 & 7) + 4;
      }
      if (!(offset > 0 && offset <= to && to + count <= length)) throw new Error(DAMAGED);
      // Byte by byte, as what is copied may be part of the copy.
      for (let i = to; i < to + count; i++) output[i] = output[i - offset]!;
    }
    to += count;
  }
  if (to !== length) throw new Error(DAMAGED);
  return output;
}

/** A whole number; `NaN` when the bytes end before. */
function littleEndian(bytes: Uint8Array, at: number, size: number): number {
  let number = 0;
  for (let i = 0; i < size; i++) number += bytes[at + i]! * 2 ** (8 * i);
  return number;
}
