/**
 * `sttp capture`: records sessions.
 *
 * @module
 */
import { customaryPort, listenTcp, listenTls, Subscriber, type TlsSource } from "../../mod.ts";
import { handOn, type RecordedConnection, Recorder, witnessedChannel } from "../capture/recorder.ts";
import { RecordingFile } from "../capture/recording_file.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { dial } from "../dial.ts";
import { connectionOptions, type ConnectionValues, subscriberOptions } from "../connection.ts";
import { CommandError, ExitCode, listening } from "../exit_codes.ts";
import {
  address,
  bytes,
  duration,
  expression,
  file,
  flag,
  listenAddress,
  type Place,
  related,
  timerDuration,
} from "../option.ts";
import type { Output } from "../output.ts";
import { type Report, Reporter } from "../reporter.ts";
import { aborted, endingAfter } from "../signals.ts";
import { listenTlsOptions, readListenTls, readTls } from "../tls.ts";
import { many, plain } from "../text.ts";
import { assemblyInfo, PROGRAM, VERSION } from "../version.ts";

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
    overwrite: flag({ summary: "write over a file that is there" }),
    listen: listenAddress({ summary: "wait for subscribers here, in place of subscribing" }),
    filter: expression({
      summary: "what to subscribe to",
      default: "FILTER ActiveMeasurements WHERE True",
      excludes: ["listen"],
    }),
    duration: duration({ short: "d", summary: "how long to record; default until Ctrl-C" }),
    limit: bytes({
      summary: "end before the recording is longer than this, before compression",
      default: "1G",
    }),
    progress: timerDuration({
      summary: "how often progress is told, 0 for never; default 1s on a terminal, else never",
    }),
    ...connectionOptions,
    // Subscribers say that themselves.
    protocol: { ...connectionOptions.protocol, excludes: ["listen"] },
    ...related(listenTlsOptions, { needs: ["listen"] }),
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
    const { listen, output: path, limit } = values;
    const near = await readListenTls(values);
    const { output } = context;
    const over = new AbortController();
    const signal = AbortSignal.any([endingAfter(context.signal, values.duration), over.signal]);
    if (!values.overwrite) await checkAbsent(path);
    const file = await RecordingFile.create(path, { program: `${PROGRAM} ${VERSION}` });
    const recorder = new Recorder(file.writer, { limit, onStop: () => over.abort() });
    const report = (): Report => {
      const { connections, size } = recorder;
      const text = `${many(connections, "connection")}, ${many(size, "byte")} recorded in ${path}`;
      return { value: { file: path, connections, bytes: size }, text };
    };
    const interval = values.progress ?? (output.err.isTerminal ? 1000 : 0);
    const record = async (): Promise<void> => {
      using _reporter = new Reporter({ progress: report, total: report }, output, interval);
      if (listen === undefined) await subscribe(values, recorder, { ...context, signal });
      else await standBetween({ ...values, listen, near }, recorder, { ...context, signal });
    };
    try {
      await record().finally(() => file.close());
    } catch (error) {
      // Nothing in it is worth a file that is in the way of the next attempt.
      if (recorder.connections === 0) await remove(path);
      throw error;
    }
    await output.status("");
    const { value, text } = report();
    if (output.json) await output.value(value);
    else await output.note(text);
    return ExitCode.Ok;
  },
});

/** What is told to the command. */
interface Values extends ConnectionValues {
  readonly publisher: string;
  readonly filter: string;
}

/** Subscribes, and records what is said, until the signal fires. */
async function subscribe(values: Values, recorder: Recorder, { output, signal }: Context): Promise<void> {
  const { publisher, filter, timeout } = values;
  const { tls, ...options } = await subscriberOptions(values);
  let connection: RecordedConnection | undefined;
  await using subscriber = new Subscriber({
    ...options,
    filter,
    assemblyInfo: assemblyInfo("capture"),
    onBatch: () => {},
    connector: async (address, { signal }) => {
      const channel = await dial(address, tls, timeout, signal);
      try {
        connection = await recorder.open({ subscriber: "", publisher: channel.peer.address });
        return witnessedChannel(channel, connection);
      } catch (error) {
        channel.close();
        throw error;
      }
    },
  });
  // The status of a subscriber that never begins to connect does not end.
  if (signal.aborted) return;
  const told = tell(subscriber, output);
  try {
    await subscriber.connect(publisher, { signal });
    const reason = await Promise.race([subscriber.closed, aborted(signal)]);
    if (reason && reason.kind !== "disconnected") throw reason.error;
  } catch (error) {
    // Until the end of the time that was given it is well to wait.
    if (!signal.aborted) throw error;
  } finally {
    await subscriber.disconnect();
    await told;
    await connection?.end("the recording was ended").catch(() => {});
  }
}

/** Tells of connections that come and go, until the subscriber has ended. */
async function tell(subscriber: Subscriber, output: Output): Promise<void> {
  for await (const event of subscriber.status()) {
    if (event.kind === "connected") await output.note(`connected to ${event.peer}`);
    else if (event.kind === "connectionLost") {
      await output.note(plain(event.error.message));
    }
  }
}

/** @throws {CommandError} When there is a file, which may be a recording of something that does not come again. */
async function checkAbsent(path: string): Promise<void> {
  const there = await Deno.stat(path).catch(() => undefined);
  if (!there?.isFile || there.size === 0) return;
  throw new CommandError(ExitCode.Failed, `${path} is there already; --overwrite writes over it`);
}

/** Removes a file; whatever else has that name, such as a device, stays. */
async function remove(path: string): Promise<void> {
  const there = await Deno.stat(path).catch(() => undefined);
  if (there?.isFile) await Deno.remove(path).catch(() => {});
}

/** Hands subscribers on to the publisher, and records what is said, until the signal fires. */
async function standBetween(
  values: Values & { readonly listen: Place; readonly near: TlsSource | undefined },
  recorder: Recorder,
  { output, signal }: Context,
): Promise<void> {
  const { publisher, listen, near, timeout } = values;
  const tls = await readTls(values);
  const place = { hostname: listen.hostname, port: listen.port ?? customaryPort(near) };
  const listener = await listening(() =>
    near === undefined ? listenTcp(place) : listenTls({ ...place, tls: near })
  );
  await output.note(`waiting for subscribers on ${listener.address}`, { listening: listener.address });
  await handOn({
    listener,
    connect: (signal) => dial(publisher, tls, timeout, signal),
    recorder,
    signal,
    note: (text) => void output.note(plain(text)).catch(() => {}),
  });
}
