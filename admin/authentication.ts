import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../transport/clock.ts";
import { addressBytes } from "../transport/ip_address.ts";
import type { AdminCredential, AdminRole } from "./options.ts";

/** Who asks. */
export interface AdminUser {
  readonly name: string;
  readonly role: AdminRole;
}

/** What came of looking at a request's credentials. */
export type Authentication =
  | { readonly kind: "user"; readonly user: AdminUser }
  /** None were given, or wrong ones. */
  | { readonly kind: "unknown" }
  /** Too many wrong ones came from there; these were not looked at. */
  | { readonly kind: "tooMany"; readonly retryAfterSeconds: number };

/** Wrong credentials that one address may send in a row, against guessing. */
const ATTEMPTS = 10;
/** Milliseconds after which it gets one attempt back. */
const RECOVERY = 6_000;
/** Addresses that are remembered, against memory that grows with them. */
const ADDRESSES = 4_096;

interface Bucket {
  attempts: number;
  at: number;
}

/** Tells who sends a request, without telling by its timing how near a wrong secret was. */
export class Authenticator {
  readonly #credentials: readonly {
    readonly user: AdminUser;
    readonly basic: Buffer;
    readonly bearer: Buffer;
  }[];
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #onFailure: (address: string) => void;

  /**
   * @param credentials Who there is; when nobody, everybody is a reader without a name.
   * @param onFailure Called for wrong credentials, with where they came from.
   */
  constructor(
    credentials: readonly AdminCredential[],
    clock: Clock,
    onFailure: (address: string) => void,
  ) {
    this.#credentials = credentials.map(({ name, role, secret }) => ({
      user: { name, role },
      basic: digest(`${name}:${secret}`),
      bearer: digest(secret),
    }));
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /**
   * Looks at the `Authorization` header of a request.
   *
   * @param address Where the request comes from; those without an address are counted together.
   */
  authenticate(authorization: string | null, address: string = ""): Authentication {
    if (this.#credentials.length === 0) {
      return { kind: "user", user: { name: "anonymous", role: "reader" } };
    }
    if (authorization === null) return { kind: "unknown" };
    const key = networkOf(address);
    const bucket = this.#bucket(key);
    if (bucket.attempts < 1) {
      return { kind: "tooMany", retryAfterSeconds: Math.ceil((1 - bucket.attempts) * RECOVERY / 1000) };
    }
    const user = this.#userOf(authorization);
    if (user !== undefined) return { kind: "user", user };
    bucket.attempts--;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > ADDRESSES) this.#buckets.delete(this.#buckets.keys().next().value!);
    // What is told of it may fail; by now it counts.
    this.#onFailure(address);
    return { kind: "unknown" };
  }

  #bucket(key: string): Bucket {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { attempts: ATTEMPTS, at: now };
    bucket.attempts = Math.min(ATTEMPTS, bucket.attempts + (now - bucket.at) / RECOVERY);
    bucket.at = now;
    return bucket;
  }

  #userOf(authorization: string): AdminUser | undefined {
    const [, scheme, text] = /^(bearer|basic) +(\S{1,4096})$/i.exec(authorization) ?? [];
    if (scheme === undefined || text === undefined) return undefined;
    const isBasic = scheme.toLowerCase() === "basic";
    const given = digest(isBasic ? Buffer.from(text, "base64") : text);
    let found: AdminUser | undefined;
    for (const { user, basic, bearer } of this.#credentials) {
      if (timingSafeEqual(given, isBasic ? basic : bearer)) found ??= user;
    }
    return found;
  }
}

/** Digests are of one length and tell nothing of what is behind them, so that they can be compared in one time. */
function digest(text: string | Uint8Array): Buffer {
  return createHash("sha256").update(text).digest();
}

/** An IPv6 host has a whole network of 64 bits to send from; it counts as one, however its address is spelled. */
function networkOf(address: string): string {
  const bytes = addressBytes(address);
  return bytes === undefined ? address : bytes.subarray(0, 8).join(".");
}
