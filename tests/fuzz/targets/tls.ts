/**
 * Either end of a TLS connection, with a peer that does not keep to TLS, or whose records are damaged on their way.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Channel, createChannelPair, ManualClock, SttpError } from "../../../transport/mod.ts";
import { secureChannel } from "../../../transport/tls_channel.ts";
import { checkTlsOptions } from "../../../transport/tls_options.ts";
import { type Change, changed, damaged, joined, someChanges } from "../mutate.ts";
import { type FuzzTarget, target } from "../target.ts";
import {
  authorityCertificate,
  clientFlight,
  serverCertificate,
  serverFlight,
  serverKey,
} from "../tls_session.ts";
import { briefly, turns } from "./turns.ts";

type Side = "client" | "server";

/** What a peer says that only has a recording. */
interface Recording {
  readonly bytes: Uint8Array;
  /** Bytes that it says at a time. */
  readonly piece: number;
}

/** What is done to a record of a peer that does keep to TLS. */
interface Damage {
  /** Which; there may be none with that number. */
  readonly record: number;
  readonly changes: readonly Change[];
}

/** In when the certificates are valid. */
const NOW = Date.UTC(2027, 0, 1);
const TIMEOUT = 1_000;
const settings = {
  client: checkTlsOptions({ ca: authorityCertificate, serverName: "localhost" }),
  server: checkTlsOptions({ certificate: serverCertificate, key: serverKey }),
};
/** What the peer says inside, in three records at least. */
const said = Uint8Array.from({ length: 40_000 }, (_, i) => i * 7 ^ i >> 8);

/** One end. */
function secured(channel: Channel, side: Side, clock: ManualClock): Promise<Channel> {
  return secureChannel(channel, {
    side,
    settings: settings[side],
    hostname: "localhost",
    timeout: TIMEOUT,
    clock,
  });
}

function tlsTarget(side: Side): FuzzTarget {
  return target<Recording | Damage>(`tls-${side}`, 40, () => {
    const [other, own] = side === "client" ? [serverFlight, clientFlight] : [clientFlight, serverFlight];
    return fc.oneof(
      fc.record({
        bytes: damaged([other, other, own, new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]),
        piece: fc.constantFrom(1 << 20, 1 << 20, 100, 7),
      }),
      fc.record({ record: fc.nat(10), changes: someChanges }),
    );
  }, (input) => "bytes" in input ? meetRecording(side, input) : meetDamage(side, input));
}

async function meetRecording(side: Side, { bytes, piece }: Recording): Promise<void> {
  const [near, far] = createChannelPair();
  const own = secured(near, side, new ManualClock(NOW));
  const attack = (async (): Promise<void> => {
    for (let from = 0; from < bytes.length; from += piece) {
      await far.write(bytes.subarray(from, from + piece));
    }
    await turns(4);
    far.close();
  })();
  try {
    (await own).close();
  } finally {
    far.close();
    await attack.catch(unlessRefused);
  }
}

/** Whatever is damaged, what is read is what was said, up to where it ends or an error tells that it is broken. */
async function meetDamage(side: Side, damage: Damage): Promise<void> {
  const clock = new ManualClock(NOW);
  const [near, nearFar] = createChannelPair();
  const [peer, peerFar] = createChannelPair();
  let isOver = false;
  const listening = listen(secured(near, side, clock)).finally(() => isOver = true);
  const others = Promise.all([
    speak(secured(peer, side === "client" ? "server" : "client", clock)),
    relay(nearFar, peerFar),
    relay(peerFar, nearFar, damage),
  ].map((task) => task.catch(unlessRefused)));
  const outcome = Promise.allSettled([listening]);
  try {
    // Who waits for the rest of a record gives up when its time is over.
    await briefly(() => isOver, () => clock.advance(TIMEOUT / 10));
    await listening;
  } finally {
    for (const channel of [near, nearFar, peer, peerFar]) channel.close();
    await Promise.all([outcome, others]);
  }
}

/** Says that it is there, and reads to the end. */
async function listen(securing: Promise<Channel>): Promise<void> {
  const channel = await securing;
  const into = new Uint8Array(16_384);
  let offset = 0;
  try {
    await channel.write(Uint8Array.of(1));
    for (let length; (length = await channel.read(into)) !== null; offset += length) {
      assertEquals(into.subarray(0, length), said.subarray(offset, offset + length));
    }
  } finally {
    channel.close();
  }
}

/** Says everything, and ends when the other is there: what that has to say when it is secured has to get through. */
async function speak(securing: Promise<Channel>): Promise<void> {
  const channel = await securing;
  try {
    await channel.write(said);
    await channel.read(new Uint8Array(1));
  } finally {
    channel.close();
  }
}

/** Passes on what comes, with one record damaged. */
async function relay(from: Channel, to: Channel, damage?: Damage): Promise<void> {
  const into = new Uint8Array(16_384);
  let waiting = new Uint8Array(0);
  let number = 0;
  try {
    for (let length; (length = await from.read(into)) !== null;) {
      waiting = joined(waiting, into.subarray(0, length));
      for (let end; (end = endOfRecord(waiting)) <= waiting.length;) {
        const record = waiting.subarray(0, end);
        await to.write(number++ === damage?.record ? changed(record, damage.changes) : record);
        waiting = waiting.slice(end);
      }
    }
  } finally {
    to.close();
  }
}

/** Where the first record ends: behind its type, its version, its length and so many bytes. */
function endOfRecord(bytes: Uint8Array): number {
  return bytes.length < 5 ? Infinity : 5 + (bytes[3]! << 8 | bytes[4]!);
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof SttpError)) throw error;
}

/** Both ends. */
export const tlsTargets: readonly FuzzTarget[] = [tlsTarget("client"), tlsTarget("server")];
