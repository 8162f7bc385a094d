/**
 * `sttp subscribe`.
 *
 * @module
 */
import { logSubscriber } from "../../log/mod.ts";
import { type Metadata, SttpError, Subscriber } from "../../mod.ts";
import { adminOptions, serveAdminFor } from "../admin.ts";
import { type Command, type Context, defineCommand, type Surroundings } from "../command.ts";
import { connectionOptions, subscriberOptions } from "../connection.ts";
import { type ColumnName, columnNames } from "../data/columns.ts";
import { openWriter, writeTo } from "../data/files.ts";
import {
  formatOf,
  type MeasurementWriter,
  toldFormatOf,
  type WritableFormat,
  writableFormats,
} from "../data/format.ts";
import { SignalNames } from "../data/signal_names.ts";
import { ExitCode, listening, UsageError } from "../exit_codes.ts";
import type { Settlement } from "../given.ts";
import { LiveTable } from "../live_table.ts";
import { createLog, logOptions } from "../log.ts";
import { Meter } from "../meter.ts";
import {
  address,
  choice,
  duration,
  expression,
  expressions,
  flag,
  listenAddress,
  port,
  text,
  timerDuration,
  whole,
  words,
} from "../option.ts";
import type { Output } from "../output.ts";
import { Reception } from "../reception.ts";
import { Reporter } from "../reporter.ts";
import { instrumentWhereOn } from "../telemetry.ts";
import { checkListening } from "../tls.ts";
import { assemblyInfo } from "../version.ts";

const data = { group: "Data" } as const;
const history = { group: "History" } as const;

