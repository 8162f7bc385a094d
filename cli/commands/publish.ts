/**
 * `sttp publish`.
 *
 * @module
 */
import { Grid } from "../../grid/mod.ts";
import { logPublisher } from "../../log/mod.ts";
import type { Publisher } from "../../mod.ts";
import { AccessFile } from "../access_file.ts";
import { adminOptions, serveAdminFor } from "../admin.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { formatOf, readableFormats, toldFormatOf } from "../data/format.ts";
import { ExitCode, listening } from "../exit_codes.ts";
import { createLog, logOptions } from "../log.ts";
import { readMetadataFile } from "../metadata_source.ts";
import { choice, duration, factor, file, flag, timerDuration, type ValuesOf, whole } from "../option.ts";
import { checkRecorded, createPublisher, openHistory, publisherOptions } from "../publisher_options.ts";
import { pump } from "../pump.ts";
import { PublishingMeter } from "../publishing.ts";
import { Reporter } from "../reporter.ts";
import { aborted, endingAfter, onReload } from "../signals.ts";
import { FileSource, GridSource, type MeasurementSource, StreamSource } from "../source.ts";
import { instrumentWhereOn } from "../telemetry.ts";
import { checkListening, readTls, tlsOptions } from "../tls.ts";

const source = { group: "Measurements" } as const;

/** What has an end, and signals of others: all but a grid. */
const recorded = [["data", "stdin"]] as const;

const options = {
  metadata: file({
    ...source,
    short: "m",
    summary: "what there is to subscribe to, XML; a grid has its own",
    needs: recorded,
  }),
  grid: whole(1, 100_000)({
    ...source,
    summary: "measure a synthetic grid of so many devices; default 20 if nothing else is said",
    excludes: ["data", "stdin"],
  }),
  rate: whole(1, 1000)({
    ...source,
    summary: "its frames a second",
    default: "30",
    excludes: ["data", "stdin"],
  }),
  data: file({
    ...source,
    summary: "a recorded file: CSV, NDJSON or Parquet",
    needs: ["metadata"],
    excludes: ["stdin"],
  }),
  stdin: flag({
    ...source,
    summary: "measurements from standard input, as they come",
    needs: ["metadata"],
  }),
  format: choice(...readableFormats)({
    ...source,
    summary: "the format of file or input; default what the file's name tells, ndjson for the input",
    needs: recorded,
  }),
  speed: factor({
    ...source,
    summary: "how often as fast as recorded a file goes: 2, 0.5; max for without waiting",
    default: "1",
    needs: ["data"],
  }),
  now: flag({ ...source, summary: "move the file's times to the present", needs: ["data"] }),
  loop: flag({ ...source, summary: "begin the file again at its end", needs: ["data"] }),
  subscribers: whole(0, 1_000_000)({
    ...source,
    summary: "begin when so many have subscribed",
    default: "0",
  }),
  stay: flag({
    ...source,
    summary: "go on serving when there is nothing more to publish",
    needs: recorded,
  }),
  duration: duration({ ...source, short: "d", summary: "end after this time" }),
  ...publisherOptions,
  slow: choice("drop", "disconnect", "wait")({
    group: "Connections",
    summary:
      "what to do about slow subscribers; default wait for --stdin and --speed max, else drop their data",
  }),
  progress: timerDuration({
    group: "Log",
    summary: "how often progress is told, 0 for never; default 1s on a terminal, else never",
  }),
  ...tlsOptions,
  // Who connects here has no such name.
  serverName: { ...tlsOptions.serverName, needs: ["connect"] },
  ...adminOptions,
  ...logOptions("info"),
};

/** What was asked for. */
type Values = ValuesOf<typeof options>;

