/**
 * `sttp probe`.
 *
 * @module
 */
import { type Command, defineCommand } from "../command.ts";
import { CommandError, ExitCode, exitCodeOf } from "../exit_codes.ts";
import { address, choice, duration, expression, flag, timeLimit, timerDuration, whole } from "../option.ts";
import { probe as run } from "../probe/probe.ts";
import { reportText } from "../probe/render.ts";
import { judge, type Severity } from "../probe/verdict.ts";
import { readTls, tlsOptions } from "../tls.ts";

const thresholds = { group: "What is not well" } as const;

/** Without TLS there is no certificate. */
const withTls = [["tls", "ca", "trust", "certificate", "serverName"]] as const;

/** The exit codes of monitoring plugins, which are not those of the other commands. */
const exitCodes: Readonly<Record<Severity, ExitCode>> = {
  ok: ExitCode.Ok,
  warning: 1,
  critical: 2,
};

/** `sttp probe`: what does a publisher speak, and how is it? */
export const probe: Command = defineCommand({
  name: "probe",
  summary: "Find out what a publisher speaks and how it is; fit for monitoring",
  description:
    "Asks for each version of the protocol and each encoding, subscribes, and counts for a while; then tries compact " +
    "measurements and UDP. The exit codes are those of monitoring plugins: 0, all is well; 1, warning; 2, critical, " +
    "also when the publisher can't be reached or the command line is wrong; 3, unknown: it was told to end before " +
    "it knew, or failed itself. The first line says why, with figures.",
  operands: { publisher: address({ summary: "where the publisher is", default: "localhost:7165" }) },
  options: {
    filter: expression({
      short: "f",
      summary: "what to subscribe to",
      default: "FILTER ActiveMeasurements WHERE True",
    }),
    quick: flag({ summary: "one subscription only, no trying of versions, encodings, compact form and UDP" }),
    protocol: choice("1", "2", "3")({
      summary: "version to subscribe with; default the highest that is accepted",
    }),
    duration: timerDuration({ short: "d", summary: "how long to count", default: "3s" }),
    wait: timerDuration({ summary: "how long to wait for the first data", default: "10s" }),
    timeout: timeLimit({ summary: "how long the publisher may take to answer", default: "10s" }),
    warningAge: duration({ ...thresholds, summary: "warn when data is so far behind the clock" }),
    criticalAge: duration({
      ...thresholds,
      summary: "it is critical when data is so far behind, or none comes",
    }),
    warningRate: whole(0, 1_000_000_000)({
      ...thresholds,
      summary: "warn below so many measurements a second",
    }),
    criticalRate: whole(0, 1_000_000_000)({
      ...thresholds,
      summary: "it is critical below so many, or when none come",
    }),
    warningDays: whole(0, 36_500)({
      ...thresholds,
      summary: "warn when the certificate expires in fewer days",
      default: "14",
      needs: withTls,
    }),
    criticalDays: whole(0, 36_500)({
      ...thresholds,
      summary: "it is critical when it does in fewer",
      default: "3",
      needs: withTls,
    }),
    ...tlsOptions,
  },
  examples: [
    { line: "probe historian.example:7165", explanation: "What does this publisher speak?" },
    {
      line: "probe historian.example:7167 --ca ca.pem --quick --warning-age 2s --critical-age 30s",
      explanation: "For monitoring: is data fresh, and the certificate valid for long?",
    },
  ],
  async run(values, { output, signal }): Promise<ExitCode> {
    const { publisher, filter, quick, protocol, duration, wait, timeout } = values;
    const tls = await readTls(values);
    const version = protocol === undefined ? undefined : Number(protocol) as 1 | 2 | 3;
    const report = await telling(
      signal,
      run({
        address: publisher,
        tls,
        filter,
        version,
        duration,
        wait,
        timeout,
        quick,
        signal,
        onStep: (step) => void output.status(`${step} ...`).catch(() => {}),
      }),
    );
    const { severity, findings } = judge(report, values);
    if (output.json) await output.value({ severity, findings, ...report });
    else await output.line(reportText(report, severity, findings, output.outStyles).join("\n"));
    return exitCodes[severity];
  },
});

function unknown(message: string, cause?: unknown): CommandError {
  return new CommandError(ExitCode.Fault, message, { cause });
}

/**
 * Awaits a report.
 *
 * @param signal What ends it early: then it says nothing of the publisher.
 * @throws {CommandError} `Fault` for whatever would end with an exit code that says something else.
 */
async function telling<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    const report = await work;
    if (!signal.aborted) return report;
  } catch (error) {
    const isUsual = [ExitCode.Usage, ExitCode.Fault].some((code) => code === exitCodeOf(error));
    if (!signal.aborted) throw isUsual ? error : unknown((error as Error).message, error);
  }
  throw unknown("it was told to end before it knew");
}