/** `sttp subscribe`: receives measurements. */
export const subscribe: Command = defineCommand({
  name: "subscribe",
  summary: "Receive measurements, to look at or to keep",
  description:
    "On a terminal it shows the latest values in a table, elsewhere it writes NDJSON. It goes on until " +
    "it is told to end (Ctrl-C), has received enough, or the publisher can't be reached any more; whatever was " +
    "received by then is written. Rate, lag and loss are told on standard error.\n\n" +
    "A file's format is told by its name: .csv, .ndjson or .jsonl, .parquet, .sqlite or .db. CSV, NDJSON and " +
    "Parquet files are made anew, rows are added to a SQLite database. The columns are " +
    `${columnNames.join(", ")}.`,
  operands: {
    address: address({ summary: "the publisher, host:port", default: "localhost" }),
  },
  options: {
    filter: expression({
      ...data,
      short: "f",
      summary: "what to subscribe to: a filter expression, signal IDs, keys, point tags",
      default: "FILTER ActiveMeasurements WHERE True",
    }),
    throttle: timerDuration({
      ...data,
      summary: "get only the latest values, once in this time",
      excludes: ["start"],
    }),
    skipNan: flag({ ...data, summary: "have values left out that are not numbers" }),
    compact: flag({ ...data, summary: "ask for compact measurements instead of TSSC compression" }),
    udp: flag({ ...data, summary: "get the data over UDP", excludes: ["start"] }),
    udpPort: port({
      ...data,
      summary: "get it over UDP, at this local port; --udp takes any free one",
      excludes: ["start"],
    }),
    metadataFilter: expressions({
      ...data,
      summary: "have the publisher narrow a table of metadata: FILTER table WHERE ...",
    }),
    output: text({
      group: "Output",
      short: "o",
      summary: "a file; csv or ndjson for standard output; table; default table on a terminal, else ndjson",
      placeholder: "FILE|FORMAT",
      completion: "file",
    }),
    format: choice(...writableFormats)({
      group: "Output",
      summary: "the file's format, whatever its name is",
    }),
    columns: words({
      group: "Output",
      summary: "columns of CSV, NDJSON and Parquet; default signalId,time,value,flags",
    }, columnNames),
    progress: timerDuration({
      group: "Output",
      summary: "how often progress is told, 0 for never; default 1s on a terminal, else 10s",
      excludes: ["quiet"],
    }),
    quiet: flag({ group: "Output", short: "q", summary: "tell neither progress nor the result" }),
    duration: duration({ group: "End", short: "d", summary: "end after this time" }),
    count: whole(1, Number.MAX_SAFE_INTEGER)({
      group: "End",
      short: "n",
      summary: "end after so many measurements",
    }),
    once: flag({
      group: "End",
      summary: "end when the connection is lost, instead of coming back",
      excludes: ["start"],
    }),
    wait: flag({ group: "Connection", summary: "keep trying until the publisher is there" }),
    listen: listenAddress({
      group: "Connection",
      summary: "wait there for the publisher to connect",
      excludes: ["address", "wait", "start"],
    }),
    recover: flag({
      ...history,
      summary: "get what was missed while the connection was lost",
      excludes: ["once", "start"],
    }),
    start: text({ ...history, summary: "get measurements of the past from this time on: UTC, or like *-5m" }),
    stop: text({ ...history, summary: "up to this time; default now", needs: ["start"] }),
    ...connectionOptions,
    // Who connects here has no such name.
    serverName: { ...connectionOptions.serverName, excludes: ["trust", "listen"] },
    ...adminOptions,
    ...logOptions("warning"),
  },
  examples: [
    { line: "subscribe historian.example:7165", explanation: "Look at everything" },
    {
      line:
        `subscribe historian.example -f "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" -o freq.csv -d 1h`,
      explanation: "All frequencies of the next hour into a CSV file",
    },
    {
      line: "subscribe historian.example -o ndjson -n 1000 | jq .value",
      explanation: "The next thousand measurements for another program",
    },
    {
      line: "subscribe historian.example --start '*-1d' -o day.parquet",
      explanation: "The last day, from history",
    },
    {
      line: "subscribe --listen 7175 -o grid.sqlite",
      explanation: "Let the publisher connect; into a database",
    },
  ],
  settle: settleOutput,
  async run(values, context): Promise<ExitCode> {
    const { output, signal } = context;
    const { address, filter, listen, duration, count, start, stop, quiet } = values;
    if (listen !== undefined) checkListening(values);
    const target = readTarget(values, output);
    const columns = values.columns.length === 0 ? undefined : values.columns;
    const past = start === undefined ? undefined : { start, ...(stop !== undefined && { stop }) };
    const patient = values.wait || listen !== undefined;
    const meter: Meter = new Meter(() => subscriber.stats());
    const reception = new Reception(meter, { signal, duration, count, past });
    await using subscriber = new Subscriber({
      ...await subscriberOptions(values),
      filter,
      metadataFilters: values.metadataFilter,
      autoSubscribe: past === undefined,
      compressPayload: !values.compact,
      requestNaNValueFilter: values.skipNan,
      assemblyInfo: assemblyInfo("subscribe"),
      ...(listen === undefined && { address }),
      ...(values.throttle !== undefined && { throttled: true, publishInterval: values.throttle / 1000 }),
      ...((values.udp || values.udpPort !== undefined) && { udp: { port: values.udpPort ?? 0 } }),
      ...(values.once && !patient && { reconnect: false as const }),
      ...(values.recover && { gapRecovery: { onRecovered: (batch) => reception.take(batch) } }),
    });
    const names = new SignalNames(subscriber.signals, () => recordsOf(subscriber));
    const interval = quiet ? 0 : values.progress ?? (output.err.isTerminal ? 1000 : 10_000);
    const progress = nowAndThen(interval, () => meter.progress().text);
    const title = (): string => `${subscriber.peer?.address ?? address}  ${subscriber.state}  ${progress()}`;
    let table: LiveTable | undefined;
    await using log = createLog(values, context, (line) => table?.log(line));
    using _telemetry = await instrumentWhereOn({ subscriber });
    await using _admin = await serveAdminFor({ subscriber }, values, context, { log });
    const lost = values.once && patient ? endWithConnection(subscriber) : undefined;
    // What makes connect() give up is told by its error; what it goes on after only by the log.
    if (!patient) await subscriber.connect(address, { signal });
    using _following = logSubscriber(log, subscriber);
    if (listen !== undefined) {
      const { address } = await listening(() =>
        subscriber.listen({
          hostname: listen.hostname,
          ...listen.port !== undefined && { port: listen.port },
        })
      );
      if (!quiet) await output.note(`Listening on ${address}`, { listening: address });
    } else if (patient) {
      await subscriber.connect(address, { signal, retry: true });
    }
    const writer = target.kind === "table"
      ? table = new LiveTable(output, names, title)
      : await open(target, columns, names, context);
    using reporter = new Reporter(meter, output, table === undefined ? interval : 0);
    try {
      await reception.run(subscriber, writer);
      const error = await lost;
      if (error !== undefined) throw error;
    } finally {
      table = undefined;
      await log.flush();
      if (!quiet) await reporter.finish();
    }
    return ExitCode.Ok;
  },
});

