import { isIP } from "node:net";
import { canonicalHost } from "./address.ts";

/** The bytes of an IP address: 4, also of one that is mapped into IPv6, or 16; `undefined` when it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  const host = canonicalHost(text);
  switch (isIP(host)) {
    case 4:
      return Uint8Array.from(host.split("."), Number);
    case 6: {
      const [front, back] = host.split("::").map((half) => half === "" ? [] : half.split(":"));
      const missing = 8 - front!.length - (back?.length ?? 0);
      const groups = back === undefined
        ? front!
        : [...front!, ...new Array<string>(missing).fill("0"), ...back];
      return Uint8Array.from(groups.flatMap((group) => {
        const value = parseInt(group, 16);
        return [value >> 8, value & 255];
      }));
    }
  }
  return undefined;
}
