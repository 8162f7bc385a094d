/**
 * The subscriber's end of payload encryption (§12).
 *
 * @module
 */
import { decryptPayloadSteps } from "../transport/cipher.ts";
import type { CipherKey, CipherKeys } from "../transport/wire/cipher_keys.ts";
import { finish } from "../transport/wire/steps.ts";

/**
 * The keys that a publisher has sent. Packets over UDP may be late, so of each of the two keys the one before is kept,
 * too, and tried when the present one does not fit.
 */
export class Decryption {
  readonly #keys: (readonly CipherKey[])[] = [[], []];

  /** New keys came. */
  update({ even, odd }: CipherKeys): void {
    [even, odd].forEach((key, i) => {
      const [present] = this.#keys[i]!;
      if (present === undefined) this.#keys[i] = [key];
      else if (!isEqual(present, key)) this.#keys[i] = [key, present];
    });
  }

  /**
   * Decrypts a payload.
   *
   * @param isOdd Whether it says that it is encrypted with the odd key.
   * @param isPlausible Whether what came out can be a payload: one of 256 passes under a wrong key.
   * @returns `undefined` when no key fits.
   */
  decrypt(
    bytes: Uint8Array,
    isOdd: boolean,
    isPlausible: (payload: Uint8Array) => boolean,
  ): Uint8Array | undefined {
    return finish(this.decryptSteps(bytes, isOdd, isPlausible));
  }

  /** {@linkcode Decryption.decrypt} in steps. */
  *decryptSteps(
    bytes: Uint8Array,
    isOdd: boolean,
    isPlausible: (payload: Uint8Array) => boolean,
  ): Generator<void, Uint8Array | undefined, unknown> {
    for (const key of this.#keys[isOdd ? 1 : 0]!) {
      const payload = yield* decryptPayloadSteps(bytes, key);
      if (payload !== undefined && isPlausible(payload)) return payload;
    }
    return undefined;
  }
}

function isEqual(a: CipherKey, b: CipherKey): boolean {
  return a.key.every((byte, i) => byte === b.key[i]) && a.iv.every((byte, i) => byte === b.iv[i]);
}
