import { encryptPayload, generateCipherKey } from "../transport/cipher.ts";
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { type CipherKey, encodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { Command, DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { encodeResponse } from "../transport/wire/frame.ts";

/** Settings of a {@linkcode PayloadCipher}. */
export interface PayloadCipherOptions {
  /** For timers. */
  readonly clock: Clock;
  /** Milliseconds after which keys are replaced. */
  readonly interval: number;
  /** Sends a frame over the command channel. */
  readonly send: (frame: Uint8Array) => void;
}

/** Keys are not replaced more often than this, in milliseconds (§12). */
const LEAST_INTERVAL = 1000;
/** How long new keys wait to be confirmed, in milliseconds: most subscribers have them by then and say nothing. */
const CONFIRMATION_TIME = 2000;

/**
 * The keys that one session's payloads are encrypted with (§12): an even and an odd one, of which one is in use. A
 * rotation replaces the other and goes over to it.
 *
 * The keys go over the command channel and packets may overtake them, so the new key is taken into use when the
 * subscriber has confirmed it, or after two seconds. Packets that are late are under the other key, which it still has.
 */
export class PayloadCipher {
  readonly #options: PayloadCipherOptions;
  readonly #keys: [even: CipherKey, odd: CipherKey];
  #index: 0 | 1 = 0;
  /** The key that is announced and not yet in use. */
  #next: 0 | 1 | undefined;
  /** How many confirmations are still to come, if the subscriber is of the kind that sends any. */
  #unconfirmed = 0;
  #rotatedAt = 0;
  #rotations = 0;
  #cancelRotation: () => void = () => {};
  #cancelWait: () => void = () => {};

  /** Makes both keys and sends them. */
  constructor(options: PayloadCipherOptions) {
    this.#options = options;
    this.#keys = [generateCipherKey(), generateCipherKey()];
    this.#announce(0);
  }

  /** The key in use: 0, the even one; 1, the odd one, which packets show by a flag. */
  get index(): 0 | 1 {
    return this.#index;
  }

  /** The flag of packets and buffer blocks that are encrypted now; it is the same for both. */
  get flag(): number {
    return this.#index === 1 ? DataPacketFlags.CipherIndex : 0;
  }

  /** How often keys were replaced. */
  get rotations(): number {
    return this.#rotations;
  }

  /**
   * Encrypts a payload with the key in use.
   *
   * @param headLength Bytes to leave free in front; default 0.
   */
  encrypt(payload: Uint8Array, headLength: number = 0): Uint8Array<ArrayBuffer> {
    return encryptPayload(payload, this.#keys[this.#index], headLength);
  }

  /** Replaces the key that is not in use and goes over to it. @throws {SttpError} `Refused` within a second of the last. */
  rotate(): void {
    if (this.#options.clock.monotonic() - this.#rotatedAt < LEAST_INTERVAL) {
      throw new SttpError("Refused", "The cipher keys were replaced within the last second already.");
    }
    this.#replace();
  }

  #replace(): void {
    // A new key that is still to be confirmed must not be replaced.
    this.#goOver();
    const next = this.#index === 0 ? 1 : 0;
    this.#keys[next] = generateCipherKey();
    this.#next = next;
    this.#rotations++;
    this.#announce(next);
    this.#cancelWait = this.#options.clock.schedule(CONFIRMATION_TIME, () => this.#goOver());
  }

  #announce(cipherIndex: 0 | 1): void {
    const { clock, interval, send } = this.#options;
    const [even, odd] = this.#keys;
    const body = encodeCipherKeys({ cipherIndex, even, odd });
    send(encodeResponse(Response.UpdateCipherKeys, Command.Subscribe, body));
    this.#unconfirmed++;
    this.#rotatedAt = clock.monotonic();
    this.#cancelRotation();
    this.#cancelRotation = clock.schedule(interval, () => this.#replace());
  }

  #goOver(): void {
    this.#cancelWait();
    this.#index = this.#next ?? this.#index;
    this.#next = undefined;
  }

  /** The subscriber has the keys that were sent last. @returns False when none were waiting for that. */
  confirm(): boolean {
    if (this.#unconfirmed === 0) return false;
    this.#unconfirmed--;
    // One that comes late must not count for the keys after its own.
    if (this.#unconfirmed === 0) this.#goOver();
    return true;
  }

  /** Ends timers. */
  dispose(): void {
    this.#cancelRotation();
    this.#cancelWait();
  }
}