/** `sttp publish`: publishes measurements. */
export const publish: Command = defineCommand({
  name: "publish",
  summary: "Publish measurements of a synthetic grid, from a file or from standard input",
  description:
    "Files and input have the columns signalId, key or pointTag; time or ticks; value; and if wanted " +
    "flags, as the subscribe command writes them. What they call by a name that the metadata does not have is left " +
    "out and counted. It ends when there is nothing more to publish, or when it is told to (Ctrl-C); subscribers " +
    "then get a moment to take what was published. SIGHUP makes it read its metadata and access rights again, " +
    "unless its terminal has hung up, which ends it; certificates are read for each connection.",
  operands: {},
  options,
  examples: [
    { line: "publish", explanation: "A synthetic grid of 20 devices, at port 7165" },
    {
      line: "publish --grid 1000 --rate 60 --admin 8080",
      explanation: "A larger one, with web pages that show what happens",
    },
    {
      line: "publish --metadata metadata.xml --data day.parquet --now --loop",
      explanation: "A recorded day again and again, as if it were today",
    },
    {
      line: "subscribe east.example -o ndjson | sttp publish --stdin -m metadata.xml -p 7175",
      explanation: "What another publisher sends, once more",
    },
    {
      line: "publish --connect control.example:7175 --certificate own.pem --key own.key --ca ca.pem",
      explanation: "Connect to a subscriber that listens, with TLS",
    },
  ],
  settle(given): void {
    const told = toldFormatOf(given.text("data") ?? "");
    // What was said for another file says nothing of this one.
    if (told !== undefined && told !== given.text("format") && given.outranks("data", "format")) {
      given.exclude("data", "format");
    }
    if (given.text("stdin") !== undefined && given.text("format") === "parquet") {
      given.leaveOut("format", "parquet can't be read from standard input", ["stdin"]);
    }
  },
  async run(values, context): Promise<ExitCode> {
    const { output, signal } = context;
    if (!values.connectOnly) checkListening(values);
    const tls = await readTls(values);
    const access = values.access === undefined ? undefined : await AccessFile.read(values.access);
    // Before the history, which tells it what could not be written at the end.
    await using log = createLog(values, context);
    await using past = openHistory(values, log);
    const slow = values.slow ??
      (values.stdin || (values.data !== undefined && values.speed === Infinity) ? "wait" : "drop");
    const policy = slow === "disconnect" ? "disconnect" : "drop";
    await using publisher = createPublisher(values, { tls, access, history: past, policy });
    const measurements = await openSource(values, publisher, context);
    access?.tryOn(publisher.metadata!.dataSet);
    const meter = new PublishingMeter(publisher, () => measurements.unknown);
    using _following = logPublisher(log, publisher);
    const reload = async (): Promise<void> => {
      // All of it is read and tried before any of it counts.
      const metadata = values.metadata && await readMetadataFile(values.metadata, context);
      const access = values.access === undefined ? undefined : await AccessFile.read(values.access);
      access?.tryOn(metadata || publisher.metadata!.dataSet);
      if (metadata) publisher.defineMetadata(metadata);
      if (access !== undefined) publisher.setAccess(access.options);
      measurements.metadataChanged();
    };
    using _reloading = onReload(async () => {
      await reload().then(
        () => log.info("cli.reloaded"),
        (error) => log.error("cli.reloadFailed", { message: (error as Error).message }),
      );
    });
    using _telemetry = await instrumentWhereOn({ publisher });
    await using _admin = await serveAdminFor({ publisher }, values, context, { log, reloadMetadata: reload });
    await listening(() => publisher.start());
    for (const address of values.connect) publisher.connect(address);
    using reporter = new Reporter(meter, output, values.progress ?? (output.err.isTerminal ? 1000 : 0));

    const stop = endingAfter(signal, values.duration);
    try {
      const { subscribers, stay } = values;
      await pump(measurements, publisher, { signal: stop, subscribers, patient: slow === "wait" });
      if (stay) await aborted(stop);
    } finally {
      await publisher.stop({ drain: values.drain });
      // What it can't write then is part of the result.
      await past?.close();
      await log.flush();
      await reporter.finish();
    }
    checkRecorded(past, values);
    return ExitCode.Ok;
  },
});

async function openSource(
  { metadata, grid, rate, data, stdin, format, speed, now, loop }: Values,
  publisher: Publisher,
  context: Context,
): Promise<MeasurementSource> {
  if (metadata !== undefined) publisher.defineMetadata(await readMetadataFile(metadata, context));
  if (stdin) return new StreamSource(context.input, format === "csv" ? "csv" : "ndjson", publisher);
  if (data !== undefined) {
    // Better now than when somebody has connected.
    await Deno.stat(data);
    const chosen = format ?? formatOf(data, readableFormats);
    return new FileSource({ path: data, format: chosen, speed, retime: now, loop }, publisher);
  }
  const devices = grid ?? 20;
  return new GridSource(await Grid.create({ devices, framesPerSecond: rate }), publisher);
}
