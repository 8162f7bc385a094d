/**
 * Recordings of all kinds that can be read.
 *
 * @module
 */
import { UsageError } from "../exit_codes.ts";
import { ByteSource } from "./byte_source.ts";
import { type CaptureEvent, readCapture } from "./format.ts";
import { isPcap, readPcap } from "./pcap.ts";

/** How a recording is read. */
export interface RecordingOptions {
  /** For recordings of a network: a TCP port that publishers or subscribers listen at, whatever they say. */
  readonly port?: number | undefined;
  /** Is told of what is passed over. */
  readonly note?: (text: string) => void;
}

/**
 * Reads a recording, of our own kind or of a network (pcap, pcapng), gzipped or not.
 *
 * @param stream The file, which is read to its end or cancelled.
 * @throws {UsageError} When there is a port and this is no recording of a network.
 * @throws {CommandError} `BadInput`, with the offset, when it is none, or ends before it is whole; after all before that.
 */
export async function* readRecording(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  options: RecordingOptions = {},
): AsyncGenerator<CaptureEvent, void, undefined> {
  const source = await ByteSource.open(stream);
  try {
    if (isPcap(await source.peek(4))) return yield* readPcap(source, options);
    if (options.port !== undefined) {
      throw new UsageError("--port is for recordings of a network, and this is none");
    }
    yield* readCapture(source);
  } finally {
    await source.cancel();
  }
}
