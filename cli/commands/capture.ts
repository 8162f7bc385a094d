/**
 * `sttp capture`: records sessions.
 *
 * @module
 */
import {
  type Channel,
  connectTcp,
  connectTls,
  customaryPort,
  listenTcp,
  listenTls,
  parseHostPort,
  parseTarget,
  Subscriber,
  type TlsSource,
} from "../../mod.ts";
import settings from "../../deno.json" with { type: "json" };
import { CaptureWriter } from "../capture/format.ts";
import { handOn, recordedChannel, type RecordedConnection, Recorder } from "../capture/recorder.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { connectionOptions, subscriberOptions } from "../connection.ts";
import { ExitCode, UsageError } from "../exit_codes.ts";
import { address, bytes, duration, file, text } from "../option.ts";
import { readTls } from "../tls.ts";
import { many } from "../text.ts";

/** `sttp capture`. */
export const capture: Command = defineCommand({
  name: "capture",
  summary: "Record sessions with a publisher, for sttp decode",
  description:
    "Connects to the publisher and subscribes, and records what is said; or, with --listen, waits for subscribers, " +
    "hands them on to the publisher, and records what they say to each other. TLS ends here on either side, so that " +
    "what is recorded can be read. A recording holds all that was sent, the keys of encrypted payloads included: " +
    "it is made readable for its owner alone. Data over UDP goes past it. The recording ends with the command, " +
    "and so do the connections.",
  operands: { publisher: address({ summary: "where the publisher is", required: true }) },
  options: {
    output: file({
      summary: "the recording; gzipped when the name ends in .gz",
      short: "o",
      required: true,
    }),
    listen: address({ summary: "wait for subscribers here, in place of subscribing", placeholder: "ADDRESS" }),
    listenCertificate: file({ summary: "what they are shown, PEM: they speak TLS", group: "TLS" }),
    listenKey: file({ summary: "its private key, PEM", group: "TLS" }),
    filter: text({
      summary: "what to subscribe to",
      placeholder: "EXPRESSION",
      default: "FILTER ActiveMeasurements WHERE True",
    }),
    duration: duration({ summary: "how long to record; default until Ctrl-C" }),
    limit: bytes({ summary: "end before the recording is longer than this, before compression", default: "1G" }),
    ...connectionOptions,
  },
  examples: [
    {
      line: "capture historian.example:7165 --duration 30s --output session.sttpcap",
      explanation: "Subscribe to everything for half a minute",
    },
    {
      line: "capture historian.example:7165 --listen :7166 --output session.sttpcap.gz",
      explanation: "Record what subscribers say that connect to port 7166 here",
    },
  ],
  async run(values, context): Promise<ExitCode> {
    const { listen, listenCertificate, listenKey, output: path } = values;
    if (listen === undefined && (listenCertificate ?? listenKey) !== undefined) {
      throw new UsageError("--listen-certificate and --listen-key are for --listen");
    }
    const { output } = context;
    await using recording = await Recording.begin(path, values.limit, values.duration, context.signal);
    if (listen === undefined) await subscribe(values, recording, context);
    else await standBetween({ ...values, listen }, recording, context);
    await recording.end();
    const { connections, size } = recording.recorder;
    if (output.json) await output.value({ file: path, connections, bytes: size });
    else await output.note(`${many(connections, "connection")}, ${many(size, "byte")} recorded in ${path}`);
    return ExitCode.Ok;
  },
});

/** A file that is being recorded to, until there is a reason to stop. */
class Recording implements AsyncDisposable {
  readonly recorder: Recorder;
  /** Fires when the recording is to end. */
  readonly signal: AbortSignal;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #written: Promise<void>;
  #timer: number | undefined;

  private constructor(file: Deno.FsFile, isPacked: boolean, limit: number, time: number | undefined, signal: AbortSignal) {
    const full = new AbortController();
    this.signal = AbortSignal.any([signal, full.signal]);
    if (time !== undefined) this.#timer = setTimeout(() => full.abort(), time);
    const packing = isPacked ? new CompressionStream("gzip") : new TransformStream<Uint8Array<ArrayBuffer>>();
    this.#writer = packing.writable.getWriter();
    this.#written = packing.readable.pipeTo(file.writable);
    // Whoever writes next learns of it.
    this.#written.catch(() => {});
    const writer = new CaptureWriter((bytes) => this.#writer.write(bytes), { program: `sttp ${settings.version}` });
    this.recorder = new Recorder({
      get size(): number {
        return writer.size;
      },
    } as CaptureWriter);
    void limit;
  }

  static async begin(
    path: string,
    limit: number,
    time: number | undefined,
    signal: AbortSignal,
  ): Promise<Recording> {
    const file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
    return new Recording(file, path.endsWith(".gz"), limit, time, signal);
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writer.close();
    await this.#written;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
  }
}
