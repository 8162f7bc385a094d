/**
 * `sttp relay`.
 *
 * @module
 */
import { type Logger, logPublisher, logSubscriber } from "../../log/mod.ts";
import { AccessFile } from "../access_file.ts";
import { adminOptions, serveAdminFor } from "../admin.ts";
import { type Command, defineCommand } from "../command.ts";
import { connectionOptions, subscriberOptions } from "../connection.ts";
import { checked, ExitCode, listening } from "../exit_codes.ts";
import { createLog, logOptions } from "../log.ts";
import {
  addresses,
  choice,
  duration,
  expression,
  expressions,
  flag,
  text,
  timerDuration,
} from "../option.ts";
import { checkRecorded, createPublisher, openHistory, publisherOptions } from "../publisher_options.ts";
import { RelayMeter } from "../relay/meter.ts";
import { Relay, type RelayEvent } from "../relay/relay.ts";
import { Reporter } from "../reporter.ts";
import { aborted, endingAfter, onReload } from "../signals.ts";
import { instrumentWhereOn } from "../telemetry.ts";
import { listenTlsOptions, readListenTls } from "../tls.ts";
import { assemblyInfo } from "../version.ts";

const upstream = { group: "From publishers" } as const;

/** `sttp relay`: subscribes to publishers and publishes what comes. */
export const relay: Command = defineCommand({
  name: "relay",
  summary: "Subscribe to publishers and publish what comes from all of them",
  description:
    "Connections to publishers come and go by themselves; subscribers do not notice. Metadata follows theirs, and " +
    "that of several becomes one. What several describe is taken from the one that is named first, or, while there " +
    "is no connection to that, from the next. Rights and history are the relay's own. Buffer blocks and " +
    "notifications go on, commands of applications do not. Relays must not be connected in a circle. " +
    "SIGHUP makes it read its access rights again, unless its terminal has hung up, which ends it; certificates " +
    "are read for each connection.",
  operands: {
    publisher: addresses({ summary: "where a publisher is, host:port", required: true }),
  },
  options: {
    filter: expression({
      ...upstream,
      short: "f",
      summary: "what to subscribe to",
      default: "FILTER ActiveMeasurements WHERE True",
    }),
    metadataFilter: expressions({
      ...upstream,
      summary: "have them narrow a table of their metadata: FILTER table WHERE ...",
    }),
    recover: flag({
      ...upstream,
      summary: "get what was missed while a connection was lost, from the publisher's history",
    }),
    udp: flag({ ...upstream, summary: "get data over UDP" }),
    ...connectionOptions,
    ...publisherOptions,
    name: text({ group: "Connections", summary: "what the relay calls itself", default: "STTP relay" }),
    slow: choice("drop", "disconnect")({
      group: "Connections",
      summary: "what to do about slow subscribers: drop their data, or disconnect them",
      default: "drop",
    }),
    duration: duration({ short: "d", summary: "end after this time" }),
    progress: timerDuration({
      group: "Log",
      summary: "how often progress is told, 0 for never; default 1s on a terminal, else never",
    }),
    ...listenTlsOptions,
    ...adminOptions,
    ...logOptions("info"),
  },
  examples: [
    {
      line: "relay substation.example:7165 --port 7175 --history day.db",
      explanation: "Serve what a publisher has to others, the past included",
    },
    {
      line: "relay west.example east.example --access rights.yaml --admin 8080",
      explanation: "Two publishers as one, to those who may see it, with web pages that show what happens",
    },
    {
      line: "relay west.example --ca ca.pem --listen-certificate own.pem --listen-key own.key",
      explanation: "TLS on both sides",
    },
  ],
  async run(values, context): Promise<ExitCode> {
    const { output, signal } = context;
    const { filter, metadataFilter, recover, udp, slow: policy } = values;
    const options = {
      ...await subscriberOptions(values),
      filter,
      metadataFilters: metadataFilter,
      udp,
      assemblyInfo: assemblyInfo("relay"),
    };
    const tls = await readListenTls(values);
    const access = values.access === undefined ? undefined : await AccessFile.read(values.access);
    // Before the history, which tells it what could not be written at the end.
    await using log = createLog(values, context);
    await using history = openHistory(values, log);
    await using publisher = createPublisher(values, { tls, access, history, policy });
    const upstreams = values.publisher.map((address, i) => ({
      name: values.publisher.length === 1 ? "upstream" : `upstream${i + 1}`,
      address,
      options,
      recover,
    }));
    let failure: unknown;
    await using relay = checked(() =>
      new Relay(publisher, upstreams, (event) => {
        if (event.kind === "closed") failure ??= event.error;
        logEvent(log, event);
      })
    );
    using following = new DisposableStack();
    following.use(logPublisher(log, publisher, { name: "publisher" }));
    for (const [name, subscriber] of Object.entries(relay.subscribers)) {
      following.use(logSubscriber(log, subscriber, { name }));
    }
    const reload = async (): Promise<void> => {
      try {
        if (values.access !== undefined) {
          const access = await AccessFile.read(values.access);
          const { metadata } = publisher;
          if (metadata !== undefined) access.tryOn(metadata.dataSet);
          publisher.setAccess(access.options);
        }
        log.info("cli.reloaded");
      } catch (error) {
        log.error("cli.reloadFailed", { message: (error as Error).message });
      }
    };
    using _reloading = onReload(() => void reload());
    const systems = { publisher, ...relay.subscribers };
    using _telemetry = await instrumentWhereOn(systems);
    await using _admin = await serveAdminFor(systems, values, context, { log });
    await listening(() => publisher.start());
    for (const address of values.connect) publisher.connect(address);
    const meter = new RelayMeter(publisher, relay);
    using reporter = new Reporter(meter, output, values.progress ?? (output.err.isTerminal ? 1000 : 0));
    const ending = endingAfter(signal, values.duration);
    try {
      const running = relay.run();
      await Promise.race([running, aborted(ending)]);
      await relay[Symbol.asyncDispose]();
      await running;
    } finally {
      await publisher.stop({ drain: values.drain });
      // What it can't write then is part of the result.
      await history?.close();
      await reporter.finish();
    }
    // None of them is left to wait for.
    if (!ending.aborted && failure !== undefined) throw failure;
    checkRecorded(history, values);
    return ExitCode.Ok;
  },
});

function logEvent(log: Logger, event: RelayEvent): void {
  switch (event.kind) {
    case "metadata": {
      const { upstreams, signals, report } = event;
      log.info("relay.metadata", { upstreams, signals, repeated: report.repeated });
      if (report.typeConflicts.length > 0) {
        log.warning("relay.typeConflicts", { columns: report.typeConflicts });
      }
      return;
    }
    case "metadataRejected":
      return log.error("relay.metadataRejected", { upstream: event.upstream, message: event.error.message });
    case "blockDropped": {
      const { upstream, signalId, reason } = event;
      // Those whose signal somebody else has may well come from there.
      const level = reason === "undescribed" ? "warning" : "debug";
      return log[level]("relay.blockDropped", { upstream, signalId, reason });
    }
    case "closed":
      return log.error("relay.closed", { upstream: event.upstream, message: event.error.message });
    case "live":
      return log.info("relay.live", { upstream: event.upstream });
    case "lost":
      return log.warning("relay.lost", { upstream: event.upstream });
  }
}
