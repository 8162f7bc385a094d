/**
 * A report for people.
 *
 * @module
 */
import { describeCertificate } from "../certificate.ts";
import type { Styles } from "../output.ts";
import { count, many, plain } from "../text.ts";
import { performanceData } from "./probe.ts";
import type { DataReport, ModesAnswer, ProbeReport, SessionReport, WayReport } from "./report.ts";
import type { Finding, Severity } from "./verdict.ts";

/** A report in lines: first what it comes to, as monitoring plugins say it. */
export function reportText(
  report: ProbeReport,
  severity: Severity,
  findings: readonly Finding[],
  styles: Styles,
): string[] {
  const style = { ok: styles.green, warning: styles.yellow, critical: styles.red }[severity];
  const figures = performanceData(report);
  const message = findings.length > 0
    ? findings.map((finding) => plain(finding.message)).join("; ")
    : `${report.address} is well`;
  const lines = [
    `STTP ${style(severity.toUpperCase())} - ${message}${figures === "" ? "" : ` | ${figures}`}`,
  ];
  const add = (title: string, ...texts: string[]): void => {
    texts.forEach((text, i) => lines.push(`${styles.bold((i === 0 ? title : "").padEnd(13))}${text}`));
  };
  const { tls, versions, encodings, session, compact, udp } = report;
  if (tls !== null) {
    const certificate = tls.certificate === null ? [] : describeCertificate(tls.certificate);
    add(
      "TLS",
      tls.trusted ? "trusted" : `not trusted: ${plain(tls.problem ?? "")}`,
      ...tls.protocol === null ? [] : [tls.protocol],
      ...certificate,
    );
  }
  if (versions.length > 0) add("Versions", ...versions.map((one) => `${one.version}  ${answerText(one)}`));
  if (encodings.length > 0) {
    add(
      "Encodings",
      ...encodings.map((one) => `${one.encoding.padEnd(8)}  ${answerText(one)}`),
    );
  }
  if (session !== null) addSession(session, add);
  if (session !== null) {
    add("TSSC", session.data.format === "TSSC" ? "yes" : session.data.format === null ? "not seen" : "no");
  }
  if (compact !== null) add("Compact", wayText(compact));
  if (udp !== null) add("UDP", wayText(udp));
  return lines;
}

function addSession(session: SessionReport, add: (title: string, ...texts: string[]) => void): void {
  const { connectMilliseconds, modesMilliseconds, metadata, subscription, data } = session;
  const modes = modesMilliseconds === null
    ? "no answer to operational modes"
    : `modes ${time(modesMilliseconds)}`;
  add("Latency", `connect ${time(connectMilliseconds)}, ${modes}`);
  if ("problem" in metadata) add("Metadata", plain(metadata.problem));
  else {
    const tables = Object.entries(metadata.tables).map(([name, rows]) => `${plain(name, 40)} ${count(rows)}`);
    const size = `${many(metadata.bytes, "byte")}${metadata.gzip ? ", gzipped" : ", not compressed"}`;
    add("Metadata", `${size}, ${time(metadata.milliseconds)}`, tables.join(", "));
  }
  if (subscription !== null) {
    const { signals, unauthorized, gzip, milliseconds, text } = subscription;
    const refused = unauthorized === 0 ? "" : `, ${count(unauthorized)} not granted`;
    const cache = `signal index cache ${gzip ? "gzipped" : "not compressed"}`;
    add(
      "Subscription",
      `${many(signals, "signal")}${refused}, ${time(milliseconds)}, ${cache}`,
      ...text === "" ? [] : [plain(text)],
    );
  }
  add("Data", ...dataTexts(data));
}

function dataTexts(data: DataReport): string[] {
  const { firstMilliseconds, measurements, seconds, signals, rate, bytesPerSecond, ageMilliseconds } = data;
  if (ageMilliseconds === null) return [`none in ${seconds.toFixed(1)} s`];
  const lines = [
    `${many(measurements, "measurement")} of ${many(signals, "signal")} in ${seconds.toFixed(1)} s: ` +
    `${count(Math.round(rate))}/s, ${count(Math.round(bytesPerSecond))} bytes/s`,
    `first after ${firstMilliseconds === null ? "?" : time(firstMilliseconds)}, ` +
    `newest ${time(ageMilliseconds)} behind the clock, least delay ${
      time(data.leastDelayMilliseconds ?? NaN)
    }`,
  ];
  const dropped = Object.entries(data.dropped).map(([reason, times]) => `${reason} ${count(times)}`);
  return dropped.length === 0 ? lines : [...lines, `could not be used: ${dropped.join(", ")}`];
}

function answerText({ answer, text, milliseconds }: ModesAnswer): string {
  const said = text === "" ? "" : `: ${plain(text)}`;
  return `${answer}${answer === "failed" ? "" : `, ${time(milliseconds)}`}${said}`;
}

function wayText({ works, problem }: WayReport): string {
  return works ? "yes" : `no: ${plain(problem ?? "")}`;
}

function time(milliseconds: number): string {
  if (Math.abs(milliseconds) < 10_000) return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
  return `${count(Math.round(milliseconds / 1000))} s`;
}
