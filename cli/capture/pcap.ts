/**
 * Recordings of a network, as tcpdump and Wireshark make them: the files pcap and pcapng.
 *
 * @module
 */
import { UnixEpochTicks } from "../../mod.ts";
import { badInput, type ByteSource } from "./byte_source.ts";
import type { CaptureEvent } from "./format.ts";
import { takeApart } from "./network.ts";
import type { RecordingOptions } from "./recording.ts";
import { Streams } from "./streams.ts";

/** What was seen on a network. */
interface Packet {
  /** Where its record begins in the file. */
  readonly offset: number;
  readonly ticks: bigint | undefined;
  /** What its first header is, as the registry of link types has it. */
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** Bytes that it had on the network: more when it was cut. */
  readonly length: number;
}

/** No packet or block is longer, so that a wrong length is no wish for memory. */
const LONGEST = 16 * 1024 ** 2;

/** The magic numbers, as they read big end first, of microseconds and nanoseconds in either order of bytes. */
const MAGIC = {
  micro: 0xa1b2c3d4,
  microSwapped: 0xd4c3b2a1,
  nano: 0xa1b23c4d,
  nanoSwapped: 0x4d3cb2a1,
} as const;
const PCAPNG = 0x0a0d0d0a;

/** Whether a file that begins so is one of these. */
export function isPcap(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  const magic = viewOf(bytes).getUint32(0);
  return magic === PCAPNG || (Object.values(MAGIC) as number[]).includes(magic);
}

/**
 * Reads the STTP connections in a recording of a network.
 *
 * @throws {CommandError} `BadInput`, with the offset, when the file can't be read any further.
 */
export async function* readPcap(
  source: ByteSource,
  { port, note = () => {} }: RecordingOptions,
): AsyncGenerator<CaptureEvent, void, undefined> {
  const streams = new Streams(port);
  let cut = 0;
  const isNew = viewOf(await source.peek(4)).getUint32(0) === PCAPNG;
  try {
    for await (const { offset, ticks, linkType, bytes, length } of isNew ? blocks(source) : records(source)) {
      if (bytes.length < length) cut++;
      const segment = takeApart(linkType, bytes);
      if (segment === undefined) continue;
      for (const event of streams.add(segment)) yield { ...event, ticks, offset };
    }
  } finally {
    if (cut > 0) {
      note(`${cut} packets were cut short when they were recorded; record them whole, as with tcpdump -s 0`);
    }
    for (const text of streams.passedOver()) note(text);
  }
  for (const event of streams.end()) yield { ...event, ticks: undefined, offset: source.offset };
}

/** The packets of a pcap file. */
async function* records(source: ByteSource): AsyncGenerator<Packet, void, undefined> {
  const header = await need(source, 24);
  const magic = viewOf(header).getUint32(0);
  const isLittle = magic === MAGIC.microSwapped || magic === MAGIC.nanoSwapped;
  const isNano = magic === MAGIC.nano || magic === MAGIC.nanoSwapped;
  // The upper bits say what stands behind each packet.
  const linkType = viewOf(header).getUint32(20, isLittle) & 0x0fffffff;
  for (;;) {
    const { offset } = source;
    const head = await source.take(16);
    if (head === undefined) return;
    const view = viewOf(head);
    const [seconds, fraction] = [view.getUint32(0, isLittle), view.getUint32(4, isLittle)];
    const ticks = UnixEpochTicks + BigInt(seconds) * 10_000_000n +
      (isNano ? BigInt(fraction) / 100n : BigInt(fraction) * 10n);
    const kept = checkLength(view.getUint32(8, isLittle), offset);
    yield { offset, ticks, linkType, bytes: await need(source, kept), length: view.getUint32(12, isLittle) };
  }
}

/** What pcapng says of an interface. */
interface Interface {
  readonly linkType: number;
  /** Units of time in a second. */
  readonly unitsPerSecond: bigint;
}

const Block = { section: PCAPNG, interface: 1, simple: 3, enhanced: 6 } as const;

/** The packets of a pcapng file. */
async function* blocks(source: ByteSource): AsyncGenerator<Packet, void, undefined> {
  let isLittle = false;
  let interfaces: Interface[] = [];
  for (;;) {
    const { offset } = source;
    const head = await source.take(8);
    if (head === undefined) return;
    const type = viewOf(head).getUint32(0, isLittle);
    // The same in either order of bytes, and followed by what tells the order.
    if (type === Block.section) {
      const order = await source.peek(4);
      if (order.length < 4) throw source.cutShort();
      isLittle = viewOf(order).getUint32(0, true) === 0x1a2b3c4d;
      interfaces = [];
    }
    const total = checkLength(viewOf(head).getUint32(4, isLittle), offset);
    if (total < 12 || total % 4 !== 0) throw badInput(`a block of ${total} bytes at offset ${offset}`);
    const body = (await need(source, total - 8)).subarray(0, -4);
    const view = viewOf(body);
    const long = (least: number): void => {
      if (body.length < least) throw badInput(`a block of ${total} bytes at offset ${offset} is too short`);
    };
    if (type === Block.interface) {
      long(8);
      if (interfaces.length >= 65_536) throw badInput(`too many interfaces at offset ${offset}`);
      interfaces.push({
        linkType: view.getUint16(0, isLittle),
        unitsPerSecond: resolutionOf(body.subarray(8), isLittle),
      });
    } else if (type === Block.enhanced) {
      long(20);
      const from = interfaces[view.getUint32(0, isLittle)];
      if (from === undefined) throw badInput(`a packet of an unknown interface at offset ${offset}`);
      const time = BigInt(view.getUint32(4, isLittle)) << 32n | BigInt(view.getUint32(8, isLittle));
      const ticks = BigInt.asIntN(64, UnixEpochTicks + time * 10_000_000n / from.unitsPerSecond);
      const kept = view.getUint32(12, isLittle);
      long(20 + kept);
      const bytes = body.subarray(20, 20 + kept);
      yield { offset, ticks, linkType: from.linkType, bytes, length: view.getUint32(16, isLittle) };
    } else if (type === Block.simple && interfaces[0] !== undefined) {
      long(4);
      const length = view.getUint32(0, isLittle);
      const bytes = body.subarray(4, 4 + length);
      yield { offset, ticks: undefined, linkType: interfaces[0].linkType, bytes, length };
    }
  }
}

/** The option if_tsresol; default microseconds. */
function resolutionOf(options: Uint8Array, isLittle: boolean): bigint {
  const view = viewOf(options);
  for (let at = 0; at + 4 <= options.length;) {
    const [code, length] = [view.getUint16(at, isLittle), view.getUint16(at + 2, isLittle)];
    const value = options[at + 4];
    if (code === 9 && length === 1 && value !== undefined) {
      return (value & 0x80) === 0
        ? 10n ** BigInt(Math.min(value, 18))
        : 2n ** BigInt(Math.min(value & 0x7f, 62));
    }
    at += 4 + length + (4 - length % 4) % 4;
  }
  return 1_000_000n;
}

function checkLength(length: number, offset: number): number {
  if (length <= LONGEST) return length;
  throw badInput(`${length} bytes announced at offset ${offset}, at most ${LONGEST} expected`);
}

async function need(source: ByteSource, length: number): Promise<Uint8Array> {
  if (length === 0) return new Uint8Array(0);
  const bytes = await source.take(length);
  if (bytes === undefined) throw source.cutShort();
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