/** Where measurements go. */
type Target =
  | { readonly kind: "table" }
  | { readonly kind: "stdout"; readonly format: "csv" | "ndjson" }
  | { readonly kind: "file"; readonly path: string; readonly format: WritableFormat };

/**
 * Leaves out what is of no use where measurements go: what was said first decides where that is, and in which format.
 *
 * @throws {UsageError} When it contradicts itself.
 */
function settleOutput(given: Settlement, { isTerminal }: Surroundings): void {
  if (given.text("output") === "table") {
    given.exclude("output", "json");
    given.exclude("output", "format");
    if (!isTerminal) given.leaveOut("output", "table needs a terminal");
  }
  const named = formatNamed(given.text("output"));
  const told = named ?? toldFormatOf(given.text("output") ?? "");
  // A file's format may be told beside its name, but not by what was said for another file.
  if (told !== undefined && told !== given.text("format") && (named || given.outranks("output", "format"))) {
    given.exclude("output", "format");
  }
  const output = given.text("output");
  const canBeTable = output === undefined && isTerminal && given.text("json") === undefined;
  if (canBeTable && given.from("format") === "defaults") given.leaveOut("format", "is for files");
  const isTable = output === "table" || (canBeTable && given.text("format") === undefined);
  if (isTable || (given.text("format") ?? told) === "sqlite") {
    given.leaveOut("columns", "is for CSV, NDJSON and Parquet", ["output", "format"]);
  }
}

/** Where measurements go, by options that go together. @throws {UsageError} When they can't go there. */
function readTarget(
  { output: wanted, format }: {
    readonly output: string | undefined;
    readonly format: WritableFormat | undefined;
  },
  { out, json }: Output,
): Target {
  const word = wanted ?? (out.isTerminal && !json && format === undefined ? "table" : "-");
  if (word === "table") return { kind: "table" };
  const stream = word === "-" ? format ?? "ndjson" : formatNamed(word);
  if (stream === undefined) {
    return { kind: "file", path: word, format: format ?? formatOf(word, writableFormats) };
  }
  if (stream === "csv" || stream === "ndjson") return { kind: "stdout", format: stream };
  throw new UsageError(`${stream} can't be written to standard output; name a file by --output`);
}

function formatNamed(word: string | undefined): WritableFormat | undefined {
  return writableFormats.find((known) => known === word);
}

async function open(
  target: Exclude<Target, { kind: "table" }>,
  columns: readonly ColumnName[] | undefined,
  names: SignalNames,
  { output }: Context,
): Promise<MeasurementWriter> {
  if (target.kind === "stdout") return writeTo(output, target.format, columns, names);
  return await openWriter(target.path, target.format, columns, names);
}

/**
 * Disconnects a subscriber when it loses a connection by which it had subscribed.
 *
 * @returns Why it was lost, at the end of the subscriber's run.
 */
async function endWithConnection(subscriber: Subscriber): Promise<SttpError | undefined> {
  let isThere = false;
  for await (const event of subscriber.status()) {
    if (event.kind === "subscribed") isThere = true;
    if (event.kind !== "connectionLost" || !isThere) continue;
    void subscriber.disconnect();
    return event.error;
  }
  return undefined;
}

/** What a function gives, asked once in so many milliseconds; nothing when that is 0. */
function nowAndThen(interval: number, ask: () => string): () => string {
  let [last, at] = ["", -Infinity];
  return () => {
    const now = performance.now();
    if (interval > 0 && now - at >= interval) [last, at] = [ask(), now];
    return last;
  };
}

/** The records of the metadata, if it can be used. */
function recordsOf(subscriber: Subscriber): Metadata | undefined {
  try {
    return subscriber.records;
  } catch (error) {
    if (error instanceof SttpError) return undefined;
    throw error;
  }
}
