/**
 * What a report comes to for who watches a publisher.
 *
 * @module
 */
import type { ProbeReport } from "./report.ts";

/** As monitoring plugins have it. */
export type Severity = "ok" | "warning" | "critical";

/** What is not well from which value on. `undefined`: never. */
export interface Thresholds {
  /** Milliseconds by which data may be behind the clock. */
  readonly warningAge: number | undefined;
  readonly criticalAge: number | undefined;
  /** Days that the certificate is to be valid for. */
  readonly warningDays: number;
  readonly criticalDays: number;
  /** Measurements a second that there should be. */
  readonly warningRate: number | undefined;
  readonly criticalRate: number | undefined;
}

/** Something that is not well. */
export interface Finding {
  readonly severity: Exclude<Severity, "ok">;
  readonly message: string;
}

/** All that is not well, the worst first. */
export function judge(
  report: ProbeReport,
  thresholds: Thresholds,
): { severity: Severity; findings: Finding[] } {
  const findings: Finding[] = [];
  const find = (severity: Finding["severity"], message: string): void =>
    void findings.push({ severity, message });
  judgeTls(report, thresholds, find);
  if (report.problem !== null) {
    // What was said of the certificate says why.
    if (report.tls?.trusted !== false) find("critical", report.problem);
  } else if (report.session !== null) {
    judgeSession(report.session, thresholds, find);
  }
  findings.sort((a, b) => Number(b.severity === "critical") - Number(a.severity === "critical"));
  return { severity: findings[0]?.severity ?? "ok", findings };
}

type Find = (severity: Finding["severity"], message: string) => void;

function judgeTls({ tls }: ProbeReport, { warningDays, criticalDays }: Thresholds, find: Find): void {
  if (tls === null) return;
  if (!tls.trusted) find("critical", tls.problem ?? "its certificate is not trusted");
  if (tls.certificate === null || !tls.certificate.valid) return;
  const { daysLeft } = tls.certificate;
  const message = `its certificate expires in ${daysLeft} days`;
  if (daysLeft < criticalDays) find("critical", message);
  else if (daysLeft < warningDays) find("warning", message);
}

function judgeSession(
  { metadata, subscription, data }: NonNullable<ProbeReport["session"]>,
  thresholds: Thresholds,
  find: Find,
): void {
  if ("problem" in metadata) find("warning", `no metadata: ${metadata.problem}`);
  if (subscription?.signals === 0) return find("warning", "it grants no signals");
  const { warningAge, criticalAge, warningRate, criticalRate } = thresholds;
  const { ageMilliseconds: age, rate } = data;
  if (age === null) {
    const isCritical = criticalAge !== undefined || criticalRate !== undefined;
    return find(isCritical ? "critical" : "warning", `no data in ${data.seconds.toFixed(1)} s`);
  }
  const old = `data is ${(age / 1000).toFixed(1)} s behind the clock`;
  if (criticalAge !== undefined && age > criticalAge) find("critical", old);
  else if (warningAge !== undefined && age > warningAge) find("warning", old);
  const slow = `${Math.round(rate)} measurements a second`;
  if (criticalRate !== undefined && rate < criticalRate) find("critical", slow);
  else if (warningRate !== undefined && rate < warningRate) find("warning", slow);
  for (const [reason, count] of Object.entries(data.dropped)) {
    find("warning", `something could not be used: ${reason}, ${count} times`);
  }
}
