/**
 * What comes over channels beside a session's commands: datagrams from anybody.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DataChannel } from "../../../subscriber/data_channel.ts";
import { checkOptions } from "../../../subscriber/options.ts";
import { PacketReader } from "../../../subscriber/packets.ts";
import { Counters } from "../../../subscriber/stats.ts";
import { batchOf, cacheOf, compactFrame } from "../../../subscriber/testdata/scripted_publisher.ts";
import { checkUdpOptions } from "../../../subscriber/udp_options.ts";
import {
  DataPacketFlags,
  decodeCacheUpdate,
  encodeCacheUpdate,
  encodeCipherKeys,
  encryptPayload,
  ManualClock,
  MeasurementBatch,
  openUdp,
  Response,
  SignalTable,
  SttpError,
} from "../../../transport/mod.ts";
import { responseBodies } from "../corpus.ts";
import { keys } from "../keys.ts";
import { damaged, joined } from "../mutate.ts";
import { type FuzzTarget, mustSucceed, target } from "../target.ts";
import { turns } from "./turns.ts";

const keysBody = encodeCipherKeys({ cipherIndex: 0, ...keys });

/** A data packet as a datagram, encrypted with one of the keys or with none. */
function datagram(body: Uint8Array, encrypted?: "even" | "odd"): Uint8Array {
  const flags = body[0]! | (encrypted === "odd" ? DataPacketFlags.CipherIndex : 0);
  const payload = encrypted === undefined
    ? body.subarray(1)
    : encryptPayload(body.subarray(1), keys[encrypted]);
  const head = new Uint8Array([Response.DataPacket, 0x02, 0, 0, 0, 0, flags]);
  new DataView(head.buffer).setUint32(2, payload.length + 1);
  return joined(head, payload);
}

/** Bodies of compact packets: recorded ones, and one whose signals are in the cache. */
function bodies(): Uint8Array[] {
  const recordedOnes = responseBodies(Response.DataPacket).filter((body) =>
    (body[0]! & DataPacketFlags.Compressed) === 0
  );
  return [compactFrame(batchOf([0, 1, 2])).subarray(10), ...recordedOnes.slice(0, 20)];
}

/** Datagrams from whoever knows the port, as a subscription over UDP takes them. */
const datagrams = target(
  "datagrams",
  60,
  () => {
    const good = bodies().flatMap((body) => [datagram(body), datagram(body, "even"), datagram(body, "odd")]);
    // Damaged before it is encrypted, it gets through.
    const sealed = fc.tuple(
      damaged(bodies()).filter((body) => body.length > 0),
      fc.constantFrom("even" as const, "odd" as const),
    )
      .map(([body, key]) => datagram(body, key));
    return fc.record({
      isEncrypted: fc.boolean(),
      datagrams: fc.array(fc.oneof(damaged(good), sealed), { minLength: 1, maxLength: 20 }),
    });
  },
  mustSucceed(async ({ isEncrypted, datagrams }) => {
    const counters = new Counters();
    const signals = new SignalTable();
    const drop: PacketReaderDrop = (reason, message, count = 1) => {
      assert(message !== "", "nothing is said of what is dropped");
      counters.dropped[reason] += count;
    };
    const { limits } = checkOptions({ limits: { packetMeasurements: 2_000, signals: 100 } });
    const reader = new PacketReader({
      version: 2,
      limits,
      signals,
      clock: new ManualClock(),
      counters,
      drop,
    });
    const block = encodeCacheUpdate(cacheOf([1, 2, 3, 4]), { version: 2, cacheIndex: 0 });
    const format = { includeTime: true, useMillisecondResolution: false };
    reader.installCache(0, decodeCacheUpdate(block, { version: 2, gzip: false }).cache, format);
    if (isEncrypted) reader.updateCipherKeys(keysBody);
    const into = new MeasurementBatch();
    const faults: unknown[] = [];
    const channel = await DataChannel.open({
      udp: checkUdpOptions({ interface: "127.0.0.1" })!,
      peer: "127.0.0.1:7165",
      counters,
      drop,
      receive: ({ code, body }) => {
        try {
          if (code === Response.DataPacket) reader.read(body, into, true);
        } catch (error) {
          if (!(error instanceof SttpError)) faults.push(error);
        }
        for (let i = 0; i < into.length; i++) {
          assert(into.signals[i]! < signals.size, "a measurement of no signal");
        }
        into.clear();
      },
      onError: (error) => void faults.push(error),
    });
    const sender = await openUdp({ hostname: "127.0.0.1" });
    try {
      const to = { hostname: "127.0.0.1", port: channel.settings.localPort };
      for (const bytes of datagrams) sender.send(bytes, to, () => {});
      // One may be lost, though hardly ever here; that is no finding.
      for (let i = 0; i < 50 && counters.udp.datagrams < datagrams.length; i++) await turns(2);
    } finally {
      await sender.close();
      await channel.close();
    }
    if (faults.length > 0) throw faults[0];
    const { expected, received, lost, late, repeated, silent, unmeasured } = counters.udp;
    assertEquals(expected, received + lost);
    for (const count of [lost, received, late, repeated, silent, unmeasured]) {
      assert(Number.isSafeInteger(count) && count >= 0, `a count is ${count}`);
    }
  }),
);

type PacketReaderDrop = ConstructorParameters<typeof PacketReader>[0]["drop"];

/** All targets of channels. */
export const channelTargets: readonly FuzzTarget[] = [datagrams];
