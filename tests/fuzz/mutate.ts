/**
 * Damage to bytes and texts that were good, as values that fast-check can make and shrink.
 *
 * @module
 */
import fc from "fast-check";

/** Numbers at which lengths, counts and indexes go wrong. */
const oddNumbers = [
  0,
  1,
  2,
  4,
  0x7f,
  0x80,
  0xff,
  0x100,
  0x7fff,
  0x8000,
  0xffff,
  0x10000,
  0x3fffff,
  0x400000,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  0xffffffff,
];

/** One change; places are taken modulo the length. */
export type Change =
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "set"; readonly at: number; readonly value: number; readonly size: 1 | 2 | 4 }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "delete"; readonly at: number; readonly length: number }
  | { readonly kind: "repeat"; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "splice"; readonly at: number; readonly other: number };

const place = fc.nat(0x7fffffff);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("flip" as const), at: place, bit: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      at: place,
      value: fc.oneof(fc.constantFrom(...oddNumbers), fc.nat(0xffffffff)),
      size: fc.constantFrom(1 as const, 2 as const, 4 as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("insert" as const),
      at: place,
      bytes: fc.uint8Array({ maxLength: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      at: place,
      length: fc.integer({ min: 1, max: 24 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("repeat" as const),
      at: place,
      length: fc.integer({ min: 1, max: 32 }),
      times: fc.integer({ min: 1, max: 200 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("splice" as const), at: place, other: place }) },
);

/** One of the seeds, as it is or changed in a few places, or bytes from nowhere. */
export function damaged(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  if (seeds.length === 0) throw new RangeError("there is nothing to damage");
  const damage = fc.tuple(fc.nat(seeds.length - 1), fc.array(change, { maxLength: 6 }))
    .map(([seed, changes]) =>
      changes.reduce((bytes, next) => apply(bytes, next, seeds), seeds[seed]!.slice())
    );
  return fc.oneof(
    { weight: 9, arbitrary: damage },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes)) },
  );
}

/** A few changes, at least one, for bytes that are not known beforehand. */
export const someChanges: fc.Arbitrary<readonly Change[]> = fc.array(change, { minLength: 1, maxLength: 4 });

/** A copy with changes. */
export function changed(bytes: Uint8Array, changes: readonly Change[]): Uint8Array<ArrayBuffer> {
  return changes.reduce((result, next) => apply(result, next, [bytes]), bytes.slice());
}

function apply(
  bytes: Uint8Array<ArrayBuffer>,
  change: Change,
  seeds: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = change.at % (bytes.length + 1);
  switch (change.kind) {
    case "flip":
      if (at < bytes.length) bytes[at]! ^= 1 << change.bit;
      return bytes;
    case "set":
      for (let i = 0; i < change.size && at + i < bytes.length; i++) {
        bytes[at + i] = change.value >>> 8 * (change.size - 1 - i);
      }
      return bytes;
    case "insert":
      return joined(bytes.subarray(0, at), change.bytes, bytes.subarray(at));
    case "delete":
      return joined(bytes.subarray(0, at), bytes.subarray(at + change.length));
    case "repeat": {
      const part = bytes.subarray(at, at + change.length);
      return joined(bytes.subarray(0, at), ...Array<Uint8Array>(change.times).fill(part), bytes.subarray(at));
    }
    case "cut":
      return bytes.slice(0, at);
    case "splice": {
      const other = seeds[change.other % seeds.length]!;
      return joined(bytes.subarray(0, at), other.subarray(at % (other.length + 1)));
    }
  }
}

/** Bytes one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** Texts put together from fragments, in any order, with or without something between them. */
export function textOf(fragments: readonly string[], maxLength = 40): fc.Arbitrary<string> {
  const fragment = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...fragments) },
    { weight: 2, arbitrary: fc.string({ maxLength: 6 }) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
    { weight: 1, arbitrary: fc.integer().map(String) },
    { weight: 1, arbitrary: fc.double().map(String) },
  );
  return fc.tuple(fc.array(fragment, { maxLength }), fc.constantFrom("", " "))
    .map(([parts, between]) => parts.join(between));
}

/** One of the texts, as it is or changed in a few places. */
export function damagedText(seeds: readonly string[]): fc.Arbitrary<string> {
  const decoder = new TextDecoder();
  return damaged(seeds.map((text) => new TextEncoder().encode(text))).map((bytes) => decoder.decode(bytes));
}

/** A document in pieces, some of which are left out, doubled, or in the place of others. */
export function rearranged(tokens: readonly string[], others: readonly string[]): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(tokens.length - 1),
    by: fc.oneof(
      fc.constant<readonly string[]>([]),
      fc.constantFrom(...others).map((token) => [token]),
      fc.nat(tokens.length - 1).map((from) => tokens.slice(from, from + 2)),
    ),
    keeps: fc.boolean(),
  });
  return fc.array(edit, { maxLength: 5 }).map((edits) => {
    const result = tokens.map((token) => [token]);
    for (const { at, by, keeps } of edits) result[at] = keeps ? [...result[at]!, ...by] : [...by];
    return result.flat().join("");
  });
}
