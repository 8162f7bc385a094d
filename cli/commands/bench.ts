/**
 * `sttp bench`.
 *
 * @module
 */
import { Publisher } from "../../mod.ts";
import { Load } from "../bench/publishing.ts";
import { receive, type Received } from "../bench/receiving.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { connectionOptions, subscriberOptions } from "../connection.ts";
import { CommandError, ExitCode, listening } from "../exit_codes.ts";
import { address, expression, flag, port, related, text, timerDuration, whole } from "../option.ts";
import { alignColumns, count } from "../text.ts";
import { assemblyInfo } from "../version.ts";

/** Who measures what another publisher sends has no say in it. */
const publishing = { group: "Publishing", excludes: ["publisher"] } as const;
/** Not for who publishes. */
const receiving = { excludes: ["publish"] } as const;

/** `sttp bench`: how fast is it here? */
export const bench: Command = defineCommand({
  name: "bench",
  summary: "Measure rates and delays, on this machine or to a publisher",
  description:
    "Without PUBLISHER it starts a publisher in a process of its own and measures how fast measurements come from it " +
    "over this machine's network, compressed and not, and how long they take at a given rate. With one it measures " +
    "what comes from there; delays then depend on both machines' clocks. With --publish it is the other end of that: " +
    "it publishes until it is told to end. A second passes before anything counts.",
  operands: { publisher: address({ summary: "where a publisher is; default one of its own" }) },
  options: {
    duration: timerDuration({
      ...receiving,
      short: "d",
      summary: "how long each measurement takes",
      default: "5s",
    }),
    filter: expression({
      ...receiving,
      short: "f",
      summary: "what to subscribe to",
      default: "FILTER ActiveMeasurements WHERE True",
    }),
    compact: flag({
      summary: "ask PUBLISHER for compact measurements instead of TSSC compression",
      needs: ["publisher"],
    }),
    publish: flag({ ...publishing, summary: "publish for another sttp bench, as fast as it takes it" }),
    port: port({
      ...publishing,
      summary: "at this port; 0 for any free one",
      default: "7165",
      needs: ["publish"],
    }),
    host: text({
      ...publishing,
      summary: "at this address",
      placeholder: "HOST",
      default: "0.0.0.0",
      needs: ["publish"],
    }),
    signals: whole(1, 1_000_000)({ ...publishing, summary: "so many signals, in tens", default: "1000" }),
    batch: whole(1, 1_000_000)({ ...publishing, summary: "so many measurements at a time", default: "1000" }),
    rate: whole(1, 100_000_000)({
      ...publishing,
      summary: "so many measurements a second; where delays are measured, default 30000",
    }),
    ...related(connectionOptions, { needs: ["publisher"] }),
    timeout: { ...connectionOptions.timeout, ...receiving, needs: [] },
  },
  examples: [
    { line: "bench", explanation: "How fast is it on this machine?" },
    { line: "bench --publish", explanation: "Publish for a measurement from another machine" },
    { line: "bench west.example:7165 --duration 10s", explanation: "Measure from there" },
  ],
  async run(values, context): Promise<ExitCode> {
    if (values.publish) {
      await publish(values, context);
    } else if (values.publisher !== undefined) {
      const options = await subscriberOptions(values);
      await context.output.status(`${values.publisher} ...`);
      const form = values.compact ? "compact" : "TSSC";
      const received = await measure(
        values.publisher,
        { ...options, compressPayload: !values.compact },
        values,
        context,
      );
      await show([{ what: `${form}, from ${values.publisher}`, ...received }], context);
    } else {
      await show(await measureHere(values, context), context);
    }
    return ExitCode.Ok;
  },
});

/** What was measured, and what of. */
interface Row extends Received {
  readonly what: string;
}

/** How to publish. */
interface PublishingValues {
  readonly port: number;
  readonly host: string;
  readonly signals: number;
  readonly batch: number;
  readonly rate: number | undefined;
}

/** How to receive. */
interface ReceivingValues {
  readonly filter: string;
  readonly duration: number;
  readonly timeout: number;
}

/** Before anything counts, in milliseconds. */
const WARM_UP = 1000;

