/**
 * Trying a decoder with damaged input.
 *
 * @module
 */
import { assert, assertLess, assertRejects, assertThrows, fail } from "@std/assert";
import { SttpError, type SttpErrorCode } from "../../transport/errors.ts";

/**
 * Runs a decoder and insists that it gives a value or throws an `SttpError`.
 *
 * @returns The error's code, or `undefined` for a value.
 */
export function outcome(decode: () => unknown): SttpErrorCode | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (!(error instanceof SttpError)) {
      fail(`an SttpError or a value expected, got ${error instanceof Error ? error.stack : error}`);
    }
    assert(error.message.length > 0);
    return error.code;
  }
}

/**
 * Cuts input short at every byte and insists on a value or an `SttpError`.
 *
 * @returns The lengths at which there was a value.
 */
export function lengthsAccepted(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): number[] {
  const accepted: number[] = [];
  for (let length = 0; length < bytes.length; length++) {
    if (outcome(() => decode(bytes.slice(0, length))) === undefined) accepted.push(length);
  }
  return accepted;
}

/** Sets every byte in turn to several values and insists on a value or an `SttpError` each time. */
export function corruptEachByte(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): void {
  for (let i = 0; i < bytes.length; i++) {
    for (const value of [0x00, 0xff, 0x7f, 0x80, bytes[i]! ^ 0x01, bytes[i]! + 1]) {
      const damaged = bytes.slice();
      damaged[i] = value;
      outcome(() => decode(damaged));
    }
  }
}

/** Insists on an `SttpError` with this code, and gives it. */
export function assertSttpError(code: SttpErrorCode, decode: () => unknown, messagePart?: string): SttpError {
  const error = assertThrows(decode, SttpError, messagePart);
  assert(error.code === code, `code ${code} expected, got ${error.code}: ${error.message}`);
  return error;
}

/** The same of what takes its time. */
export async function assertSttpRejects(
  code: SttpErrorCode,
  attempt: () => Promise<unknown>,
  messagePart?: string,
): Promise<SttpError> {
  const error = await assertRejects(attempt, SttpError, messagePart);
  assert(error.code === code, `code ${code} expected, got ${error.code}: ${error.message}`);
  return error;
}

/** What buffers may come to by the way, in bytes: those of a test and of a channel. */
const LITTLE = 1 << 20;

/**
 * For what must not size memory by a number that input states: counts what is asked for with `new`, until it is disposed.
 * A buffer that is never written to takes none of the machine's memory, and is collected at any time, so that the memory
 * in use does not tell.
 */
export class Reservations implements Disposable {
  readonly #restore: (() => void)[] = [];
  #bytes = 0;

  constructor() {
    for (const original of [ArrayBuffer, SharedArrayBuffer, ...typedArrays]) {
      const counting = new Proxy(original, {
        construct: (target, parameters, newTarget): object => {
          const made: { readonly byteLength: number } = Reflect.construct(target, parameters, newTarget);
          // Else it is over a buffer that there is already, or a copy.
          if (typeof parameters[0] === "number") this.#bytes += made.byteLength;
          return made;
        },
      });
      Reflect.set(globalThis, original.name, counting);
      this.#restore.push(() => Reflect.set(globalThis, original.name, original));
    }
  }

  /** Insists that all of them together were less than a MiB. */
  assertLittle(): void {
    assertLess(this.#bytes, LITTLE, `${this.#bytes} bytes of memory, sized by what input states`);
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore) restore();
  }
}

const typedArrays = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
];

/** Bytes from hex digits; spaces are ignored. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits.replaceAll(/\s/g, ""));
}
