/**
 * Options of commands that publish, and the publisher that they come to.
 *
 * @module
 */
import { SqliteHistory } from "../history/mod.ts";
import type { Logger } from "../log/mod.ts";
import { Publisher, type SlowSubscriberPolicy, type TlsSource } from "../mod.ts";
import type { AccessFile } from "./access_file.ts";
import { checked, CommandError, ExitCode } from "./exit_codes.ts";
import {
  addresses,
  bytes,
  duration,
  file,
  flag,
  type Option,
  port,
  text,
  timerDuration,
  type ValuesOf,
  whole,
} from "./option.ts";
import { many } from "./text.ts";

const listening = { group: "Connections" } as const;
const history = { group: "History" } as const;

/** The options. */
export interface PublisherOptionTable {
  readonly port: Option<number | undefined>;
  readonly host: Option<string>;
  readonly connect: Option<readonly string[]>;
  readonly connectOnly: Option<boolean>;
  readonly access: Option<string | undefined>;
  readonly maxConnections: Option<number>;
  readonly refuseUdp: Option<boolean>;
  readonly encryptUdp: Option<boolean>;
  readonly drain: Option<number>;
  readonly name: Option<string>;
  readonly nodeId: Option<string | undefined>;
  readonly history: Option<string | undefined>;
  readonly historyAge: Option<number>;
  readonly historySize: Option<number>;
}

/** Their values. */
export type PublisherValues = ValuesOf<PublisherOptionTable & Record<string, Option<unknown>>>;

/** Their declarations. */
export const publisherOptions: PublisherOptionTable = {
  port: port({
    ...listening,
    short: "p",
    summary: "listen at this port; 0 for any free one; default 7165, with TLS 7167",
    excludes: ["connectOnly"],
  }),
  host: text({
    ...listening,
    summary: "listen at this address",
    placeholder: "HOST",
    default: "0.0.0.0",
    excludes: ["connectOnly"],
  }),
  connect: addresses({ ...listening, summary: "connect to a subscriber that listens there" }),
  connectOnly: flag({ ...listening, summary: "don't listen", needs: ["connect"] }),
  access: file({
    ...listening,
    summary: "who may connect, and who sees what: a file, YAML or JSON; see docs/access.md",
  }),
  maxConnections: whole(0, 1_000_000)({
    ...listening,
    summary: "connections at a time of subscribers that connect here",
    default: "1000",
    excludes: ["connectOnly"],
  }),
  refuseUdp: flag({ ...listening, summary: "refuse subscribers that want their data over UDP" }),
  encryptUdp: flag({
    ...listening,
    summary: "encrypt data over UDP; the keys are secret with TLS only",
    excludes: ["refuseUdp"],
  }),
  drain: timerDuration({
    ...listening,
    summary: "how long subscribers get at the end to take what was published",
    default: "5s",
  }),
  name: text({ ...listening, summary: "what the publisher calls itself", default: "STTP publisher" }),
  nodeId: text({ ...listening, summary: "its node, for SourceNodeID", placeholder: "GUID" }),
  history: file({
    ...history,
    summary: "record what is published in this file, and serve it to who asks for the past",
  }),
  historyAge: duration({ ...history, summary: "keep it for so long", default: "7d", needs: ["history"] }),
  historySize: bytes({
    ...history,
    summary: "let the file grow to this size",
    default: "1G",
    needs: ["history"],
  }),
};

/** What a publisher is made of besides the values of its options. */
export interface PublisherParts {
  readonly tls: TlsSource | undefined;
  readonly access: AccessFile | undefined;
  readonly history: SqliteHistory | undefined;
  readonly policy: SlowSubscriberPolicy;
}

/** Makes a publisher. @throws {UsageError} When a value can't be used. */
export function createPublisher(
  values: PublisherValues,
  { tls, access, history, policy }: PublisherParts,
): Publisher {
  return checked(() =>
    new Publisher({
      hostname: values.host,
      name: values.name,
      maxConnections: values.maxConnections,
      slowSubscriberPolicy: policy,
      udp: values.refuseUdp ? false : { encrypt: values.encryptUdp },
      ...(values.port !== undefined && { port: values.port }),
      ...(values.nodeId !== undefined && { nodeId: values.nodeId }),
      ...(values.connectOnly && { listen: false as const }),
      ...(tls !== undefined && { tls }),
      ...(access !== undefined && { access: access.options }),
      ...(history !== undefined && { history }),
    })
  );
}

/**
 * The history, if one is asked for.
 *
 * @param log Is told when it can't record any more, and when it can again.
 * @throws {UsageError} When its bounds make no sense.
 */
export function openHistory(
  { history: path, historyAge, historySize }: Pick<PublisherValues, "history" | "historyAge" | "historySize">,
  log: Logger,
): SqliteHistory | undefined {
  if (path === undefined) return undefined;
  const opened: SqliteHistory = checked(() =>
    SqliteHistory.open(path, {
      maxAge: historyAge,
      maxBytes: historySize,
      onProblem(problem): void {
        const { lost } = opened.stats();
        if (problem === null) log.info("history.recording", { path, lost });
        else log.error("history.notRecording", { path, lost, message: problem });
      },
    })
  );
  return opened;
}

/**
 * What a publisher that has ended says of its history: that not all is in it is no success, whatever ended it.
 *
 * @throws {CommandError} `Failed` when not everything was recorded.
 */
export function checkRecorded(
  history: SqliteHistory | undefined,
  { history: path }: Pick<PublisherValues, "history">,
): void {
  const { lost, problem } = history?.stats() ?? { lost: 0 };
  if (lost === 0) return;
  throw new CommandError(
    ExitCode.Failed,
    `${many(lost, "measurement")} could not be recorded in ${path}: ${problem}`,
    { details: { unrecorded: lost } },
  );
}
