/** Keys of payloads that are the same in every run, so that a finding can be seen again. */
import type { CipherKey } from "../../transport/mod.ts";

/** The even one and the odd one. */
export const keys: { readonly even: CipherKey; readonly odd: CipherKey } = { even: key(1), odd: key(2) };

function key(n: number): CipherKey {
  return { key: new Uint8Array(32).fill(n), iv: new Uint8Array(16).fill(16 * n) };
}
