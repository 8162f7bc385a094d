import type { BaseTimes } from "../../transport/wire/base_times.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { CompactDecoder, CompactEncoder, type CompactFormat } from "../../transport/wire/compact.ts";
import { TsscDecoder, TsscEncoder } from "../../transport/wire/tssc/mod.ts";
import type { Case } from "../harness/measure.ts";

const PACKET_LENGTH = 32_768;

/** Encoding into and decoding from full TSSC packets. */
export function tsscCases(name: string, batch: MeasurementBatch): Case[] {
  const out = new Uint8Array(PACKET_LENGTH);
  const encoder = new TsscEncoder();
  const packets: Uint8Array[] = [];
  let keep = true;
  const encode = (): number => {
    encoder.reset();
    for (let i = 0; i < batch.length;) {
      encoder.begin(out, 0, PACKET_LENGTH);
      i = encoder.encode(batch, i, batch.length);
      const end = encoder.finish();
      if (keep) packets.push(out.slice(0, end));
    }
    return batch.length;
  };
  encode();
  keep = false;
  const bytes = packets.reduce((sum, packet) => sum + packet.length, 0);

  const decoder = new TsscDecoder();
  const into = new MeasurementBatch();
  const decode = (): number => {
    for (const packet of packets) {
      into.clear();
      decoder.decode(packet, into);
    }
    return batch.length;
  };
  const bytesPerUnit = bytes / batch.length;
  return [
    { name: `${name} encode`, run: encode, bytesPerUnit },
    { name: `${name} decode`, run: decode, bytesPerUnit },
  ];
}

/** Encoding into and decoding from full packets of compact measurements. */
export function compactCases(
  name: string,
  batch: MeasurementBatch,
  format: CompactFormat,
  baseTimes?: BaseTimes,
): Case[] {
  const out = new Uint8Array(PACKET_LENGTH);
  const encoder = new CompactEncoder(format, baseTimes);
  const packets: { bytes: Uint8Array; count: number }[] = [];
  let keep = true;
  const encode = (): number => {
    for (let i = 0; i < batch.length;) {
      const count = encoder.encode(batch, i, batch.length, out, 0, PACKET_LENGTH);
      i += count;
      if (keep) packets.push({ bytes: out.slice(0, encoder.end), count });
    }
    return batch.length;
  };
  encode();
  keep = false;
  const bytes = packets.reduce((sum, packet) => sum + packet.bytes.length, 0);

  const decoder = new CompactDecoder(format);
  decoder.baseTimes = baseTimes;
  const into = new MeasurementBatch();
  const decode = (): number => {
    for (const packet of packets) {
      into.clear();
      decoder.decode(packet.bytes, packet.count, into);
    }
    return batch.length;
  };
  const bytesPerUnit = bytes / batch.length;
  return [
    { name: `${name} encode`, run: encode, bytesPerUnit },
    { name: `${name} decode`, run: decode, bytesPerUnit },
  ];
}