async function publish(values: PublishingValues, { output, signal }: Context): Promise<void> {
  const { port, host: hostname, signals, batch, rate } = values;
  await using publisher = new Publisher({ port, hostname, name: "sttp bench" });
  const load = await Load.create(publisher, { signals, batch, rate, signal });
  await listening(() => publisher.start());
  if (output.json) await output.value({ address: publisher.address });
  else await output.note(`publishing at ${publisher.address}`);
  await load.run();
  await publisher.stop({ drain: 0 });
}

async function measure(
  address: string,
  options: Awaited<ReturnType<typeof subscriberOptions>>,
  { filter, duration, timeout: wait }: ReceivingValues,
  { signal }: Context,
): Promise<Received> {
  return await receive({
    address,
    options: { ...options, filter, assemblyInfo: assemblyInfo("bench") },
    wait,
    warmUp: WARM_UP,
    duration,
    signal,
  });
}

/** Measures with a publisher in another process. */
async function measureHere(values: PublishingValues & ReceivingValues, context: Context): Promise<Row[]> {
  const { batch, rate = 30_000 } = values;
  const runs = [
    { what: "TSSC, as fast as both can", compressPayload: true, rate: undefined },
    { what: "compact, as fast as both can", compressPayload: false, rate: undefined },
    { what: `TSSC, ${count(rate)}/s by ${count(batch)}`, compressPayload: true, rate },
  ];
  const rows: Row[] = [];
  for (const { what, compressPayload, rate } of runs) {
    if (context.signal.aborted) break;
    await context.output.status(`${what} ...`);
    await using child = await Child.start({ ...values, rate });
    const options = { compressPayload, autoRequestMetadata: false };
    rows.push({ what, ...await measure(child.address, options, values, context) });
  }
  return rows;
}

/** How Deno runs `sttp bench --publish`: with what that needs, and nothing else. */
const childFlags = [
  "--allow-net",
  "--allow-read",
  "--allow-env=TERM,STTP_CONFIG,LOG_STREAM,LOG_TOKENS",
  "--no-prompt",
  "--quiet",
  "--no-check",
];

/** `sttp bench --publish` in a process of its own. */
class Child implements AsyncDisposable {
  readonly address: string;
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess, address: string) {
    this.#process = process;
    this.address = address;
  }

  static async start({ signals, batch, rate }: PublishingValues): Promise<Child> {
    const args = ["bench", "--publish", "--json", "--port", "0", "--host", "127.0.0.1"];
    args.push("--signals", String(signals), "--batch", String(batch));
    if (rate !== undefined) args.push("--rate", String(rate));
    // A compiled program is what it runs; else there is a main module that Deno runs.
    const before = Deno.build.standalone ? [] : ["run", ...childFlags, Deno.mainModule];
    const process = new Deno.Command(Deno.execPath(), {
      args: [...before, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let text = "";
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.includes("\n")) return new Child(process, JSON.parse(text).address);
    }
    throw new CommandError(ExitCode.Failed, "the publishing process ended before it listened");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
  }
}

async function show(rows: readonly Row[], { output }: Context): Promise<void> {
  if (output.json) {
    for (const row of rows) await output.value(row);
    return;
  }
  const columns = ["", "measurements/s", "bytes each", "ns each", "p50 ms", "p99 ms", "p99.9 ms", "max ms"];
  const [heading, ...lines] = alignColumns(
    columns.map((heading, i) => ({ heading, right: i > 0 })),
    rows.map(({ what, rate, bytesPerMeasurement, processorNanoseconds, delay }) => [
      what,
      count(Math.round(rate)),
      figure(bytesPerMeasurement),
      figure(processorNanoseconds, 0),
      ...[delay?.p50, delay?.p99, delay?.p999, delay?.max].map((milliseconds) =>
        figure(milliseconds ?? null)
      ),
    ]),
  );
  await output.line(output.outStyles.bold(heading!));
  for (const line of lines) await output.line(line);
  for (const { what, dropped } of rows) {
    const reasons = Object.entries(dropped).map(([reason, times]) => `${reason} ${count(times)}`);
    if (reasons.length > 0) await output.note(`${what}: dropped ${reasons.join(", ")}`);
  }
}

function figure(value: number | null, digits = 2): string {
  return value === null ? "-" : value.toFixed(digits);
}
