import { assertEquals } from "@std/assert";
import { ShardedMap } from "./sharded_map.ts";

const keys: Readonly<Record<string, (n: number) => unknown>> = {
  numbers: (n) => n,
  "numbers that are not whole": (n) => n / 8,
  bigints: (n) => BigInt(n) << 40n,
  texts: (n) => `text ${n}`,
};

for (const [kind, keyOf] of Object.entries(keys)) {
  Deno.test(`a map of many ${kind} is a Map`, () => {
    const map = new ShardedMap<unknown, number>();
    const size = 30_000;
    for (let n = 0; n < size; n += 2) map.set(keyOf(n), n);
    for (let n = 0; n < size; n += 2) map.set(keyOf(n), n + 1);
    assertEquals([map.size, new Set(map.keys()).size], [size / 2, size / 2]);
    for (let n = 0; n < size; n++) {
      const isThere = n % 2 === 0;
      assertEquals([map.has(keyOf(n)), map.get(keyOf(n))], [isThere, isThere ? n + 1 : undefined], `${n}`);
    }
  });
}
